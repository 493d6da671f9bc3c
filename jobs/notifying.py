"""The sender of notices: from the ledger to the endpoints, at least once, each subject in order.

A delivery is claimed with a fence and a lease; of a subject only the oldest that is pending can be
claimed, so several senders never overtake each other.  Every endpoint has threads of its own: a
slow one delays nobody else.  What an answer leads to is decided in `factory.deliveries`.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from factory import deliveries
from factory.deliveries import Answer, DeliveryState, EndpointState, Patience
from factory.errors import FactoryError, NotFoundError, TransientError
from factory.notices import body_of, headers_of
from jobs import notices
from jobs.metrics import NOTICE_DELIVERIES
from jobs.posting import Poster
from storage.ledger import endpoints

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.ledger.endpoints import Delivery, Endpoint

log = structlog.get_logger()

WHO = "notifier"
LEASE = timedelta(seconds=60)
LAST_BEGUN_SECONDS = 40.0  #: after the claim nothing is begun: a try may take fifteen
AT_ONCE = 20  #: deliveries in one claim
LANES = 4  #: threads of one endpoint
POLL_SECONDS = 0.2
STOP_SECONDS = 18.0


def patience(plant: Plant) -> Patience:
    """How long failures are borne here."""
    s = plant.settings
    return Patience(
        tries=s.notify_tries,
        most_seconds=s.notify_pause_seconds,
        aside_failures=s.notify_aside_failures,
        aside_seconds=s.notify_aside_seconds,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One delivery that was tried, and what was answered."""

    delivery: Delivery
    answer: Answer
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Deliveries of one endpoint that are ours for a while.

    until: by the monotonic clock, after which none of them is begun.
    """

    endpoint: Endpoint
    keys: tuple[bytes, ...] = field(repr=False)
    deliveries: tuple[Delivery, ...]
    until: float


class Sender:
    """Sends whatever is due, until it is stopped."""

    def __init__(self, plant: Plant, *, lanes: int = LANES) -> None:
        self.plant, self.lanes = plant, lanes
        self._stopping = threading.Event()
        self._working: dict[tuple[int, int], threading.Thread] = {}
        self._due: frozenset[int] = frozenset()

    def run(self) -> None:
        """Until `stop`; a ledger that gives no answer only delays it."""
        while not self._stopping.is_set():
            try:
                self.look()
                self.plant.metrics.beat("notifier")
            except TransientError as error:
                log.warning("notices delayed", reason=error.reason, detail=str(error))
            self._stopping.wait(POLL_SECONDS)
        self._join(STOP_SECONDS)

    def stop(self) -> None:
        """What is being sent is finished; nothing else is begun."""
        self._stopping.set()

    def look(self) -> None:
        """Number what is new, and set somebody to work for every endpoint that is due."""
        notices.number_new(self.plant)
        with self.plant.ledger.read() as tx:
            self._due = frozenset(endpoints.due(tx))
        self._working = {lane: each for lane, each in self._working.items() if each.is_alive()}
        for lane in ((ident, number) for ident in self._due for number in range(self.lanes)):
            if lane not in self._working:
                self._begin(lane)

    def drain(self) -> None:
        """Send all that is due now, and return when it is sent: for tests and trials."""
        while True:
            self.look()
            if not self._due:
                return
            self._join(None)

    def _begin(self, lane: tuple[int, int]) -> None:
        name = f"endpoint-{lane[0]}-{lane[1]}"
        thread = threading.Thread(target=self._work, args=(lane[0],), name=name, daemon=True)
        self._working[lane] = thread
        thread.start()

    def _join(self, seconds: float | None) -> None:
        end = None if seconds is None else time.monotonic() + seconds
        for thread in self._working.values():
            thread.join(None if end is None else max(0, end - time.monotonic()))

    def _work(self, ident: int) -> None:
        with suppress(NotFoundError):  # removed meanwhile
            try:
                send_due(self.plant, ident, self._stopping)
            except FactoryError as error:
                log.warning("endpoint delayed", endpoint=ident, reason=error.reason)


def send_due(plant: Plant, ident: int, stopping: threading.Event) -> None:
    """Send one endpoint what is due, until nothing is."""
    poster: Poster | None = None
    try:
        while not stopping.is_set() and (claimed := _claimed(plant, ident)):
            poster = poster or Poster(plant.settings.notify_ca_file)
            tried = _sent(plant, claimed, poster, stopping)
            _record(plant, claimed, tried)
    finally:
        if poster:
            poster.close()


def _claimed(plant: Plant, ident: int) -> Claimed | None:
    until = time.monotonic() + LAST_BEGUN_SECONDS
    with plant.ledger.write(WHO) as tx:
        found = tuple(endpoints.claim(tx, ident, lease=LEASE, limit=AT_ONCE))
        if not found:
            return None
        return Claimed(
            endpoint=endpoints.get(tx, ident),
            keys=endpoints.secrets(tx, ident).keys,
            deliveries=found,
            until=until,
        )


def _sent(plant: Plant, claimed: Claimed, poster: Poster, stopping: threading.Event) -> list[Tried]:
    """What was answered to each, up to the first failure: the ledger judges that first."""
    tried: list[Tried] = []
    for delivery in claimed.deliveries:
        if stopping.is_set() or time.monotonic() > claimed.until or not _may_go_on(plant, claimed):
            break
        tried.append(_try(plant, claimed, delivery, poster))
        if tried[-1].answer is not Answer.TAKEN:
            break
    return tried


def _may_go_on(plant: Plant, claimed: Claimed) -> bool:
    """Whether nobody has turned sending off, or this endpoint, since it was claimed."""
    with plant.ledger.read() as tx:
        return endpoints.is_on(tx) and endpoints.is_active(tx, claimed.endpoint.id)


def _try(plant: Plant, claimed: Claimed, delivery: Delivery, poster: Poster) -> Tried:
    body = body_of(delivery.notice, plant.settings.notice_source)
    ident, now = str(delivery.notice.cursor), datetime.now(UTC)
    headers = headers_of(claimed.keys, ident=ident, now=now, body=body)
    try:
        where = notices.destination(claimed.endpoint.url, notices.allowed(plant))
    except FactoryError:
        return _told(claimed, delivery, Answer.BARRED, "host not allowed")
    reply = poster.post(where, headers, body)
    return _told(claimed, delivery, deliveries.answer_of(reply.status), reply.said)


def _told(claimed: Claimed, delivery: Delivery, answer: Answer, said: str) -> Tried:
    """One line a try; what a peer sends stands in none."""
    log.info(
        "notice sent",
        notice=delivery.notice.cursor,
        type=delivery.notice.type,
        endpoint=claimed.endpoint.id,
        answer=said,
        correlation=delivery.notice.correlation,
    )
    return Tried(delivery=delivery, answer=answer, said=said)


def _record(plant: Plant, claimed: Claimed, tried: list[Tried]) -> None:
    """What became of the deliveries and the endpoint; what was not tried is given back."""
    rules, ident = patience(plant), claimed.endpoint.id
    with plant.ledger.write(WHO) as tx:
        before = health = endpoints.get(tx, ident, lock=True).health
        for each in tried:
            health = deliveries.health(health, each.answer, rules, now=tx.now)
            fate = deliveries.fate(
                each.delivery.tries,
                each.answer,
                rules,
                now=tx.now,
                jitter=secrets.randbelow(1000) / 1000,
            )
            endpoints.settle(tx, each.delivery, fate, each.said)
            _count(fate.state, each.answer)
        for delivery in claimed.deliveries[len(tried) :]:
            endpoints.give_back(tx, delivery)
        if tried:
            endpoints.set_health(tx, ident, health, tried[-1].said)
    if before.state is not health.state and health.state is EndpointState.ASIDE:
        log.error("endpoint set aside", endpoint=ident, answer=tried[-1].said)


OUTCOMES: Mapping[DeliveryState, str] = {
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.FAILED: "failed",
    DeliveryState.PENDING: "again",
}


def _count(state: DeliveryState, answer: Answer) -> None:
    aside = answer in {Answer.GONE, Answer.BARRED}
    NOTICE_DELIVERIES.labels("aside" if aside else OUTCOMES[state]).inc()
