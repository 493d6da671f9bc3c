"""Bulk events racing everything else: whatever is done in whatever order, nothing is lost,
nothing comes twice, and in the end everybody has what the register says.

``BULK_HISTORIES=1000`` tells so many histories, other ones every time.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from factory.model import BatchState
from jobs.intake import Status
from tests.jobs import bulk_promises as promises
from tests.jobs.bulk_machine import ERRORS, OF_MANY, PAIRS, STEER, Grounds, World
from tests.jobs.living import tell
from tests.jobs.promises import digest

pytestmark = pytest.mark.usefixtures("brief")

ASKED = int(os.environ.get("BULK_HISTORIES", "0"))
HISTORIES = ASKED or 10
KINDS = sorted(OF_MANY)  #: a history begins with one of them, and each begins as many
PARTS = 20 if ASKED else len(KINDS)  #: so that several processes share them
STEPS = 50 if ASKED else 25  #: of a history at most

WHO, PICK, TWO = st.integers(0, 7), st.integers(0, 8), st.integers(0, 1)
OPERATORS = st.sampled_from(["anna", "bert", None])


class Races(RuleBasedStateMachine):
    """One history."""

    grounds: Grounds
    kind: str  #: of the bulk event that comes first

    def __init__(self) -> None:
        super().__init__()
        self.world: World
        self.memory = promises.Memory()
        self.steps = 0

    @initialize(pair=st.integers(0, len(PAIRS) - 1), place=TWO)
    def begin(self, pair: int, place: int) -> None:
        self.world = self.grounds.world(pair)
        self.world.ask_for_many(self.kind, place)

    # --- upstream

    @rule(who=WHO, pick=PICK, firm=TWO)
    def approve(self, who: int, pick: int, firm: int) -> None:
        self.world.approve(who, pick, firm)

    @rule(who=WHO, pick=PICK, firm=TWO)
    def bring_in(self, who: int, pick: int, firm: int) -> None:
        self.world.bring_in(who, pick, firm)

    @rule(who=WHO, ends=st.sampled_from([False, False, True]))
    def end_or_pause(self, who: int, ends: bool) -> None:
        self.world.end_or_pause(who, ends=ends)

    @rule(who=WHO)
    def move(self, who: int) -> None:
        self.world.move(who)

    @rule(who=WHO, pick=PICK)
    def correct(self, who: int, pick: int) -> None:
        self.world.correct(who, pick)

    @rule(firm=TWO, pick=PICK, wide=st.sampled_from([True, True, True, False]))
    def rename(self, firm: int, pick: int, wide: bool) -> None:
        self.world.rename(firm, pick, wide=wide)

    @rule(pick=PICK, register=TWO)
    def issue_by_version(self, pick: int, register: int) -> None:
        self.world.issue_by_version(pick, register)

    @rule(pick=PICK, register=TWO)
    def reissue(self, pick: int, register: int) -> None:
        self.world.reissue(register, pick)

    @rule(kind=st.integers(0, 4), pick=PICK, place=TWO)
    def begin_bulk(self, kind: int, pick: int, place: int) -> None:
        self.world.begin_bulk(kind, pick, place)

    @rule(pick=st.integers(0, 40))
    def an_event_once_more_changes_nothing(self, pick: int) -> None:
        before = digest(self.world.plant)
        assert self.world.again(pick).status in {Status.DUPLICATE, Status.REFUSED}
        assert digest(self.world.plant) == before

    @rule(days=st.sampled_from([1, 3, 3, 30]))
    def pass_time(self, days: int) -> None:
        self.world.pass_time(days)

    # --- workers

    @rule(pick=PICK)
    def advance(self, pick: int) -> None:
        self.world.advance(pick)

    @rule(most=st.integers(0, 3))
    def work(self, most: int) -> None:
        self.world.work(most)

    @rule(pick=PICK, dies=st.sampled_from([False, False, True]))
    def claim(self, pick: int, dies: bool) -> None:
        self.world.claim(pick, dies=dies)

    @precondition(lambda self: self.world.hands)
    @rule(pick=PICK)
    def finish(self, pick: int) -> None:
        self.world.finish(pick)

    @precondition(lambda self: self.world.finished)
    @rule(pick=PICK)
    def finishing_twice_changes_nothing(self, pick: int) -> None:
        before = digest(self.world.plant)
        assert not self.world.finish_twice(pick)
        assert digest(self.world.plant) == before

    @precondition(lambda self: self.world.hands)
    @rule(pick=PICK, error=st.integers(0, len(ERRORS) - 1), given_back=st.booleans())
    def stumble(self, pick: int, error: int, given_back: bool) -> None:
        self.world.stumble(pick, error, given_back=given_back)

    @precondition(lambda self: self.world.hands)
    @rule(pick=PICK)
    def give_back(self, pick: int) -> None:
        self.world.give_back(pick)

    @rule()
    def reconcile(self) -> None:
        self.world.reconcile()

    # --- operators and holders

    @rule(pick=PICK, operator=OPERATORS, by_enterprise=st.sampled_from([False, False, True]))
    def confirm(self, pick: int, operator: str | None, by_enterprise: bool) -> None:
        before = {batch.id: batch.state for batch in self.world.batches()}
        self.world.confirm(pick, operator, by_enterprise=by_enterprise)
        for batch in self.world.batches():
            started = before[batch.id] is BatchState.AWAITING and batch.state is BatchState.RUNNING
            if started and batch.kind == "enterprise.renamed":
                known = promises.items_of_batch(self.world.plant, batch.id)
                code = batch.subject["credit_code"]
                assert self.world.employed(code, batch.profiles) <= known

    @rule(pick=PICK, what=st.sampled_from(sorted(STEER)))
    def steer(self, pick: int, what: str) -> None:
        self.world.steer(pick, what)

    @rule(pick=PICK)
    def retry_hold(self, pick: int) -> None:
        self.world.retry_hold(pick)

    @rule(pick=PICK)
    def dismiss(self, pick: int) -> None:
        self.world.dismiss(pick)

    @rule(who=WHO)
    def collect(self, who: int) -> None:
        self.world.collect(who)

    # --- what must be true

    @invariant()
    def everything_agrees(self) -> None:
        promises.assert_now(self.world.plant, self.memory)
        rows, self.steps = self.world.rows(), self.steps + 1
        asked = rows[self.steps % len(rows)]
        promises.assert_only_what_is_current_is_given_out(self.world.plant, asked)

    def teardown(self) -> None:
        """Everything comes to rest, and everybody has what the register says."""
        if not hasattr(self, "world"):
            return
        try:
            self._rest()
        finally:
            for line in self.world.told:
                note(line)

    def _rest(self) -> None:
        world = self.world
        world.rest()
        promises.assert_now(world.plant, self.memory)
        world.issue_what_was_left(promises.left_by_cancelled(world.plant))
        promises.assert_now(world.plant, self.memory)
        promises.assert_at_rest(world.plant)
        before = digest(world.plant)
        for pick in range(len(world.sent)):
            world.again(pick)
        for pick in range(len(world.batches())):
            world.advance(pick)
        assert digest(world.plant) == before
        world.count()


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_races_a_bulk_event_nothing_is_lost_and_nothing_comes_twice(
    part: int, tmp_path: Path
) -> None:
    grounds = Grounds.at(tmp_path)

    class Told(Races):
        pass

    Told.grounds, Told.kind = grounds, KINDS[part % len(KINDS)]
    run_state_machine_as_test(
        Told,
        settings=settings(
            max_examples=HISTORIES // PARTS,
            stateful_step_count=STEPS,
            derandomize=not ASKED,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            phases=(Phase.generate,) if ASKED else (Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )

    tell(f"part {part + 1}", grounds.seen)
    assert grounds.seen[f"event {Told.kind} accepted"] >= HISTORIES // PARTS
