"""The reconciler: finds work whose bell was lost and rings again.

What the broker forgot (flushed, killed without its data, an id stuck in a living worker's ack
set), what a dead worker left leased, and what rested long enough: all of it is in the ledger.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from factory.model import Queue
from jobs import broker as brokers
from storage.ledger import care, sealings

if TYPE_CHECKING:
    from storage.ledger import Ledger

WHO = "reconciler"


def ring_due(ledger: Ledger) -> int:
    """Ring for what has rested long enough, was left leased, or may go on; how many."""
    with ledger.write(WHO) as tx:
        return care.ring_due(tx) + care.ring_hungry(tx)


def reconcile(ledger: Ledger, broker: brokers.Broker, *, after: timedelta) -> int:
    """Ring for what the broker forgot or nobody wants, close what has ended; how many were rung.

    after: how long a bell may be on its way before it counts as lost.
    """
    empty = [queue for queue in Queue if brokers.waiting(broker, queue) == 0]
    with ledger.write(WHO) as tx:
        rung = sum(care.ring_forgotten(tx, queue, after=after) for queue in empty)
        if Queue.CONTROL in empty:
            rung += care.ring_batches(tx, after=after)
        care.close_batches(tx)
        sealings.ring_unwanted(tx)
    return rung
