"""The whole line in one process: from a ledger row to a file that is stored and recorded.

A simulated register is taken over and issued anew, with the real ledger, broker and store.  What
workers and stewards do, one process does here, chunk after chunk, so that its CPU time is the
worker's.  After each chunk the other ways make a few certificates of the same kind.
"""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from bench import bulk_run, naive, naive_run
from bench.contenders import Given, Handed
from bench.line import opened, settings_for
from bench.operations import Limit
from bench.population import Crowd
from bench.tuned_line import TunedLine
from factory.model import BatchId, BatchState, ChunkId, ChunkState
from factory.profile import Profile
from factory.register import local_day
from factory.simulation import Register
from jobs import embedded, line
from jobs.bulk import confirming, progress, steps
from jobs.metrics import STAGES
from storage import tables as t

if TYPE_CHECKING:
    from jobs.wiring import Plant

WHO = "bench"
PDF_REGISTER = "shanghai-constructor"
OFD_REGISTER, OFD_ALONE = "gansu-constructor", "bench-ofd"
PROFILES = Path("factory/profiles")
SEED = 77
PHOTOS = 100
CHUNK = 100  #: certificates, as the product has it
PAGE_BYTES = os.sysconf("SC_PAGESIZE")
WARM_CHUNKS = 2  #: after the first certificate; in them fonts and keys are opened
SHARED = 4  #: at a batch's end its last four chunks' worth is cut into smaller ones
REGISTERED_FOR_ONE = 1.6  #: of a register some are on paper, over, cancelled or suspended
OPERATORS = ("first", "second")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured; of the other ways so many after each chunk, or neither.

    count: certificates, in whole chunks.
    """

    count: int = 1500
    chunk: int = CHUNK
    tuned: int = 5
    naive: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LineRun:
    """CPU ms of one certificate, medians of chunks.

    stages_ms:  of each stage, of all threads of the process.
    order_ms:   of planning the chunk and writing its orders, which is no part of the line.
    chunks_ms:  of the certificates of each chunk.
    tuned_ms, naive_ms: None: not measured.
    memory:     the process's resident MB after each chunk.
    """

    count: int
    cpu_ms: float
    limit_ms: float
    chunks_ms: Sequence[float]
    stages_ms: Mapping[str, float]
    order_ms: float
    tuned_ms: float | None
    naive_ms: float | None
    memory: Sequence[float]
    size_bytes: int


@dataclass(slots=True)
class Clock:
    """CPU seconds of the process by stage, a chunk after the other."""

    chunks: list[dict[str, float]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """In place of the plant's own, which counts the thread that asks and no other."""
        begun = time.process_time()
        try:
            yield
        finally:
            self.chunks[-1][name] += time.process_time() - begun

    def chunk(self, act: Callable[[], None]) -> None:
        """One chunk; all of it under ``whole``."""
        self.chunks.append(defaultdict(float))
        with self.stage("whole"):
            act()


@contextmanager
def plant_for(
    folder: Path, db: str, algorithm: str, *, workers: int = 1, chunk: int = CHUNK
) -> Iterator[Plant]:
    """A plant of its own in a folder, with its servers; what lay there is removed.

    algorithm: of the keys that seal PDFs.
    """
    shutil.rmtree(folder, ignore_errors=True)
    settings = replace(
        settings_for(db, folder),
        bulk_workers=workers,
        chunk_items=chunk,
        profiles_dir=_ofd_alone(folder),
    )
    with embedded.embedded(settings) as running:
        yield opened(running, algorithm)


def _ofd_alone(folder: Path) -> Path:
    """A register whose certificates are OFD and nothing else: no real one has that."""
    root = Path(__file__).parents[1]
    text = (root / PROFILES / f"{OFD_REGISTER}.toml").read_text("utf-8")
    text = text.replace(f'id = "{OFD_REGISTER}"', f'id = "{OFD_ALONE}"', 1)
    found = folder.absolute() / "profiles"
    found.mkdir(parents=True)
    alone = text.replace('formats = ["ofd", "pdf"]', 'formats = ["ofd"]', 1)
    (found / f"{OFD_ALONE}.toml").write_text(alone, encoding="utf-8")
    return found


