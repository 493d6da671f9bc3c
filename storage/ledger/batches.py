"""Bulk events (批次): the affected set as items, taken by cursor, slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, insert, literal, select, update
from sqlalchemy.sql.selectable import Select

from factory.errors import ConflictError, NotFoundError
from factory.lifecycle import Turn, after, before
from factory.model import BatchId, BatchState, EditionState, ItemState, OrderState
from storage import tables as t
from storage.ledger import audit, outbox
from storage.ledger.base import Tx
from storage.ledger.people import EnterpriseRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One bulk event: of which kind, about what, how far."""

    id: BatchId
    kind: str
    inbox_id: int
    state: BatchState
    subject: Mapping[str, Any]
    profiles: tuple[str, ...]
    cursor: int
    expanded: bool
    listed: bool  #: whether its result list is ordered, once it has ended
    created_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None
    reason: str | None
    completed_at: datetime | None
    correlation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one item: the edition it was given, or why none."""

    registration_id: int
    state: ItemState
    reason: str | None
    edition: int | None
    edition_state: EditionState | None


def add(
    tx: Tx, kind: str, *, inbox_id: int, subject: Mapping[str, str], profiles: Sequence[str]
) -> BatchId:
    """A new batch that is being prepared; its first step is rung."""
    result = tx.run(
        insert(t.batch).values(
            kind=kind,
            inbox_id=inbox_id,
            state=BatchState.PREPARING.value,
            subject=dict(subject),
            profiles=sorted(profiles),
            expanded=False,
            created_at=tx.now,
            rung_at=tx.now,
            correlation_id=tx.correlation,
        )
    )
    batch = BatchId(result.inserted_primary_key[0])
    outbox.ring_batch(tx, batch)
    return batch


def get(tx: Tx, batch: BatchId, *, lock: bool = False) -> Batch:
    """One batch.  NotFoundError: there is none."""
    wanted = select(t.batch).where(t.batch.c.id == batch)
    row = tx.run(tx.locked(wanted) if lock else wanted).one_or_none()
    if row is None:
        raise NotFoundError(f"batch {batch}: there is none")
    return _batch(row)


def all_batches(tx: Tx, limit: int = 100) -> list[Batch]:
    """The newest batches first."""
    return [
        _batch(row) for row in tx.run(select(t.batch).order_by(t.batch.c.id.desc()).limit(limit))
    ]


def under_way(tx: Tx, kind: str, subject_key: str, value: str) -> BatchId | None:
    """A batch of that kind about the same subject that has not ended."""
    rows = tx.run(
        select(t.batch).where(t.batch.c.kind == kind, t.batch.c.state != BatchState.COMPLETED)
    )
    return next((BatchId(row.id) for row in rows if row.subject.get(subject_key) == value), None)


def add_items(tx: Tx, batch: Batch, *, after: int, limit: int | None = None) -> tuple[int, int]:
    """The next slice of the affected set becomes items: (how many looked at, the new cursor)."""
    wanted = _affected(batch).where(t.registration.c.id > after)
    slice_ = wanted.order_by(t.registration.c.id)
    rows = tx.run(slice_.limit(limit) if limit else slice_).all()
    if rows:
        tx.run(
            tx.insert(t.batch_item).on_conflict_do_nothing(),
            [dict(row._mapping) for row in rows],
        )
    return len(rows), rows[-1].registration_id if rows else after


def add_late_items(tx: Tx, batch: Batch) -> None:
    """Whoever came into the affected set since it was prepared becomes an item too."""
    columns = ["batch_id", "registration_id", "profile", "expected_edition_id", "state"]
    tx.run(tx.insert(t.batch_item).from_select(columns, _affected(batch)).on_conflict_do_nothing())


def _affected(batch: Batch) -> Select[Any]:
    """Registrations in force of that enterprise, each with the newest edition it has."""
    newest = (
        select(func.max(t.edition.c.id))
        .where(t.edition.c.registration_id == t.registration.c.id)
        .correlate(t.registration)
        .scalar_subquery()
    )
    return (
        select(
            literal(batch.id).label("batch_id"),
            t.registration.c.id.label("registration_id"),
            t.registration.c.profile,
            newest.label("expected_edition_id"),
            literal(ItemState.PENDING.value).label("state"),
        )
        .join(t.enterprise, t.enterprise.c.id == t.registration.c.enterprise_id)
        .where(
            t.registration.c.state == "active",
            t.enterprise.c.credit_code == batch.subject["credit_code"],
            t.enterprise.c.profile.in_(batch.profiles),
        )
    )


def enterprises(tx: Tx, batch: Batch) -> list[EnterpriseRow]:
    """The renamed enterprise in each profile of the batch, locked."""
    rows = tx.run(
        tx.locked(
            select(t.enterprise)
            .where(
                t.enterprise.c.credit_code == batch.subject["credit_code"],
                t.enterprise.c.profile.in_(batch.profiles),
            )
            .order_by(t.enterprise.c.id)
        )
    )
    return [EnterpriseRow(id=row.id, name=row.name, former_names=frozenset()) for row in rows]


def outdate(tx: Tx, batch: BatchId) -> int:
    """Every standing edition of an affected registration stops being current; how many.

    One that waits to be made prints whatever the register says when it is.
    """
    affected = select(t.batch_item.c.registration_id).where(t.batch_item.c.batch_id == batch)
    waits = select(t.production_order.c.edition_id).where(
        t.production_order.c.state == OrderState.WAITING,
        t.production_order.c.edition_id.is_not(None),
    )
    result = tx.run(
        update(t.edition)
        .where(
            t.edition.c.registration_id.in_(affected),
            t.edition.c.state.in_(before(Turn.OUTDATE)),
            t.edition.c.id.not_in(waits),
        )
        .values(state=after(Turn.OUTDATE).value)
    )
    return int(result.rowcount)


def move(tx: Tx, batch: BatchId, *, cursor: int, ring: bool) -> None:
    """Store the high-water mark; ring for the next slice in the same transaction."""
    tx.run(
        update(t.batch)
        .where(t.batch.c.id == batch)
        .values(cursor=cursor, rung_at=tx.now if ring else None)
    )
    if ring:
        outbox.ring_batch(tx, batch)


def prepared(tx: Tx, batch: BatchId) -> None:
    """All items stand: wait for whoever confirms."""
    tx.run(
        update(t.batch)
        .where(t.batch.c.id == batch)
        .values(state=BatchState.AWAITING.value, cursor=0, rung_at=None)
    )


def start(tx: Tx, batch: BatchId, *, why: str) -> None:
    """Confirmed: run from the first item.  ConflictError: it is not waiting for this."""
    result = tx.run(
        update(t.batch)
        .where(t.batch.c.id == batch, t.batch.c.state == BatchState.AWAITING)
        .values(
            state=BatchState.RUNNING.value,
            cursor=0,
            expanded=False,
            confirmed_at=tx.now,
            confirmed_by=tx.who,
            reason=why,
            rung_at=tx.now,
        )
    )
    if not result.rowcount:
        raise ConflictError(f"batch {batch}: is not waiting for confirmation")
    outbox.ring_batch(tx, batch)
    audit.note(tx, "batch confirmed", ("batch", batch), why=why)


def expanded(tx: Tx, batch: BatchId) -> None:
    """Every item has its order: from here on only the chunks are open."""
    tx.run(update(t.batch).where(t.batch.c.id == batch).values(expanded=True, rung_at=None))


def listed(tx: Tx, batch: BatchId) -> None:
    """Its result is listed: nothing of it is left to do."""
    tx.run(update(t.batch).where(t.batch.c.id == batch).values(listed=True, rung_at=None))


def pending_items(tx: Tx, batch: BatchId, *, after: int, limit: int) -> list[int]:
    """The next registrations of the batch that wait for their order, by cursor."""
    wanted = (
        select(t.batch_item.c.registration_id)
        .where(
            and_(
                t.batch_item.c.batch_id == batch,
                t.batch_item.c.state == ItemState.PENDING,
                t.batch_item.c.registration_id > after,
            )
        )
        .order_by(t.batch_item.c.registration_id)
        .limit(limit)
    )
    return list(tx.run(wanted).scalars())


def set_ordered(tx: Tx, batch: BatchId, pairs: Sequence[tuple[int, int]]) -> None:
    """Items (registration id, order id) have their order now."""
    statement = (
        update(t.batch_item)
        .where(
            t.batch_item.c.batch_id == batch,
            t.batch_item.c.registration_id == bindparam("of"),
        )
        .values(state=ItemState.ORDERED.value, order_id=bindparam("made"))
    )
    tx.run(statement, [{"of": of, "made": made} for of, made in pairs])


def skip_item(tx: Tx, batch: BatchId, registration_id: int, reason: str) -> None:
    """Nothing to do for this registration, and why."""
    _set_item(tx, batch, registration_id, state=ItemState.SKIPPED.value, reason=reason)


def hold_item(tx: Tx, batch: BatchId, registration_id: int, reason: str) -> None:
    """This registration cannot be ordered until a person has mended something."""
    _set_item(tx, batch, registration_id, state=ItemState.HELD.value, reason=reason)


def _set_item(tx: Tx, batch: BatchId, registration_id: int, **values: object) -> None:
    tx.run(
        update(t.batch_item)
        .where(
            t.batch_item.c.batch_id == batch,
            t.batch_item.c.registration_id == registration_id,
        )
        .values(**values)
    )


def outcomes(tx: Tx, batch: BatchId, profile: str) -> list[Outcome]:
    """What became of each item of one register, in the order of their registrations."""
    rows = tx.run(
        select(t.batch_item, t.edition.c.number, t.edition.c.state.label("edition_state"))
        .outerjoin(t.production_order, t.production_order.c.id == t.batch_item.c.order_id)
        .outerjoin(t.edition, t.edition.c.id == t.production_order.c.edition_id)
        .where(t.batch_item.c.batch_id == batch, t.batch_item.c.profile == profile)
        .order_by(t.batch_item.c.registration_id)
    )
    return [
        Outcome(
            registration_id=row.registration_id,
            state=ItemState(row.state),
            reason=row.reason,
            edition=row.number,
            edition_state=EditionState(row.edition_state) if row.edition_state else None,
        )
        for row in rows
    ]


def progress(tx: Tx, batch: BatchId) -> dict[ItemState, int]:
    """How many items stand in each state; they always add up to the affected set."""
    rows = tx.run(
        select(t.batch_item.c.state, func.count())
        .where(t.batch_item.c.batch_id == batch)
        .group_by(t.batch_item.c.state)
    )
    return dict.fromkeys(ItemState, 0) | {ItemState(row[0]): row[1] for row in rows}


def counts(tx: Tx) -> dict[tuple[str, str], int]:
    """Items of all batches not yet ended, by (kind, state)."""
    rows = tx.run(
        select(t.batch.c.kind, t.batch_item.c.state, func.count())
        .join(t.batch, t.batch.c.id == t.batch_item.c.batch_id)
        .group_by(t.batch.c.kind, t.batch_item.c.state)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _batch(row: Row[Any]) -> Batch:
    return Batch(
        id=BatchId(row.id),
        kind=row.kind,
        inbox_id=row.inbox_id,
        state=BatchState(row.state),
        subject=row.subject,
        profiles=tuple(row.profiles),
        cursor=row.cursor,
        expanded=row.expanded,
        listed=row.listed,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        confirmed_by=row.confirmed_by,
        reason=row.reason,
        completed_at=row.completed_at,
        correlation=row.correlation_id,
    )
