"""A whole factory for fault tests: real servers, real processes, short leases."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Row, func, select

from factory import courses, specimen
from factory.courses import Case
from factory.errors import StoreUnavailableError
from factory.model import ApplicationType, BatchId, BatchState, Format
from jobs import crew, enquiry, intake, opening, waiting
from jobs.bulk import confirming
from jobs.crew import Crew
from jobs.drill import DRILLS, killer, place
from jobs.drill.evidence import assert_invariants
from jobs.embedded import Embedded
from jobs.intake import Outcome, Status
from jobs.recheck import running
from jobs.recheck.wanted import Order, Share
from jobs.servers import free_port
from jobs.settings import Settings
from jobs.wiring import Plant, plant_of
from storage import tables as t
from storage.ledger import batches, status
from storage.recheck.scope import Scope
from tests.jobs.warmth import ready

WHO = "test"
WITH_OFD, APPROVED = "gansu-constructor", "registration.approved"
PATIENCE_SECONDS = 180.0  #: liveness only: nothing here is a promise of speed

SHORT = place.SHORT | {"TIME_STAMPS": "off"}


@dataclass(slots=True, kw_only=True)
class Works:
    """A running factory and the means to hurt it."""

    plant: Plant
    crew: Crew
    servers: Embedded
    drills: Path
    verified: set[str] = field(default_factory=set)
    rechecked: datetime | None = None  #: when the re-checker found nothing

    @property
    def settings(self) -> Settings:
        """The settings of its processes."""
        return self.crew.settings

    def submit(self, event: Mapping[str, Any]) -> Outcome:
        """One event, through intake."""
        return intake.submit(self.plant, json.dumps(event).encode(), who=WHO)

    def approve(self, seeds: Iterable[int], *, enterprise: int) -> list[str]:
        """Approvals of these holders at that enterprise; their registration numbers."""
        outcomes = [self.submit(specimen.approved(seed, enterprise)) for seed in seeds]
        assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}, outcomes
        return [str(outcome.registration) for outcome in outcomes]

    def approve_with_ofd(self, seeds: Iterable[int], *, enterprise: int) -> None:
        """Approvals of a register whose certificates are OFD and PDF, at that enterprise."""
        rules = self.plant.profiles[WITH_OFD].all[-1]
        firm = specimen.employer(enterprise)
        for seed in seeds:
            case = Case(profile=rules, kind=ApplicationType.INITIAL, seed=seed, firm=firm)
            for event in courses.course(case):
                if event["type"] == APPROVED or event["data"].get("outcome") == "announced":
                    assert self.submit(event).status is Status.ACCEPTED

    def prepare_rename(self, enterprise: int) -> BatchId:
        """The rename of that enterprise, ready to be confirmed."""
        batch = BatchId(self.submit(specimen.renamed(enterprise, enterprise)).batch or 0)
        self.until_state(batch, BatchState.AWAITING)
        return batch

    def confirm(self, batch: BatchId) -> None:
        """The rename takes effect."""
        confirming.confirm(self.plant, batch, who=WHO, why="a test")

    def until_state(self, batch: BatchId, state: BatchState) -> None:
        """Wait for a batch."""
        waiting.until_state(self.plant, batch, state, seconds=PATIENCE_SECONDS)

    def settle(self) -> None:
        """Wait until no work is open, through outages of the ledger too."""
        wait_for(self._is_settled, "all work is done")

    def _is_settled(self) -> bool:
        """No chunk or step is open, and no batch waits for the reconciler to close it.

        The last item of a batch may be held while its chunk is split, which does not look
        at the batch: the reconciler closes it a moment later.
        """
        try:
            with self.plant.ledger.read() as tx:
                running = [b for b in batches.all_batches(tx) if b.state is BatchState.RUNNING]
                return status.open_work(tx) == 0 and not running
        except StoreUnavailableError:
            return False

    def settle_and_check(self) -> None:
        """Wait until no work is open; then every promise must hold."""
        self.settle()
        assert_invariants(self.plant, self.verified)
        self._recheck()

    def _recheck(self) -> None:
        """The re-checker finds nothing in what has come since it was asked last."""
        with self.plant.ledger.read() as tx:
            now = tx.now
        every, none = (Share(part=part, seed="faults") for part in (1.0, 0.0))
        order = Order(scope=Scope(since=self.rechecked), files=every, render=none)
        result = running.run(self.plant, order, tell=lambda *_: None)
        assert result.findings == []
        self.rechecked = now

    def drill(self, name: str, drill: killer.Drill) -> Path:
        """Order a drill; a kill's file is gone once it has been taken."""
        return killer.order(self.drills, name, drill)

    def pid(self, member: str) -> int:
        """The process group of a member, when it runs; its worker is in it."""
        wait_for(lambda: self._process(member) is not None, f"{member} runs")
        process = self._process(member)
        assert process is not None, member
        return process.pid

    def _process(self, member: str) -> subprocess.Popen[bytes] | None:
        return next(m.process for m in self.crew.members if m.name == member)

    def worker_of(self, member: str) -> int:
        """The process that a master started to do the work, when it has; masters come and go."""
        found: list[int] = []

        def has_one() -> bool:
            process = self._process(member)
            found[:] = _children(process.pid) if process is not None else []
            return bool(found)

        wait_for(has_one, f"{member} has a worker")
        return found[0]

    def signal(self, member: str, number: signal.Signals) -> None:
        """Send a signal to a member, master and worker."""
        os.killpg(self.pid(member), number)

    def chunks(self, **wanted: object) -> Sequence[Row[Any]]:
        """Chunks whose columns have these values, oldest first."""
        conditions = [t.chunk.c[name] == value for name, value in wanted.items()]
        with self.plant.ledger.read() as tx:
            rows: Sequence[Row[Any]] = tx.run(
                select(t.chunk).where(*conditions).order_by(t.chunk.c.id)
            ).all()
            return rows

    def files(self, fmt: Format) -> int:
        """How many files of that format were made."""
        with self.plant.ledger.read() as tx:
            counted = select(func.count()).where(t.file.c.format == fmt)
            return int(tx.run(counted).scalar_one())

    def made(self, number: str) -> bool:
        """Whether the newest edition of a registration is made."""
        return (
            enquiry.registration_status(self.plant, number).registration.newest.made_at is not None
        )

    def metrics(self) -> str:
        """What the exporter says."""
        url = f"http://{self.settings.metrics_host}:{self.settings.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            text: str = answer.read().decode()
        return text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.metrics())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def restarts(self) -> int:
        """How often a member had to be started again."""
        return sum(member.restarts for member in self.crew.members)


