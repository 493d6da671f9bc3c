"""Rows that hold what nothing here has written: told from a database that is away, and found.

SQLite takes anything in any column, and PostgreSQL any text and any JSON.  So what reading such a
row raises is anything too; whoever reads what somebody may have altered comes through here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from factory.errors import UnreadableRowError
from storage.ledger.base import NO_TEXT

LOOK = "`certfactory audit verify` names it"
FAULTS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, UnreadableRowError)

IDENT, MOST = re.compile(r"[1-9][0-9]{0,18}"), 2**63 - 1

V = TypeVar("V")


def is_unreadable(error: Exception) -> bool:
    """Whether that says what a row holds, and not that the database is away."""
    if isinstance(error, DBAPIError):
        return str(error.orig).startswith(NO_TEXT)
    return isinstance(error, FAULTS)


def id_of(text: object) -> int:
    """An id, as the audit spells it.  UnreadableRowError: it is none that a row can have."""
    if not isinstance(text, str) or not IDENT.fullmatch(text) or int(text) > MOST:
        raise UnreadableRowError(f"audit: an id that is none; {LOOK}")
    return int(text)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """UnreadableRowError: one of these rows cannot be read; nothing of it is in the message.

    what: which rows they are.
    """
    try:
        yield
    except Exception as error:
        if not is_unreadable(error):
            raise
        message = f"{what}: a row holds what nothing here has written; {LOOK}"
        raise UnreadableRowError(message) from None


def apart(
    read: Callable[[Sequence[int]], Mapping[int, V]], refs: Sequence[int]
) -> tuple[dict[int, V], list[int]]:
    """What is read of those rows, and those that cannot be read.

    read: of some of them, by their ids, what is found; of many it is asked in halves, if need be.
    """
    try:
        return dict(read(refs)), []
    except Exception as error:
        if not is_unreadable(error):
            raise
    if len(refs) == 1:
        return {}, list(refs)
    middle = len(refs) // 2
    found, unread = apart(read, refs[:middle])
    more, also = apart(read, refs[middle:])
    return found | more, unread + also
