"""Bells (outbox): what the broker is to carry, written with the work they ask for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import func, insert, select, update

from factory.model import BatchId, ChunkId, Queue
from storage import tables as t
from storage.ledger.base import Tx


class Topic(StrEnum):
    """What an outbox row rings for."""

    CHUNK = "chunk"
    BATCH = "batch"
    SEALING = "sealing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bell:
    """An unsent outbox row for the broker: an id and nothing else."""

    id: int
    topic: Topic
    body: Mapping[str, object]
    correlation: str


def ring_chunks(
    tx: Tx, queue: Queue, chunks: Iterable[ChunkId], *, correlation: str | None = None
) -> None:
    """Ask for these chunks to be produced.

    correlation: of the course they are of; None: the transaction's.
    """
    rows = [
        _row(tx, Topic.CHUNK, {"chunk": chunk, "queue": queue.value}, correlation)
        for chunk in chunks
    ]
    if rows:
        tx.run(insert(t.outbox), rows)


def ring_batch(tx: Tx, batch: BatchId, *, correlation: str | None = None) -> None:
    """Ask for the next step of this batch; correlation as for a chunk."""
    tx.run(insert(t.outbox), [_row(tx, Topic.BATCH, {"batch": batch}, correlation)])


def ring_withdrawal(tx: Tx, sealing: int) -> None:
    """Ask for what is no longer wanted of this seal to be withdrawn."""
    tx.run(insert(t.outbox), [_row(tx, Topic.SEALING, {"sealing": sealing})])


def unsent(tx: Tx, limit: int = 500) -> list[Bell]:
    """The oldest bells not yet sent, locked against other relays."""
    # A question for each topic: the index is by topic first.
    rows = [row for topic in Topic for row in tx.run(_unsent_of(tx, topic, limit))]
    return [
        Bell(id=row.id, topic=Topic(row.topic), body=row.body, correlation=row.correlation_id)
        for row in sorted(rows, key=lambda row: int(row.id))[:limit]
    ]


def _unsent_of(tx: Tx, topic: Topic, limit: int) -> Any:
    c = t.outbox.c
    wanted = select(t.outbox).where(c.sent_at.is_(None), c.topic == topic)
    return tx.locked(wanted.order_by(c.id).limit(limit), skip=True)


def mark_sent(tx: Tx, bells: Sequence[Bell]) -> None:
    """Record that the broker has them; sending one twice is harmless, the fence sees to it."""
    ids = [bell.id for bell in bells]
    tx.run(update(t.outbox).where(t.outbox.c.id.in_(ids)).values(sent_at=tx.now))


def oldest_unsent_seconds(tx: Tx) -> float:
    """Age of the oldest bell that waits for the relay; 0 when none does."""
    oldest = tx.run(
        select(func.min(t.outbox.c.created_at)).where(
            t.outbox.c.sent_at.is_(None), t.outbox.c.topic.in_(list(Topic))
        )
    ).scalar_one()
    return (tx.now - oldest).total_seconds() if oldest else 0.0


def _row(
    tx: Tx, topic: Topic, body: Mapping[str, object], correlation: str | None = None
) -> dict[str, object]:
    return {
        "topic": topic.value,
        "body": dict(body),
        "created_at": tx.now,
        "correlation_id": correlation or tx.correlation,
    }
