"""The signer process beside the key operation: what it costs that keys are held elsewhere.

A chunk's digests at once, as the line asks for them; the CPU time of both processes counts, with
HTTP, policy, journal and its fsync.  Beside it the same digests by the same key in this process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench.operations import DIGEST_BYTES
from factory.model import Format, Kind
from factory.seals.signer import AccountableSigner, Purpose, Signer
from jobs import opening
from jobs.exporter import resident_bytes
from jobs.settings import Settings
from jobs.signer import starting
from jobs.wiring import Plant
from storage.keyring import Keyring

REGISTER = "gansu-constructor"
NAMES = {"signer_p256": Format.PDF, "signer_sm2": Format.OFD}
HEAT = 3  #: chunks before a round


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Chunks of each round, of so many digests."""

    rounds: int = 9
    chunks: int = 40
    chunk: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerRun:
    """CPU ms of one signature.

    asker_ms, holder_ms: of who asks and who holds the key.
    limit_ms:            of the key operation in one's own process.
    memory_mb:           resident, of the process that holds the keys.
    """

    name: str
    asker_ms: float
    holder_ms: float
    limit_ms: float
    memory_mb: float
    count: int

    @property
    def cpu_ms(self) -> float:
        """Of both processes."""
        return self.asker_ms + self.holder_ms


def run(folder: Path, name: str, sizes: Sizes) -> SignerRun:
    """Both ways in turns, with a key that was made for it."""
    settings = starting.with_own(Settings.from_env({"FACTORY_DATA_DIR": str(folder.absolute())}))
    plant = Plant(settings)
    opening.make_test_keyring(plant)
    fmt = NAMES[name]
    with holding(plant) as pid:
        signer = plant.keyring.seal(REGISTER, fmt).signer
        assert isinstance(signer, AccountableSigner)
        asked = signer.for_purpose(
            Purpose(profile=REGISTER, kind=Kind.CERTIFICATE.value, batch="1")
        )
        own = Keyring(settings.keyring_dir).seal(REGISTER, fmt).signer
        spent = [_round(asked, own, pid, sizes) for _ in range(sizes.rounds + 1)][1:]
        memory = resident_bytes(pid)
    asker, holder, limit = (statistics.median(each) for each in zip(*spent, strict=True))
    return SignerRun(
        name=name,
        asker_ms=asker,
        holder_ms=holder,
        limit_ms=limit,
        memory_mb=memory / 1e6,
        count=sizes.rounds * sizes.chunks * sizes.chunk,
    )


@contextmanager
def holding(plant: Plant) -> Iterator[int]:
    """A signer process that answers; its number."""
    assert plant.signer is not None
    process = subprocess.Popen(
        starting.COMMAND,
        cwd=Path(__file__).parents[1],
        env=dict(os.environ) | plant.settings.to_env() | {"FACTORY_LOG_LEVEL": "error"},
    )
    try:
        starting.wait_until_answers(plant.signer, plant.settings)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _round(asked: Signer, own: Signer, pid: int, sizes: Sizes) -> tuple[float, float, float]:
    """CPU ms of one signature: who asks, who holds, and the operation alone, chunk by chunk."""
    numbers, asker, holder, limit = count(), 0.0, 0.0, 0.0
    for turn in range(HEAT + sizes.chunks):
        if turn == HEAT:
            asker, holder, limit = 0.0, 0.0, 0.0
        digests = _digests(numbers, sizes.chunk)
        begun, elsewhere = time.process_time(), cpu_of(pid)
        asked.sign_digests(digests)
        between = time.process_time()
        holder += cpu_of(pid) - elsewhere
        asker += between - begun
        between = time.process_time()
        own.sign_digests(digests)
        limit += time.process_time() - between
    number = sizes.chunks * sizes.chunk
    return 1000 * asker / number, 1000 * holder / number, 1000 * limit / number


def _digests(numbers: Iterator[int], number: int) -> Sequence[bytes]:
    return [next(numbers).to_bytes(DIGEST_BYTES, "big") for _ in range(number)]


def cpu_of(pid: int) -> float:
    """CPU seconds of another process, to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)
