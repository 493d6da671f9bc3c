"""What is expected of a batch's items, and how fast earlier ones were worked off."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from factory.estimate import Recorded
from factory.model import BatchId, Format, ItemState
from jobs.bulk import confirming
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import forecasts, rates
from tests.plants import (
    PROFILE,
    WHO,
    issue,
    new_plant,
    run_batch,
    start_rename,
)

WEEK = timedelta(days=7)


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url, chunk_items=2)


@pytest.fixture
def batch(plant: Plant) -> BatchId:
    """Five people, of whom the second has no picture and the fourth is no longer registered."""
    for seed in range(1, 6):
        issue(plant, seed)
    batch = start_rename(plant)
    with plant.ledger.write(WHO) as tx:
        for ident, forecast in ((2, "picture"), (4, "not in force")):
            item = t.batch_item.c.registration_id == ident
            tx.run(update(t.batch_item).where(item).values(forecast=forecast))
    return batch


def recorded(plant: Plant, *formats: Format, since: timedelta = WEEK) -> list[Recorded]:
    with plant.ledger.read() as tx:
        return rates.recorded(tx, since=tx.now - since, formats=formats)


def test_counts_add_up_to_the_affected_set(plant: Plant, batch: BatchId) -> None:
    with plant.ledger.read() as tx:
        found = forecasts.counts(tx, batch)

    assert found == [
        (PROFILE, ItemState.PENDING, None, 3),
        (PROFILE, ItemState.PENDING, "not in force", 1),
        (PROFILE, ItemState.PENDING, "picture", 1),
    ]


def test_who_would_be_held_is_named_by_number(plant: Plant, batch: BatchId) -> None:
    with plant.ledger.read() as tx:
        every = forecasts.expected_holds(tx, batch, 10)
        held = forecasts.expected_holds(tx, batch, 10, but={"not in force"})
        first = forecasts.expected_holds(tx, batch, 1)

    assert [forecast for _, forecast in every] == ["picture", "not in force"]
    assert held == first == every[:1]


@pytest.mark.parametrize(
    ("most", "wanted"), [(1, [1]), (2, [1, 5]), (3, [1, 3, 5]), (9, [1, 3, 5])]
)
def test_a_sample_is_taken_evenly_of_those_that_will_be_made(
    plant: Plant, batch: BatchId, most: int, wanted: list[int]
) -> None:
    with plant.ledger.read() as tx:
        found = forecasts.spread(tx, batch, most)

    assert [each.registration for each in found] == wanted


def test_approvals_tell_nothing_of_a_bulk_events_pace(plant: Plant) -> None:
    issue(plant, 1)

    assert recorded(plant, Format.PDF) == []


def test_each_chunk_of_a_bulk_event_is_told(plant: Plant, batch: BatchId) -> None:
    confirming.confirm(plant, batch, who=WHO, why="notice")
    run_batch(plant, batch)

    found = sorted(recorded(plant, Format.PDF), key=lambda each: each.at)

    assert [each.items for each in found] == [0, 1, 2, 2]
    assert recorded(plant, Format.PDF, Format.OFD) == []
    assert recorded(plant, Format.PDF, since=timedelta(0)) == []
