"""The exporter: what one host's `/metrics` says, its processes' files and what stands now.

Signer, ledger, store, broker, keyring and crew are looked at in threads of their own, not oftener
than every two seconds, nor for more than a fiftieth of the time: a neighbour that hangs delays no
scrape for longer than a moment, and one that is away is 0 in its gauge and missing in the others.
One that is back is seen within seconds.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYetError
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import CollectorRegistry, multiprocess
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from factory.errors import FactoryError, SettingsError, UnreadableRowError
from factory.model import BatchState, ItemState, Queue
from jobs import broker as brokers
from jobs import crew, door
from jobs.broker import broker_edge
from jobs.bulk.scopes import SCOPES
from jobs.signer.journal import SIGNED
from jobs.upkeep import archive
from storage import endings
from storage.key_sources import OFD
from storage.ledger import (
    Tx,
    backups,
    endpoints,
    gauges,
    holds,
    log_standing,
    outbox,
    proofs,
    status,
)
from storage.ledger.gauges import BatchFigures
from storage.recheck import outcomes

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.signer_process import SignerProcess

log = structlog.get_logger()

FRESH_SECONDS = 2.0
SHARE = 50  #: a look that took a second is repeated after so many
NEIGHBOUR_SECONDS = 15.0  #: the longest rest between two looks at one that may be away
AWAY_SECONDS = 5.0  #: between two looks at what gave no answer
WAIT_SECONDS = 3.0  #: of a scrape, for all that it looks at together
VERSION_OF = "certificate-factory"
PROOF_DAYS = 60  #: `certfactory upkeep` has had thirty by then
UNUSABLE, LONG_AGO = "unusable", datetime.fromtimestamp(0, UTC)  #: in place of a list's name, end
PAGE_BYTES = os.sysconf("SC_PAGESIZE")

Values = Iterable[tuple[tuple[str, ...], float]]


@dataclass(frozen=True, slots=True)
class Family:
    """A metric that is read at the scrape."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    type: str = "gauge"

    def of(self, values: Values) -> Metric:
        """With these values, each under its labels."""
        make: Any = CounterMetricFamily if self.type == "counter" else GaugeMetricFamily
        family: Metric = make(self.name, self.text, labels=self.labels)
        for key, value in values:
            family.add_metric(list(key), value)  # type: ignore[attr-defined]
        return family

    def alone(self, value: float) -> Metric:
        """With one value and no label."""
        return self.of([((), value)])


