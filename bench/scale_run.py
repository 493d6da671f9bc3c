"""Two processes against one, and many certificates by one process: presses, nothing stored."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.line_run import PDF_REGISTER, resident_mb
from bench.population import Crowd
from bench.press_run import presses_of, workshop
from bench.pressing import Presses
from factory.model import Format

KEY = "p256"
CHUNK = 100
SLICE = 10  #: chunks of people that are drawn up at once, before they are pressed
REGISTERED_FOR_ONE = 1.1  #: some are cancelled or suspended
PROCESSES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Certificates a second of one process and of two, by the clock, medians of rounds.

    ratio: of two to one, of rounds that follow each other, as both see the same machine.
    """

    count: int
    one_per_s: float
    two_per_s: float
    ratio: float
    cpu_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Many certificates one after the other.

    cpu_ms: of one.  memory: resident MB after each tenth.
    """

    count: int
    cpu_ms: float
    memory: Sequence[float]
    by_reference: int


# --- two against one --------------------------------------------------------------------------


def together(font_dirs: tuple[Path, ...], *, rounds: int, chunks: int) -> Together:
    """In turns: one process presses while the other rests, then both at once."""
    with _workers(font_dirs) as workers:
        _pressed(workers, 1)
        alone, both = [], []
        for _ in range(rounds):
            alone.append(_pressed(workers[:1], chunks))
            both.append(_pressed(workers, chunks))
    return Together(
        count=chunks * CHUNK,
        one_per_s=statistics.median(rate for rate, _ in alone),
        two_per_s=statistics.median(rate for rate, _ in both),
        ratio=statistics.median(two / one for (one, _), (two, _) in zip(alone, both, strict=True)),
        cpu_ms=statistics.median(cpu for _, cpu in alone),
    )


@contextmanager
def _workers(font_dirs: tuple[Path, ...]) -> Iterator[list[Connection]]:
    context = multiprocessing.get_context("spawn")
    ends, started = [], []
    for _ in range(PROCESSES):
        mine, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, font_dirs), daemon=True)
        process.start()
        ends.append(mine)
        started.append(process)
    yield ends
    for end, process in zip(ends, started, strict=True):
        end.send(0)
        process.join()


def _work(orders: Connection, font_dirs: tuple[Path, ...]) -> None:
    """A process that presses so many chunks whenever it is told to; 0 ends it."""
    with TemporaryDirectory() as folder:
        presses, crowd = _ready(Path(folder), font_dirs, None)
        while chunks := orders.recv():
            people = [crowd.next(CHUNK) for _ in range(chunks)]
            orders.send(None)
            orders.recv()
            began, cpu = time.perf_counter(), time.process_time()
            for each in people:
                presses.make(each)
            orders.send((began, time.perf_counter(), time.process_time() - cpu))


def _pressed(workers: Sequence[Connection], chunks: int) -> tuple[float, float]:
    """Certificates a second of all of them at once, and CPU ms of one."""
    for worker in workers:
        worker.send(chunks)
    for worker in workers:
        worker.recv()
    for worker in workers:
        worker.send(None)
    told = [worker.recv() for worker in workers]
    count = len(workers) * chunks * CHUNK
    seconds = max(end for _, end, _ in told) - min(begin for begin, _, _ in told)
    return count / seconds, 1000 * sum(cpu for _, _, cpu in told) / count


# --- many -------------------------------------------------------------------------------------


def many(font_dirs: tuple[Path, ...], count: int) -> Scale:
    """A whole register is issued anew by this process; people are drawn up in between."""
    with TemporaryDirectory() as folder:
        presses, crowd = _ready(Path(folder), font_dirs, count)
        presses.make(crowd.next(CHUNK))
        spent, memory, done = 0.0, [], 0
        while done < count:
            wanted = min(SLICE * CHUNK, count - done, max(1, count // 10))
            people = crowd.next(wanted)
            begun = time.process_time()
            for first in range(0, wanted, CHUNK):
                presses.make(people[first : first + CHUNK])
            spent += time.process_time() - begun
            done += wanted
            if done * 10 // count > len(memory):
                memory.append(resident_mb())
    return Scale(
        count=done,
        cpu_ms=1000 * spent / done,
        memory=tuple(memory),
        by_reference=presses.by_reference,
    )


def _ready(folder: Path, font_dirs: tuple[Path, ...], count: int | None) -> tuple[Presses, Crowd]:
    """A press with the twin, and its people; of one register where it is counted."""
    shop = workshop(folder, font_dirs)
    if count is None:
        crowd = Crowd(shop.pdf_profiles)
    else:
        [profile] = (each for each in shop.pdf_profiles if each.id == PDF_REGISTER)
        crowd = Crowd([profile], round(count * REGISTERED_FOR_ONE) + 400)
    identity = shop.seals[KEY].identity
    return presses_of(shop, Format.PDF, identity, crowd, with_twin=True), crowd
