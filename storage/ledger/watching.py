"""Who watches the ledger: how its transactions end, and what came of them once committed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from sqlalchemy.exc import DBAPIError, IntegrityError

from storage import tables as t
from storage.neighbours import Neighbour, is_of

#: what no two may share, each with the columns that would
NUMBERS = {
    t.registration.name: ("authority", "number_key"),
    f"{t.edition.name} number": ("registration_id", "number"),
    f"{t.edition.name} licence": ("licence_id",),
    f"{t.edition.name} code": ("code",),
    t.application.name: ("filing_number",),
}
#: their names: as PostgreSQL calls the rule, and as SQLite tells the columns
RULES = frozenset(
    name
    for key, columns in NUMBERS.items()
    for table in (key.partition(" ")[0],)
    for name in (f"uq_{table}_{'_'.join(columns)}", ", ".join(f"{table}.{c}" for c in columns))
)


class Mode(StrEnum):
    """What a transaction is for."""

    READ = "read"
    WRITE = "write"


class Ending(StrEnum):
    """How a transaction ended."""

    OK = "ok"
    UNDONE = "undone"  #: whoever asked changed their mind, with a reason of their own
    UNAVAILABLE = "unavailable"  #: the database gave no answer
    FAULT = "fault"  #: the database refused a statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """A certificate that its holder can collect from now on.

    since: when its event was taken over.
    """

    profile: str
    since: datetime


class Watch(Protocol):
    """Told of each transaction, after it has ended; it raises nothing."""

    def ended(self, mode: Mode, ending: Ending, seconds: float) -> None:
        """One transaction, waiting for its turn included."""

    def collectable(self, profile: str, seconds: float) -> None:
        """One certificate, that long after its event was taken over."""

    def collided(self) -> None:
        """A number, a licence id or a code was to be given twice, and was not."""


class Nobody:
    """Nobody watches."""

    def ended(self, mode: Mode, ending: Ending, seconds: float) -> None:
        """Nothing."""

    def collectable(self, profile: str, seconds: float) -> None:
        """Nothing."""

    def collided(self) -> None:
        """Nothing."""


@contextmanager
def told(watch: Watch, mode: Mode) -> Iterator[None]:
    """Tells how the transaction of the block ends, and whether a number collided in it."""
    begun, ending = time.perf_counter(), Ending.OK
    try:
        yield
    except BaseException as error:
        ending = _ending(error)
        if is_collision(error):
            watch.collided()
        raise
    finally:
        watch.ended(mode, ending, time.perf_counter() - begun)


def _ending(error: BaseException) -> Ending:
    if is_of(error, Neighbour.DATABASE):
        return Ending.UNAVAILABLE
    return Ending.FAULT if isinstance(error, DBAPIError) else Ending.UNDONE


def is_collision(error: BaseException) -> bool:
    """Whether the database refused what would have been a number given twice."""
    if not isinstance(error, IntegrityError):
        return False
    said = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return (said or str(error.orig).rpartition("failed: ")[2]) in RULES
