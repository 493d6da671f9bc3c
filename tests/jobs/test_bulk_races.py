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
    hold,
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
