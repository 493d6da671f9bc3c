"""What bulk events and everything else did to each other, one by one, as the histories found it."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select, text

from factory import specimen
from factory.errors import PictureError
from factory.model import BatchId, BatchState, EditionState
from jobs import desk, enquiry, intake
from jobs.bulk import confirming, progress, steering, steps
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import Tx, record
from tests.jobs.faults.works import wait_for
from tests.plants import (
    WHO,
    JsonObject,
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

pytestmark = pytest.mark.on_both


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


def going_back() -> JsonObject:
    """The rename of the example enterprise, the other way round."""
    event = specimen.renamed(2, 1)
    names = event["data"]["enterprise"]
    names |= {"old_name": names["new_name"], "new_name": names["old_name"]}
    return event


def renamed(plant: Plant, *, back: bool = False) -> BatchId:
    """The enterprise is renamed, or renamed back; the batch waits for confirmation."""
    outcome = submit(plant, going_back() if back else specimen.renamed(1, 1))
    assert outcome.batch is not None, outcome
    for _ in range(3):
        steps.advance(plant, BatchId(outcome.batch))
    return BatchId(outcome.batch)


def confirm(plant: Plant, batch: BatchId) -> None:
    confirming.confirm(plant, batch, who=WHO, why="notice")


def finish_all(plant: Plant) -> None:
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))


def test_an_event_held_while_its_batch_ends_is_taken_up(
    tmp_path: Path, postgresql_db_url: str
) -> None:
    plant = new_plant(tmp_path, postgresql_db_url).on(date(2024, 12, 1))
    issue(plant, 1)
    batch = renamed(plant)
    confirm(plant, batch)
    ready = intake._ready(plant, json.dumps(going_back()).encode())
    assert isinstance(ready, intake.Ready)

    with plant.ledger.write(WHO) as tx:  # not committed before the batch has ended
        held = intake._accept(plant, tx, ready)
        run_batch(plant, batch)
    steps.advance(plant, batch)  # the bell that was rung with the hold

    assert held.status is intake.Status.HELD
    assert desk.open_holds(plant) == []
    assert len(progress.all_progress(plant)) == 2


def test_who_cancels_waits_for_who_records_and_neither_fails(
    tmp_path: Path, postgresql_db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One held the chunk and its orders and asked for the batch, the other the other way round."""
    plant = new_plant(tmp_path, postgresql_db_url, chunk_items=1).on(date(2024, 12, 1))
    for seed in (1, 2):
        issue(plant, seed)
    batch = renamed(plant)
    confirm(plant, batch)
    steps.advance(plant, batch)
    claim = must_claim(plant, open_chunks(plant)[0])
    recorded, go_on, ending = Event(), Event(), record._go_on

    def ends(tx: Tx, ident: BatchId) -> None:
        recorded.set()
        assert go_on.wait(30)
        ending(tx, ident)

    monkeypatch.setattr(record, "_go_on", ends)
    with ThreadPoolExecutor(2) as pool:
        recording = pool.submit(finish, plant, claim)
        assert recorded.wait(30)
        cancelling = pool.submit(steering.cancel, plant, batch, who=WHO, why="a mistake")
        wait_for(lambda: waits_for_a_lock(plant), "it waits")
        go_on.set()
        cancelling.result(30)

    assert recording.result()
    found = progress.progress(plant, batch)
    assert (found.state, found.done, found.skipped, found.total) == (BatchState.CANCELLED, 1, 1, 2)


def waits_for_a_lock(plant: Plant) -> bool:
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with plant.ledger.read() as tx:
        return bool(tx.run(waiting).scalar_one())


def test_an_event_held_for_a_batch_rings_for_it(plant: Plant) -> None:
    issue(plant, 1)
    batch = renamed(plant)
    before = bells(plant, batch)

    submit(plant, going_back())

    assert bells(plant, batch) == before + 1


def bells(plant: Plant, batch: BatchId) -> int:
    """How often a batch was rung for and the relay has not sent it."""
    with plant.ledger.read() as tx:
        rung = tx.run(select(t.outbox)).all()
    return sum(repr(row).count(f"'batch': {batch}") for row in rung)


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
