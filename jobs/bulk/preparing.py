"""Preparing: whom a batch concerns becomes items, slice by slice, each with its forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory.model import BatchState
from jobs.bulk import confirming, scopes
from jobs.bulk.forecasting import forecasts
from storage.ledger import batches, items, outbox
from storage.ledger.batches import Batch

if TYPE_CHECKING:
    from jobs.wiring import Plant

WHO = "factory"


def prepare(plant: Plant, batch: Batch) -> None:
    """The next slice: looked at without holding up anybody, then written if nobody else was there.

    After the last one the batch waits for whoever confirms, or confirms itself.
    """
    with plant.ledger.read() as tx:
        affected, cursor, last = scopes.scope_of(batch).slice_of(
            plant, tx, batch, limit=plant.settings.slice_items
        )
        foreseen = forecasts(plant, tx, batch, affected)
    with plant.ledger.write(WHO, batch.correlation) as tx:
        now = batches.get(tx, batch.id, lock=True)
        if (now.state, now.cursor) != (BatchState.PREPARING, batch.cursor):
            return
        items.add(tx, batch.id, affected, foreseen)
        if last:
            batches.prepared(tx, batch.id)
            confirming.confirm_by_itself(plant, tx, batches.get(tx, batch.id))
        else:
            batches.move(tx, batch.id, since=batch.cursor, cursor=cursor)
            outbox.ring_batch(tx, batch.id)
