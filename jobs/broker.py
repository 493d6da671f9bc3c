"""The broker: dramatiq on Redis, carrying ids only.  The ledger is the truth, this is a bell.

dramatiq's own retries are off: the ledger counts attempts and sets the pauses, the relay and
the reconciler ring.  A message delivered twice meets the ledger's fence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import redis
from dramatiq import Message
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.middleware import CurrentMessage, ShutdownNotifications, TimeLimit

from factory.model import Queue
from storage.neighbours import Neighbour, no_answer

if TYPE_CHECKING:
    from jobs.settings import Settings

PRODUCE = "produce"
ADVANCE = "advance"
WITHDRAW = "withdraw"
CONNECT_SECONDS = 3
LEAST_ANSWER_SECONDS = 1.0
CHUNK_LIMIT_MS = 600_000
WORKER_MAINTENANCE = 1_000  #: of a million commands
ALWAYS = 1_000_000


class PatientConsumer(_RedisConsumer):
    """A consumer that treats an unanswered question as a lost connection.

    redis-py's TimeoutError is no ConnectionError, so dramatiq would log it and leave the id
    in the ack set of a living process, where nobody finds it (dramatiq#894).  As a lost
    connection the worker acks again, which is harmless.  Ids whose fetch was not answered are
    parked the same way: the worker goes on under a new name, and what the old one had comes
    back when its heartbeat has run out.
    """

    def ack(self, message: Any) -> None:
        """Acknowledge, or ConnectionClosed."""
        self._patiently(super().ack, message)

    def nack(self, message: Any) -> None:
        """Refuse, or ConnectionClosed."""
        self._patiently(super().nack, message)

    def __next__(self) -> Any:
        """The next message, None after a while, or ConnectionClosed."""
        try:
            return self._patiently(super().__next__)
        except ConnectionClosed:
            self.broker.broker_id = str(uuid4())
            raise

    def _patiently(self, call: Any, *args: Any) -> Any:
        try:
            return call(*args)
        except redis.TimeoutError as error:
            raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]


class Broker(RedisBroker):
    """RedisBroker with the patient consumer."""

    @property
    def consumer_class(self) -> type[PatientConsumer]:
        """What consumes."""
        return PatientConsumer


def connect(settings: Settings, *, maintenance_chance: int = WORKER_MAINTENANCE) -> Broker:
    """The broker of these settings, its three queues declared."""
    broker = Broker(  # type: ignore[no-untyped-call]
        client=client(settings),
        namespace=settings.namespace,
        middleware=[
            TimeLimit(time_limit=CHUNK_LIMIT_MS),
            ShutdownNotifications(),
            CurrentMessage(),
        ],
        heartbeat_timeout=settings.heartbeat_ms,
        maintenance_chance=maintenance_chance,
    )
    for queue in Queue:
        broker.declare_queue(queue.value)
    return broker


def client(settings: Settings) -> redis.Redis:
    """A client with timeouts, and no retries of its own: a retried fetch would pop twice."""
    pool = redis.ConnectionPool.from_url(
        settings.redis_url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=answer_seconds(settings),
        socket_keepalive=True,
    )
    return redis.Redis(connection_pool=pool)


def answer_seconds(settings: Settings) -> float:
    """How long an answer may take: a worker must notice before it counts as dead itself."""
    return max(LEAST_ANSWER_SECONDS, settings.heartbeat_ms / 2000)


def send(broker: Broker, queue: Queue, actor: str, ident: int) -> None:
    """Put one bell on a queue.  StoreUnavailableError: the broker gave no answer."""
    message: Message[None] = Message(
        queue_name=queue.value, actor_name=actor, args=(ident,), kwargs={}, options={}
    )
    with broker_edge():
        broker.enqueue(message)


def ping(broker: Broker) -> None:
    """StoreUnavailableError: the broker gives no answer."""
    with broker_edge():
        broker.client.ping()


def waiting(broker: Broker, queue: Queue) -> int:
    """Messages in the queue's list that no worker has fetched."""
    with broker_edge():
        return int(broker.client.llen(f"{broker.namespace}:{queue.value}"))


def maintain(broker: Broker) -> None:
    """Have the messages of dead workers put back, now, on every queue and its delay queue.

    Without a process that asks with certainty, redelivery takes minutes.
    """
    with broker_edge():
        for queue in Queue:
            broker.do_qsize(queue.value)
            broker.do_qsize(f"{queue.value}.DQ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """Whether the broker keeps what it was given."""

    aof: bool
    policy: str


def durability(broker: Broker) -> Durability:
    """Append-only file and eviction policy, as the server says."""
    with broker_edge():
        kept: Any = broker.client.info("persistence")
        memory: Any = broker.client.info("memory")
    return Durability(aof=bool(kept["aof_enabled"]), policy=str(memory["maxmemory_policy"]))


@contextmanager
def broker_edge() -> Iterator[None]:
    """Turns what a lost broker raises into ours."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise no_answer(Neighbour.BROKER, type(error).__name__) from error
