"""What a check of the log asks of the ledger: rows that have no entry, and those that wait."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, exists, func, select

from factory.log.leaves import Kind
from storage import tables as t
from storage.ledger import log_rows
from storage.ledger.base import Tx

AT_ONCE = 1000


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


def pending_refs(tx: Tx, *, after: int) -> frozenset[log_rows.Ref]:
    """What is appended once their audit rows are."""
    found: set[log_rows.Ref] = set()
    last = after
    while rows := tx.run(
        select(t.audit).where(_waits(last)).order_by(t.audit.c.id).limit(AT_ONCE)
    ).all():
        found.update(ref for refs in log_rows.follow(tx, rows).values() for ref in refs)
        last = rows[-1].id
    return frozenset(found)


def pending_batches(tx: Tx, *, after: int) -> frozenset[int]:
    """Batches whose root is appended once their audit row is."""
    c = t.audit.c
    wanted = select(t.audit).where(_waits(after), c.action == log_rows.BATCH_LISTED)
    found = (log_rows.listed(row) for row in tx.run(wanted))
    return frozenset(said["ident"] for said in found if said is not None)


def batch_roots(tx: Tx) -> dict[int, tuple[str | None, int | None, bool]]:
    """Of each batch root, size, and whether its result is listed."""
    c = t.batch.c
    rows = tx.run(select(c.id, c.merkle_root, c.merkle_size, c.listed))
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
