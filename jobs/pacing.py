"""Pacing (限流): how often a caller may ask, and which signed requests were here before.

Counted in the broker, for all hosts together.  Where it gives no answer, each process counts for
itself and asks it again after a pause: a caller then has its rate in each process.  Which requests
were here before only the broker can say, so without it no signed request is taken.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import redis
import structlog
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from factory.access_keys import STALE
from factory.errors import StoreUnavailableError, TooManyError
from storage.neighbours import Neighbour, no_answer

if TYPE_CHECKING:
    from jobs.settings import Settings

Answer = TypeVar("Answer")
Limiter = SlidingWindowCounterRateLimiter

ANSWER_SECONDS = 1.0  #: of a broker; whoever stands at the door is not kept waiting longer
PAUSE_SECONDS = 5.0  #: before a broker that gave no answer is asked again
REMEMBERED = 2 * STALE + timedelta(
    seconds=60
)  #: as long as a signature is fresh, and clocks differ
NETWORK_V6 = 64  #: one host has all addresses of such a network

log = structlog.get_logger()


class Pacing:
    """What is counted at the door of one installation."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._requests = RateLimitItemPerMinute(settings.http_rate, namespace="requests")
        self._failures = RateLimitItemPerMinute(settings.http_failures, namespace="failures")
        self._visits = RateLimitItemPerMinute(settings.http_visits, namespace="visits")
        self._prefix = f"{settings.namespace}:door"
        self._own = Limiter(MemoryStorage())
        self._client = _client(settings.redis_url) if settings.redis_url else None
        self._shared = _shared(self._client, f"{self._prefix}:rate") if self._client else self._own
        self._clock, self._away_until = clock, -math.inf

    def admit(self, key: str) -> None:
        """Count a request of a key.  TooManyError: it had as many as may be this minute."""
        if not self._ask(lambda limiter: limiter.hit(self._requests, key)):
            raise self._too_many(self._requests, key, f"key {key}: more than {{}} requests")

    def admit_address(self, address: str) -> None:
        """Nothing, if so few failed from there.  TooManyError: as many as may be this minute."""
        place = _place(address)
        if not self._ask(lambda limiter: limiter.test(self._failures, place)):
            raise self._too_many(
                self._failures, place, "this address: more than {} requests without a valid key"
            )

    def failed(self, address: str) -> None:
        """Count a request from there that was not recognised."""
        place = _place(address)
        self._ask(lambda limiter: limiter.hit(self._failures, place))

    def visit(self, address: str) -> None:
        """Count a question from there.  TooManyError: it had as many as may be this minute."""
        place = _place(address)
        if not self._ask(lambda limiter: limiter.hit(self._visits, place)):
            raise self._too_many(self._visits, place, "this address: more than {} questions")

    def is_first(self, key: str, ident: str) -> bool:
        """Whether the key signed no request of that id before; from now on it has.

        StoreUnavailableError: the broker, which alone knows, gave no answer.
        """
        name = f"{self._prefix}:seen:{key}:{ident}"
        with self._reached() as client:
            return bool(client.set(name, 1, nx=True, ex=REMEMBERED))

    def _too_many(self, item: RateLimitItemPerMinute, whose: str, what: str) -> TooManyError:
        reset = self._ask(lambda limiter: limiter.get_window_stats(item, whose).reset_time)
        seconds = max(1, math.ceil(reset - time.time()))
        said = what.format(item.amount)
        return TooManyError(
            f"{said} a minute; again after {seconds} s", again_after=timedelta(seconds=seconds)
        )

    def _ask(self, question: Callable[[Limiter], Answer]) -> Answer:
        """What the broker counts, or this process while the broker is away."""
        with suppress(StoreUnavailableError), self._reached():
            return question(self._shared)
        return question(self._own)

    @contextmanager
    def _reached(self) -> Iterator[redis.Redis]:
        """The broker, unless it was away a moment ago: nobody waits for it one by one.

        StoreUnavailableError: it gave no answer.
        """
        if self._client is None:
            raise no_answer(Neighbour.BROKER, "none is set")
        if self._clock() < self._away_until:
            raise no_answer(Neighbour.BROKER, "a moment ago")
        try:
            yield self._client
        except redis.RedisError as error:
            self._away_until = self._clock() + PAUSE_SECONDS
            log.warning("the door counts without the broker", error=type(error).__name__)
            raise no_answer(Neighbour.BROKER, type(error).__name__) from error


def _client(url: str) -> redis.Redis:
    pool = redis.ConnectionPool.from_url(
        url,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        socket_keepalive=True,
    )
    return redis.Redis(connection_pool=pool)


def _shared(client: redis.Redis, prefix: str) -> Limiter:
    """On the client's own connections, which say where the broker is."""
    pool = client.connection_pool
    return Limiter(RedisStorage("redis://", connection_pool=pool, key_prefix=prefix))


def _place(address: str) -> str:
    """What counts as one place: an IPv4 address, or the network of an IPv6 one.

    >>> _place("::ffff:192.0.2.7"), _place("2001:db8::1"), _place("")
    ('192.0.2.7', '2001:db8::/64', 'nowhere')
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return "nowhere"
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known), NETWORK_V6), strict=False))
