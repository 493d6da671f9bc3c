"""What bulk events and everything else did to each other, one by one, as the histories found it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from factory import specimen
from factory.errors import PictureError
from factory.model import BatchId, EditionState
from jobs import desk, enquiry
from jobs.bulk import confirming, steps
from jobs.wiring import Plant
from tests.plants import (
    WHO,
    approve,
    finish,
    hold,
    issue,
    must_claim,
    new_plant,
    open_chunks,
    run_batch,
    submit,
)


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    plant = new_plant(tmp_path, db_url, slice_items=2, chunk_items=2)
    return plant.on(date(2024, 12, 1))  # what examples speak of is in force then


def held_approval(plant: Plant) -> str:
    """A registration whose first edition is held; its number."""
    number = approve(plant, 1).registration
    assert number is not None
    hold(plant, must_claim(plant, open_chunks(plant)[0]), PictureError("photo: a test"))
    return number


def reissue(plant: Plant, *numbers: str) -> BatchId:
    """They are asked for anew, and that is confirmed."""
    event = specimen.reissue(1)
    event["data"]["numbers"] = list(numbers)
    outcome = submit(plant, event)
    assert outcome.batch is not None, outcome
    batch = BatchId(outcome.batch)
    steps.advance(plant, batch)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    return batch


def states(plant: Plant, number: str) -> list[EditionState]:
    return [each.state for each in enquiry.registration_status(plant, number).registration.editions]


def test_what_was_held_is_over_once_a_newer_edition_is_made(plant: Plant) -> None:
    number = held_approval(plant)
    batch = reissue(plant, number)

    run_batch(plant, batch)

    assert desk.open_holds(plant) == []
    assert states(plant, number) == [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]


def test_what_was_held_stays_held_until_the_newer_edition_is_made(plant: Plant) -> None:
    number = held_approval(plant)
    batch = reissue(plant, number)

    steps.advance(plant, batch)

    assert [each.reason for each in desk.open_holds(plant)] == ["picture"]
    assert states(plant, number) == [EditionState.ORDERED, EditionState.ORDERED]


def renamed(plant: Plant, *, back: bool = False) -> BatchId:
    """The enterprise is renamed, or renamed back; the batch waits for confirmation."""
    event = specimen.renamed(2 if back else 1, 1)
    names = event["data"]["enterprise"]
    if back:
        names |= {"old_name": names["new_name"], "new_name": names["old_name"]}
    outcome = submit(plant, event)
    assert outcome.batch is not None, outcome
    for _ in range(3):
        steps.advance(plant, BatchId(outcome.batch))
    return BatchId(outcome.batch)


def confirm(plant: Plant, batch: BatchId) -> None:
    confirming.confirm(plant, batch, who=WHO, why="notice")


def finish_all(plant: Plant) -> None:
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))


def test_who_was_suspended_during_a_rename_gets_the_new_name_when_given_back(plant: Plant) -> None:
    number = issue(plant, 1)
    batch = renamed(plant)
    submit(plant, specimen.suspended(1))
    confirm(plant, batch)
    run_batch(plant, batch)

    submit(plant, specimen.resumed(1))
    finish_all(plant)

    assert states(plant, number) == [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]


def test_who_was_suspended_while_a_rename_came_and_went_has_a_certificate_again(
    plant: Plant,
) -> None:
    number = issue(plant, 1)
    batch = renamed(plant)
    submit(plant, specimen.suspended(1))
    confirm(plant, batch)
    run_batch(plant, batch)
    back = renamed(plant, back=True)
    confirm(plant, back)
    run_batch(plant, back)

    submit(plant, specimen.resumed(1))
    finish_all(plant)

    assert states(plant, number) == [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]


def test_who_was_suspended_while_nothing_happened_keeps_the_certificate(plant: Plant) -> None:
    number = issue(plant, 1)
    submit(plant, specimen.suspended(1))

    submit(plant, specimen.resumed(1))

    assert open_chunks(plant) == []
    assert states(plant, number) == [EditionState.UNCOLLECTED]
