"""Metrics: what workers, door, notifier and steward count and time as they go.

Each process writes to files of its own in ``PROMETHEUS_MULTIPROC_DIR``; one exporter a host adds
them up, dead processes included (`jobs.exporter`).  Labels come from closed sets, so that nothing
anybody sends makes a series.  What is counted for each file is counted once a chunk.
"""

from __future__ import annotations

import itertools
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from factory.errors import FactoryError, SelfCheckError
from factory.model import Format, Kind
from factory.verification import Status
from storage.ledger.watching import Ending, Mode

if TYPE_CHECKING:
    from jobs.work import Work
    from storage.ledger.chunks import Claim
    from storage.ledger.record import HeldOrder, MadeFile

STAGES = ("claim", "draw", "sign", "stamp", "check", "store", "record")
SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
PROMISED = (1, 2, 5, 10, 15, 20, 30, 45, 60, 120, 300, 900, 3600)
TRIES = (1, 2, 3, 5, 8, 13, 21, 34, 60)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"  #: whatever is of no closed set

EVENTS = Counter(
    "factory_events_total", "Events handed in over HTTP, by what became of them", ["outcome"]
)
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
COLLECTABLE = Histogram(
    "factory_approval_to_collectable_seconds",
    "From taking an approval over to its certificate being there to be collected; no bulk events",
    ["profile"],
    buckets=PROMISED,
)
REFUSED = Counter(
    "factory_duplicate_deliveries_total", "Deliveries the fence refused: done, taken or not due"
)
TRANSIENT = Counter(
    "factory_transient_failures_total", "Files put back for later, by reason", ["reason"]
)
ATTEMPTS = Histogram(
    "factory_chunk_attempts", "How many claims a chunk took until it was done with", buckets=TRIES
)
DRAWN = Counter(
    "factory_drawn_total",
    "Sealed files that were drawn, by press or reference writer",
    ["format", "by"],
)
PRESSES_STOPPED = Counter(
    "factory_presses_stopped_total", "Templates that were stopped by a file that failed", ["format"]
)
HANDOVERS = Counter(
    "factory_press_handovers_total",
    "Documents a press handed to the reference writer: it could not, or its template was stopped",
    ["format", "reason"],
)
SELF_CHECKS = Counter(
    "factory_self_check_failures_total",
    "Finished files that did not verify, or are another document; none was released",
    ["format"],
)
COLLISIONS = Counter(
    "factory_number_collisions_total",
    "Numbers, licence ids or codes that were to be given twice and that the ledger refused",
)
SIGNATURES = Counter(
    "factory_signer_operations_total",
    "Signatures asked for, by what came of each",
    ["format", "outcome"],
)
SIGNER_SECONDS = Histogram(
    "factory_signer_seconds", "Seconds of one call of a signer", ["format"], buckets=SECONDS
)
STAMPS = Counter(
    "factory_tsa_requests_total",
    "Time stamps asked for, by what came of each",
    ["outcome"],
)
STAMP_SECONDS = Histogram(
    "factory_tsa_seconds",
    "Seconds until a time-stamping authority had stamped all of a chunk, or failed",
    buckets=SECONDS,
)
STORE_REQUESTS = Counter(
    "factory_store_requests_total",
    "Objects asked of the store, by what came of it",
    ["operation", "outcome"],
)
STORE_SECONDS = Histogram(
    "factory_store_seconds",
    "Seconds of one call of the store; put_all is a chunk's files at once",
    ["operation"],
    buckets=SECONDS,
)
STORE_BYTES = Counter(
    "factory_store_bytes_total", "Bytes that were put into the store or read from it", ["operation"]
)
TRANSACTIONS = Counter(
    "factory_database_transactions_total", "Transactions by how they ended", ["mode", "outcome"]
)
TRANSACTION_SECONDS = Histogram(
    "factory_database_seconds",
    "Seconds of one transaction, waiting for its turn included",
    ["mode"],
    buckets=SECONDS,
)
NOTICE_DELIVERIES = Counter(
    "factory_notice_deliveries_total",
    "Tries to deliver a notice, by what became of it",
    ["outcome"],
)
VERIFICATIONS = Counter(
    "factory_verifications_total",
    "Questions of anybody about a certificate, by how they asked and what they were told",
    ["by", "status"],
)
HTTP_REQUESTS = Counter(
    "factory_http_requests_total",
    "Requests by the pattern of their address",
    ["route", "method", "status"],
)
HTTP_SECONDS = Histogram(
    "factory_http_seconds", "Seconds of one request", ["route"], buckets=SECONDS
)
HEARTBEAT = Gauge(
    "factory_heartbeat_timestamp_seconds",
    "When a part of the steward, or the notifier, last did what it is there for",
    ["part"],
    multiprocess_mode="max",
)

#: as they stand in docs/metrics.md
INSTRUMENTS = (
    EVENTS, DOCUMENTS, COLLECTABLE, STAGE_SECONDS, STAGE_CPU_SECONDS, ATTEMPTS, REFUSED, TRANSIENT,
    DRAWN, PRESSES_STOPPED, HANDOVERS, SELF_CHECKS, COLLISIONS,
    SIGNATURES, SIGNER_SECONDS, STAMPS, STAMP_SECONDS, STORE_REQUESTS, STORE_SECONDS, STORE_BYTES,
    TRANSACTIONS, TRANSACTION_SECONDS,
    NOTICE_DELIVERIES, VERIFICATIONS, HTTP_REQUESTS, HTTP_SECONDS, HEARTBEAT,
)  # fmt: skip

