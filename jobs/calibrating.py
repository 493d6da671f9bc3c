"""Calibrating (标定): a few certificates are really made on this machine, to see how long it takes.

The line, the presses and the planner are the real ones, at a factory of its own that is gone
afterwards: a ledger (SQLite), a keyring of test seals and a store in a temporary folder, and a
simulated register.  So no number is drawn, nothing is sealed with a real key, and nothing of it
can be taken for a certificate.
"""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from factory import simulation
from factory.errors import ConflictError, StoreUnavailableError
from factory.events.takeover import Format as Rows
from factory.events.takeover import Origin
from factory.model import BatchId, BatchState, ChunkId, ItemState
from factory.page.fonts import UMING
from factory.profile import Profile
from factory.register import local_day
from factory.seals.picture import draw_test_seal
from factory.simulation import Register
from jobs import embedded, importing, line, simulating
from jobs.bulk import confirming, requests, steps
from jobs.metrics import STAGES, Metrics
from jobs.servers import Server
from jobs.settings import Settings
from jobs.wiring import Plant, font_files
from storage import new_keyring, schema
from storage.blobs import Blob
from storage.ledger import batches, inbox, items, outbox, rates
from storage.ledger.outbox import Topic

if TYPE_CHECKING:
    from jobs.importing import Watch

log = structlog.get_logger()

WHO, WHY = "calibration", "calibration"
SEED = 4321
PHOTOS = 10
FACES = 3  #: what is registered for one that is made: some are on paper, cancelled or expired
LEAST_CHUNK, CHUNKS = 10, 3  #: so large at least, and so many; one more opens fonts and keys
CLIENTS, PUTS = (1, 4), 40  #: who puts at the same time, and how many objects each
PROBES = "probe"  #: what is put to measure a store, and removed
OPERATORS = ("first", "second")
NOWHERE = "redis://broker.invalid"  #: nothing here rings
RSA, USUAL = "rsa2048", "p256"
TICKS = 100  #: a second, as /proc counts CPU time on Linux (proc(5), USER_HZ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One chunk that was made.  Seconds of all of it.

    stages:    of each stage of the line.
    planned:   of planning it and writing its orders.
    processor: CPU, of this process, planning too, and of the store.
    """

    certificates: int
    wall: float
    processor: float
    planned: float
    stages: Mapping[str, float]

    def each(self, seconds: float) -> float:
        """Of one certificate."""
        return seconds / self.certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What was measured; at least one chunk.

    key:     of the test seal for PDF.
    puts:    objects a second that the store took, by how many put at the same time.
    is_real: whether that was the factory's store; else one of the calibration's own.
    """

    chunks: tuple[Made, ...]
    key: str
    puts: Mapping[int, float]
    is_real: bool

    @property
    def certificates(self) -> int:
        """How many were made and counted."""
        return sum(each.certificates for each in self.chunks)