BUILD = Family("factory_build_info", "Which version runs", ("version", "python"))
LEDGER_UP = Family("factory_ledger_up", "Whether the ledger answers")
STORE_UP = Family("factory_store_up", "Whether the store answers and has the bucket")
BROKER_UP = Family("factory_broker_up", "Whether the broker answers")
HTTP_UP = Family("factory_http_up", "Whether the HTTP interface answers, where it is watched")
BROKER_MEMORY = Family("factory_broker_memory_bytes", "Memory the broker uses")
CLOCK_SKEW = Family("factory_clock_skew_seconds", "This host's clock minus the database's")
DEPTH = Family("factory_queue_depth", "Chunks not finished", ("queue",))
OLDEST = Family("factory_queue_oldest_seconds", "Age of the oldest chunk not finished", ("queue",))
BATCHES = Family("factory_batches", "Bulk events by state", ("kind", "state"))
BATCH_ITEMS = Family(
    "factory_batch_items",
    "Items of a bulk event by state: of the newest twenty not ended, or ended within the hour",
    ("batch", "kind", "state"),
)
BATCH_PROGRESS = Family(
    "factory_batch_progress_ratio", "Part of its items that are no longer open", ("batch", "kind")
)
BATCH_RATE = Family("factory_batch_rate", "Items a second, over the last minute", ("batch", "kind"))
BATCH_ETA = Family(
    "factory_batch_eta_seconds",
    "Until its last item, at this rate or else the average; missing where nothing tells",
    ("batch", "kind"),
)
BATCH_IDLE = Family(
    "factory_batch_idle_seconds",
    "Since an item of it was recorded last; 0 unless it runs",
    ("batch", "kind"),
)
BATCH_BRAKED = Family("factory_batch_braked", "Whether the brake has stopped it", ("batch", "kind"))
HELD = Family("factory_held", "What is stopped for a person, by reason", ("profile", "reason"))
EDITIONS = Family("factory_editions", "Editions by state", ("profile", "state"))
OUTBOX = Family("factory_outbox_pending", "Bells not sent")
OUTBOX_OLDEST = Family("factory_outbox_oldest_seconds", "Age of the oldest bell not sent")
SIGNER_PENDING = Family(
    "factory_signer_pending", "Signatures that seal services were asked for and have not given"
)
SIGNER_UP = Family(
    "factory_signer_up", "Whether the process that holds the keys answers; missing where none does"
)
SIGNER_STOPPED = Family(
    "factory_signer_stopped", "Kill switches of the signer process that are thrown"
)
SIGNER_CALLS = Family(
    "factory_signer_calls_total",
    "Calls of the signer process since its start, by what it answered",
    ("identity", "outcome"),
    "counter",
)
SIGNER_CALL_SECONDS = Family(
    "factory_signer_signing_seconds_total",
    "Seconds it took for calls that it signed, with its journal",
    ("identity",),
    "counter",
)
PROOFS_DUE = Family(
    "factory_proofs_due",
    "Files that wait for their time stamp, and whose proof of time ends within sixty days",
    ("what",),
)
RECHECK_GOOD = Family(
    "factory_recheck_good",
    "What the last `certfactory recheck` of everything, or of a sample, found nothing wrong with",
    ("scope",),
)
RECHECK_BAD = Family("factory_recheck_bad", "What that run found something wrong with", ("scope",))
RECHECK_AGE = Family(
    "factory_recheck_age_seconds", "Since that run ended; missing where there was none", ("scope",)
)
LOG_ENTRIES = Family("factory_log_entries", "Entries of the log (核查日志)")
LOG_SIGNED = Family("factory_log_signed_entries", "Those of them that are under its newest head")
LOG_PENDING = Family(
    "factory_log_pending",
    "Audit rows that the sequencer has not appended to the log, twenty thousand at most",
)
LOG_LAG = Family(
    "factory_log_lag_seconds",
    "Since the oldest of those was written; 0: none waits; without end: nobody can say",
)
LOG_HEAD_AGE = Family(
    "factory_log_head_age_seconds",
    "Since the newest head of the log was signed; missing where none was",
)
BACKUP_AGE = Family(
    "factory_backup_age_seconds",
    "Since the instant of the ledger that its newest backup holds; missing where none was taken",
)
NOTICES = Family("factory_notices_pending", "Deliveries of notices not done")
NOTICES_OLDEST = Family(
    "factory_notices_oldest_seconds", "Age of the oldest notice that an active endpoint has not got"
)
NOTICES_FAILED = Family(
    "factory_notices_failed", "Deliveries given up, among the newest twenty thousand"
)
ENDPOINTS = Family("factory_endpoints", "Endpoints of notices, by state", ("state",))
ENDS = Family(
    "factory_ends_timestamp_seconds",
    "When a certificate, a seal for OFD, the last access key of a source, an authority of time or"
    " a revocation list ends",
    ("what", "name"),
)
RESTARTS = Family(
    "factory_process_restarts_total", "Times a process was started again", ("member",), "counter"
)
MEMORY = Family(
    "factory_worker_memory_bytes", "Resident memory of a member's processes", ("member",)
)
WORKERS = Family("factory_workers", "Worker processes that run", ("queue",))

