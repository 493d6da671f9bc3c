"""Bells: written with the work they ask for, sent at least once, rung again when they are lost."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from factory import specimen
from factory.model import BatchId, Queue
from factory.notices import Type
from jobs.bulk import confirming, steps
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import care, notices, outbox
from storage.ledger.notices import NewNotice
from storage.ledger.outbox import Topic
from tests.plants import (
    LEASE,
    PROFILE,
    WHO,
    approve,
    claim,
    finish,
    issue,
    must_claim,
    new_plant,
    open_chunks,
    skip_canary,
    start_rename,
    submit,
)

NOW, HOUR = timedelta(seconds=-1), timedelta(hours=1)


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return new_plant(tmp_path, db_url)


def test_an_order_is_written_with_its_bell(plant: Plant) -> None:
    approve(plant, 1)

    with plant.ledger.write(WHO) as tx:
        [bell] = outbox.unsent(tx)

    assert bell.topic is Topic.CHUNK
    assert bell.body == {"chunk": open_chunks(plant)[0], "queue": "interactive"}


def test_a_bell_carries_the_correlation_of_its_event(plant: Plant) -> None:
    approve(plant, 1)

    with plant.ledger.write(WHO) as tx:
        [bell] = outbox.unsent(tx)

    assert bell.correlation == specimen.approved(1)["correlationid"]


def test_what_is_held_rings_no_bell(plant: Plant) -> None:
    event = specimen.approved(1)
    submit(plant, event | {"data": event["data"] | {"photo": {"content": "bm8="}}})

    assert unsent(plant) == 0


def test_a_sent_bell_is_not_sent_again(plant: Plant) -> None:
    approve(plant, 1)
    approve(plant, 2)
    with plant.ledger.write(WHO) as tx:
        outbox.mark_sent(tx, outbox.unsent(tx)[:1])

    with plant.ledger.write(WHO) as tx:
        left = outbox.unsent(tx)

    assert [bell.body["chunk"] for bell in left] == open_chunks(plant)[1:]


def test_a_bell_whose_relay_died_is_still_there(plant: Plant) -> None:
    approve(plant, 1)

    with pytest.raises(RuntimeError), plant.ledger.write(WHO) as tx:
        outbox.mark_sent(tx, outbox.unsent(tx))
        raise RuntimeError("killed before its commit")

    assert unsent(plant) == 1


def test_two_relays_at_once_never_have_the_same_bell(
    tmp_path: Path, postgresql_db_url: str
) -> None:
    """SQLite has one writer at a time anyway."""
    plant = new_plant(tmp_path, postgresql_db_url)
    approve(plant, 1)
    approve(plant, 2)

    with plant.ledger.write("one") as one, plant.ledger.write("two") as two:
        taken = [bell.id for bell in outbox.unsent(one, limit=1)]
        rest = [bell.id for bell in outbox.unsent(two)]

    assert len(taken) == len(rest) == 1
    assert taken != rest


def test_notices_to_upstream_are_no_bells(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        made = NewNotice(type=Type.CERTIFICATE_MADE, profile=PROFILE, subject="1")
        notices.tell(tx, [made])

    assert unsent(plant) == 0


def test_the_oldest_bell_tells_its_age(plant: Plant) -> None:
    approve(plant, 1)
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.outbox).values(created_at=tx.now - HOUR))

    with plant.ledger.read() as tx:
        assert 3600 <= outbox.oldest_unsent_seconds(tx) < 3660


def test_without_bells_there_is_no_age(plant: Plant) -> None:
    approve(plant, 1)
    silence(plant)

    with plant.ledger.read() as tx:
        assert outbox.oldest_unsent_seconds(tx) == 0


def test_a_chunk_with_its_bell_on_the_way_is_not_rung_for(plant: Plant) -> None:
    approve(plant, 1)

    assert ring_due(plant) == 0


def test_a_chunk_being_worked_on_is_not_rung_for(plant: Plant) -> None:
    approve(plant, 1)
    must_claim(plant, open_chunks(plant)[0])

    assert ring_due(plant) == 0
    assert ring_forgotten(plant, Queue.INTERACTIVE) == 0


def test_a_lease_that_ran_out_is_rung_for_once(plant: Plant) -> None:
    approve(plant, 1)
    silence(plant)
    claim(plant, open_chunks(plant)[0], lease=timedelta(0))

    assert [ring_due(plant), ring_due(plant)] == [1, 0]
    assert unsent(plant) == 1


def test_a_closed_chunk_is_never_rung_for(plant: Plant) -> None:
    issue(plant, 1)

    assert ring_due(plant) == 0
    assert ring_forgotten(plant, Queue.INTERACTIVE) == 0


def test_what_the_broker_forgot_is_rung_for_on_its_own_queue_only(plant: Plant) -> None:
    approve(plant, 1)
    silence(plant)

    assert ring_forgotten(plant, Queue.BULK) == 0
    assert ring_forgotten(plant, Queue.INTERACTIVE) == 1


def test_what_was_rung_for_lately_is_not_forgotten(plant: Plant) -> None:
    approve(plant, 1)

    with plant.ledger.write(WHO) as tx:
        assert care.ring_forgotten(tx, Queue.INTERACTIVE, after=HOUR) == 0


def test_no_more_is_rung_for_at_once_than_asked(plant: Plant) -> None:
    for seed in (1, 2, 3):
        approve(plant, seed)
    silence(plant)

    with plant.ledger.write(WHO) as tx:
        assert care.ring_forgotten(tx, Queue.INTERACTIVE, after=NOW, limit=2) == 2


def test_a_batch_that_lost_its_step_is_rung_for_again(plant: Plant) -> None:
    submit(plant, specimen.renamed(1))
    silence(plant)

    with plant.ledger.write(WHO) as tx:
        rung = [care.ring_batches(tx, after=wait) for wait in (HOUR, NOW)]

    assert rung == [0, 1]
    assert unsent(plant) == 1


def test_a_batch_that_waits_for_a_person_is_not_rung_for(plant: Plant) -> None:
    issue(plant, 1)
    start_rename(plant)

    with plant.ledger.write(WHO) as tx:
        assert care.ring_batches(tx, after=NOW) == 0


def test_a_batch_that_nobody_closed_is_closed_by_the_steward(plant: Plant) -> None:
    issue(plant, 1)
    batch = running(plant)
    [chunk] = open_chunks(plant)
    for _ in range(3):
        claim(plant, chunk, lease=timedelta(0), max_deaths=1)
    before = batch_state(plant, batch)

    with plant.ledger.write(WHO) as tx:
        care.close_batches(tx)

    assert (before, batch_state(plant, batch)) == ("running", "completed")


def test_a_batch_with_open_items_is_left_running(plant: Plant) -> None:
    issue(plant, 1)
    batch = running(plant)

    with plant.ledger.write(WHO) as tx:
        care.close_batches(tx)

    assert batch_state(plant, batch) == "running"
    finish(plant, must_claim(plant, open_chunks(plant)[0]))
    assert batch_state(plant, batch) == "completed"


def test_two_services_of_different_names_run_beside_each_other(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        assert care.take_singleton(tx, "steward", "one", lease=LEASE)
        assert care.take_singleton(tx, "janitor", "two", lease=LEASE)


def running(plant: Plant) -> BatchId:
    batch = start_rename(plant)
    confirming.confirm(plant, batch, who=WHO, why="notice")
    skip_canary(plant, batch)
    steps.advance(plant, batch)
    return batch


def batch_state(plant: Plant, batch: BatchId) -> str:
    with plant.ledger.read() as tx:
        state: str = tx.run(select(t.batch.c.state).where(t.batch.c.id == batch)).scalar_one()
        return state


def silence(plant: Plant) -> None:
    """The relay has sent every bell."""
    with plant.ledger.write(WHO) as tx:
        outbox.mark_sent(tx, outbox.unsent(tx))


def unsent(plant: Plant) -> int:
    with plant.ledger.write(WHO) as tx:
        return len(outbox.unsent(tx))


def ring_due(plant: Plant) -> int:
    with plant.ledger.write(WHO) as tx:
        return care.ring_due(tx)


def ring_forgotten(plant: Plant, queue: Queue) -> int:
    with plant.ledger.write(WHO) as tx:
        return care.ring_forgotten(tx, queue, after=NOW)
