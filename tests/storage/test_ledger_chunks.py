"""Chunks: claimed once, leased by the database's clock, recorded by whoever holds the fence."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from factory.errors import FactoryError, FieldError, KeyBusyError, SealedDataError
from factory.model import BatchState, ChunkId, EditionState, OrderState
from jobs import desk, enquiry
from jobs.bulk import confirming, progress, steps
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import care, chunks, holds, outbox, record, set_back, status
from storage.ledger.chunks import Waits
from storage.new_keyring import create_test_keyring
from tests.plants import (
    LEASE,
    NOW,
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

NO_TIME = timedelta(0)


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


def test_a_claimed_chunk_is_not_to_be_had_again(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)

    first, second = claim(plant, chunk), claim(plant, chunk)

    assert first is not None
    assert second is None


def test_of_many_claiming_at_once_one_gets_the_chunk(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: claim(plant, chunk), range(8)))

    assert sum(each is not None for each in found) == 1


def test_a_claim_brings_everything_that_is_printed(plant: Plant) -> None:
    approve(plant, 1)

    [order] = must_claim(plant, open_chunks(plant)[0]).orders

    assert order.face["number"] == "沪2312016202400001"
    assert order.pictures["photo"].startswith(b"\xff\xd8")
    assert order.key_stem.startswith("shanghai-constructor/")


def test_after_its_lease_a_chunk_goes_to_another_with_a_higher_fence(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    asleep = claim(plant, chunk, lease=NO_TIME)

    awake = must_claim(plant, chunk)

    assert asleep is not None
    assert awake.fence > asleep.fence


def test_a_worker_that_slept_through_its_lease_records_nothing(plant: Plant) -> None:
    number = approve(plant, 1).registration
    [chunk] = open_chunks(plant)
    asleep = claim(plant, chunk, lease=NO_TIME)
    awake = must_claim(plant, chunk)
    assert asleep is not None
    assert number is not None

    assert finish(plant, awake)
    assert not finish(plant, asleep)

    [edition] = enquiry.registration_status(plant, number).registration.editions
    assert len(edition.files) == 1


def test_a_lease_is_renewed_only_by_whoever_holds_the_fence(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    asleep = claim(plant, chunk, lease=NO_TIME)
    awake = must_claim(plant, chunk)
    assert asleep is not None

    with plant.ledger.write(WHO) as tx:
        assert chunks.renew(tx, awake, lease=LEASE)
        assert not chunks.renew(tx, asleep, lease=LEASE)


def test_a_chunk_given_back_rests_before_it_is_to_be_had(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    found = must_claim(plant, chunk)

    with plant.ledger.write(WHO) as tx:
        record.record(tx, found, [], [], brake=plant.brake, again_after=timedelta(hours=1))

    assert claim(plant, chunk) is None
    with plant.ledger.write(WHO) as tx:
        assert care.ring_due(tx) == 0


def test_why_it_was_put_back_is_told_until_it_is_recorded_again(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    gone = KeyBusyError("the device is away")

    put_back(plant, chunk, gone)

    assert told(plant) == [Waits(reason="key_busy", orders=1, why="the device is away")]
    assert finish(plant, must_claim(plant, chunk))
    assert told(plant) == []


def test_while_it_is_tried_again_the_last_reason_stands_and_then_the_next_one(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    put_back(plant, chunk, KeyBusyError("the device is away"))

    again = must_claim(plant, chunk)

    assert [each.reason for each in told(plant)] == ["key_busy"]
    with plant.ledger.write(WHO) as tx:
        chunks.abandon(tx, again, pause=NO_TIME)
    assert told(plant) == [Waits(reason="fault", orders=1, why=None)]


def test_what_waits_for_nothing_but_its_worker_was_not_put_back(plant: Plant) -> None:
    approve(plant, 1)

    assert told(plant) == []


def put_back(plant: Plant, chunk: int, error: FactoryError) -> None:
    """Claimed, tried and given back, to be had at once."""
    found = must_claim(plant, chunk)
    with plant.ledger.write(WHO) as tx:
        record.record(tx, found, [], [], brake=plant.brake, again_after=NO_TIME, because=error)


def told(plant: Plant) -> list[Waits]:
    with plant.ledger.read() as tx:
        return list(chunks.waits(tx))


def test_a_chunk_that_has_rested_is_rung_for_once(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    with plant.ledger.write(WHO) as tx:
        outbox.mark_sent(tx, outbox.unsent(tx))
    found = must_claim(plant, chunk)
    with plant.ledger.write(WHO) as tx:
        record.record(tx, found, [], [], brake=plant.brake, again_after=NO_TIME)

    with plant.ledger.write(WHO) as tx:
        rung = [care.ring_due(tx), care.ring_due(tx)]

    assert rung == [1, 0]
    assert claim(plant, chunk) is not None


def test_what_a_dead_worker_left_is_rung_for_once_a_lease(plant: Plant) -> None:
    approve(plant, 1)
    claim(plant, open_chunks(plant)[0], lease=NO_TIME)

    with plant.ledger.write(WHO) as tx:
        rung = [care.ring_due(tx), care.ring_due(tx)]

    assert rung[0] == 1


def test_giving_back_in_order_does_not_count_as_a_death(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)

    for _ in range(10):
        found = claim(plant, chunk, max_deaths=1)
        assert found is not None
        with plant.ledger.write(WHO) as tx:
            chunks.release(tx, found, pause=NO_TIME)

    assert claim(plant, chunk, max_deaths=1) is not None


def test_a_single_order_that_keeps_killing_is_held(plant: Plant) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)

    claims = [claim(plant, chunk, lease=NO_TIME, max_deaths=2) for _ in range(4)]

    assert [each is not None for each in claims] == [True, True, False, False]
    [held] = desk.open_holds(plant)
    assert held.reason == "poison"


@pytest.mark.parametrize("values", [{"face": b"\x01" + bytes(40)}, {"pictures": {"photo": "0"}}])
def test_an_order_that_does_not_open_is_held_and_the_others_are_made(
    plant: Plant, values: dict[str, object]
) -> None:
    for seed in (1, 2):
        issue(plant, seed)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    skip_canary(plant, batch)
    steps.advance(plant, batch)
    with plant.ledger.write(WHO) as tx:
        broken = select(func.max(t.production_order.c.id)).scalar_subquery()
        tx.run(update(t.production_order).where(t.production_order.c.id == broken).values(values))

    found = must_claim(plant, open_chunks(plant)[0])
    finish(plant, found)

    assert len(found.orders) == 1
    [held] = desk.open_holds(plant)
    assert (held.subject_kind, held.reason, held.owner) == ("order", "sealed_data", "operations")
    shown = progress.progress(plant, batch)
    assert (shown.state, shown.done, shown.held) == (BatchState.COMPLETED, 1, 1)


def test_under_another_keyring_a_chunk_is_left_for_whoever_has_its_own(
    plant: Plant, tmp_path: Path
) -> None:
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    stranger = Plant(replace(plant.settings, keyring_dir=tmp_path / "other"))
    create_test_keyring(
        stranger.settings.keyring_dir, identities={}, now=NOW, draw_seal=lambda _: b"picture"
    )

    with pytest.raises(SealedDataError):
        claim(stranger, chunk)

    assert len(must_claim(plant, chunk).orders) == 1


def test_a_chunk_that_keeps_killing_is_halved(plant: Plant) -> None:
    for seed in range(1, 5):
        issue(plant, seed)
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    skip_canary(plant, batch)
    steps.advance(plant, batch)
    [chunk] = open_chunks(plant)

    for _ in range(3):
        claim(plant, chunk, lease=NO_TIME, max_deaths=2)

    halves = [must_claim(plant, each) for each in open_chunks(plant)]
    assert [len(half.orders) for half in halves] == [2, 2]


def test_a_recorded_edition_is_current_and_uncollected(plant: Plant) -> None:
    number = issue(plant, 1)

    current = enquiry.registration_status(plant, number).registration.current

    assert current is not None
    assert current.state is EditionState.UNCOLLECTED


def test_a_held_order_is_no_edition_to_collect(plant: Plant) -> None:
    number = approve(plant, 1).registration
    assert number is not None
    found = must_claim(plant, open_chunks(plant)[0])

    hold(plant, found, FieldError("holder.name", "rule", "cannot be printed"))

    assert enquiry.registration_status(plant, number).registration.current is None
    with plant.ledger.read() as tx:
        assert status.order_counts(tx) == {OrderState.HELD: 1}
        assert [each.reason for each in holds.open_holds(tx)] == ["field"]


def test_two_files_never_lie_under_one_key(plant: Plant) -> None:
    approve(plant, 1)
    approve(plant, 2)
    first, second = (must_claim(plant, chunk) for chunk in open_chunks(plant))
    with plant.ledger.write(WHO) as tx:
        record.record(tx, first, [made(first.orders[0].id, key="same")], [], brake=plant.brake)

    with pytest.raises(Exception, match=r"(?i)unique"), plant.ledger.write(WHO) as tx:
        record.record(tx, second, [made(second.orders[0].id, key="same")], [], brake=plant.brake)


def test_every_made_edition_is_told_upstream_once(plant: Plant) -> None:
    first, second = issue(plant, 1), issue(plant, 2)

    with plant.ledger.read() as tx:
        subjects = tx.run(select(t.notice.c.subject)).scalars().all()

    assert sorted(subjects) == sorted({first, second})


def test_one_owner_at_a_time_runs_a_singleton(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        mine = care.take_singleton(tx, "steward", "one", lease=LEASE)
        again = care.take_singleton(tx, "steward", "one", lease=LEASE)
        other = care.take_singleton(tx, "steward", "two", lease=LEASE)

    assert (mine, again, other) == (True, True, False)


def test_a_singleton_whose_lease_is_over_goes_to_another(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        care.take_singleton(tx, "steward", "one", lease=timedelta(seconds=-1))

    with plant.ledger.write(WHO) as tx:
        assert care.take_singleton(tx, "steward", "two", lease=LEASE)


def ahead(plant: Plant, by: timedelta) -> ChunkId:
    """A chunk, leased by somebody when the clock was that far ahead, and a steward's lease."""
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    with plant.ledger.write(WHO) as tx:
        then = replace(tx, now=tx.now + by)
        assert chunks.claim(then, chunk, lease=LEASE, max_deaths=3)
        care.take_singleton(then, "steward", "one", lease=LEASE)
    return chunk


