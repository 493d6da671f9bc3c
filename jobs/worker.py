"""What a worker process runs: ``dramatiq jobs.worker:start --queues bulk``.

The plant is made in the worker itself, after the fork: no connection is inherited.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache

import dramatiq
import structlog

from factory.model import BatchId, ChunkId, Queue
from jobs import broker as brokers
from jobs import line, logs, sealing
from jobs.bulk import steps
from jobs.servers import die_with
from jobs.settings import Settings
from jobs.wiring import Plant, plant_of

log = structlog.get_logger()


@lru_cache(maxsize=1)
def _plant() -> Plant:
    return plant_of(Settings.from_env(os.environ))


def start() -> None:
    """Set up the broker and its two actors; nothing is opened before the first message."""
    start_with(_plant)


def start_with(plant: Callable[[], Plant]) -> None:
    """The same with another way to the plant (drills wrap it)."""
    if ask := die_with(os.getppid()):
        ask()  # dramatiq's worker outlives a master that is killed
    settings = Settings.from_env(os.environ)
    logs.configure(settings.log_level)
    broker = brokers.connect(settings)
    dramatiq.set_broker(broker)

    @dramatiq.actor(actor_name=brokers.PRODUCE, queue_name=Queue.INTERACTIVE.value, broker=broker)
    def produce(chunk: int) -> None:
        logs.begin(chunk=chunk)
        line.produce(plant(), ChunkId(chunk))

    @dramatiq.actor(actor_name=brokers.ADVANCE, queue_name=Queue.CONTROL.value, broker=broker)
    def advance(batch: int) -> None:
        logs.begin(batch=batch)
        steps.advance(plant(), BatchId(batch))

    @dramatiq.actor(actor_name=brokers.WITHDRAW, queue_name=Queue.CONTROL.value, broker=broker)
    def withdraw(ident: int) -> None:
        logs.begin(sealing=ident)
        sealing.withdraw(plant(), ident)
