"""What the reconciler asks of the ledger: work that lost its bell, leases that ran out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, exists, or_, select, update

from factory.model import BatchId, BatchState, ChunkId, ChunkState, Queue
from storage import tables as t
from storage.ledger import batches, chunks, outbox, record
from storage.ledger.base import Tx

HUNGRY = timedelta(seconds=1)  #: since it was rung for last


def ring_due(tx: Tx, limit: int = 1000) -> int:
    """Ring for chunks whose pause is over or whose lease ran out; how many."""
    c = t.chunk.c
    paused = (c.state == ChunkState.READY) & c.rung_at.is_(None) & (c.run_after <= tx.now)
    forsaken = (
        (c.state == ChunkState.LEASED)
        & (c.lease_until < tx.now)
        & (c.rung_at.is_(None) | (c.rung_at < c.lease_until))
    )
    return _ring(tx, or_(paused, forsaken) & chunks.not_halted(), limit)


def ring_forgotten(tx: Tx, queue: Queue, *, after: timedelta, limit: int = 1000) -> int:
    """Ring again for chunks of a queue that the broker forgot; how many.

    Called when the broker's list of that queue is empty although chunks are ready.
    """
    c = t.chunk.c
    forgotten = (
        (c.queue == queue.value)
        & (c.run_after <= tx.now)
        & (c.rung_at < tx.now - after)
        & (
            (c.state == ChunkState.READY)
            | ((c.state == ChunkState.LEASED) & (c.lease_until < tx.now))
        )
        & chunks.not_halted()
    )
    return _ring(tx, forgotten, limit)


def _ring(tx: Tx, condition: object, limit: int) -> int:
    wanted = tx.locked(
        select(t.chunk.c.id, t.chunk.c.queue, t.chunk.c.correlation_id)
        .where(condition)  # type: ignore[arg-type]
        .order_by(t.chunk.c.id)
        .limit(limit),
        skip=True,
    )
    rows = tx.run(wanted).all()
    found = defaultdict(list)
    for row in rows:
        found[row.queue, row.correlation_id].append(ChunkId(row.id))
    for (queue, course), ids in found.items():
        outbox.ring_chunks(tx, Queue(queue), ids, correlation=course)
    tx.run(update(t.chunk).where(t.chunk.c.id.in_([row.id for row in rows])).values(rung_at=tx.now))
    return len(rows)


def ring_batches(tx: Tx, *, after: timedelta) -> int:
    """Ring again for batches whose next step was lost; how many."""
    b = t.batch.c
    stepping = (
        (b.state == BatchState.PREPARING)
        | ((b.state == BatchState.RUNNING) & b.expanded.is_(False))
        | (b.state.in_(batches.ENDED) & b.listed.is_(False))
    )
    rows = tx.run(
        update(t.batch)
        .where(stepping, or_(b.rung_at.is_(None), b.rung_at < tx.now - after))
        .values(rung_at=tx.now)
        .returning(b.id, b.correlation_id)
    ).all()
    return _ring_all(tx, rows)


def _ring_all(tx: Tx, rows: Sequence[Row[Any]]) -> int:
    """Batches, each with its correlation."""
    for row in rows:
        outbox.ring_batch(tx, BatchId(row.id), correlation=row.correlation_id)
    return len(rows)


def ring_hungry(tx: Tx) -> int:
    """Ring for batches that run, have items left, and nothing in work; how many.

    Those that were slowed down, or let another one go first.
    """
    b, c = t.batch.c, t.chunk.c
    in_work = exists().where(c.batch_id == b.id, c.state != ChunkState.CLOSED)
    rows = tx.run(
        update(t.batch)
        .where(
            b.state == BatchState.RUNNING,
            b.expanded.is_(False),
            or_(b.paced_until.is_(None), b.paced_until <= tx.now),
            or_(b.rung_at.is_(None), b.rung_at < tx.now - HUNGRY),
            ~in_work,
        )
        .values(rung_at=tx.now)
        .returning(b.id, b.correlation_id)
    ).all()
    return _ring_all(tx, rows)


def close_batches(tx: Tx) -> None:
    """Close running batches that have no open item left."""
    rows = tx.run(
        select(t.batch.c.id).where(
            t.batch.c.state == BatchState.RUNNING, t.batch.c.expanded.is_(True)
        )
    ).scalars()
    for ident in rows.all():
        record.complete_batch(tx, ident)


def take_singleton(tx: Tx, name: str, owner: str, *, lease: timedelta) -> bool:
    """Whether this owner may run the service of that name until the lease ends."""
    table = t.singleton
    tx.run(
        tx.insert(table)
        .values(name=name, owner=owner, until=tx.now + lease)
        .on_conflict_do_nothing()
    )
    taken = tx.run(
        update(table)
        .where(table.c.name == name, or_(table.c.owner == owner, table.c.until < tx.now))
        .values(owner=owner, until=tx.now + lease)
    )
    return bool(taken.rowcount)
