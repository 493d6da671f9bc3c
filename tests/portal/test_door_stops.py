"""The door stops, dies, and does without a neighbour: nothing it has accepted is lost."""

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from http.client import HTTPException
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from factory import access_keys, specimen
from jobs import crew, door
from jobs.embedded import Embedded
from jobs.servers import LOOPBACK
from portal.problems import PROBLEM
from storage.ledger import inbox
from tests.plants import SOURCE
from tests.portal.served import PATIENCE, Served, ask, served, wait_for

EVENTS = "/v1/events"
BATCH = 15
KILLS = 2
END_SESSIONS = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")


@pytest.fixture
def running(broker: Embedded, tmp_path: Path, sqlite_db_url: str) -> Iterator[Served]:
    """A door."""
    with served(tmp_path, sqlite_db_url, broker) as found:
        yield found


def is_kept(running: Served, event_id: str) -> bool:
    """Whether the ledger has the event."""
    with running.plant.ledger.read() as tx:
        return inbox.find(tx, SOURCE, event_id) is not None


def test_what_is_being_answered_when_the_door_stops_is_answered(running: Served) -> None:
    batches = [[specimen.approved(n) for n in range(at, at + BATCH)] for at in (100, 200)]
    bodies = [json.dumps(batch).encode() for batch in batches]

    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(running.ask, "POST", EVENTS, body) for body in bodies]
        begun = [batch[0]["id"] for batch in batches]
        wait_for(lambda: all(is_kept(running, each) for each in begun), "both have begun")
        running.process.terminate()
        answers = [each.result() for each in asked]

    assert [answer.status for answer in answers] == [202, 202]
    assert [answer.json["counts"]["accepted"] for answer in answers] == [BATCH, BATCH]
    assert running.process.wait(PATIENCE) in {0, -signal.SIGTERM}
    assert all(is_kept(running, event["id"]) for batch in batches for event in batch)
    with pytest.raises(ConnectionRefusedError):
        running.ask("GET", "/livez")


def test_who_stays_connected_and_says_nothing_does_not_keep_the_door_from_stopping(
    running: Served,
) -> None:
    with ExitStack() as stack:
        for said in (b"", b"GET /livez HTTP/1.1\r\nHost: door\r\n\r\n", b"GET /li"):
            connection = stack.enter_context(socket.create_connection((LOOPBACK, running.port)))
            connection.sendall(said)
        assert running.ask("GET", "/livez").status == 200

        running.process.terminate()

        assert running.process.wait(PATIENCE) in {0, -signal.SIGTERM}


def test_a_killed_door_is_started_again_and_has_lost_nothing(running: Served) -> None:
    running.process.terminate()
    running.process.wait(PATIENCE)
    client = Persistent(running)
    settings = replace(running.plant.settings, interactive_workers=0, bulk_workers=0)

    with crew.at_work(settings, with_door=True) as people:
        (member,) = [each for each in people.members if each.name == "door"]
        door.wait_until_open(running.plant.settings)
        with client.at_work():
            for killed in range(1, KILLS + 1):
                before = len(client.accepted)
                wait_for(lambda: len(client.accepted) > before + 2, "events are taken")  # noqa: B023
                assert member.process is not None
                os.kill(member.process.pid, signal.SIGKILL)
                wait_for(lambda: member.restarts == killed, "the crew has seen it")  # noqa: B023
                door.wait_until_open(running.plant.settings)

    assert all(is_kept(running, each) for each in client.accepted)
    assert set(client.outcomes) <= {"accepted", "duplicate"}
    assert len(set(client.accepted)) == len(client.accepted)


class Persistent:
    """Hands each event in until it is taken, as upstream systems should."""

    def __init__(self, running: Served) -> None:
        self._running, self._stopping = running, threading.Event()
        self.accepted: list[str] = []
        self.outcomes: list[str] = []

    def at_work(self) -> ExitStack:
        """While the block runs."""
        thread = threading.Thread(target=self._run, name="persistent")
        stack = ExitStack()
        thread.start()
        stack.callback(thread.join)
        stack.callback(self._stopping.set)
        return stack

    def _run(self) -> None:
        for seed in count(3000):
            event = specimen.approved(seed)
            while not self._is_taken(json.dumps(event).encode()):
                time.sleep(0.1)
            self.accepted.append(event["id"])
            if self._stopping.is_set():
                return

    def _is_taken(self, body: bytes) -> bool:
        try:
            answer = self._running.ask("POST", EVENTS, body)
        except (OSError, HTTPException):
            return False
        assert answer.status == 202
        self.outcomes.append(answer.json["outcomes"][0]["status"])
        return True


def signed_headers(token: str, body: bytes) -> dict[str, str]:
    """What a request that is signed brings."""
    brought = access_keys.read_token(token)
    moment, ident = int(time.time()), os.urandom(8).hex()
    return {
        "Factory-Key": brought.key,
        "Factory-Id": ident,
        "Factory-Timestamp": str(moment),
        "Factory-Signature": access_keys.signature(
            access_keys.signing_key(brought.secret),
            ident=ident,
            moment=moment,
            method="POST",
            target=EVENTS,
            body=body,
        ),
    }


def test_without_the_broker_whoever_shows_a_key_is_served_and_whoever_signs_waits(
    running: Served, broker: Embedded
) -> None:
    assert broker.broker is not None
    first, second = (json.dumps(specimen.approved(seed)).encode() for seed in (400, 401))
    broker.broker.kill()
    try:
        shown = running.ask("POST", EVENTS, first)
        headers = signed_headers(running.token, second)
        signed = ask(running.port, "", "POST", EVENTS, second, **headers)
    finally:
        broker.broker.start()

    assert shown.status == 202
    assert signed.status == 503
    assert signed.headers["content-type"] == PROBLEM
    assert int(signed.headers["retry-after"]) > 0
    wait_for(lambda: _is_taken_signed(running, second), "signed requests are taken again")


def _is_taken_signed(running: Served, body: bytes) -> bool:
    headers = signed_headers(running.token, body)
    return ask(running.port, "", "POST", EVENTS, body, **headers).status == 202


def test_without_the_database_everybody_is_told_when_to_come_again(
    broker: Embedded, tmp_path: Path, postgresql_db_url: str
) -> None:
    with served(tmp_path, postgresql_db_url, broker) as running:
        assert running.submit()[1].status == 202
        name = make_url(postgresql_db_url).database
        elsewhere = make_url(postgresql_db_url).set(database="postgres")
        server = create_engine(elsewhere, isolation_level="AUTOCOMMIT")
        with server.connect() as admin:
            admin.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            admin.execute(END_SESSIONS, {"name": name})
            answers = [running.submit()[1] for _ in range(3)]
            health = running.ask("GET", "/readyz").status, running.ask("GET", "/livez").status
            admin.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        server.dispose()

        assert {answer.status for answer in answers} == {503}
        assert {answer.headers["content-type"] for answer in answers} == {PROBLEM}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in answers)
        assert health == (503, 200)
        event_id, answer = running.submit()
        assert answer.status == 202
        assert is_kept(running, event_id)
