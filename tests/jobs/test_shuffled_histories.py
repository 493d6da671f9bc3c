"""Shuffled histories: the same events in another order end in the same register.

See ``living.py`` for how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from factory.errors import ConflictError, NotFoundError
from jobs import desk
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import registers
from tests.jobs import promises
from tests.jobs.histories import Chronicle, Move, Step, moves
from tests.jobs.living import ASKED, PROFILES, Works, randomly, take, tell
from tests.plants import WHO

pytestmark = pytest.mark.usefixtures("stated_signatures", "brief")

HISTORIES = ASKED or 5  #: of each register; each is told twice


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_the_same_events_in_another_order_end_in_the_same_register(name: str, works: Works) -> None:
    profile = PROFILES[name]

    @randomly(HISTORIES)
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

    tell(name, works.seen)


def _deliver(works: Works, steps: Sequence[Step]) -> None:
    for step in steps:
        take(works, step, [])
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