OK = "ok"
STAMPS_AWAY = "timestamp_unavailable"
UNABLE, STOPPED = "unable", "stopped"
PRESS, REFERENCE = "press", "reference"
OPERATIONS = ("put", "put_all", "get", "head")
TAKEN = ("accepted", "held", "duplicate", "refused")
DELIVERED = ("delivered", "again", "failed", "aside")
ASKED_BY = ("code", "number", "digest", "file")


def outcome_of(error: BaseException | None) -> str:
    """``ok``, the error's closed word, or ``fault``."""
    if error is None:
        return OK
    return error.reason if isinstance(error, FactoryError) else "fault"


class Metrics:
    """What a plant reports as it goes."""

    def stage(self, stage: str, seconds: float, cpu_seconds: float) -> None:
        """One chunk went through one stage."""
        STAGE_SECONDS.labels(stage).observe(seconds)
        STAGE_CPU_SECONDS.labels(stage).inc(cpu_seconds)

    def handed_in(self, outcome: str) -> None:
        """An event was taken, held, known already or refused."""
        EVENTS.labels(outcome).inc()

    def drawn(self, works: Iterable[Work]) -> None:
        """These files were drawn; those that nobody of ours seals do not count."""
        sealed = Tally((w.format, w.press is not None) for w in works if w.identity is not None)
        for (fmt, pressed), count in sealed.items():
            DRAWN.labels(fmt, PRESS if pressed else REFERENCE).inc(count)

    def handed_over(self, works: Iterable[Work], reason: str) -> None:
        """The reference writer makes these files in place of a press: `UNABLE` or `STOPPED`."""
        for fmt, count in Tally(work.format for work in works).items():
            HANDOVERS.labels(fmt, reason).inc(count)

    def press_stopped(self, fmt: Format, error: FactoryError) -> None:
        """A file of a template failed: the reference writer makes its documents."""
        PRESSES_STOPPED.labels(fmt).inc()
        self.failed(fmt, error)

    def failed(self, fmt: Format, error: FactoryError) -> None:
        """A file goes no further; counted is only what says that it does not verify."""
        if isinstance(error, SelfCheckError):
            SELF_CHECKS.labels(fmt).inc()

    def refused_delivery(self) -> None:
        """A message came for a chunk that is not to be had."""
        REFUSED.inc()

    def chunk_recorded(
        self,
        claim: Claim,
        made: Sequence[MadeFile],
        held: Sequence[HeldOrder],
        later: Sequence[FactoryError],
        *,
        is_done: bool,
    ) -> None:
        """A chunk's outcome is in the ledger.

        is_done: nothing of it is left.
        """
        orders = {order.id: order for order in claim.orders}
        found = [(orders[each.order], each.format.value, "made") for each in made]
        found += [(orders[each.order], "-", "held") for each in held]
        counted = Tally((order.kind, order.profile, *rest) for order, *rest in found)
        for labels, count in counted.items():
            DOCUMENTS.labels(*labels).inc(count)
        for reason, count in Tally(error.reason for error in later).items():
            TRANSIENT.labels(reason).inc(count)
        if is_done:
            ATTEMPTS.observe(claim.attempt)

    def verified(self, by: str, status: Status) -> None:
        """Somebody was told what a certificate is; by: one of `ASKED_BY`."""
        VERIFICATIONS.labels(by, status.value).inc()

    def answered(self, route: str, method: str, status: int | None, seconds: float) -> None:
        """A request was answered.

        route:  the pattern of its address; one that has none is `OTHER`.
        status: None: whoever asked had gone.
        """
        route = route if route.startswith("/") else OTHER
        method = method if method in METHODS else OTHER
        HTTP_REQUESTS.labels(route, method, f"{status // 100}xx" if status else "gone").inc()
        HTTP_SECONDS.labels(route).observe(seconds)

    def beat(self, part: str) -> None:
        """A part did what it is there for, just now."""
        HEARTBEAT.labels(part).set_to_current_time()


def begin_at_zero(profiles: Sequence[str]) -> None:
    """Make the series that alerts ask about: one that begins at 1 would never have grown.

    Called by the exporter's process, whose files are added up with all others.
    """
    away = ("store_unavailable", "settings")
    formats, certificate = tuple(Format), (Kind.CERTIFICATE.value,)
    beginning: Sequence[tuple[Counter | Histogram, Sequence[Sequence[str]]]] = (
        (EVENTS, (TAKEN,)),
        (COLLECTABLE, (profiles,)),
        (DOCUMENTS, (certificate, profiles, formats, ("made",))),
        (DOCUMENTS, (certificate, profiles, ("-",), ("held",))),
        (STAGE_SECONDS, (STAGES,)),
        (STAGE_CPU_SECONDS, (STAGES,)),
        (TRANSIENT, ((*away, "key_busy", STAMPS_AWAY),)),
        (DRAWN, (formats, (PRESS, REFERENCE))),
        (PRESSES_STOPPED, (formats,)),
        (HANDOVERS, (formats, (UNABLE, STOPPED))),
        (SELF_CHECKS, (formats,)),
        (SIGNATURES, (formats, (OK, "key_busy", "seal_pending", "fault"))),
        (SIGNER_SECONDS, (formats,)),
        (STAMPS, ((OK, STAMPS_AWAY, "settings"),)),
        (STORE_REQUESTS, (OPERATIONS, (OK, *away))),
        (STORE_SECONDS, (OPERATIONS,)),
        (STORE_BYTES, (OPERATIONS[:-1],)),
        (TRANSACTIONS, (tuple(Mode), tuple(Ending))),
        (TRANSACTION_SECONDS, (tuple(Mode),)),
        (NOTICE_DELIVERIES, (DELIVERED,)),
        (VERIFICATIONS, (ASKED_BY, tuple(Status))),
    )
    for instrument, sets in beginning:
        for labels in itertools.product(*sets):
            instrument.labels(*map(str, labels))