def run(plant: Plant, folder: Path, profile: str, algorithm: str, sizes: Sizes) -> LineRun:
    """A register of that profile is issued anew; the other ways make what is no OFD.

    algorithm: of the key that seals it.
    """
    rules = plant.profiles[profile].all[-1]
    alone = profile == OFD_ALONE or not sizes.tuned
    others = {} if alone else _others(plant, folder, rules, sizes)
    limit, clock, ordering, memory = Limit(algorithm), Clock(), [], []
    batch = reissue(plant, rules, sizes.count + (WARM_CHUNKS + SHARED) * sizes.chunk)
    beside: dict[str, list[float]] = defaultdict(list)
    for spent, chunk in chunks(plant, batch):
        made = orders_of(plant, chunk)
        with measured_by(plant, clock):
            clock.chunk(lambda chunk=chunk: line.produce(plant, chunk))
        if made < sizes.chunk:
            clock.chunks.pop()
            continue
        ordering.append(spent)
        memory.append(resident_mb())
        limit.look()
        for name, (count, make) in others.items():
            beside[name].append(_each_ms(count, make))
    ended(plant, batch)
    kept = clock.chunks[WARM_CHUNKS:]
    if not kept:
        raise SystemExit("too few certificates for a whole chunk")
    return LineRun(
        count=len(kept) * sizes.chunk,
        cpu_ms=_median_ms(kept, "whole", sizes.chunk),
        limit_ms=limit.ms,
        chunks_ms=tuple(1000 * chunk["whole"] / sizes.chunk for chunk in kept),
        stages_ms={stage: _median_ms(kept, stage, sizes.chunk) for stage in STAGES},
        order_ms=statistics.median(ordering) * 1000 / sizes.chunk,
        tuned_ms=statistics.median(beside["tuned"]) if others else None,
        naive_ms=statistics.median(beside["naive"]) if others else None,
        memory=tuple(memory),
        size_bytes=_mean_size(plant),
    )


def _median_ms(kept: Sequence[Mapping[str, float]], what: str, each: int) -> float:
    return statistics.median(1000 * chunk.get(what, 0.0) / each for chunk in kept)


def _each_ms(count: int, make: Callable[[], None]) -> float:
    begun = time.process_time()
    for _ in range(count):
        make()
    return 1000 * (time.process_time() - begun) / count


@contextmanager
def measured_by(plant: Plant, clock: Clock) -> Iterator[None]:
    """The plant's stages are told to the clock while the block runs."""
    plant.stage = clock.stage  # type: ignore[method-assign]
    try:
        yield
    finally:
        del plant.stage


# --- a batch, chunk by chunk ------------------------------------------------------------------


def reissue(plant: Plant, rules: Profile, count: int) -> BatchId:
    """So many of a simulated register are to be issued anew; confirmed, nothing made yet."""
    numbers = registered(plant, rules, count)
    batch = prepared(plant, rules, numbers)
    confirm(plant, batch)
    return batch


def registered(plant: Plant, rules: Profile, count: int) -> list[str]:
    """A simulated register is taken over: so many numbers that can be issued anew."""
    today = local_day(datetime.now(UTC))
    size = round(count * REGISTERED_FOR_ONE) + 50
    register = Register(profile=rules, size=size, seed=SEED, day=today)
    bulk_run.take_over(plant, register, photos=PHOTOS)
    found = _with_electronic_ones(plant, rules, today)
    if len(found) < count:
        raise SystemExit("the simulated register is too small for what is measured")
    return found[:count]


def prepared(plant: Plant, rules: Profile, numbers: Sequence[str]) -> BatchId:
    """A batch of those, all of its items written, that waits to be confirmed."""
    data = {"profile": rules.id, "numbers": list(numbers), "reason": "measured"}
    ident = f"reissue-{rules.id}-{numbers[0]}"
    batch = bulk_run.submitted(plant, ident, "reissue.requested", data)
    while state_of(plant, batch) is BatchState.PREPARING:
        steps.advance(plant, batch)
    return batch