class _Heard(Metrics):
    """Wall seconds by stage, beside what the metrics count."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: Counter[str] = Counter()

    def stage(self, stage: str, wall: float, cpu: float) -> None:
        """Called at the end of each stage."""
        super().stage(stage, wall, cpu)
        self.seconds[stage] += wall  # type: ignore[assignment]


def calibrate(plant: Plant, profile: Profile, *, count: int, watch: Watch) -> Calibration:
    """So many certificates of that register, or a few more, made as a bulk event makes them.

    SettingsError: the store cannot be started.  ConflictError: they could not be made.
    """
    chunk = max(LEAST_CHUNK, min(plant.settings.chunk_items, count // CHUNKS))
    whole = count + 2 * chunk  # the first is not counted, and the last ones are smaller
    with tempfile.TemporaryDirectory(prefix="factory-calibration-") as folder:
        settings = _settings(plant.settings, Path(folder), chunk)
        key = RSA if _is_rsa(plant, profile) else USUAL
        with embedded.serving(settings) as running:
            own, heard = Plant(running.settings), _Heard()
            own.metrics = heard
            try:
                _open(own, profile, key)
                numbers = _registered(own, profile, whole, watch)
                batch = _confirmed(own, profile, numbers[:whole])
                watch.begin("making certificates to measure", len(numbers[:whole]))
                made = list(_made(own, batch, heard, _Processor(running.store), watch))
                puts, is_real = _puts(plant, own, watch)
            finally:
                own.ledger.engine.dispose()
    counted = [each for each in made if 2 * each.certificates >= chunk][1:]
    if not counted:
        raise ConflictError("calibration: too few certificates could be made; see the log")
    return Calibration(chunks=tuple(counted), key=key, puts=puts, is_real=is_real)


# --- a factory of its own ---------------------------------------------------------------------


def _settings(real: Settings, folder: Path, chunk: int) -> Settings:
    """The real ones, but for where everything lies."""
    return replace(
        real,
        data_dir=folder,
        db_url=f"sqlite:///{folder / 'ledger.sqlite3'}",
        keyring_dir=folder / "keyring",
        key_passphrase_file=None,
        redis_url=NOWHERE,
        s3_endpoint="",
        s3_public_endpoint="",
        s3_bucket="certificates",
        s3_intake_bucket="intake",
        s3_key="",
        s3_secret="",
        chunk_items=chunk,
        bulk_workers=1,
        signer_per_second=0,
        time_stamps=False,
    )


def _is_rsa(plant: Plant, profile: Profile) -> bool:
    """Whether the register's seal for PDF is: its key sets how long a signature takes."""
    return any(
        each.algorithm.startswith("RSA")
        for each in plant.keyring.identities()
        if each.name in profile.seal.all
    )


def _open(own: Plant, profile: Profile, key: str) -> None:
    face = font_files(own.settings.font_dirs)[UMING.file]
    new_keyring.create_test_keyring(
        own.settings.keyring_dir,
        identities=dict.fromkeys(profile.seal.all, profile.authority.name),
        now=datetime.now(UTC),
        draw_seal=lambda name: draw_test_seal(name, face),
        algorithm=key,
    )
    schema.migrate(own.ledger.engine)
    with own.ledger.write(WHO) as tx:
        inbox.grant(tx, importing.SOURCE, profile.id)


def _registered(own: Plant, profile: Profile, count: int, watch: Watch) -> list[str]:
    """Numbers of a simulated register whose certificates can be issued anew."""
    today = local_day(datetime.now(UTC))
    register = Register(profile=profile, size=FACES * count, seed=SEED, day=today)
    shown = simulating.pictures(register, PHOTOS, None, watch)
    rows = [row for row in simulation.rows(register, shown) if _is_in_force(row, today)][:count]
    raw = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
    origin = Origin(format=Rows.JSONL, source=importing.SOURCE, profile=profile.id)
    importing.take_over(
        own, io.BytesIO(raw), origin, watch, rows=len(rows), keep=lambda _: None, who=WHO
    )
    return [row["registration_number"] for row in rows]


def _is_in_force(row: Mapping[str, Any], today: date) -> bool:
    ends = max(each["valid_to"] for each in row["professions"])
    electronic = row["edition"]["medium"] == "electronic"
    return bool(electronic and row["standing"] == "active" and ends >= today.isoformat())


# --- a bulk event, chunk by chunk -------------------------------------------------------------


def _confirmed(own: Plant, profile: Profile, numbers: Sequence[str]) -> BatchId:
    """ConflictError: they cannot be issued anew."""
    wanted = {number: f"line {place}" for place, number in enumerate(numbers, start=1)}
    [outcome] = requests.reissue(own, wanted, reason=WHY, who=WHO, profile=profile.id)
    if outcome.batch is None:
        raise ConflictError(f"calibration: {outcome.reason or outcome.status}")
    batch = BatchId(outcome.batch)
    while _state(own, batch) is BatchState.PREPARING:
        steps.advance(own, batch)
    for operator in OPERATORS:
        if _state(own, batch) is BatchState.AWAITING:
            confirming.confirm(own, batch, who=WHO, why=WHY, operator=operator)
    return batch


def _state(own: Plant, batch: BatchId) -> BatchState:
    with own.ledger.read() as tx:
        return batches.get(tx, batch).state


