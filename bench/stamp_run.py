"""A time stamp beside none: presses of PAdES B-B and B-T, and of OFD without and with one.

Chunks in turns, with the small authority as a process of its own.  What is counted is the CPU time
of who presses, with asking for tokens and proving them; the authority's stands beside it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.operations import operation, sm2_operation
from bench.population import Crowd
from bench.press_run import SAMPLE, Workshop, workshop
from bench.pressing import Presses
from bench.signer_run import cpu_of
from factory.errors import FactoryError
from factory.model import Format
from factory.seals.sm2_soft import backends
from jobs import opening
from jobs.servers import LOOPBACK, free_port
from jobs.settings import Settings
from jobs.wiring import Plant
from storage.tsa import TEST, TimeAuthority

NAMES = ("pdf_p256_stamped", "ofd_sm2_stamped")
KEY = "p256"
HEAT = 10  #: documents before a round
OPERATIONS = 200  #: of the key alone, each round
DIGEST = bytes(32)
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Chunks of each round, of so many documents."""

    rounds: int = 7
    chunks: int = 3
    chunk: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StampRun:
    """CPU ms of one document.

    cpu_ms, plain_ms: with a stamp and without.
    authority_ms:     of the authority's process.
    token_bytes:      of a token.
    """

    name: str
    cpu_ms: float
    plain_ms: float
    authority_ms: float
    limit_ms: float
    token_bytes: int
    count: int


def run(folder: Path, fonts: tuple[Path, ...], name: str, sizes: Sizes) -> StampRun:
    """Both in turns, for people who are never shown twice."""
    fmt = Format.PDF if name.startswith("pdf") else Format.OFD
    shop = workshop(folder, fonts)
    with authority(folder / "keyring-of-time") as (asked, pid):
        crowd = Crowd(shop.pdf_profiles if fmt is Format.PDF else shop.ofd_profiles)
        make = partial(_presses, shop, fmt, crowd)
        plain, stamped = make(None), make(asked)
        spent = [_round(plain, stamped, crowd, pid, sizes) for _ in range(sizes.rounds + 1)][1:]
        token = len(asked.sample.encoded)
    figures = [statistics.median(each) for each in zip(*spent, strict=True)]
    return StampRun(
        name=name,
        plain_ms=figures[0],
        cpu_ms=figures[1],
        authority_ms=figures[2],
        limit_ms=_operation_ms(shop, fmt),
        token_bytes=token,
        count=sizes.rounds * sizes.chunks * sizes.chunk,
    )


@contextmanager
def authority(folder: Path) -> Iterator[tuple[TimeAuthority, int]]:
    """One that stamps in another process, and its number."""
    port = free_port()
    given = {
        "FACTORY_DATA_DIR": str(folder.absolute()),
        "FACTORY_TSA_URL": f"http://{LOOPBACK}:{port}/",
    }
    plant = Plant(Settings.from_env(given))
    opening.make_test_keyring(plant)
    command = (sys.executable, "-m", "jobs.tsa", str(port), str(plant.settings.keyring_dir))
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1])
    try:
        found = plant.time_authority(TEST)
        _wait(found)
        yield found, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait(asked: TimeAuthority) -> None:
    """Until it stamps."""
    limit = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            asked.stamps([DIGEST])
        except FactoryError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.1)
        else:
            return


def _presses(shop: Workshop, fmt: Format, crowd: Crowd, asked: TimeAuthority | None) -> Presses:
    identity = shop.seals[KEY].identity if fmt is Format.PDF else shop.ofd_seal.identity
    people = crowd.each(SAMPLE)
    return Presses(fmt, identity, people, shop.fontbook, with_twin=True, authority=asked)


def _round(
    plain: Presses, stamped: Presses, crowd: Crowd, pid: int, sizes: Sizes
) -> Sequence[float]:
    """CPU ms of a document without and with a stamp, and of the authority."""
    for each in (plain, stamped):
        each.make(crowd.next(HEAT))
    spent, elsewhere = [0.0, 0.0], cpu_of(pid)
    for _ in range(sizes.chunks):
        for place, presses in enumerate((plain, stamped)):
            people = crowd.next(sizes.chunk)
            begun = time.process_time()
            presses.make(people)
            spent[place] += time.process_time() - begun
    number = sizes.chunks * sizes.chunk
    elsewhere = cpu_of(pid) - elsewhere
    return [1000 * each / number for each in (*spent, elsewhere)]


def _operation_ms(shop: Workshop, fmt: Format) -> float:
    """Of the key alone, the better where two libraries can."""
    if fmt is Format.PDF:
        ways = [operation(shop.seals[KEY].key)]
    else:
        ways = [sm2_operation(shop.ofd_seal.secret, name) for name in backends()]
    return min(statistics.median(_timed(sign) for _ in range(5)) for sign in ways)


def _timed(sign: Callable[[bytes], bytes]) -> float:
    begun = time.process_time()
    for _ in range(OPERATIONS):
        sign(DIGEST)
    return 1000 * (time.process_time() - begun) / OPERATIONS
