"""Steering: pause, resume, cancel, rate, priority, and once more what has failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from factory.errors import ConflictError
from factory.model import BatchId, BatchState
from storage.ledger import Tx, batches, chunks, items, orders
from storage.ledger.batches import Batch

if TYPE_CHECKING:
    from jobs.wiring import Plant

CANCELLED = "the batch was cancelled"


def pause(plant: Plant, ident: BatchId, *, who: str, why: str) -> None:
    """What is at work is finished, nothing more is begun.

    NotFoundError: no such batch.  ConflictError: it does not run.
    """
    with _locked(plant, ident, who) as (tx, batch):
        batches.pause(tx, batch.id, why=why)


def resume(plant: Plant, ident: BatchId, *, who: str, why: str) -> None:
    """It goes on; the brake counts failures from here.

    NotFoundError: no such batch.  ConflictError: it is neither paused nor stopped.
    """
    with _locked(plant, ident, who) as (tx, batch):
        batches.resume(tx, batch.id, forgiven=items.failures(tx, batch.id), why=why)


def cancel(plant: Plant, ident: BatchId, *, who: str, why: str) -> None:
    """Whatever is not made never will be; what is made stays, and so does a new name.

    NotFoundError: no such batch.  ConflictError: it has ended.
    """
    with _locked(plant, ident, who, chunks_too=True) as (tx, batch):
        batches.cancel(tx, batch.id, why=why)
        items.skip_pending(tx, batch.id, CANCELLED)
        orders.give_up(tx, batch.id, why=CANCELLED)


def set_rate(plant: Plant, ident: BatchId, rate: int | None, *, who: str, why: str) -> None:
    """Items a minute at most, from the next chunk on; None: as fast as it goes.

    NotFoundError: no such batch.  ConflictError: it has ended.
    """
    with _locked(plant, ident, who) as (tx, batch):
        batches.steer(tx, batch.id, rate=rate, why=why)


def set_priority(plant: Plant, ident: BatchId, priority: int, *, who: str, why: str) -> None:
    """Those that run with a higher one go first.

    NotFoundError: no such batch.  ConflictError: it has ended.
    """
    with _locked(plant, ident, who) as (tx, batch):
        batches.steer(tx, batch.id, priority=priority, why=why)


def retry_failed(plant: Plant, ident: BatchId, *, who: str, why: str) -> int:
    """Everything that is held goes to work again, and nothing else; how many.

    A stopped or completed batch runs on, and the brake counts failures from here.
    NotFoundError: no such batch.
    ConflictError: it has not taken effect, or was cancelled.
    """
    with _locked(plant, ident, who) as (tx, batch):
        if batch.state not in {*batches.UNDER_WAY, BatchState.COMPLETED}:
            raise ConflictError(f"batch {ident}: has nothing to retry; it is {batch.state}")
        planned = items.plan_again(tx, ident)
        if planned:
            batches.reopen(tx, ident, why=why)
            batches.expanded(tx, ident, yes=False)
            batches.ring_next(tx, ident)
    done, last = planned, 0
    while part := _retry_some(plant, ident, last, who=who, why=why):
        done, last = done + len(part), part[-1]
    with _locked(plant, ident, who) as (tx, batch):
        failures = items.failures(tx, ident)
        batches.forgive(tx, ident, failures)
        if batch.state is BatchState.STOPPED:
            batches.resume(tx, ident, forgiven=failures, why=why)
    return done


def _retry_some(plant: Plant, ident: BatchId, last: int, *, who: str, why: str) -> list[int]:
    """The next chunk of held orders goes to work."""
    with _locked(plant, ident, who) as (tx, _):
        part = items.held_orders(tx, ident, after_id=last, limit=plant.settings.chunk_items)
        if part:
            orders.all_ready_again(tx, part, ident, why=why)
    return part


@contextmanager
def _locked(
    plant: Plant, ident: BatchId, who: str, *, chunks_too: bool = False
) -> Iterator[tuple[Tx, Batch]]:
    """A transaction in which nobody else moves the batch.  NotFoundError: there is none.

    chunks_too: nor records a chunk of it, which is asked for before what recording ends with.
    """
    with plant.ledger.read() as tx:
        correlation = batches.get(tx, ident).correlation
    with plant.ledger.write(who, correlation) as tx:
        if chunks_too:
            chunks.hold_open(tx, ident)
        yield tx, batches.get(tx, ident, lock=True)
