"""Running: the first certificates alone, then chunks in a window; pace, priority, the brake."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from factory import specimen
from factory.errors import PictureError, SelfCheckError
from factory.model import BatchId, BatchState
from jobs import desk
from jobs.bulk import running, steering, steps
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import batches, care
from storage.ledger.batches import Batch
from tests.jobs import bulking
from tests.jobs.bulking import (
    COST_ENGINEER,
    at,
    begin,
    bells,
    chunks_of,
    confirm,
    fail_next,
    fates,
    issued,
    make_all,
    make_next,
    reissue_of,
    rename_to,
    started,
)
from tests.plants import WHO, finish, must_claim, open_chunks, submit

NEW = "上海示例建设集团股份有限公司"
PEOPLE = range(1, 10)
FAULT, PICTURE = SelfCheckError("seal"), PictureError("photo: none")


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return bulking.changing(tmp_path, db_url)


@pytest.fixture
def batch(plant: Plant) -> BatchId:
    """A rename of nine that has just begun."""
    issued(plant, *PEOPLE)
    return started(plant, rename_to(NEW))


# --- the first certificates -------------------------------------------------------------------


def test_the_first_certificate_is_ordered_alone(plant: Plant, batch: BatchId) -> None:
    [chunk] = chunks_of(plant, batch)

    assert chunk.canary
    assert (at(plant, batch).ordered, at(plant, batch).pending) == (1, 8)


def test_nothing_else_is_ordered_before_it_is_made(plant: Plant, batch: BatchId) -> None:
    for _ in range(5):
        steps.advance(plant, batch)

    assert at(plant, batch).ordered == 1


def test_once_it_is_made_the_others_follow(plant: Plant, batch: BatchId) -> None:
    make_next(plant, batch)

    assert at(plant, batch).canary == "passed"
    assert at(plant, batch).ordered > 1
    assert not any(each.canary for each in chunks_of(plant, batch)[1:])


def test_there_is_one_of_each_register(plant: Plant) -> None:
    issued(plant, 1, 2)
    bulking.grant(plant, COST_ENGINEER)
    number = submit(plant, bulking.of_cost_engineer(3)).registration
    desk.collect(plant, str(number), who=WHO)
    finish(plant, must_claim(plant, open_chunks(plant)[0]))

    batch = started(plant, rename_to(NEW))

    [chunk] = chunks_of(plant, batch)
    [one, other] = must_claim(plant, chunk.id).orders
    assert {one.profile, other.profile} == {bulking.PROFILE, COST_ENGINEER}


def test_one_that_is_expected_to_fail_is_not_tried_first(plant: Plant) -> None:
    submit(plant, specimen.imported(1))  # has no photo
    issued(plant, 2)

    batch = started(plant, rename_to(NEW))

    assert fates(plant, batch) == [("pending", None), ("ordered", None)]


def test_where_the_first_turns_out_to_need_nothing_the_next_one_is_tried(plant: Plant) -> None:
    numbers = issued(plant, 1, 2, 3)
    batch = begin(plant, reissue_of(*numbers))
    bulking.cancel(plant, 1)

    confirm(plant, batch)
    steps.advance(plant, batch)

    assert [state for state, _ in fates(plant, batch)] == ["skipped", "ordered", "pending"]
    assert [each.canary for each in chunks_of(plant, batch)] == [True]


@pytest.mark.on_both
def test_a_register_whose_first_needs_nothing_has_its_next_one_tried_too(plant: Plant) -> None:
    issued(plant, 1, 2, 4)
    bulking.grant(plant, COST_ENGINEER)
    number = submit(plant, bulking.of_cost_engineer(3)).registration
    desk.collect(plant, str(number), who=WHO)
    finish(plant, must_claim(plant, open_chunks(plant)[0]))
    batch = begin(plant, rename_to(NEW))
    bulking.cancel(plant, 1)
    confirm(plant, batch)
    steps.advance(plant, batch)

    make_next(plant, batch)

    assert [each.canary for each in chunks_of(plant, batch)] == [True, True]
    assert [state for state, _ in fates(plant, batch)] == ["skipped", "ordered", "pending", "done"]


def test_any_failure_of_it_stops_the_batch(plant: Plant, batch: BatchId) -> None:
    fail_next(plant, batch, PICTURE)

    found = at(plant, batch)
    assert found.state is BatchState.STOPPED
    assert found.stop_reason == "the first certificates failed: 1 picture"
    assert (found.pending, found.ordered) == (8, 0)


def test_when_it_is_resumed_another_one_is_tried_first(plant: Plant, batch: BatchId) -> None:
    fail_next(plant, batch, PICTURE)

    steering.resume(plant, batch, who=WHO, why="looked at")
    steps.advance(plant, batch)

    assert [each.canary for each in chunks_of(plant, batch)] == [True, True]
    assert at(plant, batch).ordered == 1


def test_a_batch_without_anybody_needs_none(plant: Plant) -> None:
    batch = started(plant, rename_to(NEW))

    assert at(plant, batch).state is BatchState.COMPLETED


# --- the window -------------------------------------------------------------------------------


def test_no_more_chunks_are_at_work_than_the_window_holds(plant: Plant, batch: BatchId) -> None:
    make_next(plant, batch)
    for _ in range(5):
        steps.advance(plant, batch)

    assert len(open_chunks(plant)) == running.window(plant) == 3


def test_each_chunk_that_is_made_lets_the_next_one_in(plant: Plant, batch: BatchId) -> None:
    make_next(plant, batch)
    before = len(bells(plant, "batch"))

    make_next(plant, batch)

    assert len(bells(plant, "batch")) == before + 1
    assert len(open_chunks(plant)) == 3
    assert len(chunks_of(plant, batch)) == 5


def test_a_chunk_is_no_larger_than_it_may_be(plant: Plant, batch: BatchId) -> None:
    make_next(plant, batch)

    assert at(plant, batch).ordered == 6  # three chunks of two


def test_a_large_batch_does_not_delay_a_small_one(plant: Plant, batch: BatchId) -> None:
    """Whatever comes later waits for a window of chunks at most."""
    make_next(plant, batch)
    submit(plant, specimen.approved(20, 2))
    finish(plant, must_claim(plant, open_chunks(plant)[-1]))

    small = started(plant, specimen.renamed(20, 2))

    ahead = [each for each in open_chunks(plant) if each < chunks_of(plant, small)[0].id]
    assert len(ahead) <= running.window(plant)


def test_all_of_it_is_made_once(plant: Plant, batch: BatchId) -> None:
    make_all(plant, batch)

    assert (at(plant, batch).state, at(plant, batch).done) == (BatchState.COMPLETED, 9)
    assert sum(1 for each in fates(plant, batch) if each == ("done", None)) == len(PEOPLE)


# --- the brake --------------------------------------------------------------------------------


@pytest.mark.on_both
def test_one_failure_that_must_not_happen_stops_it_at_once(plant: Plant, batch: BatchId) -> None:
    make_next(plant, batch)

    fail_next(plant, batch, FAULT)

    assert at(plant, batch).state is BatchState.STOPPED
    assert "this must not happen" in str(at(plant, batch).stop_reason)


def test_other_failures_below_the_minimum_do_not(plant: Plant, batch: BatchId) -> None:
    make_next(plant, batch)

    fail_next(plant, batch, PICTURE)

    assert (at(plant, batch).state, at(plant, batch).held) == (BatchState.RUNNING, 2)


@pytest.mark.on_both
def test_too_large_a_share_of_them_does(tmp_path: Path, db_url: str) -> None:
    plant = bulking.changing(tmp_path, db_url, brake_minimum=2, brake_percent=50)
    issued(plant, *PEOPLE)
    batch = started(plant, rename_to(NEW))
    make_next(plant, batch)

    fail_next(plant, batch, PICTURE)

    assert "2 of 3 failed" in str(at(plant, batch).stop_reason)


def test_when_it_is_resumed_failures_are_counted_from_there(tmp_path: Path, db_url: str) -> None:
    plant = bulking.changing(tmp_path, db_url, brake_minimum=2, brake_percent=50)
    issued(plant, *PEOPLE)
    batch = started(plant, rename_to(NEW))
    make_next(plant, batch)
    fail_next(plant, batch, PICTURE)

    steering.resume(plant, batch, who=WHO, why="they send photos")
    make_next(plant, batch)

    assert at(plant, batch).state is BatchState.RUNNING
    fail_next(plant, batch, FAULT)
    assert at(plant, batch).state is BatchState.STOPPED


def test_a_batch_stopped_at_its_last_chunk_completes_when_it_is_resumed(plant: Plant) -> None:
    issued(plant, 1, 2)
    batch = started(plant, rename_to(NEW))
    make_next(plant, batch)
    fail_next(plant, batch, FAULT)

    steering.resume(plant, batch, who=WHO, why="looked at")
    steps.advance(plant, batch)

    assert (at(plant, batch).state, at(plant, batch).held) == (BatchState.COMPLETED, 1)


# --- pace and priority ------------------------------------------------------------------------


def test_a_rate_orders_little_and_then_waits(plant: Plant, batch: BatchId) -> None:
    steering.set_rate(plant, batch, 6, who=WHO, why="other work first")

    make_next(plant, batch)

    assert at(plant, batch).ordered == 1
    make_next(plant, batch)
    assert (at(plant, batch).done, at(plant, batch).ordered) == (2, 0)


@pytest.mark.on_both
def test_when_its_pause_is_over_the_reconciler_rings_for_it(plant: Plant, batch: BatchId) -> None:
    steering.set_rate(plant, batch, 6, who=WHO, why="other work first")
    make_next(plant, batch)
    make_next(plant, batch)
    before = hungry(plant)
    _later(plant, batch)

    assert (before, hungry(plant)) == (0, 1)
    steps.advance(plant, batch)
    assert at(plant, batch).ordered == 1


def test_without_the_rate_it_goes_on_as_fast_as_it_can(plant: Plant, batch: BatchId) -> None:
    steering.set_rate(plant, batch, 6, who=WHO, why="other work first")
    make_next(plant, batch)

    steering.set_rate(plant, batch, None, who=WHO, why="the night")
    make_all(plant, batch)

    assert at(plant, batch).state is BatchState.COMPLETED


@pytest.mark.on_both
def test_the_signers_limit_is_shared_by_the_batches_that_run(tmp_path: Path, db_url: str) -> None:
    plant = bulking.changing(tmp_path, db_url, signer_per_second=10)
    numbers = issued(plant, *PEOPLE)
    one, other = (started(plant, reissue_of(each, ident=each)) for each in numbers[:2])

    with plant.ledger.write(WHO) as tx:
        shared = running.rate_of(plant, tx, replace_rate(plant, one))
        steered = running.rate_of(plant, tx, replace_rate(plant, other, rate=60))

    assert (shared, steered) == (300.0, 60.0)


def test_the_one_with_the_higher_priority_goes_first(plant: Plant) -> None:
    numbers = issued(plant, *PEOPLE)
    first = started(plant, reissue_of(*numbers[:4], ident="first"))
    second = started(plant, reissue_of(*numbers[4:], ident="second"))
    steering.set_priority(plant, second, 1, who=WHO, why="a deadline")

    while at(plant, second).pending:
        make_next(plant, first)
        steps.advance(plant, second)

    assert at(plant, first).ordered + at(plant, first).done == 1  # its first certificate alone
    make_all(plant, second)
    make_all(plant, first)
    assert at(plant, first).state is BatchState.COMPLETED


@pytest.mark.on_both
def test_one_that_is_halted_outranks_nobody(plant: Plant) -> None:
    numbers = issued(plant, *PEOPLE)
    first = started(plant, reissue_of(*numbers[:4], ident="first"))
    second = started(plant, reissue_of(*numbers[4:], ident="second"))
    steering.set_priority(plant, second, 1, who=WHO, why="a deadline")
    steering.pause(plant, second, who=WHO, why="not now")

    make_all(plant, first)

    assert at(plant, first).state is BatchState.COMPLETED


def hungry(plant: Plant) -> int:
    with plant.ledger.write(WHO) as tx:
        return care.ring_hungry(tx)


def _later(plant: Plant, batch: BatchId) -> None:
    """The pause is over, and nobody has rung for a while."""
    c = t.batch.c
    with plant.ledger.write(WHO) as tx:
        ago = tx.now - timedelta(seconds=10)
        tx.run(update(t.batch).where(c.id == batch).values(paced_until=ago, rung_at=ago))


def replace_rate(plant: Plant, batch: BatchId, rate: int | None = None) -> Batch:
    with plant.ledger.read() as tx:
        return replace(batches.get(tx, batch), rate=rate)
