"""Waiting for work to end, telling how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from factory.errors import StoreUnavailableError
from factory.model import BatchId, BatchState
from storage.ledger import batches, status

if TYPE_CHECKING:
    from jobs.wiring import Plant

LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 600.0


def settle(
    plant: Plant, *, seconds: float, tell: Callable[[int], None] = lambda _open: None
) -> None:
    """Until no chunk and no batch step is open; ``tell`` hears how many orders are.

    StoreUnavailableError: time is up and work is still open.
    """

    def open_orders() -> int:
        with plant.ledger.read() as tx:
            ready = status.order_counts(tx).get("ready", 0)
            tell(ready)
            return status.open_work(tx)

    _until(lambda: open_orders() == 0, seconds, "work is still open")


def until_state(plant: Plant, batch: BatchId, state: BatchState, *, seconds: float) -> None:
    """Until the batch has come to that state."""

    def there() -> bool:
        with plant.ledger.read() as tx:
            return batches.get(tx, batch).state is state

    _until(there, seconds, f"batch {batch} is not {state.value}")


def until_prepared(plant: Plant, batch: BatchId, *, seconds: float = PATIENCE_SECONDS) -> None:
    """Until all items of the batch stand.

    StoreUnavailableError: time is up; nothing is lost, it goes on being prepared.
    """

    def there() -> bool:
        with plant.ledger.read() as tx:
            return batches.get(tx, batch).state is not BatchState.PREPARING

    _until(there, seconds, f"batch {batch} is still being prepared (is `certfactory up` running?)")


def _until(done: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise StoreUnavailableError(f"after {seconds:.0f} s {what}; see the logs")
        time.sleep(LOOK_SECONDS)
