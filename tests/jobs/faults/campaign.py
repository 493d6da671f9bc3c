"""A campaign: a whole register taken over and issued anew, while everything is done to it."""

from __future__ import annotations

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import exists, func, select

import factory
from factory import specimen, verify
from factory.errors import StoreUnavailableError
from factory.events.takeover import Format, Origin
from factory.model import BatchId, BatchState, ItemState
from factory.register import local_day
from factory.simulation import Register
from factory.verify import VerdictWord
from jobs import broker as brokers
from jobs import importing, simulating
from jobs.bulk import confirming, progress, steering
from jobs.bulk.progress import Progress
from jobs.intake import Status
from jobs.servers import Server
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import inbox

from .works import WHO, Works, wait_for

PROFILE = specimen.PROFILE
FIRST_VERSION, VERSION = "2024-01", "2026-01"
SECOND_OPERATOR_ABOVE = 100  #: in the version that is issued
EVENT = "design.revised"
PHOTOS = 500  #: different ones, in a large register
PHOTO_EACH = 100  #: registrations, in a small one
PATIENCE_SECONDS = 24 * 3600.0
FAULT_ECHO_SECONDS = 15.0  #: an approval that began so soon after a fault was disturbed
FIRST_APPROVAL = 400_000
FIRMS = 20  #: approvals at each enterprise


class Silent:
    """A watch nobody looks at."""

    def begin(self, what: str, rows: int | None) -> None:
        """Nobody asks."""

    def advance(self, rows: int) -> None:
        """Nobody asks."""


