"""Random histories: whatever happens, in whatever order, the register keeps its promises.

``RANDOM_HISTORIES=5000`` tells so many of each register, other ones every time.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from factory import pictures
from factory.errors import ConflictError, NotFoundError
from factory.events import EVENT_TYPES
from factory.model import BatchId, BatchState, EditionState, Standing
from factory.profile import Profile
from jobs import bulk, desk, intake
from jobs.intake import Outcome, Status
from jobs.settings import Settings
from jobs.wiring import Plant, load_profiles
from storage import tables as t
from storage.ledger import inbox, registers
from tests.jobs import promises
from tests.jobs.histories import TOUR, Chronicle, Move, Step, What, moves
from tests.jobs.promises import Memory
from tests.plants import WHO, finish, must_claim, new_plant, open_chunks, put_scans, stored

pytestmark = pytest.mark.usefixtures("stated_signatures")

ASKED = int(os.environ.get("RANDOM_HISTORIES", "0"))
#: a shuffled history is told twice, so these make 210 of each register
AMISS, SHUFFLED = ASKED or 120, ASKED or 45
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
                bulk.advance(self.plant, batch)
        for chunk in open_chunks(self.plant)[:most]:
            self.seen["chunk made"] += 1
            finish(self.plant, must_claim(self.plant, chunk))

    def confirm(self) -> None:
        """Every rename that waits is confirmed."""
        for batch in self._batches(BatchState.AWAITING):
            try:
                bulk.confirm(self.plant, batch, who=WHO, why="notice")
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


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ten thousand events need no log lines, and a picture is normalised once."""
    for role, normalise in pictures.NORMALISE.items():
        monkeypatch.setitem(pictures.NORMALISE, role, lru_cache(normalise))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture
def works(tmp_path: Path, s3: Settings) -> Works:
    """A plant on an empty ledger; sources may each submit for the register they are named by."""
    file = tmp_path / "ledger.sqlite3"
    plant = new_plant(tmp_path, f"sqlite:///{file}", **stored(s3))
    put_scans(plant)
    with plant.ledger.write(WHO) as tx:
        for name in PROFILES:
            inbox.grant(tx, f"urn:example:{name}", name)
    plant.ledger.engine.dispose()
    empty = tmp_path / "empty.sqlite3"
    shutil.copyfile(file, empty)
    return Works(plant=plant, empty=empty, file=file, seen=Counter())


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_whatever_happens_the_register_keeps_its_promises(name: str, works: Works) -> None:
    profile = PROFILES[name]

    @_random(AMISS)
    @given(st.lists(moves(valid=False), min_size=3, max_size=9), st.booleans())
    @example(list(TOUR), True)
    def live(history: list[Move], doubtful: bool) -> None:
        works.fresh()
        _live(works, profile, Chronicle(profile, doubtful=doubtful).tell(history))

    live()

    _tell(name, works.seen)
    _check_reached(profile, works.seen)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_the_same_events_in_another_order_end_in_the_same_register(name: str, works: Works) -> None:
    profile = PROFILES[name]

    @_random(SHUFFLED)
    @given(st.lists(moves(valid=True), min_size=2, max_size=5), st.integers(0, 2**32 - 1))
    def shuffle(history: list[Move], seed: int) -> None:
        steps = Chronicle(profile).tell(history)
        works.fresh()
        _deliver(works, steps)
        told = _register(works.plant)
        clean = not desk.open_holds(works.plant)
        works.seen["told in order, without holds"] += clean
        works.fresh()
        _deliver(works, _shuffled(steps, seed))
        promises.assert_at_rest(works.plant, profile)
        if clean and not desk.open_holds(works.plant):
            works.seen["the same in another order"] += 1
            assert _register(works.plant) == told

    shuffle()

    _tell(name, works.seen)


def _random(examples: int) -> Any:
    return settings(
        max_examples=examples,
        derandomize=not ASKED,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def _live(works: Works, profile: Profile, steps: Sequence[Step]) -> None:
    sent: list[Step] = []
    memory = Memory()
    for step in steps:
        _take(works, step, sent)
        promises.assert_now(works.plant, memory)
    works.count_editions()
    works.rest()
    works.count_editions()
    promises.assert_now(works.plant, memory)
    promises.assert_at_rest(works.plant, profile)
    _again(works, sent)
    works.count()


def _take(works: Works, step: Step, sent: list[Step]) -> None:
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


def _again(works: Works, sent: Sequence[Step]) -> None:
    """I8: every event once more changes nothing."""
    before = promises.digest(works.plant)
    for step in sent:
        assert works.submit(step).status in {Status.DUPLICATE, Status.REFUSED}
    assert promises.digest(works.plant) == before


def _deliver(works: Works, steps: Sequence[Step]) -> None:
    for step in steps:
        _take(works, step, [])
    works.settle()
    while _retried(works):
        works.settle()


def _retried(works: Works) -> bool:
    """Whether a hold could be ended by trying again."""
    before = [each.id for each in desk.open_holds(works.plant)]
    for ident in before:
        try:
            desk.retry(works.plant, ident, who=WHO, why="again")
        except (ConflictError, NotFoundError):
            continue
    return len(desk.open_holds(works.plant)) < len(before)


def _shuffled(steps: Sequence[Step], seed: int) -> list[Step]:
    """The steps in another order, some of the events twice."""
    random = Random(seed)  # noqa: S311 - to shuffle, not to guard
    events = [step for step in steps if step.event is not None]
    found = [*steps, *random.sample(events, k=min(2, len(events)))]
    random.shuffle(found)
    return found


def _register(plant: Plant) -> object:
    """What the register says, but for numbers that were drawn."""
    with plant.ledger.read() as tx:
        rows = registers.load(tx, tx.run(select(t.registration.c.id)).scalars()).values()
        said = [
            (row.origin, row.standing, row.view, row.value.holder, row.value.enterprise)
            for row in rows
        ]
        applications = tx.run(
            select(
                t.application.c.acceptance_number,
                t.application.c.type,
                t.application.c.state,
                t.application.c.revision,
                t.application.c.view,
            )
        ).all()
        return sorted(said, key=repr), sorted(map(tuple, applications))


def _check_reached(profile: Profile, seen: Counter[str]) -> None:
    """Nothing was left out: every event, application, state and standing came about."""
    rules = profile.application
    never = {
        *(() if rules.signers else ("application.signed",)),
        *(() if rules.materials else ("application.attached",)),
    }
    lazy = profile.certificate.generate_on == "collection"
    asked = () if profile.policy.rename_confirmation == "automatic" else ("confirmed",)
    wanted = {
        *asked,
        *(f"event {each} accepted" for each in EVENT_TYPES.keys() - never),
        *(f"{each} completed" for each in rules.types),
        *(f"application {each}" for each in ("completed", "rejected", "withdrawn")),
        *(f"registration {each}" for each in Standing),
        *(f"edition {each}" for each in EditionState),
        *(f"hold {each}" for each in ("awaits", "conflict", "field", "picture")),
        *("collected", "collection refused", "dismissed"),
        *(("retried event",) if lazy else ("retried event", "retried order")),
    }
    assert wanted <= set(seen), f"never reached: {sorted(wanted - set(seen))}"


def _tell(name: str, seen: Counter[str]) -> None:
    print(name)  # noqa: T201
    for what, count in sorted(seen.items()):
        print(f"  {count:6} {what}")  # noqa: T201
