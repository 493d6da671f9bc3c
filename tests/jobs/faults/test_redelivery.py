"""Bells lost, doubled, late or hanging; neighbours stopped in the middle: all is made once (I8)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from dramatiq.errors import ConnectionClosed
from sqlalchemy import update

from factory import specimen
from factory.errors import StoreUnavailableError
from factory.model import BatchId, ChunkState, Queue
from jobs import broker as brokers
from jobs import intake, opening
from jobs.drill.killer import BEFORE, Hold, Kill
from jobs.drill.proxy import ANSWERS, QUESTIONS, Proxy
from jobs.embedded import Embedded
from jobs.relay import relay
from jobs.servers import LOOPBACK, Server
from jobs.wiring import plant_of
from storage import schema
from storage import tables as t

from .works import Works, at_work, settings_for, wait_for

ENTERPRISE_SIZE = 9
SLOW_MACHINE = 2  #: claims; a lease of three seconds may be lost to a busy machine once
LOST_SECONDS = 2.5  #: longer than a client waits for an answer, shorter than a heartbeat


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Server:
    """The PostgreSQL server behind the factory of this module."""
    server: Server = request.getfixturevalue("postgres").server
    return server


@pytest.fixture(scope="module")
def works(
    servers: Embedded, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Works]:
    """One factory on PostgreSQL, with two processes that may race for a chunk."""
    url, name = request.getfixturevalue("postgres").url, f"t{uuid.uuid4().hex[:12]}"
    schema.fresh_namespace(url, name)
    with at_work(
        servers,
        tmp_path_factory.mktemp("works"),
        DB_URL=schema.in_namespace(url, name),
        BULK_WORKERS="2",
        LEASE_SECONDS="3",
    ) as running:
        yield running


class Flights:
    """Work of both kinds, brought into the air: approvals and a rename, round after round."""

    def __init__(self, works: Works) -> None:
        self.works, self.number = works, 0
        self.approve()
        works.settle()

    def take_off(self) -> None:
        """Return when some chunks of each kind are made, some in hand and some waiting."""
        batch, newest = self.prepare(), self.works.chunks()[-1].id
        gates = [
            self.works.drill(f"gate-{queue}", Hold(queue=queue, stage="draw", turn=2))
            for queue in (Queue.INTERACTIVE, Queue.BULK)
        ]
        self.approve()
        self.works.confirm(batch)
        for queue in (Queue.INTERACTIVE, Queue.BULK):
            wait_for(
                lambda queue=queue: self._in_the_air(queue, newest),
                f"a chunk is made and another in hand ({queue})",
            )
        for gate in gates:
            gate.unlink()

    def _in_the_air(self, queue: Queue, newest: int) -> bool:
        rows = [row for row in self.works.chunks(queue=queue.value) if row.id > newest]
        return {ChunkState.CLOSED, ChunkState.LEASED} <= {row.state for row in rows}

    def prepare(self) -> BatchId:
        """The rename of the last round's holders."""
        self.number += 1
        return self.works.prepare_rename(self.number - 1)

    def approve(self) -> None:
        """This round's holders, whom the next one renames."""
        first = self.number * ENTERPRISE_SIZE
        self.works.approve(range(first, first + ENTERPRISE_SIZE), enterprise=self.number)


@pytest.fixture(scope="module")
def flights(works: Works) -> Flights:
    """Every test brings its own work into the air."""
    return Flights(works)


@pytest.fixture
def broker_server(servers: Embedded) -> Server:
    """The Valkey server."""
    assert servers.broker is not None
    return servers.broker


@pytest.fixture
def store_server(servers: Embedded) -> Iterator[Server]:
    """The SeaweedFS server; runs again after the test, whatever became of it."""
    assert servers.store is not None
    yield servers.store
    if servers.store.pid is None:
        servers.store.start()


def test_work_goes_on_when_the_broker_forgets_everything(works: Works, flights: Flights) -> None:
    flights.take_off()

    with brokers.client(works.plant.settings) as client:
        client.flushall()

    works.settle_and_check()