#: as they stand in docs/metrics.md
FAMILIES = (
    LEDGER_UP, STORE_UP, BROKER_UP, HTTP_UP, BROKER_MEMORY, CLOCK_SKEW, DEPTH, OLDEST,
    BATCHES, BATCH_ITEMS, BATCH_PROGRESS, BATCH_RATE, BATCH_ETA, BATCH_IDLE, BATCH_BRAKED,
    HELD, EDITIONS, OUTBOX, OUTBOX_OLDEST, SIGNER_PENDING, PROOFS_DUE,
    RECHECK_GOOD, RECHECK_BAD, RECHECK_AGE,
    LOG_ENTRIES, LOG_SIGNED, LOG_PENDING, LOG_LAG, LOG_HEAD_AGE, BACKUP_AGE,
    SIGNER_UP, SIGNER_STOPPED, SIGNER_CALLS, SIGNER_CALL_SECONDS,
    NOTICES, NOTICES_OLDEST, NOTICES_FAILED, ENDPOINTS,
    ENDS, RESTARTS, MEMORY, WORKERS, BUILD,
)  # fmt: skip


class Look:
    """Something looked at for a scrape, in a thread of its own, and not oftener than pays.

    up: says whether it answered.
    """

    def __init__(self, name: str, ask: Callable[[], list[Metric]], up: Family | None) -> None:
        self._name, self._ask, self._up = name, ask, up
        self._threads = ThreadPoolExecutor(1, thread_name_prefix=f"look-{name}")
        self._under_way: Future[list[Metric] | None] | None = None
        self._again_at = -1.0  #: by the monotonic clock

    def begin(self) -> None:
        """Look, unless it is being done or was just now."""
        if self._under_way is None or (
            self._under_way.done() and time.monotonic() >= self._again_at
        ):
            self._under_way = self._threads.submit(self._looked)

    def found(self, until: float) -> list[Metric]:
        """What is to be seen; without an answer by then only that there is none."""
        assert self._under_way is not None  # noqa: S101 - begun by the caller
        try:
            families = self._under_way.result(max(0.0, until - time.monotonic()))
        except NotYetError:
            families = None
        up = [self._up.alone(0.0 if families is None else 1.0)] if self._up else []
        return [*up, *(families or [])]

    def _looked(self) -> list[Metric] | None:
        """What is seen; None: it gave no answer."""
        begun = time.monotonic()
        try:
            families = self._ask()
        except Exception as error:
            reason = error.reason if isinstance(error, FactoryError) else type(error).__name__
            log.warning("look failed", look=self._name, reason=reason)
            self._again_at = time.monotonic() + AWAY_SECONDS
            return None
        ended = time.monotonic()
        rest = max(FRESH_SECONDS, SHARE * (ended - begun))
        self._again_at = ended + (min(rest, NEIGHBOUR_SECONDS) if self._up else rest)
        return families


class Looks:
    """Everything that is looked at, for a registry."""

    def __init__(self, looks: Sequence[Look]) -> None:
        self._looks = looks

    def describe(self) -> list[Metric]:
        """Nothing beforehand, so that to register them looks at nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What all of them see, within a moment."""
        until = time.monotonic() + WAIT_SECONDS
        for look in self._looks:
            look.begin()
        for look in self._looks:
            yield from look.found(until)


def looks_of(plant: Plant) -> Looks:
    """All that one host looks at."""
    watched, process = plant.settings.http_watch_url, plant.signer
    return Looks(
        [
            *([Look("http", lambda: _of_http(watched), HTTP_UP)] if watched else []),
            *([Look("signer", lambda: _of_signer(process), SIGNER_UP)] if process else []),
            Look("ledger", lambda: of_ledger(plant), LEDGER_UP),
            Look("editions", lambda: _of_editions(plant), None),
            Look("store", lambda: _of_store(plant), STORE_UP),
            Look("broker", lambda: _of_broker(plant), BROKER_UP),
            Look("keyring", lambda: _of_keyring(plant), None),
            Look("crew", lambda: _of_crew(plant.settings.metrics_dir), None),
        ]
    )


def registry(plant: Plant) -> CollectorRegistry:
    """Everything one host exports: its processes' files, and what it looks at."""
    found = counted()
    found.register(looks_of(plant))
    return found