def _made(
    own: Plant, batch: BatchId, heard: _Heard, processor: _Processor, watch: Watch
) -> Iterator[Made]:
    """Each chunk as a worker makes it, once it is planned, until there are no more."""
    while True:
        cpu = processor.seconds()
        with _timed() as planning:
            steps.advance(own, batch)
        planned_cpu = processor.seconds() - cpu
        ready = _rung(own)
        if not ready:
            return
        for chunk in ready:
            before, heard.seconds = _count(own, batch), Counter()
            cpu = processor.seconds()
            with _timed() as making:
                line.produce(own, chunk)
            made = _count(own, batch) - before
            watch.advance(made)
            if made:
                yield Made(
                    certificates=made,
                    wall=making.seconds,
                    processor=processor.seconds() - cpu + planned_cpu / len(ready),
                    planned=planning.seconds / len(ready),
                    stages={stage: float(heard.seconds[stage]) for stage in STAGES},
                )


def _rung(own: Plant) -> list[ChunkId]:
    """What the relay would send: chunks; other bells are for a control that is not here."""
    with own.ledger.write(WHO) as tx:
        bells = outbox.unsent(tx)
        outbox.mark_sent(tx, bells)
    return [ChunkId(int(str(each.body["chunk"]))) for each in bells if each.topic is Topic.CHUNK]


def _count(own: Plant, batch: BatchId) -> int:

    with own.ledger.read() as tx:
        return items.counts(tx, batch).get(ItemState.DONE, 0)


# --- a store ----------------------------------------------------------------------------------


def _puts(plant: Plant, own: Plant, watch: Watch) -> tuple[Mapping[int, float], bool]:
    """What the factory's store takes; where there is none or it gives no answer, one of ours."""
    with own.ledger.read() as tx:
        size = rates.size_bytes(tx)
    if plant.settings.s3_endpoint:
        try:
            return _taken(plant, size, watch), True
        except StoreUnavailableError as error:
            log.warning("store not measured", reason=error.reason)
    return _taken(own, size, watch), False


def _taken(plant: Plant, size: int, watch: Watch) -> Mapping[int, float]:
    """Objects of that size a second, by how many clients put at the same time; all are removed."""
    watch.begin("putting objects to measure the store", sum(CLIENTS) * PUTS)
    kept: list[str] = []
    try:
        return {clients: _rate(plant, clients, size, kept, watch) for clients in CLIENTS}
    finally:
        for key in kept:
            plant.store.delete(key)


def _rate(plant: Plant, clients: int, size: int, kept: list[str], watch: Watch) -> float:
    lots = [[_blob(size) for _ in range(PUTS)] for _ in range(clients)]
    kept += [blob.key for lot in lots for blob in lot]
    with ThreadPoolExecutor(clients) as pool, _timed() as putting:
        list(pool.map(plant.bulk_store.put_all, lots))
    watch.advance(clients * PUTS)
    return clients * PUTS / putting.seconds


def _blob(size: int) -> Blob:
    data = secrets.token_bytes(size)
    return Blob(
        key=f"{PROBES}/{secrets.token_hex(8)}",
        data=data,
        content_type="application/octet-stream",
        sha256=hashlib.sha256(data).hexdigest(),
    )


# --- clocks -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Timed:
    seconds: float = 0.0


@contextmanager
def _timed() -> Iterator[_Timed]:
    found, begun = _Timed(), time.perf_counter()
    yield found
    found.seconds = time.perf_counter() - begun


class _Processor:
    """CPU seconds of this process and of the store, which are one machine's."""

    def __init__(self, store: Server | None) -> None:
        self._stat = Path(f"/proc/{store.pid}/stat") if store and store.pid else None

    def seconds(self) -> float:
        """So far; without /proc (proc(5)) this process alone is counted."""
        own = time.process_time()
        if self._stat is None or not self._stat.exists():
            return own
        after_name = self._stat.read_text("ascii", "replace").rpartition(")")[2].split()
        return own + (int(after_name[11]) + int(after_name[12])) / TICKS
