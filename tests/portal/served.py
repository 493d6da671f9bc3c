"""A served door in a process of its own, one who uses it as they should, and how it fares."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

from factory import specimen
from jobs import callers, desk, door
from jobs.embedded import Embedded
from jobs.servers import LOOPBACK, free_port
from jobs.wiring import Plant
from tests.plants import SOURCE, WHO, issue, new_plant

ELSEWHERE = "127.0.0.2"  #: where the one who behaves comes from
PATIENCE = 40.0  #: liveness only
MANY = 1_000_000
CERTIFICATE = b'{"kind": "certificate"}'

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


@dataclass(slots=True, kw_only=True)
class Served:
    """A plant and the process of its door."""

    plant: Plant
    process: subprocess.Popen[bytes]
    log: Path
    token: str
    _seeds: Iterator[int] = field(default_factory=lambda: count(1000))

    @property
    def port(self) -> int:
        """Where it listens, on loopback."""
        return self.plant.settings.http_port

    def ask(
        self, method: str, target: str, body: bytes = b"", *, token: str = "", **headers: str
    ) -> Answer:
        """One request over a connection of its own, by one who behaves."""
        return ask(self.port, token or self.token, method, target, body, **headers)

    def submit(self) -> tuple[str, Answer]:
        """An approval nobody has handed in; its event's id, and the answer."""
        event = specimen.approved(next(self._seeds))
        return event["id"], self.ask("POST", "/v1/events", json.dumps(event).encode())

    def key(self, label: str) -> str:
        """Another access key of the source."""
        return callers.issue(self.plant, SOURCE, label=label, who=WHO).token

    def rss_bytes(self) -> int:
        """Memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024

    def peak_bytes(self) -> int:
        """The most it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024

    def clients(self) -> int:
        """Connections that somebody has to the door, and the door to somebody."""
        port = f":{self.port:04X}"
        lines = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
        # Only of its own end, and only while the process still has it (inode).
        return sum(each[1].endswith(port) and each[3] != "0A" and each[9] != "0" for each in lines)


def ask(
    port: int, token: str, method: str, target: str, body: bytes = b"", **headers: str
) -> Answer:
    """One request from the place of those who behave."""
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    given = shown | {"Content-Type": "application/json"} | headers
    connection = HTTPConnection(LOOPBACK, port, timeout=PATIENCE, source_address=(ELSEWHERE, 0))
    try:
        connection.request(method, target, body=body or None, headers=given)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(status=answer.status, headers=found, body=answer.read())
    finally:
        connection.close()


@contextmanager
def served(folder: Path, db_url: str, broker: Embedded, **changes: Any) -> Iterator[Served]:
    """A door before a fresh ledger."""
    port = free_port()
    given = {
        "redis_url": broker.settings.redis_url,
        "namespace": f"door{port}",
        "s3_endpoint": "http://store.invalid",
        "s3_public_endpoint": "http://store.invalid",
        "s3_key": "key",
        "s3_secret": "secret",
        "http_port": port,
        "http_public_url": f"http://{LOOPBACK}:{port}",
        "http_rate": MANY,
        "http_failures": MANY,
    }
    plant = new_plant(folder, db_url, **(given | changes))
    token = callers.issue(plant, SOURCE, who=WHO).token
    log = folder / "door.log"
    process = start(plant, log)
    try:
        yield Served(plant=plant, process=process, log=log, token=token)
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def start(plant: Plant, log: Path) -> subprocess.Popen[bytes]:
    """The door's process, once it answers."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            door.COMMAND,
            env=dict(os.environ) | plant.settings.to_env(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    door.wait_until_open(plant.settings)
    return process


class Neighbour:
    """Hands in events and asks for links all the time, and must see no error."""

    def __init__(self, door: Served) -> None:
        self._door, self._token = door, door.key("neighbour")
        self._number = issue(door.plant, 1)
        desk.collect(door.plant, self._number, who=WHO)
        self.answered: Counter[str] = Counter()
        self.errors: list[str] = []
        self._stopping = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[Neighbour]:
        """While the block runs."""
        thread = threading.Thread(target=self._run, name="neighbour")
        thread.start()
        try:
            yield self
        finally:
            self._stopping.set()
            thread.join()

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Is served while the block runs, and after it."""
        yield
        rounds = self.answered["/livez"]
        wait_for(
            lambda: self.answered["/livez"] > rounds + 1 or bool(self.errors),
            "the neighbour is served",
        )
        assert not self.errors

    def _run(self) -> None:
        number = quote(self._number)
        for seed in count(50_000):
            event = json.dumps(specimen.approved(seed)).encode()
            self._ask("POST", "/v1/events", event, 202)
            self._ask("POST", f"/v1/registrations/{number}/links", CERTIFICATE, 200)
            self._ask("GET", f"/v1/registrations/{number}", b"", 200)
            self._ask("GET", "/livez", b"", 200)
            if self._stopping.wait(0.01) or self.errors:
                return

    def _ask(self, method: str, target: str, body: bytes, wanted: int) -> None:
        try:
            answer = ask(self._door.port, self._token, method, target, body)
        except (OSError, HTTPException) as error:
            self.errors.append(f"{method} {target}: {error!r}")
            return
        if answer.status != wanted:
            self.errors.append(f"{method} {target}: {answer.status} {answer.body[:300]!r}")
        self.answered[target] += 1


def wait_for(done: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s not: {what}"
        time.sleep(0.05)
