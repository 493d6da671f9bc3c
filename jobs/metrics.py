"""Metrics: counters and stage times in the workers, everything else read from the ledger.

Workers write to files in ``PROMETHEUS_MULTIPROC_DIR``; one exporter a host adds them up, dead
processes included, and asks the ledger for what stands now.  Labels come from closed sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric

from factory.errors import FactoryError, StoreUnavailableError
from factory.model import Format, ItemState, Queue
from storage.ledger import endpoints, holds, items, outbox, status

if TYPE_CHECKING:
    from storage.ledger import Ledger, Tx
    from storage.ledger.chunks import Claim
    from storage.ledger.record import HeldOrder, MadeFile

STAGES = ("claim", "draw", "sign", "check", "store", "record")
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)

DOCUMENTS = Counter(
    "factory_documents_total",
    "Documents by what became of them",
    ["kind", "profile", "format", "outcome"],
)
STAGE_SECONDS = Histogram(
    "factory_stage_seconds", "Seconds a chunk spends in each stage", ["stage"], buckets=SECONDS
)
STAGE_CPU_SECONDS = Counter(
    "factory_stage_cpu_seconds_total", "CPU seconds spent in each stage", ["stage"]
)
REFUSED = Counter(
    "factory_duplicate_deliveries_total", "Deliveries the fence refused: done, taken or not due"
)
TRANSIENT = Counter(
    "factory_transient_failures_total", "Files put back for later, by reason", ["reason"]
)
DRAWN = Counter(
    "factory_drawn_total",
    "Sealed files that were drawn, by press or reference writer",
    ["format", "by"],
)
PRESSES_STOPPED = Counter(
    "factory_presses_stopped_total", "Templates that were stopped by a file that failed", ["format"]
)
NOTICE_DELIVERIES = Counter(
    "factory_notice_deliveries_total",
    "Tries to deliver a notice, by what became of it",
    ["outcome"],
)


class Metrics:
    """What the line reports as it goes."""

    def stage(self, stage: str, seconds: float, cpu_seconds: float) -> None:
        """One chunk went through one stage."""
        STAGE_SECONDS.labels(stage).observe(seconds)
        STAGE_CPU_SECONDS.labels(stage).inc(cpu_seconds)

    def drawn(self, fmt: Format, *, pressed: bool) -> None:
        """A file that is to be sealed was drawn."""
        DRAWN.labels(fmt, "press" if pressed else "reference").inc()

    def press_stopped(self, fmt: Format) -> None:
        """A file of a template failed: the reference writer makes its documents."""
        PRESSES_STOPPED.labels(fmt).inc()

    def refused_delivery(self) -> None:
        """A message came for a chunk that is not to be had."""
        REFUSED.inc()

    def chunk_recorded(
        self,
        claim: Claim,
        made: Sequence[MadeFile],
        held: Sequence[HeldOrder],
        later: Sequence[FactoryError],
    ) -> None:
        """A chunk's outcome is in the ledger."""
        orders = {order.id: order for order in claim.orders}
        for file in made:
            order = orders[file.order]
            DOCUMENTS.labels(order.kind, order.profile, file.format, "made").inc()
        for hold in held:
            order = orders[hold.order]
            DOCUMENTS.labels(order.kind, order.profile, "-", "held").inc()
        for error in later:
            TRANSIENT.labels(error.reason).inc()


class LedgerCollector:
    """What stands in the ledger at the moment of the scrape."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def collect(self) -> Iterator[Metric]:
        """Gauges; ``factory_ledger_up`` is 0 when the database gives no answer."""
        up = GaugeMetricFamily("factory_ledger_up", "Whether the ledger answers")
        try:
            families = self._read()
        except StoreUnavailableError:
            up.add_metric([], 0)
            families = []
        else:
            up.add_metric([], 1)
        yield up
        yield from families

    def _read(self) -> list[Metric]:
        with self.ledger.read() as tx:
            waiting = {queue.value: (0, 0.0) for queue in Queue} | status.queue_state(tx)
            return [
                _gauge(
                    "factory_queue_depth",
                    "Chunks not finished",
                    ["queue"],
                    (((queue,), depth) for queue, (depth, _) in waiting.items()),
                ),
                _gauge(
                    "factory_queue_oldest_seconds",
                    "Age of the oldest chunk not finished",
                    ["queue"],
                    (((queue,), age) for queue, (_, age) in waiting.items()),
                ),
                _gauge(
                    "factory_batch_items",
                    "Items of bulk events by state",
                    ["kind", "state"],
                    _filled(items.all_counts(tx)).items(),
                ),
                _gauge(
                    "factory_held",
                    "What is stopped for a person, by reason",
                    ["profile", "reason"],
                    holds.counts(tx).items(),
                ),
                _gauge(
                    "factory_editions",
                    "Editions by state",
                    ["profile", "state"],
                    status.edition_counts(tx).items(),
                ),
                _gauge(
                    "factory_outbox_oldest_seconds",
                    "Age of the oldest bell not sent",
                    [],
                    [((), outbox.oldest_unsent_seconds(tx))],
                ),
                *_notices(tx),
            ]


def _notices(tx: Tx) -> list[Metric]:
    """How far upstream is behind what there is to tell it."""
    pending, oldest = endpoints.backlog(tx)
    return [
        _gauge("factory_notices_pending", "Deliveries of notices not done", [], [((), pending)]),
        _gauge(
            "factory_notices_oldest_seconds",
            "Age of the oldest notice that an active endpoint has not got",
            [],
            [((), oldest)],
        ),
        _gauge(
            "factory_endpoints",
            "Endpoints of notices, by state",
            ["state"],
            (((state.value,), count) for state, count in endpoints.counts(tx).items()),
        ),
    ]


def _filled(counts: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Every state of every kind that occurs, so that a series never vanishes at zero."""
    kinds = {kind for kind, _ in counts}
    return {(kind, state.value): 0 for kind in kinds for state in ItemState} | counts


def _gauge(
    name: str,
    text: str,
    labels: Sequence[str],
    values: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for key, value in values:
        family.add_metric(list(key), value)
    return family


def registry(ledger: Ledger) -> CollectorRegistry:
    """Everything one host exports: its workers' files and the ledger."""
    found = CollectorRegistry()
    multiprocess.MultiProcessCollector(found)  # type: ignore[no-untyped-call]
    found.register(LedgerCollector(ledger))
    return found
