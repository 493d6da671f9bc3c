"""Recording: editions switch in one fenced transaction, and constraints have the last word."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from factory.errors import FieldError
from factory.model import BatchId, BatchState, EditionState, ItemState
from jobs import desk, enquiry
from jobs.bulk import confirming, progress, steps
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import record
from storage.ledger.chunks import Claim
from tests.plants import (
    WHO,
    approve,
    claim,
    finish,
    hold,
    issue,
    made,
    must_claim,
    new_plant,
    open_chunks,
    skip_canary,
    start_rename,
)

ORDERED, OUTDATED = EditionState.ORDERED, EditionState.OUTDATED
SUPERSEDED, UNCOLLECTED = EditionState.SUPERSEDED, EditionState.UNCOLLECTED
UNPRINTABLE = FieldError("holder.name", "faces", "cannot be printed")


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


def test_a_made_edition_becomes_current_with_its_file(plant: Plant) -> None:
    number = approved(plant, 1)
    found = must_claim(plant, open_chunks(plant)[0])

    assert finish(plant, found)

    [edition] = enquiry.registration_status(plant, number).registration.editions
    assert edition.state is UNCOLLECTED
    assert edition.made_at is not None
    assert [file.object_key for file in edition.files] == [f"{found.orders[0].key_stem}.pdf"]


def test_a_file_is_recorded_no_earlier_than_it_says_though_the_clock_was_set_back(
    plant: Plant,
) -> None:
    approved(plant, 1)
    found = must_claim(plant, open_chunks(plant)[0])
    [order] = found.orders
    with plant.ledger.write(WHO) as tx:
        later = order.signed_at + timedelta(hours=1)
        tx.run(update(t.production_order).values(signed_at=later))

    assert finish(plant, found)

    with plant.ledger.read() as tx:
        assert tx.run(select(t.file.c.made_at)).scalar_one() == later


def test_a_file_is_recorded_when_that_is_done(plant: Plant) -> None:
    approved(plant, 1)
    found = must_claim(plant, open_chunks(plant)[0])
    with plant.ledger.read() as tx:
        before = tx.now

    assert finish(plant, found)

    with plant.ledger.read() as tx:
        assert before <= tx.run(select(t.file.c.made_at)).scalar_one() <= tx.now


def test_until_it_is_made_an_edition_is_only_ordered(plant: Plant) -> None:
    number = approved(plant, 1)

    must_claim(plant, open_chunks(plant)[0])

    assert states(plant, number) == [ORDERED]


def test_a_newer_edition_supersedes_the_collected_one(plant: Plant) -> None:
    number = issue(plant, 1)
    desk.collect(plant, number, who=WHO)
    reissue(plant)

    assert states(plant, number) == [SUPERSEDED, UNCOLLECTED]


def test_editions_of_others_stay_as_they_are(plant: Plant) -> None:
    one, other = issue(plant, 1), issue(plant, 2, enterprise=2)

    reissue(plant)

    assert states(plant, one) == [SUPERSEDED, UNCOLLECTED]
    assert states(plant, other) == [UNCOLLECTED]


def test_an_edition_that_was_outdated_while_being_made_stays_outdated(plant: Plant) -> None:
    number = approved(plant, 1)
    underway = must_claim(plant, open_chunks(plant)[0])
    confirmed(plant)

    finish(plant, underway)

    assert states(plant, number) == [OUTDATED]


def test_an_older_edition_that_comes_late_never_becomes_current(plant: Plant) -> None:
    number = approved(plant, 1)
    late = must_claim(plant, open_chunks(plant)[0])
    batch = confirmed(plant)
    steps.advance(plant, batch)
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))

    finish(plant, late)

    assert states(plant, number) == [SUPERSEDED, UNCOLLECTED]
    older, _ = enquiry.registration_status(plant, number).registration.editions
    assert len(older.files) == 1


def test_whoever_lost_the_fence_writes_nothing(plant: Plant) -> None:
    number = approved(plant, 1)
    [chunk] = open_chunks(plant)
    asleep = claim(plant, chunk, lease=timedelta(0))
    must_claim(plant, chunk)
    assert asleep is not None
    before = everything(plant)

    assert not finish(plant, asleep)

    assert everything(plant) == before
    assert states(plant, number) == [ORDERED]


def test_whoever_lost_the_fence_holds_nothing(plant: Plant) -> None:
    approved(plant, 1)
    [chunk] = open_chunks(plant)
    asleep = claim(plant, chunk, lease=timedelta(0))
    must_claim(plant, chunk)
    assert asleep is not None

    assert not hold(plant, asleep, UNPRINTABLE)

    assert desk.open_holds(plant) == []


def test_a_chunk_is_recorded_once(plant: Plant) -> None:
    approved(plant, 1)
    found = must_claim(plant, open_chunks(plant)[0])
    finish(plant, found)
    before = everything(plant)

    assert not finish(plant, found)

    assert everything(plant) == before


def test_what_was_made_is_kept_and_the_rest_of_the_chunk_is_tried_again(plant: Plant) -> None:
    underway = bulk_chunk(plant, 3)
    first, *rest = underway.orders
    with plant.ledger.write(WHO) as tx:
        record.record(
            tx, underway, [made(first.id)], [], brake=plant.brake, again_after=timedelta(0)
        )

    again = must_claim(plant, underway.id)

    assert [order.id for order in again.orders] == [order.id for order in rest]


def test_a_held_order_leaves_the_others_of_its_chunk_alone(plant: Plant) -> None:
    underway = bulk_chunk(plant, 2)
    bad, good = underway.orders
    with plant.ledger.write(WHO) as tx:
        refused = record.HeldOrder(order=bad.id, error=UNPRINTABLE)
        record.record(tx, underway, [made(good.id)], [refused], brake=plant.brake)

    found = progress.progress(plant, BatchId(1))

    assert (found.state, found.done, found.held) == (BatchState.COMPLETED, 1, 1)


def test_a_batch_is_at_an_end_only_when_its_last_chunk_is(plant: Plant) -> None:
    plant = small_chunks(plant)
    for seed in (1, 2):
        issue(plant, seed)
    batch = confirmed(plant)
    steps.advance(plant, batch)
    first, second = open_chunks(plant)

    finish(plant, must_claim(plant, first))
    between = progress.progress(plant, batch).state
    finish(plant, must_claim(plant, second))

    assert (between, progress.progress(plant, batch).state) == (
        BatchState.RUNNING,
        BatchState.COMPLETED,
    )


def test_a_batch_ends_no_earlier_than_it_was_confirmed_though_the_clock_was_set_back(
    plant: Plant,
) -> None:
    """And its report is made."""
    issue(plant, 1)
    batch = confirmed(plant)
    steps.advance(plant, batch)
    with plant.ledger.write(WHO) as tx:
        later = tx.now + timedelta(hours=1)
        tx.run(update(t.batch).values(confirmed_at=later))

    finish(plant, must_claim(plant, open_chunks(plant)[0]))
    steps.advance(plant, batch)

    found = progress.progress(plant, batch)
    assert (found.state, found.completed_at) == (BatchState.COMPLETED, later)
    with plant.ledger.read() as tx:
        assert tx.run(select(t.batch.c.listed)).scalar_one()


def test_a_batch_whose_held_order_is_made_now_runs_until_it_is(plant: Plant) -> None:
    underway = bulk_chunk(plant, 1)
    hold(plant, underway, UNPRINTABLE)
    [held] = desk.open_holds(plant)

    desk.retry(plant, held.id, who=WHO, why="the face was installed")
    between = progress.progress(plant, BatchId(1))
    finish(plant, must_claim(plant, open_chunks(plant)[0]))

    after = progress.progress(plant, BatchId(1))
    assert (between.state, between.ordered, between.held) == (BatchState.RUNNING, 1, 0)
    assert (after.state, after.done, after.held) == (BatchState.COMPLETED, 1, 0)
    assert item_reasons(plant) == {(ItemState.DONE.value, None)}


def test_upstream_is_told_numbers_and_states_and_nothing_of_the_person(plant: Plant) -> None:
    number = issue(plant, 1)

    [notice] = notices(plant)

    assert (notice.type, notice.profile, notice.subject) == (
        "certificate.made", "shanghai-constructor", number,
    )  # fmt: skip
    assert notice.body == {"registration": number, "edition": 1, "state": "uncollected"}


def test_two_editions_of_a_registration_are_never_current(plant: Plant) -> None:
    number = issue(plant, 1)
    reissue(plant)
    older, _ = enquiry.registration_status(plant, number).registration.editions

    with pytest.raises(IntegrityError), plant.ledger.write(WHO) as tx:
        tx.run(update(t.edition).where(t.edition.c.id == older.id).values(state="collected"))


@pytest.mark.parametrize("column", ["licence_id", "code"])
def test_no_identifier_or_code_is_used_twice(plant: Plant, column: str) -> None:
    issue(plant, 1)
    issue(plant, 2, enterprise=2)

    with pytest.raises(IntegrityError), plant.ledger.write(WHO) as tx:
        taken = select(func.max(t.edition.c[column])).scalar_subquery()
        tx.run(update(t.edition).values({column: taken}))


def test_no_edition_number_is_used_twice(plant: Plant) -> None:
    issue(plant, 1)
    reissue(plant)

    with pytest.raises(IntegrityError), plant.ledger.write(WHO) as tx:
        tx.run(update(t.edition).values(number=1))


@pytest.mark.parametrize("change", [{"number_key": "沪2312016202400001"}, {"holder_id": 1}])
def test_no_number_and_no_holder_is_registered_twice(plant: Plant, change: dict[str, Any]) -> None:
    issue(plant, 1)
    issue(plant, 2)

    with pytest.raises(IntegrityError), plant.ledger.write(WHO) as tx:
        tx.run(update(t.registration).values(change))


def test_an_order_has_one_file_of_a_format(plant: Plant) -> None:
    issue(plant, 1)

    with pytest.raises(IntegrityError), plant.ledger.write(WHO) as tx:
        row = tx.run(select(t.file)).one()._asdict()
        tx.run(insert(t.file).values(row | {"id": 99, "object_key": "elsewhere"}))


def approved(plant: Plant, seed: int) -> str:
    """An approval whose certificate is not made yet."""
    number = approve(plant, seed).registration
    assert number is not None
    return number


def confirmed(plant: Plant) -> BatchId:
    """A rename of enterprise 1 that has just taken effect."""
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    skip_canary(plant, batch)
    return batch


def reissue(plant: Plant) -> None:
    """A rename of enterprise 1 to its end."""
    steps.advance(plant, confirmed(plant))
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))


def bulk_chunk(plant: Plant, size: int) -> Claim:
    """A claimed chunk of a rename, with so many orders."""
    for seed in range(1, size + 1):
        issue(plant, seed)
    steps.advance(plant, confirmed(plant))
    return must_claim(plant, open_chunks(plant)[0])


def small_chunks(plant: Plant) -> Plant:
    from dataclasses import replace

    return Plant(replace(plant.settings, chunk_items=1))


def states(plant: Plant, number: str) -> list[EditionState]:
    return [
        edition.state
        for edition in enquiry.registration_status(plant, number).registration.editions
    ]


def everything(plant: Plant) -> dict[str, list[Any]]:
    """All rows that recording writes."""
    tables = (
        t.chunk,
        t.edition,
        t.production_order,
        t.file,
        t.batch_item,
        t.hold,
        t.outbox,
        t.notice,
    )
    with plant.ledger.read() as tx:
        return {table.name: tx.run(select(table)).all() for table in (*tables, t.audit)}


def notices(plant: Plant) -> list[Any]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.notice).order_by(t.notice.c.id)))


def item_reasons(plant: Plant) -> set[Any]:
    with plant.ledger.read() as tx:
        rows = tx.run(select(t.batch_item.c.state, t.batch_item.c.reason))
        return {tuple(row) for row in rows}
