"""Who is at work, as far as the ledger can tell: whose lease runs, and what waits for nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, select

from factory.model import ChunkState, Queue
from storage import tables as t
from storage.ledger import chunks
from storage.ledger.base import Tx

STEWARD = "steward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """What leases and open chunks tell of the crews of all machines.

    steward_until: when the lease of the newest steward ends; None: there never was one.
    in_hand:       chunks at work, by queue.
    waiting:       how many seconds the oldest chunk that was rung for has been waiting to be
                   claimed, by queue.
    made:          how many seconds ago the newest file was made; None: there is none.
    """

    steward_until: datetime | None
    in_hand: Mapping[Queue, int]
    waiting: Mapping[Queue, float]
    made: float | None


def attendance(tx: Tx) -> Attendance:
    """How it is now; four short questions."""
    c = t.chunk.c
    leased = (c.state == ChunkState.LEASED) & (c.lease_until > tx.now)
    free = and_(
        c.state == ChunkState.READY,
        c.run_after <= tx.now,
        c.rung_at.is_not(None),
        chunks.not_halted(),
    )
    since = case((c.rung_at > c.run_after, c.rung_at), else_=c.run_after)
    steward = select(t.singleton.c.until).where(t.singleton.c.name == STEWARD)
    newest = select(t.file.c.made_at).order_by(t.file.c.id.desc()).limit(1)
    made = tx.run(newest).scalar_one_or_none()
    return Attendance(
        steward_until=tx.run(steward).scalar_one_or_none(),
        in_hand=_by_queue(tx, func.count(), leased),
        waiting={
            queue: (tx.now - oldest).total_seconds()
            for queue, oldest in _by_queue(tx, func.min(since), free).items()
        },
        made=(tx.now - made).total_seconds() if made else None,
    )


def _by_queue(tx: Tx, what: Any, which: Any) -> dict[Queue, Any]:
    c = t.chunk.c
    wanted = select(c.queue, what).where(c.state != ChunkState.CLOSED, which).group_by(c.queue)
    return {Queue(row[0]): row[1] for row in tx.run(wanted)}