@dataclass(slots=True)
class Approvals:
    """Single approvals, one after another, while the block runs: how long each took.

    taken: (when it began, seconds from handing in to collectable).
    """

    works: Works
    pause_seconds: float
    taken: list[tuple[float, float]] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """They come while the block runs; the last one is waited for."""
        thread = threading.Thread(target=self._run, name="approvals")
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _run(self) -> None:
        try:
            for turn in range(10**6):
                if self._over.wait(self.pause_seconds):
                    return
                self._one(turn)
        except BaseException as error:
            self.failed.append(error)

    def _one(self, turn: int) -> None:
        event = specimen.approved(FIRST_APPROVAL + turn, FIRST_APPROVAL + turn // FIRMS)
        begun = time.monotonic()
        number = _until_taken(self.works, event)
        wait_for(lambda: _is_collectable(self.works.plant, number), f"approval {turn}", 600.0)
        self.taken.append((begun, time.monotonic() - begun))

    def seconds(self, *, undisturbed_by: Sequence[float] = ()) -> list[float]:
        """Sorted; of those only that no fault fell into, nor shortly before."""
        return sorted(
            took
            for begun, took in self.taken
            if not any(fault - took <= begun <= fault + FAULT_ECHO_SECONDS
                       for fault in undisturbed_by)
        )  # fmt: skip


def _until_taken(works: Works, event: Mapping[str, Any]) -> str:
    """Handed in again and again, as upstream does, until the ledger has answered."""
    while True:
        try:
            outcome = works.submit(event)
        except StoreUnavailableError:
            time.sleep(0.2)
        else:
            assert outcome.status in {Status.ACCEPTED, Status.DUPLICATE}, outcome
            return str(outcome.registration)


def _is_collectable(plant: Plant, number: str) -> bool:
    e, r = t.edition.c, t.registration.c
    wanted = select(
        exists().where(r.number == number, e.registration_id == r.id, e.made_at.is_not(None))
    )
    try:
        with plant.ledger.read() as tx:
            return bool(tx.run(wanted).scalar_one())
    except StoreUnavailableError:
        return False


@dataclass(slots=True)
class Campaign:
    """One register from its file to the last certificate, with a log of what was done."""

    works: Works
    size: int
    faults: list[tuple[float, str]] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311
    pause_seconds: float = 0.2

    @property
    def plant(self) -> Plant:
        """Of the works."""
        return self.works.plant

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measured, and told as it ends."""
        begun = time.monotonic()
        yield
        self.stages[name] = time.monotonic() - begun
        say(f"{name}: {self.stages[name]:.1f} s")

    def take_over(self) -> None:
        """The register, written to a file and taken over with its photos."""
        day = local_day(datetime.now(UTC))
        rules = self.plant.profiles[PROFILE].called(FIRST_VERSION, day)
        register = Register(profile=rules, size=self.size, seed=1, day=day)
        file = self.plant.settings.data_dir / "register.jsonl"
        with self.stage("simulate"):
            photos = min(PHOTOS, max(1, self.size // PHOTO_EACH))
            shown = simulating.pictures(register, photos, self.plant.intake_store, Silent())
            written = simulating.write(register, shown, Format.JSONL, file, Silent())
        say(f"{written.registrations} rows, {written.size_bytes / 1e6:.1f} MB,"
            f" {written.enterprises} enterprises, {written.photos} photos")  # fmt: skip
        origin = Origin(format=Format.JSONL, source=importing.SOURCE, profile=PROFILE)
        with self.plant.ledger.write(WHO) as tx:
            inbox.grant(tx, importing.SOURCE, PROFILE)
        with self.stage("take over"), file.open("rb") as stream:
            report = importing.take_over(
                self.plant, stream, origin, Silent(),
                rows=self.size, keep=lambda raw: None, who=WHO,
            )  # fmt: skip
        file.unlink()
        assert report.counts[Status.ACCEPTED] == self.size, report.counts

    def prepare(self) -> BatchId:
        """The event over all of it, its forecast counted."""
        event = specimen.of_version(EVENT, 1)
        event["data"]["version"] = VERSION
        with self.stage("prepare"):
            outcome = self.works.submit(event)
            assert outcome.batch is not None, outcome
            batch = BatchId(outcome.batch)
            self.until(batch, lambda found: found.state is BatchState.AWAITING)
        return batch

    def confirm(self, batch: BatchId) -> None:
        """Two operators do: it is above what one may."""
        with self.stage("confirm"):
            for operator in ("first", "second"):
                confirming.confirm(self.plant, batch, who=WHO, why="a test", operator=operator)

    def until(self, batch: BatchId, there: Callable[[Progress], bool]) -> Progress:
        """Wait for the batch, through outages of the ledger too."""
        found: list[Progress] = []

        def is_there() -> bool:
            try:
                found[:] = [progress.progress(self.plant, batch)]
            except StoreUnavailableError:
                return False
            time.sleep(0.3)
            return there(found[0])

        wait_for(is_there, f"batch {batch}", PATIENCE_SECONDS)
        return found[0]

    def until_share(self, batch: BatchId, share: float, of: int) -> None:
        """Wait until that much of what it will make is made."""
        self.until(batch, lambda found: found.done >= share * of)

    def fault(self, name: str) -> None:
        """Remember when it was."""
        self.faults.append((time.monotonic(), name))
        say(f"fault: {name}")

    def kill(self, member: str) -> None:
        """kill -9 of the process that does the work, at a moment nobody chose."""
        time.sleep(self.chance.random())
        self.fault(f"kill -9 {member}")
        with suppress(ProcessLookupError):  # it was faster
            os.kill(self.works.worker_of(member), signal.SIGKILL)

    def flush(self) -> None:
        """The broker forgets everything."""
        self.fault("flush of the broker")
        with brokers.client(self.plant.settings) as client:
            client.flushall()

    def restart_database(self, database: Server | None) -> None:
        """PostgreSQL as in a crash; with SQLite whoever writes to it dies in the middle."""
        if database is None:
            for member in ("bulk-0", "control-0", "interactive-0"):
                self.kill(member)
            self.fault("kill -9 steward")
            self.works.signal("steward", signal.SIGKILL)
            return
        self.fault("crash of the database")
        assert database.pid is not None
        os.kill(database.pid, signal.SIGQUIT)  # at once, as in a crash; its log is replayed
        database.stop()
        time.sleep(1.0)
        database.start()

    def pause_and_resume(self, batch: BatchId, while_paused: Callable[[], None]) -> None:
        """Nothing more is made while it rests, whatever happens meanwhile."""
        steering.pause(self.plant, batch, who=WHO, why="a test")
        self.until(batch, lambda found: not _is_in_hand(self.plant, batch))
        rested = progress.progress(self.plant, batch).done
        while_paused()
        time.sleep(3.0)
        assert progress.progress(self.plant, batch).done == rested
        steering.resume(self.plant, batch, who=WHO, why="a test")


def _is_in_hand(plant: Plant, batch: BatchId) -> bool:
    """Whether a worker has a chunk of it; the chunk of a dead one rests until it is resumed."""
    c = t.chunk.c
    with plant.ledger.read() as tx:
        leased = exists().where(c.batch_id == batch, c.state == "leased", c.lease_until > tx.now)
        return bool(tx.run(select(leased)).scalar_one())


def profiles_with_next_version(folder: Path) -> Path:
    """A folder with a later version of the profile: another day, the same paper."""
    source = Path(factory.__file__).parent / "profiles" / f"{PROFILE}.toml"
    text = source.read_text(encoding="utf-8")
    text = text.replace(f'version = "{FIRST_VERSION}"', f'version = "{VERSION}"')
    text = text.replace("effective_from = 2024-01-01", "effective_from = 2026-01-01")
    text = re.sub(
        "second_operator_above = [0-9]+", f"second_operator_above = {SECOND_OPERATOR_ABOVE}", text
    )
    assert date(2026, 1, 1) < local_day(datetime.now(UTC))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{PROFILE}-2026.toml").write_text(text, encoding="utf-8")
    return folder


def forecast(plant: Plant, batch: BatchId) -> Counter[str]:
    """Items by what is expected of them; those that will be made: ``made``."""
    c = t.batch_item.c
    wanted = select(c.forecast, func.count()).where(c.batch_id == batch).group_by(c.forecast)
    with plant.ledger.read() as tx:
        return Counter({row[0] or "made": row[1] for row in tx.run(wanted)})


def assert_nothing_is_lost(plant: Plant, batch: BatchId) -> None:
    """Every registration in force is an item once; what is done has its one new edition."""
    r, i, e = t.registration.c, t.batch_item.c, t.edition.c
    with plant.ledger.read() as tx:
        affected = set(
            tx.run(select(r.id).where(r.profile == PROFILE, r.state == "active")).scalars()
        )
        items = {row[0]: row[1] for row in tx.run(
            select(i.registration_id, i.state).where(i.batch_id == batch))}  # fmt: skip
        made = Counter(tx.run(select(e.registration_id).where(e.cause == EVENT)).scalars())
        taken_over = set(tx.run(select(r.id).where(r.origin_source == importing.SOURCE)).scalars())
    assert set(items) <= affected
    assert set(items) >= affected & taken_over  # whoever came after the confirmation is no item
    assert set(made.values()) <= {1}, "a registration was issued twice"
    assert set(made) == {key for key, state in items.items() if state == ItemState.DONE}


def assert_files_verify(plant: Plant, count: int, chance: random.Random) -> int:
    """So many files, drawn by lot, are what the ledger says, and verify as anybody would."""
    with plant.ledger.read() as tx:
        keys = list(tx.run(select(t.file.c.id).order_by(t.file.c.id)).scalars())
        drawn = chance.sample(keys, min(count, len(keys)))
        rows = tx.run(select(t.file).where(t.file.c.id.in_(drawn))).all()
    roots, issuers = plant.keyring.trust_roots(), plant.keyring.seal_issuers()
    for row in rows:
        data = plant.store.get(row.object_key, sha256=row.sha256)
        assert len(data) == row.size_bytes
        assert verify.verify(data, roots, issuers=issuers).verdict is VerdictWord.VALID
    return len(rows)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of sorted values; the nearest that is there."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def say(line: str) -> None:
    """A line of the log, at once."""
    print(f"campaign: {line}", flush=True)  # noqa: T201 - this is what the log is for
