"""What goes on during a drill: approvals, renames, the same again, and in another order.

Upstream as it is: whatever it has no answer to, it hands in again; some it hands in twice though
it has one; of some it hands in the later one first.  A function of the seed, but for what the
faults make of it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from factory import courses, specimen
from factory.courses import Case
from factory.errors import ConflictError, TransientError
from factory.model import ApplicationType, BatchId, BatchState
from jobs import intake
from jobs.bulk import confirming
from jobs.drill import privacy
from jobs.intake import Status
from storage.ledger import batches

if TYPE_CHECKING:
    from jobs.wiring import Plant

WHO = "drill"
WITH_OFD, APPROVED = "gansu-constructor", "registration.approved"
AGAIN_SECONDS = 0.2
PAUSE_SECONDS = 0.6
PATIENCE_SECONDS = 90.0
TWICE = 0.3  #: share of events that are handed in again, though they were taken
PEOPLE = 4  #: approved at once, at one enterprise
RENAME_EACH = 3  #: enterprises

Event = Mapping[str, Any]


@dataclass(slots=True)
class Story:
    """Upstream, and the operators who confirm.

    taken:   outcomes of what was handed in; firms: enterprises so far.
    told:    the last answer to each event, by source and id.
    secrets: what of it may stand nowhere in clear.
    """

    plant: Plant
    chance: Random
    taken: Counter[str] = field(default_factory=Counter)
    firms: int = 0
    people: int = 0
    batches: list[BatchId] = field(default_factory=list)
    told: dict[tuple[str, str], intake.Outcome] = field(default_factory=dict)
    secrets: dict[bytes, str] = field(default_factory=dict)

    def begin(self) -> None:
        """One enterprise, so that the line has something to start with."""
        self._enterprise()
        self._rename(self.firms)

    def go_on_until(self, over: Callable[[], bool]) -> None:
        """One enterprise after the other, until it is over."""
        while not over():
            self._enterprise()
            if self.firms % RENAME_EACH == 0:
                self._rename(self.firms)
            self.confirm()
            time.sleep(PAUSE_SECONDS)

    def confirm(self) -> None:
        """Whatever waits for it."""
        for ident in self.batches:
            try:
                with self.plant.ledger.read() as tx:
                    waits = batches.get(tx, ident).state is BatchState.AWAITING
                if waits:
                    confirming.confirm(self.plant, ident, who=WHO, why="a drill")
            except (TransientError, ConflictError):
                continue  # asked again at the next turn

    def _enterprise(self) -> None:
        """Some people's approvals, shuffled, and now and then one of a register with OFD."""
        self.firms += 1
        first = self.people + 1
        self.people += PEOPLE
        events = [specimen.approved(seed, self.firms) for seed in range(first, first + PEOPLE)]
        self.chance.shuffle(events)
        self._hand_in_all(events)
        if self.chance.random() < 0.5:  # noqa: PLR2004 - every other one
            self._hand_in_all(self._with_ofd(first))

    def _with_ofd(self, seed: int) -> Sequence[Event]:
        rules = self.plant.profiles[WITH_OFD].all[-1]
        firm = specimen.employer(self.firms)
        case = Case(profile=rules, kind=ApplicationType.INITIAL, seed=seed, firm=firm)
        return [
            each
            for each in courses.course(case)
            if each["type"] == APPROVED or each["data"].get("outcome") == "announced"
        ]

    def _rename(self, firm: int) -> None:
        outcome = self._hand_in(specimen.renamed(firm, firm))
        if outcome.batch is not None:
            self.batches.append(BatchId(outcome.batch))

    def _hand_in_all(self, events: Sequence[Event]) -> None:
        for each in events:
            self._hand_in(each)
            if self.chance.random() < TWICE:
                self._hand_in(each)

    def _hand_in(self, event: Event) -> intake.Outcome:
        """Again and again, as upstream does, until there is an answer.

        TransientError: there is none for so long that no fault explains it.
        """
        data = json.dumps(event).encode()
        self.secrets |= privacy.of_event(event)
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                outcome = intake.submit(self.plant, data, who=WHO)
            except TransientError:
                if time.monotonic() > ends:
                    raise
                time.sleep(AGAIN_SECONDS)
                continue
            self.taken[outcome.status.value] += 1
            self.told[outcome.source, outcome.event] = outcome
            if outcome.status is Status.REFUSED:
                raise AssertionError(f"a drill's own event was refused: {outcome.reason}")
            return outcome
