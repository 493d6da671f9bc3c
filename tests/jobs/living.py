"""Living through random histories: a ledger for many, and what is done with each step.

``RANDOM_HISTORIES=5000`` tells so many of each register, other ones every time.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from sqlalchemy import select

from factory.errors import ConflictError
from factory.model import BatchId, BatchState
from jobs import desk, intake
from jobs.bulk import confirming, steps
from jobs.intake import Outcome
from jobs.wiring import Plant, load_profiles
from storage import tables as t
from tests.jobs.histories import Step, What
from tests.plants import WHO, finish, must_claim, open_chunks

ASKED = int(os.environ.get("RANDOM_HISTORIES", "0"))
PROFILES = {name: rules.all[-1] for name, rules in load_profiles(None).items()}
ONE_DAY = timedelta(days=1)


@dataclass(slots=True)
class Works:
    """One ledger for many histories: each begins with a copy of the empty one."""

    plant: Plant
    empty: Path
    file: Path
    seen: Counter[str]

    def fresh(self) -> None:
        """As if nothing had ever happened."""
        self.plant.ledger.engine.dispose()
        for ending in ("-wal", "-shm"):
            self.file.with_name(self.file.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self.empty, self.file)

    def submit(self, step: Step) -> Outcome:
        """The event is taken in; what it was and what became of it is counted."""
        outcome = intake.submit(self.plant.on(date.max - ONE_DAY), step.raw, who=WHO)
        if step.event is not None:
            self.seen[f"event {step.event['type']} {outcome.status}"] += 1
        return outcome

    def work(self, most: int = 100) -> None:
        """Batches go on, and open chunks are made as workers would."""
        for batch in self._batches(BatchState.PREPARING, BatchState.RUNNING):
            for _ in range(2):
                steps.advance(self.plant, batch)
        for chunk in open_chunks(self.plant)[:most]:
            self.seen["chunk made"] += 1
            finish(self.plant, must_claim(self.plant, chunk))

    def confirm(self) -> None:
        """Every rename that waits is confirmed."""
        for batch in self._batches(BatchState.AWAITING):
            try:
                confirming.confirm(self.plant, batch, who=WHO, why="notice")
                self.seen["confirmed"] += 1
            except ConflictError:
                self.seen["confirmation refused"] += 1

    def collect(self) -> None:
        """Everybody tries to collect."""
        for number in self._numbers():
            try:
                desk.collect(self.plant, number, who=WHO)
                self.seen["collected"] += 1
            except ConflictError:
                self.seen["collection refused"] += 1

    def retry(self, place: int) -> None:
        """One of the holds is tried again."""
        if found := desk.open_holds(self.plant):
            held = found[place % len(found)]
            desk.retry(self.plant, held.id, who=WHO, why="again")
            self.seen[f"retried {held.subject_kind}"] += 1

    def dismiss(self, place: int) -> None:
        """One of the held events is dismissed."""
        if found := [each for each in desk.open_holds(self.plant) if each.subject_kind == "event"]:
            desk.dismiss(self.plant, found[place % len(found)].id, who=WHO, why="sent otherwise")
            self.seen["dismissed"] += 1

    def rest(self) -> None:
        """All work is done."""
        while open_chunks(self.plant) or self._batches(BatchState.PREPARING):
            self.work()
        self.work()

    def settle(self) -> None:
        """All work is done, also that of renames nobody had confirmed."""
        self.rest()
        self.confirm()
        self.rest()

    def count(self) -> None:
        """What this history came to."""
        with self.plant.ledger.read() as tx:
            for row in tx.run(select(t.registration.c.state)):
                self.seen[f"registration {row.state}"] += 1
            for row in tx.run(select(t.application.c.type, t.application.c.state)):
                self.seen[f"application {row.state}"] += 1
                self.seen[f"{row.type} {row.state}"] += 1
            for row in tx.run(select(t.hold.c.reason)):
                self.seen[f"hold {row.reason}"] += 1

    def count_editions(self) -> None:
        """How editions stand, while work is still open."""
        with self.plant.ledger.read() as tx:
            for row in tx.run(select(t.edition.c.state)):
                self.seen[f"edition {row.state}"] += 1

    def _numbers(self) -> list[str]:
        with self.plant.ledger.read() as tx:
            return list(tx.run(select(t.registration.c.number)).scalars())

    def _batches(self, *states: BatchState) -> list[BatchId]:
        with self.plant.ledger.read() as tx:
            found = tx.run(select(t.batch.c.id).where(t.batch.c.state.in_(states)))
            return [BatchId(each) for each in found.scalars()]


def randomly(examples: int) -> Any:
    """So many examples, the same ones every time unless a number was asked for."""
    return settings(
        max_examples=examples,
        derandomize=not ASKED,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def take(works: Works, step: Step, sent: list[Step]) -> None:
    if step.event is not None:
        works.submit(step)
        sent.append(step)
    elif step.what is What.WORK:
        works.work(1 + step.pick)
    elif step.what is What.CONFIRM:
        works.confirm()
    elif step.what is What.COLLECT:
        works.collect()
        works.work(step.pick)
    elif step.what is What.RETRY:
        works.retry(step.pick)
    elif step.what is What.DISMISS:
        works.dismiss(step.pick)
    elif sent:
        works.submit(sent[step.pick % len(sent)])


def tell(name: str, seen: Counter[str]) -> None:
    print(name)  # noqa: T201
    for what, count in sorted(seen.items()):
        print(f"  {count:6} {what}")  # noqa: T201
