"""Watching: the one progress model of bulk events, and everything in figures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from factory.model import BatchId, BatchState, ItemState
from jobs import standing
from jobs.standing import Stand
from storage.ledger import Tx, holds, status
from storage.ledger import batches as batch_rows
from storage.ledger.batches import Batch

if TYPE_CHECKING:
    from jobs.wiring import Plant

LOOK_SECONDS = 0.5
ENDED = (BatchState.COMPLETED,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a batch is; the counts add up to its total."""

    id: BatchId
    kind: str
    state: BatchState
    total: int
    pending: int
    ordered: int
    done: int
    skipped: int
    held: int
    created_at: datetime
    confirmed_at: datetime | None
    confirmed_by: str | None
    reason: str | None
    completed_at: datetime | None
    subject: Mapping[str, Any]
    owner: str  #: whose turn it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything in figures."""

    editions: Mapping[str, int]
    orders: Mapping[str, int]
    chunks_open: Mapping[str, int]
    held: Mapping[str, int]

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """(what, state, count)."""
        for what in ("editions", "orders", "chunks_open", "held"):
            counts: Mapping[str, int] = getattr(self, what)
            for state, count in sorted(counts.items()):
                yield what.replace("_", " "), state, count


def batch(plant: Plant, ident: BatchId) -> Progress:
    """One batch.  NotFoundError: there is none."""
    with plant.ledger.read() as tx:
        return _progress(plant, tx, batch_rows.get(tx, ident))


def batches(plant: Plant) -> list[Progress]:
    """All batches, newest first."""
    with plant.ledger.read() as tx:
        return [_progress(plant, tx, each) for each in batch_rows.all_batches(tx)]


def follow(plant: Plant, ident: BatchId) -> Iterator[Progress]:
    """The batch again and again, until it has ended or waits for somebody."""
    while True:
        found = batch(plant, ident)
        yield found
        if found.state in (*ENDED, BatchState.AWAITING):
            return
        time.sleep(LOOK_SECONDS)


def overview(plant: Plant) -> Overview:
    """Editions, orders, open chunks and holds."""
    with plant.ledger.read() as tx:
        return Overview(
            editions=_summed(status.edition_counts(tx)),
            orders=status.order_counts(tx),
            chunks_open={queue: count for queue, (count, _) in status.queue_state(tx).items()},
            held=_summed(holds.counts(tx)),
        )


def _summed(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, state), count in counts.items():
        found[state] = found.get(state, 0) + count
    return found


def _progress(plant: Plant, tx: Tx, found: Batch) -> Progress:
    counts = batch_rows.progress(tx, found.id)
    return Progress(
        id=found.id,
        kind=found.kind,
        state=found.state,
        total=sum(counts.values()),
        **{state.value: counts[state] for state in ItemState},
        created_at=found.created_at,
        confirmed_at=found.confirmed_at,
        confirmed_by=found.confirmed_by,
        reason=found.reason,
        completed_at=found.completed_at,
        subject=found.subject,
        owner=_stand(plant, tx, found, counts).owner,
    )


def stand(plant: Plant, tx: Tx, ident: BatchId) -> Stand:
    """How a batch stands, and whose turn it is.  NotFoundError: there is none."""
    return _stand(plant, tx, batch_rows.get(tx, ident), batch_rows.progress(tx, ident))


def _stand(plant: Plant, tx: Tx, found: Batch, counts: Mapping[ItemState, int]) -> Stand:
    installed = [name for name in found.profiles if name in plant.profiles]
    rules = {plant.profile(tx, name).policy.rename_confirmation for name in installed}
    return standing.of_batch(found.state, rules, counts)
