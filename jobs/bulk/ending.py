"""Ending: the result is listed and proved, and what waited for the batch is taken up."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from factory.errors import BatchRunningError, PermanentError
from jobs import intake
from jobs.bulk import results
from storage.ledger import batches, holds
from storage.ledger.batches import Batch

if TYPE_CHECKING:
    from jobs.wiring import Plant

WHO = "factory"
ENDED = "the batch it waited for has ended"


def end(plant: Plant, batch: Batch) -> None:
    """Once it has ended, whatever became of it; doing so again changes nothing."""
    take_up(plant)
    with plant.ledger.read() as tx:
        proved = results.prove(tx, batch.id)
    with plant.ledger.write(WHO, batch.correlation) as tx:
        now = batches.get(tx, batch.id, lock=True)
        is_same_end = now.completed_at == batch.completed_at  # not another one since
        if now.state in batches.ENDED and not now.listed and is_same_end:
            results.settle(plant, tx, now, proved)


def take_up(plant: Plant) -> None:
    """Events that waited for a batch are tried again; those of another one go on waiting."""
    with plant.ledger.read() as tx:
        waiting = holds.events_held_for(tx, BatchRunningError("").reason)
    for ident in waiting:
        with suppress(PermanentError):  # somebody was faster, or it stays held for a person
            intake.retry(plant, ident, who=WHO, why=ENDED)
