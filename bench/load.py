"""Bounded load over HTTP: a fixed number of connections, each asking again once it is answered."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from itertools import islice
from queue import Empty, SimpleQueue

PATIENCE = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request.

    wanted: the status it is to be answered with; any other is an error.
    """

    method: str
    target: str
    body: bytes = b""
    wanted: int = 200
    kind: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What came of a number of requests; cpu_seconds: of the door's processes."""

    name: str
    connections: int
    count: int
    seconds: float
    cpu_seconds: float
    waits: tuple[float, ...]  #: seconds of each that was answered as wanted, sorted
    errors: int

    def wait(self, share: float) -> float:
        """The wait that this share of the requests does not exceed; nearest rank.

        >>> waits = tuple(float(number) for number in range(1, 101))
        >>> of = dict(name="", connections=1, count=100, seconds=1.0, cpu_seconds=1.0, errors=0)
        >>> load = Load(waits=waits, **of)
        >>> load.wait(0.5), load.wait(0.99)
        (50.0, 99.0)
        """
        if not self.waits:
            return math.nan
        return self.waits[math.ceil(share * len(self.waits)) - 1]


class Client:
    """Asks one door with one access key."""

    def __init__(self, address: tuple[str, int], token: str, cpu: Callable[[], float]) -> None:
        self._address, self._cpu = address, cpu
        self._headers = {"Authorization": f"Bearer {token}"}

    def run(
        self, name: str, asks: Sequence[Ask], *, connections: int, done: Callable[[], None]
    ) -> Load:
        """All of them, shared by so many connections; ``done`` hears of each."""
        waiting: SimpleQueue[Ask] = SimpleQueue()
        for ask in asks:
            waiting.put(ask)
        cpu, began = self._cpu(), time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            futures = [pool.submit(self._work, waiting, done) for _ in range(connections)]
            waits = sorted(wait for future in futures for wait in future.result())
        return Load(
            name=name,
            connections=connections,
            count=len(asks),
            seconds=time.perf_counter() - began,
            cpu_seconds=self._cpu() - cpu,
            waits=tuple(waits),
            errors=len(asks) - len(waits),
        )

    def ask(self, ask: Ask) -> bytes:
        """One answer.  SystemExit: it is not what is wanted."""
        connection = HTTPConnection(*self._address, timeout=PATIENCE)
        status, body = self._asked(connection, ask)
        connection.close()
        if status != ask.wanted:
            raise SystemExit(f"{ask.method} {ask.target}: {status} {body[:500]!r}")
        return body

    def _work(self, waiting: SimpleQueue[Ask], done: Callable[[], None]) -> list[float]:
        """Over one connection, until nothing is left."""
        connection = HTTPConnection(*self._address, timeout=PATIENCE)
        waits = []
        while True:
            try:
                ask = waiting.get_nowait()
            except Empty:
                connection.close()
                return waits
            began = time.perf_counter()
            if self._is_answered(connection, ask):
                waits.append(time.perf_counter() - began)
            done()

    def _is_answered(self, connection: HTTPConnection, ask: Ask) -> bool:
        try:
            return self._asked(connection, ask)[0] == ask.wanted
        except (OSError, HTTPException):
            connection.close()
            return False

    def _asked(self, connection: HTTPConnection, ask: Ask) -> tuple[int, bytes]:
        headers = self._headers | ({"Content-Type": ask.kind} if ask.body else {})
        connection.request(ask.method, ask.target, body=ask.body or None, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def batches(events: Sequence[bytes], size: int) -> list[bytes]:
    """CloudEvents batches of that many events.

    >>> batches([b"1", b"2", b"3"], 2)
    [b'[1,2]', b'[3]']
    """
    left = iter(events)
    return [b"[" + b",".join(each) + b"]" for each in iter(lambda: [*islice(left, size)], [])]
