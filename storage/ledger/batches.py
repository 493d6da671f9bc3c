"""Bulk events (批次): their lives, from the event to the last item.

What each item of a batch comes to is in ``items``; what a batch concerns, in ``affected``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)

from factory.errors import ConflictError, NotFoundError
from factory.model import BatchId, BatchState, ChunkState
from storage import tables as t
from storage.ledger import audit, outbox, told
from storage.ledger.base import Tx
from storage.ledger.status import SEAL

HALTED = (BatchState.PAUSED, BatchState.STOPPED)
UNDER_WAY = (BatchState.RUNNING, *HALTED)  #: it has taken effect, and has not ended
ENDED = (BatchState.COMPLETED, BatchState.CANCELLED)
NO_CANARY, CANARY_ORDERED, CANARY_PASSED = "none", "ordered", "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One bulk event: of which kind, about what, how far.

    rate:        items a minute at most; None: as fast as it goes.
    forgiven:    failures by reason that a person has let pass; the brake counts from there.
    approved_by: the first of two operators, where two are needed.
    """

    id: BatchId
    kind: str
    inbox_id: int
    state: BatchState
    subject: Mapping[str, Any]
    profiles: tuple[str, ...]
    cursor: int
    expanded: bool
    listed: bool  #: whether its result list is ordered, once it has ended
    canary: str
    priority: int
    rate: int | None
    paced_until: datetime | None
    forgiven: Mapping[str, int]
    stop_reason: str | None
    approved_by: str | None
    approved_at: datetime | None
    merkle_root: str | None
    merkle_size: int | None
    created_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None
    reason: str | None
    completed_at: datetime | None
    correlation: str