def confirm(plant: Plant, batch: BatchId) -> None:
    """By as many operators as its size asks for."""
    for operator in OPERATORS:
        if state_of(plant, batch) is BatchState.AWAITING:
            confirming.confirm(plant, batch, who=WHO, why="measured", operator=operator)


def _with_electronic_ones(plant: Plant, rules: Profile, today: date) -> list[str]:
    """Numbers whose certificate is electronic and in force: the others are not issued anew."""
    r, e = t.registration.c, t.edition.c
    wanted = (
        select(r.number)
        .join(t.edition, e.registration_id == r.id)
        .where(r.profile == rules.id, r.state == "active", e.valid_until >= today.isoformat())
        .where(e.medium == "electronic")
        .order_by(r.id)
    )
    with plant.ledger.read() as tx:
        return list(tx.run(wanted).scalars())


def chunks(plant: Plant, batch: BatchId) -> Iterator[tuple[float, ChunkId]]:
    """Each chunk when it is ready, with the CPU seconds that a chunk cost to be planned."""
    while True:
        begun = time.process_time()
        steps.advance(plant, batch)
        spent = time.process_time() - begun
        ready = _ready(plant, batch)
        if not ready:
            return
        for chunk in ready:
            yield spent / len(ready), chunk


def _ready(plant: Plant, batch: BatchId) -> list[ChunkId]:
    c = t.chunk.c
    wanted = select(c.id).where(c.batch_id == batch, c.state == ChunkState.READY).order_by(c.id)
    with plant.ledger.read() as tx:
        return [ChunkId(found) for found in tx.run(wanted).scalars()]


def orders_of(plant: Plant, chunk: ChunkId) -> int:
    """How many orders it has."""
    wanted = select(func.count()).where(t.production_order.c.chunk_id == chunk)
    with plant.ledger.read() as tx:
        return int(tx.run(wanted).scalar_one())


def ended(plant: Plant, batch: BatchId) -> None:
    """SystemExit: something of the batch is held, or open."""
    found = progress.progress(plant, batch)
    if state_of(plant, batch) is not BatchState.COMPLETED or found.held:
        raise SystemExit(f"batch {batch}: {found.done} done, {found.held} held")


def _mean_size(plant: Plant) -> int:
    with plant.ledger.read() as tx:
        return round(tx.run(select(func.avg(t.file.c.size_bytes))).scalar_one())


def state_of(plant: Plant, batch: BatchId) -> BatchState:
    """Where it stands."""
    with plant.ledger.read() as tx:
        state = tx.run(select(t.batch.c.state).where(t.batch.c.id == batch)).scalar_one()
    return BatchState(state)


def resident_mb() -> float:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE_BYTES / 1e6


# --- the other ways ---------------------------------------------------------------------------


def _others(
    plant: Plant, folder: Path, rules: Profile, sizes: Sizes
) -> dict[str, tuple[int, Callable[[], None]]]:
    """The tuned and the naive line, each with how many it makes after a chunk.

    Each makes another certificate every time; there are as many rows as are asked for.
    """
    folder = folder / "others"
    folder.mkdir(parents=True)
    rounds = sizes.count // sizes.chunk + WARM_CHUNKS + SHARED
    given = _given(plant, folder, rules, rounds * sizes.tuned)
    setup = naive_run.setup_of(plant, folder)
    tuned = TunedLine(setup)
    tuned.create(given)
    rows = [(each.page, each.laid.pictures["photo"]) for each in given[: rounds * sizes.naive]]
    naive.create(setup, rows)
    tuned_ids, naive_ids = iter(range(len(given))), iter(range(len(rows)))
    return {
        "tuned": (sizes.tuned, lambda: tuned.make(next(tuned_ids))),
        "naive": (sizes.naive, lambda: naive.make(setup, next(naive_ids))),
    }


def _given(plant: Plant, folder: Path, rules: Profile, count: int) -> list[Given]:
    handed = Handed(folder)
    people = Crowd([rules]).next(count)
    return [handed.given(each.laid(plant.fontbook, with_twin=True)) for each in people]