@pytest.mark.parametrize("kept", [True, False], ids=["with its data", "without its data"])
def test_work_goes_on_when_the_broker_is_killed(
    works: Works, flights: Flights, broker_server: Server, kept: bool
) -> None:
    flights.take_off()

    broker_server.kill()
    if not kept:
        shutil.rmtree(broker_server.folder / "appendonlydir")
    broker_server.start()

    works.settle_and_check()


@pytest.mark.parametrize("stage", ["draw", "store", "record"])
def test_who_slept_through_its_lease_records_nothing(
    works: Works, flights: Flights, stage: str
) -> None:
    batch = flights.prepare()
    refused = works.metric("factory_duplicate_deliveries_total")
    asleep = works.drill(
        "sleeper", Kill(queue="bulk", stage=stage, where=BEFORE, signal=signal.SIGSTOP)
    )

    works.confirm(batch)
    flights.approve()
    try:
        wait_for(lambda: not asleep.exists(), "a worker fell asleep with a chunk in its hands")
        works.settle()  # whoever is awake does the sleeper's work
    finally:
        for member in ("bulk-0", "bulk-1"):
            works.signal(member, signal.SIGCONT)

    wait_for(
        lambda: works.metric("factory_duplicate_deliveries_total") > refused,
        "what the sleeper brought was refused",
    )
    works.settle_and_check()


def test_who_falls_asleep_in_a_transaction_keeps_nobody_waiting(
    works: Works, flights: Flights
) -> None:
    # A stopped process keeps its locks: the others waited for as long as it slept.
    batch = flights.prepare()
    gate = works.drill("gate", Hold(queue="bulk", stage="claim"))
    flights.approve()
    works.confirm(batch)
    wait_for(lambda: bool(works.chunks(batch_id=batch)), "there are chunks")
    with (
        pytest.raises(StoreUnavailableError),
        works.plant.ledger.write("sleeper") as tx,
    ):
        tx.run(update(t.chunk).where(t.chunk.c.batch_id == batch).values(fence=t.chunk.c.fence))
        gate.unlink()

        works.settle()

    works.settle_and_check()


def test_a_bell_rung_five_times_at_once_makes_one_document(works: Works) -> None:
    broker = brokers.connect(works.plant.settings)
    refused = works.metric("factory_duplicate_deliveries_total")

    numbers = works.approve([90_001], enterprise=800)
    chunk = works.chunks(queue="interactive")[-1].id
    for queue in (Queue.BULK, Queue.INTERACTIVE, Queue.BULK, Queue.INTERACTIVE, Queue.BULK):
        brokers.send(broker, queue, brokers.PRODUCE, chunk)

    works.settle_and_check()
    assert works.made(numbers[0])
    wait_for(
        lambda: works.metric("factory_duplicate_deliveries_total") >= refused + 5,
        "five of six deliveries were refused",
    )


def test_a_bell_for_what_does_not_exist_is_refused(works: Works) -> None:
    broker = brokers.connect(works.plant.settings)
    refused = works.metric("factory_duplicate_deliveries_total")

    brokers.send(broker, Queue.INTERACTIVE, brokers.PRODUCE, 10**9)
    brokers.send(broker, Queue.CONTROL, brokers.ADVANCE, 10**9)

    wait_for(lambda: works.metric("factory_duplicate_deliveries_total") > refused, "it was refused")
    works.settle_and_check()


def test_work_rests_while_the_store_is_away(
    works: Works, flights: Flights, store_server: Server
) -> None:
    flights.take_off()

    store_server.kill()
    numbers = works.approve([90_101], enterprise=801)
    wait_for(lambda: any(row.released for row in works.chunks(state="ready")), "a chunk rests")
    store_server.start()

    works.settle_and_check()
    assert works.made(numbers[0])


def test_a_store_that_hangs_looks_like_nobody_dying(
    works: Works, flights: Flights, store_server: Server
) -> None:
    # Calls that outlast a lease count as deaths, and enough of them make an order poison.
    newest = works.chunks()[-1].id
    flights.take_off()

    assert store_server.pid is not None
    os.kill(store_server.pid, signal.SIGSTOP)
    wait_for(lambda: any(row.released for row in works.chunks(state="ready")), "a chunk rests")
    time.sleep(2 * works.settings.lease_seconds)
    os.kill(store_server.pid, signal.SIGCONT)

    works.settle_and_check()
    since = [row for row in works.chunks() if row.id > newest]
    assert max(row.attempt - row.released for row in since) <= SLOW_MACHINE