def test_a_clock_that_was_set_back_lets_nothing_wait_for_a_time_that_was(plant: Plant) -> None:
    chunk = ahead(plant, timedelta(hours=1))

    with plant.ledger.write(WHO) as tx:
        back = set_back.heed(tx, "steward", lease=LEASE)

    assert back is not None and abs(back - timedelta(hours=1)) < timedelta(minutes=1)
    with plant.ledger.write(WHO) as tx:
        assert care.ring_due(tx) == 1
        assert care.take_singleton(tx, "steward", "two", lease=LEASE)
    assert claim(plant, chunk) is not None


def ordered_ahead(plant: Plant, by: timedelta) -> ChunkId:
    """A chunk whose order was dated when the clock was that far ahead."""
    approve(plant, 1)
    [chunk] = open_chunks(plant)
    o = t.production_order
    with plant.ledger.write(WHO) as tx:
        tx.run(update(o).values(signed_at=tx.now + by))
    return chunk


def dated(plant: Plant) -> datetime:
    with plant.ledger.read() as tx:
        found: datetime = tx.run(select(t.production_order.c.signed_at)).scalar_one()
    return found


def test_what_was_ordered_while_the_clock_was_ahead_is_dated_when_it_is_claimed(
    plant: Plant,
) -> None:
    chunk = ordered_ahead(plant, timedelta(hours=1))

    found = must_claim(plant, chunk)

    [order] = found.orders
    with plant.ledger.read() as tx:
        assert timedelta(0) <= tx.now - order.signed_at < timedelta(minutes=1)
    assert dated(plant) == order.signed_at


