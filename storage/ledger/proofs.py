"""Proofs of time: files that wait for their stamp, or whose proof ends; and their next step.

A file is never written over.  What adds a proof to it is another file, under a key of its own, as
the next step of the same order and format: the newest is given out, both are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, update

from storage import tables as t
from storage.ledger import audit
from storage.ledger.base import Tx

STAMP = "stamp"  #: what a file waits for that was released without it


@dataclass(frozen=True, slots=True, kw_only=True)
class Provable:
    """A file to which a proof is to be added.

    key_stem: of the order's keys.
    awaits, proved_until: see MadeFile.
    """

    id: int
    profile: str
    format: str
    step: int
    object_key: str
    key_stem: str
    sha256: str
    awaits: str | None
    proved_until: str | None
    made_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The same file with a proof added, checked and in the store."""

    of: Provable
    object_key: str
    sha256: str
    size_bytes: int
    proved_until: str


def awaiting(tx: Tx, *, after: int = 0, most: int) -> list[Provable]:
    """Files that wait for their time stamp, the oldest first."""
    f = t.file.c
    return _found(tx, f.awaits == STAMP, after, most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Files of some formats whose proof ends on one of some days.

    since, before: ISO 8601, the former day included.
    """

    since: str
    before: str
    formats: Sequence[str]

    @property
    def which(self) -> ColumnElement[bool]:
        """As a ledger is asked."""
        f = t.file.c
        days = (f.proved_until >= self.since) & (f.proved_until < self.before)
        return days & f.format.in_(self.formats)


def ending(tx: Tx, wanted: Ending, *, after: int = 0, most: int) -> list[Provable]:
    """Files whose proof ends, the oldest first."""
    return _found(tx, wanted.which, after, most)


def how_many_end(tx: Tx, wanted: Ending) -> int:
    """How many there are."""
    return int(tx.run(select(func.count(t.file.c.id)).where(wanted.which)).scalar_one())


def waiting(tx: Tx) -> int:
    """How many wait for their stamp."""
    f = t.file.c
    return int(tx.run(select(func.count(f.id)).where(f.awaits == STAMP)).scalar_one())


def add(tx: Tx, steps: Sequence[NextStep], *, why: str) -> int:
    """Record them; of how many nobody had done so before.

    The row that is taken further says so: whoever comes second changes nothing.
    """
    taken = [each for each in steps if _take(tx, each.of)]
    for each in taken:
        tx.run(_adding(each, tx))
    subjects = [
        (("file", each.of.id), {"step": each.of.step + 1, "sha256": each.sha256}) for each in taken
    ]
    audit.note_all(tx, "proof added", subjects, why=why)
    return len(taken)


def _found(tx: Tx, which: ColumnElement[bool], after: int, most: int) -> list[Provable]:
    f, o = t.file.c, t.production_order.c
    wanted = (
        select(t.file, o.key_stem)
        .join(t.production_order, o.id == f.order_id)
        .where(which, f.id > after)
        .order_by(f.id)
        .limit(most)
    )
    return [_provable(row) for row in tx.run(wanted)]


def _provable(row: Row[Any]) -> Provable:
    return Provable(**{name: getattr(row, name) for name in Provable.__slots__})


def _take(tx: Tx, file: Provable) -> bool:
    """Whether it still is the newest step, and as it was found."""
    f = t.file.c
    as_found = f.awaits.is_not_distinct_from(file.awaits) & f.proved_until.is_not_distinct_from(
        file.proved_until
    )
    done = tx.run(
        update(t.file)
        .where(f.id == file.id, as_found, f.awaits.is_not(None) | f.proved_until.is_not(None))
        .values(awaits=None, proved_until=None)
    )
    return bool(done.rowcount)


def _adding(step: NextStep, tx: Tx) -> Any:
    f = t.file.c
    changed = {
        "step": step.of.step + 1,
        "object_key": step.object_key,
        "sha256": step.sha256,
        "size_bytes": step.size_bytes,
        "made_at": tx.now,
        "awaits": None,
        "proved_until": step.proved_until,
    }
    same = ("order_id", "edition_id", "profile", "format", "content_type", "signing_cert_sha256")
    [row] = tx.run(select(*(f[name] for name in same)).where(f.id == step.of.id))
    return insert(t.file).values(**row._mapping, **changed)