def test_work_goes_on_when_the_database_is_restarted(
    works: Works, flights: Flights, database: Server
) -> None:
    flights.take_off()

    assert database.pid is not None
    os.kill(database.pid, signal.SIGQUIT)  # at once, as in a crash; its log is replayed
    database.stop()
    time.sleep(1.0)
    database.start()

    works.settle_and_check()


@pytest.fixture
def proxy(servers: Embedded) -> Iterator[Proxy]:
    """A network to the broker that can fail by halves."""
    with Proxy(urlsplit(servers.settings.redis_url).port or 0).running() as running:
        yield running


def through(proxy: Proxy, url: str) -> str:
    """The same broker, by way of the proxy."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f":{parts.password}@{LOOPBACK}:{proxy.port}"))


def test_acks_that_nobody_hears_leave_nothing_parked(
    servers: Embedded, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody may count as dead meanwhile: then the janitor would find what is parked.
    monkeypatch.setenv("dramatiq_restart_delay", "200")
    around = through(proxy, servers.settings.redis_url)
    with at_work(servers, tmp_path, REDIS_URL=around, HEARTBEAT_MS="4000") as works:
        gate = works.drill("gate", Hold(queue="interactive", stage="record", turn=2))
        works.approve(range(4), enterprise=1)
        wait_for(
            lambda: bool(works.chunks(state="closed") and works.chunks(state="leased")),
            "a document is made and another in hand",
        )
        with proxy.losing(QUESTIONS):
            gate.unlink()
            wait_for(lambda: len(works.chunks(state="closed")) > 1, "another one, untold")
            time.sleep(LOST_SECONDS)

        works.settle_and_check()


def test_bells_fetched_by_nobody_come_back(servers: Embedded, proxy: Proxy, tmp_path: Path) -> None:
    settings = settings_for(servers, tmp_path, HEARTBEAT_MS="1000")
    around = replace(settings, redis_url=through(proxy, settings.redis_url))
    worker, janitor = (
        brokers.connect(around),
        brokers.connect(settings, maintenance_chance=brokers.ALWAYS),
    )
    for chunk in (1, 2, 3):
        brokers.send(worker, Queue.BULK, brokers.PRODUCE, chunk)
    consumer = worker.consume(Queue.BULK.value, prefetch=3, timeout=100)

    with proxy.losing(ANSWERS), pytest.raises(ConnectionClosed):
        next(consumer)
    assert brokers.waiting(janitor, Queue.BULK) == 0

    def came_back() -> bool:
        worker.do_qsize(Queue.CONTROL.value)  # it lives, so nobody else looks after its ids
        brokers.maintain(janitor)
        return brokers.waiting(janitor, Queue.BULK) == 3

    wait_for(came_back, "what the lost answer spoke of is in the queue again")


def test_a_broker_that_hangs_does_not_lock_the_ledger(
    servers: Embedded, broker_server: Server, tmp_path: Path
) -> None:
    # SQLite has one lock for all writers: nobody may hold it while waiting for a neighbour.
    settings = settings_for(servers, tmp_path)
    plant = plant_of(settings)
    opening.open_embedded(plant)
    event = json.dumps(specimen.approved(1)).encode()
    assert intake.submit(plant, event, who="test").status == "accepted"  # a bell is to be sent
    broker = brokers.connect(settings)
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", timeout=0, isolation_level=None)
    assert broker_server.pid is not None

    with ThreadPoolExecutor() as pool:
        os.kill(broker_server.pid, signal.SIGSTOP)
        try:
            relaying = pool.submit(relay, plant.ledger, broker)
            looks = 0
            while not relaying.done():
                other.execute("BEGIN IMMEDIATE")
                other.execute("ROLLBACK")
                looks += 1
                time.sleep(0.01)
        finally:
            os.kill(broker_server.pid, signal.SIGCONT)

    assert looks
    with pytest.raises(StoreUnavailableError):
        relaying.result()
    assert relay(plant.ledger, broker) == 1