def add(
    tx: Tx, kind: str, *, inbox_id: int, subject: Mapping[str, object], profiles: Sequence[str]
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
        raise none(batch)
    return _batch(row)


def none(batch: BatchId) -> NotFoundError:
    """That there is no such batch."""
    return NotFoundError(f"batch {batch}: there is none")


def all_batches(tx: Tx) -> Iterator[Batch]:
    """The newest batches first."""
    for row in tx.run(select(t.batch).order_by(t.batch.c.id.desc())):
        yield _batch(row)


def not_ended(tx: Tx, *kinds: str) -> list[Batch]:
    """Batches of these kinds that are at work or wait for somebody, oldest first."""
    c = t.batch.c
    wanted = select(t.batch).where(c.kind.in_(kinds), c.state.not_in(ENDED)).order_by(c.id)
    return [_batch(row) for row in tx.run(wanted)]


def move(tx: Tx, batch: BatchId, *, since: int, cursor: int) -> bool:
    """Store the high-water mark and ring for the next slice; False: somebody else was there."""
    c = t.batch.c
    moved = tx.run(
        update(t.batch)
        .where(c.id == batch, c.cursor == since, c.state == BatchState.PREPARING)
        .values(cursor=cursor, rung_at=tx.now)
    )
    return bool(moved.rowcount)


def prepared(tx: Tx, batch: BatchId) -> None:
    """All items stand: wait for whoever confirms."""
    _set(tx, batch, state=BatchState.AWAITING.value, cursor=0, rung_at=None)
    told.batch(tx, batch)


def approve(tx: Tx, batch: BatchId, *, by: str, why: str) -> None:
    """The first of two operators has agreed."""
    _set(tx, batch, approved_by=by, approved_at=tx.now)
    audit.note(tx, "batch approved", ("batch", batch), why=why)


def start(tx: Tx, batch: BatchId, *, why: str) -> None:
    """Confirmed: run from the first item.  ConflictError: it is not waiting for this."""
    changed = _turn(
        tx,
        batch,
        (BatchState.AWAITING,),
        state=BatchState.RUNNING.value,
        cursor=0,
        expanded=False,
        confirmed_at=tx.now,
        confirmed_by=tx.who,
        reason=why,
        rung_at=tx.now,
    )
    if not changed:
        raise _otherwise(tx, batch, "is not waiting for confirmation")
    outbox.ring_batch(tx, batch)
    audit.note(tx, "batch confirmed", ("batch", batch), why=why)
    told.batch(tx, batch)


def pause(tx: Tx, batch: BatchId, *, why: str) -> None:
    """Nothing of it is begun until it is resumed.  ConflictError: it does not run."""
    if not _turn(tx, batch, (BatchState.RUNNING,), state=BatchState.PAUSED.value):
        raise _otherwise(tx, batch, "does not run")
    audit.note(tx, "batch paused", ("batch", batch), why=why)
    told.batch(tx, batch)


def stop(tx: Tx, batch: BatchId, *, why: str) -> bool:
    """The brake: nothing of it is begun until a person lets it go on; False: it does not run."""
    stopped = _turn(
        tx, batch, (BatchState.RUNNING,), state=BatchState.STOPPED.value, stop_reason=why
    )
    if stopped:
        audit.note(tx, "batch stopped", ("batch", batch), why=why)
        told.batch(tx, batch)
    return stopped


def resume(tx: Tx, batch: BatchId, *, forgiven: Mapping[str, int], why: str) -> None:
    """It goes on, and what waits of it is rung for.

    forgiven: the failures so far, which the brake no longer counts.
    ConflictError: it is not halted.
    """
    was = get(tx, batch, lock=True)
    if was.state not in HALTED:
        raise _otherwise(tx, batch, "is neither paused nor stopped")
    _set(
        tx,
        batch,
        state=BatchState.RUNNING.value,
        stop_reason=None,
        forgiven=dict(forgiven),
        canary=CANARY_PASSED if was.canary == CANARY_PASSED else NO_CANARY,
        rung_at=tx.now,
    )
    c = t.chunk.c
    tx.run(
        update(t.chunk).where(c.batch_id == batch, c.state == ChunkState.READY).values(rung_at=None)
    )
    outbox.ring_batch(tx, batch)
    audit.note(tx, "batch resumed", ("batch", batch), why=why)
    told.batch(tx, batch)


def forgive(tx: Tx, batch: BatchId, failures: Mapping[str, int]) -> None:
    """The failures so far are no longer counted by the brake."""
    _set(tx, batch, forgiven=dict(failures))


def ended_at(tx: Tx) -> ColumnElement[datetime]:
    """Now, but not before it was confirmed, though the clock was set back."""
    c = t.batch.c
    return case(
        (c.confirmed_at > tx.now, c.confirmed_at), else_=literal(tx.now, c.completed_at.type)
    )


def cancel(tx: Tx, batch: BatchId, *, why: str) -> None:
    """Nothing more of it is begun, ever.  ConflictError: it has ended."""
    unended = tuple(state for state in BatchState if state not in ENDED)
    changed = _turn(
        tx,
        batch,
        unended,
        state=BatchState.CANCELLED.value,
        completed_at=ended_at(tx),
        expanded=True,
        stop_reason=why,
        rung_at=tx.now,
    )
    if not changed:
        raise _otherwise(tx, batch, "has ended")
    outbox.ring_batch(tx, batch)  # its result is listed next
    audit.note(tx, "batch cancelled", ("batch", batch), why=why)
    told.batch(tx, batch)


def reopen(tx: Tx, batch: BatchId, *, why: str) -> None:
    """Items of it are open again, so one that was at its end runs on."""
    reopened = _turn(
        tx,
        batch,
        (BatchState.COMPLETED,),
        state=BatchState.RUNNING.value,
        completed_at=None,
        listed=False,
        merkle_root=None,
        merkle_size=None,
    )
    if reopened:
        audit.note(tx, "batch reopened", ("batch", batch), why=why)
        told.batch(tx, batch)


def steer(tx: Tx, batch: BatchId, *, why: str, **values: object) -> None:
    """Set its rate or priority, from the next chunk on.  ConflictError: it has ended."""
    unended = tuple(state for state in BatchState if state not in ENDED)
    if not _turn(tx, batch, unended, paced_until=None, **values):
        raise _otherwise(tx, batch, "has ended")
    audit.note(tx, "batch steered", ("batch", batch), why=why, what=values)


def pace(tx: Tx, batch: BatchId, until: datetime) -> None:
    """Nothing more of it is ordered until then."""
    _set(tx, batch, paced_until=until)


def set_canary(tx: Tx, batch: BatchId, canary: str) -> None:
    """How far its first certificates are."""
    _set(tx, batch, canary=canary)


def expanded(tx: Tx, batch: BatchId, *, yes: bool = True) -> None:
    """Whether every item has its order, so that only the chunks are open."""
    _set(tx, batch, expanded=yes, rung_at=None)


def listed(tx: Tx, batch: BatchId, *, root: str | None, size: int | None) -> None:
    """Its result is listed and proved: nothing of it is left to do."""
    _set(tx, batch, listed=True, rung_at=None, merkle_root=root, merkle_size=size)
    if root is not None:
        audit.note(
            tx, "batch listed", ("batch", batch), why="it ended", what={"root": root, "size": size}
        )


def open_chunks(tx: Tx, batch: BatchId) -> int:
    """How many chunks of it are not closed, and do not merely wait for a seal from outside."""
    c, o = t.chunk.c, t.production_order.c
    waits = exists().where(o.chunk_id == c.id, o.waits_for == SEAL)
    wanted = select(func.count()).where(
        c.batch_id == batch, c.state != ChunkState.CLOSED, ~((c.state == ChunkState.READY) & waits)
    )
    return int(tx.run(wanted).scalar_one())


def is_outranked(tx: Tx, batch: Batch) -> bool:
    """Whether another one that runs goes first."""
    c = t.batch.c
    higher = exists().where(
        c.state == BatchState.RUNNING, c.expanded.is_(False), c.priority > batch.priority
    )
    return bool(tx.run(select(higher)).scalar_one())


def running(tx: Tx) -> int:
    """How many batches have items left to order."""
    c = t.batch.c
    wanted = select(func.count()).where(c.state == BatchState.RUNNING, c.expanded.is_(False))
    return int(tx.run(wanted).scalar_one())


def is_hungry(tx: Tx, batch: BatchId) -> bool:
    """Whether it runs and has items left to order; locked, so that it stays so."""
    state, expanded = tx.run(_appetite(), {"batch": batch}).one()
    return state == BatchState.RUNNING and not expanded


@cache
def _appetite() -> Select[Any]:
    c = t.batch.c
    wanted = select(c.state, c.expanded).where(c.id == bindparam("batch"))
    return wanted.with_for_update()  # which SQLite does not need, and leaves out


def ring_next(tx: Tx, batch: BatchId) -> None:
    """A chunk of it has ended: there is room for the next, if any item is left."""
    c = t.batch.c
    hungry = tx.run(
        update(t.batch)
        .where(c.id == batch, c.state == BatchState.RUNNING, c.expanded.is_(False))
        .values(rung_at=tx.now)
    )
    if hungry.rowcount:
        outbox.ring_batch(tx, batch)


def _set(tx: Tx, batch: BatchId, **values: object) -> None:
    tx.run(update(t.batch).where(t.batch.c.id == batch).values(**values))


def _turn(tx: Tx, batch: BatchId, states: Sequence[BatchState], **values: object) -> bool:
    """The same, only from one of these states; whether it was in one."""
    c = t.batch.c
    changed = tx.run(update(t.batch).where(c.id == batch, c.state.in_(states)).values(**values))
    return bool(changed.rowcount)


def _otherwise(tx: Tx, batch: BatchId, what: str) -> ConflictError:
    """That it is in another state than was asked for, and in which."""
    return ConflictError(f"batch {batch}: {what}; it is {get(tx, batch).state}")


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
        canary=row.canary,
        priority=row.priority,
        rate=row.rate,
        paced_until=row.paced_until,
        forgiven=row.forgiven,
        stop_reason=row.stop_reason,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        merkle_root=row.merkle_root,
        merkle_size=row.merkle_size,
        created_at=row.created_at,
        confirmed_at=row.confirmed_at,
        confirmed_by=row.confirmed_by,
        reason=row.reason,
        completed_at=row.completed_at,
        correlation=row.correlation_id,
    )