def counted() -> CollectorRegistry:
    """What the processes that share ``PROMETHEUS_MULTIPROC_DIR`` have counted and timed."""
    found = CollectorRegistry()
    multiprocess.MultiProcessCollector(found)  # type: ignore[no-untyped-call]
    return found


# --- the ledger -------------------------------------------------------------------------------


def of_ledger(plant: Plant) -> list[Metric]:
    """What is open in it.  StoreUnavailableError: it gives no answer."""
    with plant.ledger.read() as tx:
        skew = (datetime.now(UTC) - tx.now).total_seconds()
        return [
            CLOCK_SKEW.alone(skew),
            *_queues(tx),
            *_batches(tx),
            HELD.of(holds.counts(tx).items()),
            OUTBOX.alone(gauges.unsent_bells(tx)),
            OUTBOX_OLDEST.alone(outbox.oldest_unsent_seconds(tx)),
            SIGNER_PENDING.alone(gauges.pending_seals(tx)),
            _proofs(tx),
            *_rechecked(tx),
            *_logged(tx),
            _backed_up(tx),
            *_notices(tx),
        ]


def _queues(tx: Tx) -> list[Metric]:
    waiting = {queue.value: (0, 0.0) for queue in Queue} | status.queue_state(tx)
    return [
        DEPTH.of(((queue,), depth) for queue, (depth, _) in waiting.items()),
        OLDEST.of(((queue,), age) for queue, (_, age) in waiting.items()),
    ]


def _batches(tx: Tx) -> list[Metric]:
    """Every kind in every state, so that a series never vanishes at zero."""
    counts = {(kind, state.value): 0 for kind in SCOPES for state in BatchState}
    now = gauges.batches_now(tx)

    def each(value: Callable[[BatchFigures], float | None]) -> Values:
        told = (((str(one.id), one.kind), value(one)) for one in now)
        return [(key, found) for key, found in told if found is not None]

    return [
        BATCHES.of((counts | gauges.batch_counts(tx)).items()),
        BATCH_ITEMS.of(
            ((str(one.id), one.kind, state.value), one.counts[state])
            for one in now
            for state in ItemState
        ),
        BATCH_PROGRESS.of(each(lambda one: one.progress)),
        BATCH_RATE.of(each(lambda one: one.rate)),
        BATCH_ETA.of(each(lambda one: one.eta_seconds)),
        BATCH_IDLE.of(each(lambda one: one.idle_seconds)),
        BATCH_BRAKED.of(each(lambda one: one.state is BatchState.STOPPED)),
    ]


def _proofs(tx: Tx) -> Metric:
    """What `certfactory upkeep` has not done, though it was to be."""
    soon = archive.ending(tx.now, PROOF_DAYS)
    ends = proofs.how_many_end(tx, soon)
    return PROOFS_DUE.of([(("stamp",), proofs.waiting(tx)), (("archive",), ends)])


def _rechecked(tx: Tx) -> list[Metric]:
    """What `certfactory recheck` came to, the last time for each scope."""
    found = outcomes.newest(tx)
    return [
        RECHECK_GOOD.of(((each.scope,), each.good) for each in found),
        RECHECK_BAD.of(((each.scope,), each.bad) for each in found),
        RECHECK_AGE.of(((each.scope,), (tx.now - each.ended_at).total_seconds()) for each in found),
    ]


def _logged(tx: Tx) -> list[Metric]:
    """How far the log is behind the audit, and its heads behind the log; for ever, where nobody can
    say.
    """
    try:
        found = log_standing.standing(tx)
    except UnreadableRowError:
        return [LOG_LAG.alone(math.inf)]
    age = [] if found.head_seconds is None else [((), found.head_seconds)]
    return [
        LOG_ENTRIES.alone(found.entries),
        LOG_SIGNED.alone(found.signed),
        LOG_PENDING.alone(found.pending),
        LOG_LAG.alone(found.lag_seconds),
        LOG_HEAD_AGE.of(age),
    ]