def test_what_was_ordered_before_keeps_its_date(plant: Plant) -> None:
    chunk = ordered_ahead(plant, -timedelta(hours=1))
    before = dated(plant)

    [order] = must_claim(plant, chunk).orders

    assert order.signed_at == dated(plant) == before


def test_a_lease_of_a_clock_that_goes_on_evenly_is_left_alone(plant: Plant) -> None:
    chunk = ahead(plant, timedelta(0))

    with plant.ledger.write(WHO) as tx:
        assert set_back.heed(tx, "steward", lease=LEASE) is None

    assert claim(plant, chunk) is None


def test_what_the_broker_forgot_is_rung_for_again(plant: Plant) -> None:
    from factory.model import Queue

    approve(plant, 1)
    with plant.ledger.write(WHO) as tx:
        outbox.mark_sent(tx, outbox.unsent(tx))

    with plant.ledger.write(WHO) as tx:
        soon = care.ring_forgotten(tx, Queue.INTERACTIVE, after=LEASE)
        later = care.ring_forgotten(tx, Queue.INTERACTIVE, after=timedelta(seconds=-1))

    assert (soon, later) == (0, 1)


def test_an_aborted_transaction_leaves_no_trace(plant: Plant) -> None:
    batch = start_rename(plant)
    with plant.ledger.write(WHO) as tx:
        outbox.mark_sent(tx, outbox.unsent(tx))

    with pytest.raises(RuntimeError), plant.ledger.write(WHO) as tx:
        outbox.ring_batch(tx, batch)
        raise RuntimeError("the process dies here")

    with plant.ledger.read() as tx:
        assert outbox.oldest_unsent_seconds(tx) == 0
