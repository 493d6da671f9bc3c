"""`notify` at the keyboard, a notifier that is killed, and the small receiver, as processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli
from factory.notices import secret_text
from jobs.commands import exits
from jobs.servers import free_port
from jobs.wiring import Plant
from tests.plants import PROFILE, SOURCE, issue, new_plant
from tests.receiving import Receiver, receiving

ROOT = Path(__file__).parents[2]
OK, REFUSED, USAGE, NOT_FOUND, CONFLICT = 0, 1, 2, 4, 5
PATIENCE_SECONDS = 60.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def plant(tmp_path: Path, sqlite_db_url: str, receiver: Receiver) -> Plant:
    return new_plant(tmp_path, sqlite_db_url, notify_hosts=receiver.host)


def run(plant: Plant, *words: str) -> Result:
    return CliRunner(env=plant.settings.to_env()).invoke(cli.main, ["notify", *words])


def said(plant: Plant, *words: str) -> Any:
    done = run(plant, *words, "--json")
    assert done.exit_code == OK, done.stderr
    return json.loads(done.stdout)


def started(plant: Plant) -> subprocess.Popen[bytes]:
    """A notifier as the crew starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.notifier"], cwd=ROOT, env=os.environ | plant.settings.to_env()
    )


def wait_for(receiver: Receiver, count: int) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while len(receiver.taken()) < count:
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_an_endpoint_is_added_listed_and_removed(plant: Plant, receiver: Receiver) -> None:
    shown = said(plant, "add", SOURCE, receiver.url, "--type", "certificate.made")

    assert shown["secret"].startswith("whsec_")
    listed = said(plant, "list")
    assert listed["is_on"] is True
    [one] = listed["endpoints"]
    assert one["endpoint"]["types"] == ["certificate.made"]
    assert "whsec_" not in json.dumps(listed)
    assert receiver.url in run(plant, "list").stdout
    assert run(plant, "remove", "1", "--reason", "moved").exit_code == OK
    assert said(plant, "list")["endpoints"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("add urn:example:x https://elsewhere.example/", REFUSED),
        ("add urn:example:x ftp://elsewhere.example/", REFUSED),
        ("add urn:example:x https://elsewhere.example/ --type nothing", USAGE),
        ("rotate 9", NOT_FOUND),
        ("resume 9", NOT_FOUND),
        ("replay 9 --from 1", NOT_FOUND),
        ("replay 9", USAGE),
        ("remove 9 --reason moved", NOT_FOUND),
        ("remove 9", USAGE),
    ],
)
def test_what_cannot_be_exits_with_its_code(plant: Plant, words: str, code: int) -> None:
    assert run(plant, *words.split()).exit_code == code


def test_resuming_what_is_active_is_a_conflict(plant: Plant, receiver: Receiver) -> None:
    said(plant, "add", SOURCE, receiver.url)

    assert run(plant, "resume", "1").exit_code == CONFLICT


def test_the_switch_is_told_wherever_endpoints_are_listed(plant: Plant) -> None:
    assert run(plant, "off").exit_code == OK
    assert "notify on" in run(plant, "list").stderr
    assert run(plant, "on", "--reason", "done").exit_code == OK
    assert run(plant, "list").stderr == ""


def test_a_killed_notifier_loses_nothing(plant: Plant, receiver: Receiver) -> None:
    said(plant, "add", SOURCE, receiver.url)
    numbers = [issue(plant, seed) for seed in range(1, 4)]
    killed: list[int] = []

    def kill_first(_event: object) -> int:
        if not killed:
            killed.append(process.pid)
            process.kill()
            return 500
        return 204

    receiver.answer = kill_first
    process = started(plant)
    process.wait(PATIENCE_SECONDS)
    with plant.ledger.write("test") as tx:
        from sqlalchemy import update

        from storage import tables as t

        leased = t.delivery.c.lease_until.is_not(None)
        tx.run(update(t.delivery).where(leased).values(lease_until=tx.now))
    process = started(plant)
    try:
        wait_for(receiver, 3)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == OK
    finally:
        process.kill()
        process.wait()

    assert {event["subject"] for event in receiver.taken()} == set(numbers)


def test_the_small_receiver_prints_what_is_signed_and_refuses_the_rest(
    tmp_path: Path, sqlite_db_url: str
) -> None:
    port = free_port()
    plant = new_plant(tmp_path, sqlite_db_url, notify_hosts=f"127.0.0.1:{port}")
    secret = said(plant, "add", SOURCE, f"http://127.0.0.1:{port}/")["secret"]
    number = issue(plant, 1)
    file = tmp_path / "secret"
    file.write_text(secret)
    words = ["receive", "--secret-file", str(file), "--port", str(port), "--count", "1"]
    received = subprocess.Popen(
        [sys.executable, "cli.py", "notify", *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert received.stderr
    assert f":{port}/" in received.stderr.readline()
    forged = subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", "{}",
         f"http://127.0.0.1:{port}/"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    sender = started(plant)
    try:
        out, _ = received.communicate(timeout=PATIENCE_SECONDS)
    finally:
        sender.kill()
        sender.wait()
        received.kill()

    event = json.loads(out)
    assert forged.stdout == "401"
    assert (event["type"], event["subject"]) == ("certificate.made", number)
    assert event["data"]["profile"] == PROFILE


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(secret_text(bytes(32)))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "cli.py", "notify", "receive", "--secret-file", str(file),
             "--port", port],
            cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        )  # fmt: skip

    assert done.returncode == exits.NOT_SET_UP
    assert f"port {port} is not to be had here" in done.stderr
    assert "Traceback" not in done.stderr