def _children(pid: int) -> list[int]:
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except FileNotFoundError:  # it has died meanwhile
        return []
    return [int(child) for child in found.split()]


def wait_for(done: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Until it comes true, or the test fails."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"after {seconds:.0f} s not yet: {what}"
        time.sleep(0.02)


@contextmanager
def at_work(servers: Embedded, folder: Path, **variables: str) -> Iterator[Works]:
    """A factory of its own over the servers: ledger, namespace and bucket are fresh.

    variables: settings without their prefix, beside the short ones; REDIS_URL may name
    something between workers and broker, the tests themselves go straight there.

    Its processes are forked from one that has read the code; `tests/jobs/drill/test_warm.py`.
    """
    own = settings_for(servers, folder, **variables)
    drills = folder / "drills"
    drills.mkdir(parents=True)
    plant = plant_of(replace(own, redis_url=servers.settings.redis_url))
    opening.open_embedded(plant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DRILLS, str(drills))
        with crew.at_work(
            own, worker=killer.WORKER, with_signer=bool(own.signer), begin=ready().begin
        ) as working:
            yield Works(plant=plant, crew=working, servers=servers, drills=drills)
    plant.ledger.engine.dispose()


def settings_for(servers: Embedded, folder: Path, **variables: str) -> Settings:
    """Short leases, and names nobody else has, over running servers."""
    name = f"t{uuid.uuid4().hex[:12]}"
    served = servers.settings.to_env()
    own = {
        "DATA_DIR": str(folder),
        "KEYRING_DIR": str(servers.settings.data_dir / "keyring"),
        "DB_URL": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "NAMESPACE": name,
        "S3_BUCKET": f"{name}-files",
        "S3_INTAKE_BUCKET": f"{name}-intake",
        "METRICS_PORT": str(free_port()),
    }
    given = {f"FACTORY_{key}": value for key, value in (SHORT | own | variables).items()}
    return Settings.from_env(served | given)