def _backed_up(tx: Tx) -> Metric:
    """How much would be lost with the ledger, in time; nothing where nobody takes backups."""
    found = backups.newest(tx)
    return BACKUP_AGE.of([] if found is None else [((), (tx.now - found.at).total_seconds())])


def _notices(tx: Tx) -> list[Metric]:
    """How far upstream is behind what there is to tell it."""
    pending, oldest = endpoints.backlog(tx)
    return [
        NOTICES.alone(pending),
        NOTICES_OLDEST.alone(oldest),
        NOTICES_FAILED.alone(gauges.failed_notices(tx)),
        ENDPOINTS.of(((state.value,), count) for state, count in endpoints.counts(tx).items()),
    ]


def _of_editions(plant: Plant) -> list[Metric]:
    """By itself: it reads one row of an index for every edition there is."""
    with plant.ledger.read() as tx:
        return [EDITIONS.of(status.edition_counts(tx).items())]


# --- the others -------------------------------------------------------------------------------


def _of_store(plant: Plant) -> list[Metric]:
    plant.store.ping()
    return []


def _of_broker(plant: Plant) -> list[Metric]:
    with broker_edge(), brokers.client(plant.settings) as client:
        said: Any = client.info("memory")
    return [BROKER_MEMORY.alone(said["used_memory"])]


def _of_http(url: str) -> list[Metric]:
    door.knock(url)
    return []


def _of_keyring(plant: Plant) -> list[Metric]:
    """When something ends that somebody has to renew beforehand."""
    with plant.ledger.read() as tx:
        keys = gauges.key_ends(tx)
    ends = {("key", name): end for name, end in keys.items()}
    for each in plant.keyring.identities():
        ends["seal" if each.format == OFD else "certificate", each.name] = each.not_after
    folder = plant.settings.keyring_dir
    ends |= {("time_stamping", name): end for name, end in endings.time_stamping(folder).items()}
    ends |= {("revocation_list", name): end for name, end in _lists(folder).items()}
    return [ENDS.of((key, end.timestamp()) for key, end in ends.items())]


def _lists(folder: Path) -> Mapping[str, datetime]:
    """Those that cannot be used have ended long ago."""
    try:
        return endings.revocation_lists(folder)
    except SettingsError:
        return {UNUSABLE: LONG_AGO}


def _of_signer(process: SignerProcess) -> list[Metric]:
    """What the process that holds the keys has been asked for since its start."""
    said = process.status()
    calls = said["calls"]
    signed = [each for each in calls if each["outcome"] == SIGNED]
    return [
        SIGNER_STOPPED.alone(len(said["stopped"])),
        SIGNER_CALLS.of(((each["identity"], each["outcome"]), each["calls"]) for each in calls),
        SIGNER_CALL_SECONDS.of(((each["identity"],), each["seconds"]) for each in signed),
    ]


def _of_crew(folder: Path) -> list[Metric]:
    """Which version runs, and the processes that the crew of this host has started."""
    members = crew.roll(folder)
    at_work = _at_work(members)
    return [
        BUILD.of([((_version(), platform.python_version()), 1.0)]),
        RESTARTS.of(((each.name,), each.restarts) for each in members),
        MEMORY.of(((each.name,), resident_bytes(each.pid)) for each in members if each.pid),
        WORKERS.of(((queue,), count) for queue, count in at_work.items()),
    ]


def _at_work(members: Sequence[crew.Enrolled]) -> dict[str, int]:
    """How many masters run for each queue."""
    names = [each.name.rpartition("-")[0] for each in members if each.pid]
    return {queue.value: names.count(queue.value) for queue in Queue}


def resident_bytes(pid: int) -> float:
    """Resident memory of a process and of those that it has started (proc(5)); 0: it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except (OSError, ValueError, IndexError):
        return 0.0
    return pages * PAGE_BYTES + sum(resident_bytes(int(child)) for child in children)


def _version() -> str:
    try:
        return version(VERSION_OF)
    except PackageNotFoundError:
        return "unknown"
