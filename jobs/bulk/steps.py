"""Steps: what the bell of a batch asks for; ringing twice does no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory.model import BatchId, BatchState
from jobs import logs
from jobs.bulk import ending, preparing, running
from storage.ledger import batches

if TYPE_CHECKING:
    from jobs.wiring import Plant


def advance(plant: Plant, ident: BatchId) -> None:
    """Take the batch's next step, if it has one."""
    with plant.ledger.read() as tx:
        batch = batches.get(tx, ident)
    logs.follow(batch.correlation)
    if batch.state is BatchState.PREPARING:
        preparing.prepare(plant, batch)
    elif batch.state is BatchState.RUNNING:
        while running.run(plant, batch):
            pass
    elif batch.state in batches.ENDED and not batch.listed:
        ending.end(plant, batch)
    elif batch.state in batches.ENDED:
        ending.take_up(plant)  # an event may have been held while it ended
