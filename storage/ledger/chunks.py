"""Claiming, renewing and giving back chunks: a fence, a lease and the database's clock.

A worker that has lost its fence can record nothing, so a chunk delivered twice, or a worker
that slept through its lease, changes nothing twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, or_, select, update

from factory.errors import SealedDataError
from factory.model import (
    BatchId,
    ChunkId,
    ChunkState,
    Order,
    OrderState,
    Queue,
)
from storage import tables as t
from storage.ledger import batches, holds, orders, outbox, promises
from storage.ledger.base import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A chunk in hand: what is left of it to do, until when, and the fence to record with."""

    id: ChunkId
    fence: int
    queue: Queue
    batch: BatchId | None
    canary: bool  #: the first certificates of a batch: judged as an outsider would
    lease_until: datetime
    releases: int
    correlation: str
    orders: tuple[Order, ...] = field(repr=False)


def claim(tx: Tx, chunk: ChunkId, *, lease: timedelta, max_deaths: int) -> Claim | None:
    """Take the chunk, or None: it is done, taken, not due, or was split as poisonous."""
    row = _take(tx, chunk, lease)
    if row is None:
        return None
    if row.attempt - row.released > max_deaths:
        _isolate(tx, row)
        return None
    return Claim(
        id=chunk,
        fence=row.fence,
        queue=Queue(row.queue),
        batch=row.batch_id,
        canary=row.canary,
        lease_until=row.lease_until,
        releases=row.released,
        correlation=row.correlation_id,
        orders=_open_orders(tx, chunk),
    )


def _take(tx: Tx, chunk: ChunkId, lease: timedelta) -> Row[Any] | None:
    c = t.chunk.c
    taken: Row[Any] | None = tx.run(
        update(t.chunk)
        .where(c.id == chunk, _to_be_had(tx))
        .values(
            state=ChunkState.LEASED.value,
            fence=c.fence + 1,
            attempt=c.attempt + 1,
            lease_until=tx.now + lease,
        )
        .returning(t.chunk)
    ).one_or_none()
    return taken


def _to_be_had(tx: Tx) -> ColumnElement[bool]:
    c = t.chunk.c
    free = (c.state == ChunkState.READY) & (c.run_after <= tx.now)
    forsaken = (c.state == ChunkState.LEASED) & (c.lease_until < tx.now)
    return or_(free, forsaken) & not_halted()


def not_halted() -> ColumnElement[bool]:
    """Chunks of no batch, or of one that is neither paused nor stopped."""
    halted = select(t.batch.c.id).where(t.batch.c.state.in_(batches.HALTED))
    return t.chunk.c.batch_id.is_(None) | t.chunk.c.batch_id.not_in(halted)


def renew(tx: Tx, claim: Claim, *, lease: timedelta) -> bool:
    """A longer lease; False when the fence is lost and the work must stop."""
    result = tx.run(update(t.chunk).where(*_held_by(claim)).values(lease_until=tx.now + lease))
    return bool(result.rowcount)


def close(tx: Tx, claim: Claim) -> bool:
    """Done with the chunk; False when the fence is lost: then nothing may be recorded."""
    result = tx.run(
        update(t.chunk)
        .where(*_held_by(claim))
        .values(state=ChunkState.CLOSED.value, lease_until=None)
    )
    return bool(result.rowcount)


def release(tx: Tx, claim: Claim, *, pause: timedelta) -> bool:
    """Give the chunk back for later: the reconciler rings when the pause is over."""
    result = tx.run(
        update(t.chunk)
        .where(*_held_by(claim))
        .values(
            state=ChunkState.READY.value,
            released=t.chunk.c.released + 1,
            run_after=tx.now + pause,
            rung_at=None,
            lease_until=None,
        )
    )
    return bool(result.rowcount)


def rest(tx: Tx, claim: Claim, *, pause: timedelta) -> bool:
    """Give the chunk back until an answer from outside is due: that was no try.

    Whoever has come to its end has not died of it: tries and deaths are counted anew.
    """
    result = tx.run(
        update(t.chunk)
        .where(*_held_by(claim))
        .values(
            state=ChunkState.READY.value,
            attempt=0,
            released=0,
            run_after=tx.now + pause,
            rung_at=None,
            lease_until=None,
        )
    )
    return bool(result.rowcount)


def abandon(tx: Tx, claim: Claim, *, pause: timedelta) -> None:
    """Give the chunk back after a fault of ours: it counts like a death."""
    tx.run(
        update(t.chunk)
        .where(*_held_by(claim))
        .values(
            state=ChunkState.READY.value,
            run_after=tx.now + pause,
            rung_at=None,
            lease_until=None,
        )
    )


def _held_by(claim: Claim) -> tuple[Any, ...]:
    c = t.chunk.c
    return c.id == claim.id, c.fence == claim.fence, c.state == ChunkState.LEASED


def _isolate(tx: Tx, row: Row[Any]) -> None:
    """A chunk that keeps killing its worker: halve it until the bad order stands alone."""
    ids = (
        tx.run(
            select(t.production_order.c.id)
            .where(
                t.production_order.c.chunk_id == row.id,
                t.production_order.c.state == OrderState.READY,
            )
            .order_by(t.production_order.c.id)
        )
        .scalars()
        .all()
    )
    tx.run(update(t.chunk).where(t.chunk.c.id == row.id).values(state=ChunkState.CLOSED.value))
    if len(ids) == 1:
        holds.hold_order(tx, ids[0], reason="poison", detail="its worker died again and again")
        return
    middle = len(ids) // 2
    for half in (ids[:middle], ids[middle:]):
        if half:
            _move(tx, half, row)


def _move(tx: Tx, order_ids: Sequence[int], row: Row[Any]) -> None:
    queue = Queue(row.queue)
    chunk = orders.add_chunk(tx, queue, row.batch_id, canary=row.canary)
    tx.run(
        update(t.production_order)
        .where(t.production_order.c.id.in_(order_ids))
        .values(chunk_id=chunk)
    )
    outbox.ring_chunks(tx, queue, [chunk])


def _open_orders(tx: Tx, chunk: ChunkId) -> tuple[Order, ...]:
    """The orders still to be made.

    One whose stored values do not open is held here, or its chunk could never be claimed.
    SealedDataError: a data key does not open; the keyring is not the one it was made under.
    """
    c = t.production_order.c
    found = []
    for ident, order in promises.opened(tx, c.chunk_id == chunk, c.state == OrderState.READY):
        if isinstance(order, SealedDataError):
            holds.hold_order(tx, ident, reason=order.reason, detail=str(order))
        else:
            found.append(order)
    return tuple(found)
