"""A font that is added reaches workers that run, through kills and without their store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from factory import specimen
from jobs import desk, fonts
from jobs.drill.killer import AFTER, INSIDE, Kill
from jobs.embedded import Embedded
from tests.fontmaking import SHAPE, small_font

from .works import WHO, Works, at_work, wait_for

FIRST_RARE = 0x2EBF0  #: of extension I, which no installed face has


@pytest.fixture(scope="module")
def works(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A factory whose workers stay up from test to test."""
    with at_work(servers, tmp_path_factory.mktemp("works")) as running:
        yield running


def approve(works: Works, seed: int, rare: str) -> str:
    """An approval of a holder with that character in the name; the registration number."""
    event = specimen.approved(seed, 1)
    event["data"]["holder"]["name"] = f"欧阳{rare}"
    outcome = works.submit(event)
    assert outcome.registration is not None, outcome
    return outcome.registration


def hold_of(works: Works, code_point: str) -> int:
    """The hold on what no face prints, once it is there."""

    def found() -> list[int]:
        return [held.id for held in desk.open_holds(works.plant) if code_point in held.detail]

    wait_for(lambda: bool(found()), "the name is held")
    [hold] = found()
    return hold


def test_workers_that_run_print_with_a_font_added_since(works: Works) -> None:
    number = approve(works, 1, chr(FIRST_RARE))
    hold = hold_of(works, "U+2EBF0")
    restarts = works.restarts()

    fonts.add(works.plant, small_font({chr(FIRST_RARE): SHAPE}, name="First"), who=WHO)
    desk.retry(works.plant, hold, who=WHO, why="font added")
    works.settle_and_check()

    assert works.made(number)
    assert works.restarts() == restarts


@pytest.mark.parametrize(
    ("rare", "kill"),
    [
        (FIRST_RARE + 1, Kill(queue="interactive", stage="draw", where=INSIDE, call=200)),
        (FIRST_RARE + 2, Kill(queue="interactive", stage="draw", where=AFTER)),
        (FIRST_RARE + 3, Kill(queue="interactive", stage="store", where=AFTER)),
    ],
    ids=["while it draws", "before it signs", "before it records"],
)
def test_a_worker_killed_over_such_a_name_costs_time_and_nothing_else(
    works: Works, rare: int, kill: Kill
) -> None:
    """The document that the next worker makes is the one the killed one may have stored."""
    fonts.add(works.plant, small_font({chr(rare): SHAPE}, name=f"Rare{rare:X}"), who=WHO)
    file = works.drill("kill", kill)

    number = approve(works, rare, chr(rare))
    wait_for(lambda: not file.exists(), "the kill was taken")
    works.settle_and_check()

    assert works.made(number)
    assert desk.open_holds(works.plant) == []
