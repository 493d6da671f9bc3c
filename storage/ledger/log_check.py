"""What a check of the log asks of the ledger: rows that have no entry, and those that wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, exists, false, func, select

from factory.log.leaves import Kind
from storage import tables as t
from storage.ledger import log_rows
from storage.ledger.base import Tx

AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Following:
    """What an audit row brings into the log with it: other rows, and the root of a batch."""

    refs: Sequence[log_rows.Ref]
    listed: Mapping[str, Any] | None


def audit_without(tx: Tx, *, until: int) -> Iterator[int]:
    """Audit rows up to that id which have no entry."""
    c = t.audit.c
    yield from tx.run(
        select(c.id).where(c.id <= until, ~_has_entry(Kind.AUDIT, c.id)).order_by(c.id)
    ).scalars()


def editions_without(tx: Tx) -> Iterator[int]:
    """Editions that have files and no entry."""
    c = t.file.c
    wanted = select(c.edition_id).where(
        c.edition_id.is_not(None), c.step == 0, ~_has_entry(Kind.EDITION, c.edition_id)
    )
    yield from tx.run(wanted.distinct()).scalars()


def files_without(tx: Tx) -> Iterator[int]:
    """Files of editions with further proofs of time that have no entry."""
    c = t.file.c
    yield from tx.run(
        select(c.id).where(c.edition_id.is_not(None), c.step > 0, ~_has_entry(Kind.FILE, c.id))
    ).scalars()


def pending(tx: Tx, *, after: int) -> int:
    """How many audit rows beyond that id have no entry yet."""
    return int(tx.run(select(func.count(t.audit.c.id)).where(_waits(after))).scalar_one())


def pending_ids(tx: Tx, *, after: int) -> Iterator[list[int]]:
    """Those rows, some at a time."""
    c, last = t.audit.c, after
    while ids := list(
        tx.run(select(c.id).where(_waits(last)).order_by(c.id).limit(AT_ONCE)).scalars()
    ):
        yield ids
        last = ids[-1]


def batch_rows(tx: Tx, *, beyond: int) -> list[int]:
    """Audit rows of batches whose root stands at that place of the log or behind it."""
    c = t.log_entry.c
    wanted = select(c.ref).where(c.kind == Kind.BATCH.value, c.seq >= beyond).order_by(c.ref)
    return list(tx.run(wanted).scalars())


def following(tx: Tx, ids: Sequence[int]) -> dict[int, Following]:
    """What is appended once these audit rows are."""
    rows = log_rows.audit_rows(tx, ids)
    refs = log_rows.follow(tx, rows)
    return {row.id: Following(refs.get(row.id, ()), log_rows.listed(row)) for row in rows}


def batch_ids(tx: Tx) -> list[int]:
    """All batches."""
    return list(tx.run(select(t.batch.c.id).order_by(t.batch.c.id)).scalars())


def batch_roots(tx: Tx, ids: Sequence[int]) -> dict[int, tuple[str | None, int | None, bool]]:
    """Of batches that follow each other root, size, and whether the result is listed."""
    c = t.batch.c
    within = c.id.between(ids[0], ids[-1]) if ids else false()
    rows = tx.run(select(c.id, c.merkle_root, c.merkle_size, c.listed).where(within))
    return {row.id: (row.merkle_root, row.merkle_size, row.listed) for row in rows}


def audit_bounds(tx: Tx) -> tuple[int, int]:
    """The newest audit row that has an entry, and the newest that is there; 0: none."""
    a, e = t.audit.c, t.log_entry.c
    logged = select(func.max(e.ref)).where(e.kind == Kind.AUDIT.value)
    there = select(func.max(a.id))
    return tx.run(logged).scalar_one() or 0, tx.run(there).scalar_one() or 0


def _waits(after: int) -> ColumnElement[bool]:
    c = t.audit.c
    return (c.id > after) & ~_has_entry(Kind.AUDIT, c.id)


def _has_entry(kind: Kind, ref: ColumnElement[int]) -> ColumnElement[bool]:
    e = t.log_entry.c
    return exists().where(e.kind == kind.value, e.ref == ref)
