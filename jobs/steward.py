"""The steward: one process a host that keeps the bells ringing and serves the metrics.

Relay and ringing run in every steward (rows are locked one by one); reconciler and janitor
run where the singleton lease is, and the sequencer of the log where its own is.
``python -m jobs.steward`` runs it until SIGTERM.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

import structlog
from prometheus_client import start_http_server

from factory.errors import TransientError
from jobs import broker as brokers
from jobs import exporter, logs, metrics, reconcile
from jobs.log.heads import HeadSigner
from jobs.log.sequencing import Sequencer
from jobs.relay import relay
from jobs.settings import Settings
from jobs.wiring import plant_of
from storage.ledger import care, set_back

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

RING_SECONDS = 1.0
SLICE_SECONDS = 0.1  #: between two slices of the log, while there is more; bells go between
HEAD_SECONDS = 15.0
DELAYED_SECONDS = 1.0  #: after a neighbour gave no answer, at least


@dataclass(slots=True)
class Duty:
    """Something done again and again; a neighbour that is away only delays it.

    act:     False: it is another steward's to do.
    on_done: told the name when it was done.
    """

    name: str
    every_seconds: float
    act: Callable[[], object]
    on_done: Callable[[str], None]
    due: float = 0.0

    def run_if_due(self, now: float) -> None:
        """Act when it is time."""
        if now < self.due:
            return
        self.due = now + self.every_seconds
        try:
            if self.act() is not False:
                self.on_done(self.name)
        except TransientError as error:
            self.due = now + max(self.every_seconds, DELAYED_SECONDS)
            log.warning("duty delayed", duty=self.name, reason=error.reason, detail=str(error))


def duties(plant: Plant, *, on_done: Callable[[str], None]) -> list[Duty]:
    """What a steward does.

    on_done: told the name of each duty that was done.
    """
    settings, ledger = plant.settings, plant.ledger
    broker = brokers.connect(settings)
    janitor = brokers.connect(settings, maintenance_chance=brokers.ALWAYS)
    forgotten = timedelta(seconds=settings.lease_seconds / 3)
    lease = timedelta(seconds=settings.reconcile_seconds * 3)
    owner = f"{socket.gethostname()}:{os.getpid()}"

    def relay_all() -> None:
        while relay(ledger, broker):
            pass

    def alone(act: Callable[[], object]) -> Callable[[], bool]:
        def guarded() -> bool:
            with ledger.write("steward") as tx:
                back = set_back.heed(tx, "steward", lease=lease)
                mine = care.take_singleton(tx, "steward", owner, lease=lease)
            if back is not None:
                log.warning("clock was set back", seconds=round(back.total_seconds()))
            if mine:
                act()
            return mine

        return guarded

    pause = settings.reconcile_seconds
    reconciler = alone(lambda: reconcile.reconcile(ledger, broker, after=forgotten))
    return [
        Duty("relay", settings.relay_ms / 1000, relay_all, on_done),
        Duty("ringer", RING_SECONDS, lambda: reconcile.ring_due(ledger), on_done),
        Duty("reconciler", pause, reconciler, on_done),
        Duty("janitor", pause * 0.6, alone(lambda: brokers.maintain(janitor)), on_done),
        Duty("sequencer", SLICE_SECONDS, Sequencer(ledger, owner).act, on_done),
        # A head may have to wait for its key: that is told in the log line, and no part is silent.
        Duty("log_head", HEAD_SECONDS, HeadSigner(plant).act, lambda _: None),
    ]


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings.from_env(os.environ)
    logs.configure(settings.log_level)
    plant = plant_of(settings)
    metrics.begin_at_zero(list(plant.profiles))
    start_http_server(
        settings.metrics_port, addr=settings.metrics_host, registry=exporter.registry(plant)
    )
    stopping: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopping.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    todo = duties(plant, on_done=plant.metrics.beat)
    while not stopping:
        for duty in todo:
            duty.run_if_due(time.monotonic())
        time.sleep(settings.relay_ms / 1000)


if __name__ == "__main__":
    main()
