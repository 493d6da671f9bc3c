"""Random histories: whatever happens, the register keeps its promises.

See ``living.py`` for how many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from factory.events import EVENT_TYPES
from factory.model import EditionState, Standing
from factory.profile import Profile
from jobs.intake import Status
from tests.jobs import promises
from tests.jobs.bulk_machine import OF_MANY
from tests.jobs.histories import (
    IN_THE_END,
    ON_ONE_DAY,
    TOUR,
    UNSIGNED,
    Chronicle,
    Move,
    Step,
    moves,
)
from tests.jobs.living import ASKED, PROFILES, Works, randomly, take, tell
from tests.jobs.promises import Memory

pytestmark = pytest.mark.usefixtures("stated_signatures", "brief")

HISTORIES = ASKED or 8  #: of each register


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_whatever_happens_the_register_keeps_its_promises(name: str, works: Works) -> None:
    profile = PROFILES[name]

    @randomly(HISTORIES)
    @given(st.lists(moves(valid=False), min_size=3, max_size=9), st.booleans())
    @example(list(TOUR), True)
    @example(list(IN_THE_END), False)
    @example(list(ON_ONE_DAY), False)
    @example(list(UNSIGNED), False)
    def live(history: list[Move], doubtful: bool) -> None:
        works.fresh()
        _live(works, profile, Chronicle(profile, doubtful=doubtful).tell(history))

    live()

    tell(name, works.seen)
    _check_reached(profile, works.seen)


def _live(works: Works, profile: Profile, steps: Sequence[Step]) -> None:
    sent: list[Step] = []
    memory = Memory()
    for step in steps:
        take(works, step, sent)
        promises.assert_now(works.plant, memory)
    works.count_editions()
    works.rest()
    works.count_editions()
    promises.assert_now(works.plant, memory)
    promises.assert_at_rest(works.plant, profile)
    _again(works, sent)
    works.count()


def _again(works: Works, sent: Sequence[Step]) -> None:
    """I8: every event once more changes nothing."""
    before = promises.digest(works.plant)
    for step in sent:
        assert works.submit(step).status in {Status.DUPLICATE, Status.REFUSED}
    assert promises.digest(works.plant) == before


def _check_reached(profile: Profile, seen: Counter[str]) -> None:
    """Nothing was left out: every event, application, state and standing came about."""
    rules = profile.application
    never = {
        *(OF_MANY - {"enterprise.renamed"}),  # told by test_bulk_machine.py
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
