"""Steering a bulk event: pause, resume, cancel, and once more what has failed."""

from pathlib import Path

import pytest

from factory import specimen
from factory.errors import ConflictError, NotFoundError, PictureError, SelfCheckError
from factory.model import BatchId, BatchState, EditionState, Kind
from jobs import documents
from jobs.bulk import results, steering, steps
from jobs.wiring import Plant
from storage.ledger import care
from tests.jobs import bulking
from tests.jobs.bulking import (
    LATER,
    TODAY,
    at,
    begin,
    bells,
    confirm,
    fail_next,
    fates,
    issued,
    make_all,
    make_next,
    of_version,
    reissue_of,
    rename_to,
    started,
    states,
)
from tests.plants import WHO, claim, finish, must_claim, open_chunks, submit

NEW = "上海示例建设集团股份有限公司"
WHY = "by order"
PICTURE, FAULT = PictureError("photo: none"), SelfCheckError("seal")
ANEW = [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return bulking.changing(tmp_path, db_url, LATER)


@pytest.fixture
def batch(plant: Plant) -> BatchId:
    """A rename of nine whose first certificate is made; two chunks are ready."""
    issued(plant, *range(1, 10))
    batch = started(plant, rename_to(NEW))
    make_next(plant, batch)
    return batch


def pause(plant: Plant, batch: BatchId) -> None:
    steering.pause(plant, batch, who=WHO, why=WHY)


def resume(plant: Plant, batch: BatchId) -> None:
    steering.resume(plant, batch, who=WHO, why=WHY)
    steps.advance(plant, batch)


def cancel(plant: Plant, batch: BatchId) -> None:
    steering.cancel(plant, batch, who=WHO, why=WHY)
    steps.advance(plant, batch)


def retry(plant: Plant, batch: BatchId) -> int:
    count = steering.retry_failed(plant, batch, who=WHO, why=WHY)
    steps.advance(plant, batch)
    return count


def ring_due(plant: Plant) -> int:
    with plant.ledger.write(WHO) as tx:
        return care.ring_due(tx)


# --- pause and resume -------------------------------------------------------------------------


def test_paused_chunks_that_are_ready_are_not_to_be_had(plant: Plant, batch: BatchId) -> None:
    ready = open_chunks(plant)

    pause(plant, batch)

    assert len(ready) == 3
    assert [claim(plant, each) for each in ready] == [None] * 3


@pytest.mark.on_both
def test_while_it_is_paused_nobody_rings_for_it(plant: Plant, batch: BatchId) -> None:
    pause(plant, batch)
    before = len(bells(plant, "chunk")), len(bells(plant, "batch"))

    steps.advance(plant, batch)

    assert ring_due(plant) == 0
    assert (len(bells(plant, "chunk")), len(bells(plant, "batch"))) == before


def test_a_chunk_in_hand_is_finished_and_nothing_follows_it(plant: Plant, batch: BatchId) -> None:
    in_hand = must_claim(plant, open_chunks(plant)[0])
    pause(plant, batch)

    assert finish(plant, in_hand)
    steps.advance(plant, batch)

    assert (at(plant, batch).done, at(plant, batch).ordered) == (3, 4)


@pytest.mark.on_both
def test_resumed_it_rings_for_what_is_ready_and_goes_on_to_its_end(
    plant: Plant, batch: BatchId
) -> None:
    pause(plant, batch)

    resume(plant, batch)

    assert ring_due(plant) == 3
    make_all(plant, batch)
    assert (at(plant, batch).state, at(plant, batch).done) == (BatchState.COMPLETED, 9)


def test_paused_at_its_last_chunk_it_completes_when_it_is_resumed(plant: Plant) -> None:
    issued(plant, 1)
    batch = started(plant, rename_to(NEW))
    in_hand = must_claim(plant, open_chunks(plant)[0])
    pause(plant, batch)
    finish(plant, in_hand)

    resume(plant, batch)

    assert at(plant, batch).state is BatchState.COMPLETED


def test_only_what_runs_is_paused(plant: Plant) -> None:
    issued(plant, 1)
    batch = begin(plant, rename_to(NEW))

    with pytest.raises(ConflictError, match="does not run"):
        pause(plant, batch)


def test_only_what_is_halted_is_resumed(plant: Plant, batch: BatchId) -> None:
    with pytest.raises(ConflictError, match="neither paused nor stopped"):
        resume(plant, batch)


@pytest.mark.parametrize("act", [pause, resume, cancel, retry])
def test_a_batch_that_there_is_not_is_not_found(plant: Plant, act: object) -> None:
    with pytest.raises(NotFoundError):
        act(plant, BatchId(99))  # type: ignore[operator]


# --- cancel -----------------------------------------------------------------------------------


def test_cancelled_before_its_confirmation_it_changes_nothing(plant: Plant) -> None:
    [number] = issued(plant, 1)
    batch = begin(plant, rename_to(NEW))

    cancel(plant, batch)

    assert fates(plant, batch) == [("skipped", "the batch was cancelled")]
    assert states(plant, number) == [EditionState.UNCOLLECTED]
    with pytest.raises(ConflictError):
        confirm(plant, batch)


def test_cancelled_while_it_runs_what_is_not_made_never_will_be(
    plant: Plant, batch: BatchId
) -> None:
    in_hand = must_claim(plant, open_chunks(plant)[0])

    cancel(plant, batch)
    finish(plant, in_hand)
    make_all(plant, batch)

    found = at(plant, batch)
    assert found.state is BatchState.CANCELLED
    assert (found.done, found.skipped, found.ordered, found.pending) == (1, 8, 0, 0)


def test_what_it_made_before_is_listed_reported_and_proved(plant: Plant, batch: BatchId) -> None:
    cancel(plant, batch)
    make_all(plant, batch)

    made = [each.kind for each in documents.of_batch(plant, batch)]
    found = at(plant, batch)
    with plant.ledger.read() as tx:
        proved = results.prove(tx, batch)
    assert made == [Kind.RENAME_LIST, Kind.BATCH_REPORT]
    assert (proved.size, found.merkle_root) == (1, proved.root)


def test_in_hand_when_it_is_cancelled_the_root_is_of_what_was_recorded(
    plant: Plant, batch: BatchId
) -> None:
    in_hand = must_claim(plant, open_chunks(plant)[0])
    cancel(plant, batch)

    finish(plant, in_hand)
    make_all(plant, batch)

    with plant.ledger.read() as tx:
        assert results.prove(tx, batch).root == at(plant, batch).merkle_root


def test_cancelled_before_its_confirmation_it_has_nothing_to_report(plant: Plant) -> None:
    issued(plant, 1)
    batch = begin(plant, rename_to(NEW))

    cancel(plant, batch)
    make_all(plant, batch)

    assert documents.of_batch(plant, batch) == []
    assert at(plant, batch).merkle_root is None


def test_of_a_new_version_whoever_was_not_reached_keeps_what_they_have(plant: Plant) -> None:
    numbers = issued(plant, 1, 2, 3)
    plant = plant.on(TODAY)
    batch = started(plant, of_version("design.revised", LATER))
    make_next(plant, batch)

    cancel(plant, batch)

    found = [states(plant, each) for each in numbers]
    assert found[0] == ANEW
    assert [each[0] for each in found[1:]] == [EditionState.UNCOLLECTED] * 2
    assert not any(EditionState.UNCOLLECTED in each[1:] for each in found[1:])


@pytest.mark.on_both
def test_a_later_event_reaches_whoever_was_not(plant: Plant) -> None:
    numbers = issued(plant, 1, 2, 3)
    plant = plant.on(TODAY)
    first = started(plant, of_version("design.revised", LATER))
    make_next(plant, first)
    cancel(plant, first)

    second = started(plant, of_version("authority.renamed", LATER))
    make_all(plant, second)

    assert (at(plant, second).done, at(plant, second).skipped) == (2, 1)
    assert [states(plant, each)[-1] for each in numbers] == [EditionState.UNCOLLECTED] * 3


def test_the_name_a_cancelled_rename_gave_stays(plant: Plant, batch: BatchId) -> None:
    cancel(plant, batch)

    submit(plant, specimen.approved(20))

    order = must_claim(plant, open_chunks(plant)[-1]).orders[-1]
    assert order.face["employer"]["name"] == NEW


def test_a_cancelled_batch_is_not_cancelled_again(plant: Plant, batch: BatchId) -> None:
    cancel(plant, batch)

    with pytest.raises(ConflictError, match="has ended"):
        cancel(plant, batch)


def test_a_paused_batch_may_be_cancelled(plant: Plant, batch: BatchId) -> None:
    pause(plant, batch)

    cancel(plant, batch)

    assert at(plant, batch).state is BatchState.CANCELLED


def test_an_ended_batch_is_not_steered(plant: Plant, batch: BatchId) -> None:
    cancel(plant, batch)

    with pytest.raises(ConflictError):
        steering.set_rate(plant, batch, 5, who=WHO, why=WHY)
    with pytest.raises(ConflictError):
        steering.set_priority(plant, batch, 5, who=WHO, why=WHY)


# --- once more what has failed ----------------------------------------------------------------


def test_only_what_has_failed_is_tried_again(plant: Plant, batch: BatchId) -> None:
    fail_next(plant, batch, PICTURE)
    before = at(plant, batch)

    assert (before.held, retry(plant, batch)) == (2, 2)

    after = at(plant, batch)
    assert (after.held, after.done) == (0, before.done)
    assert after.ordered == before.ordered + 2


def test_a_completed_batch_is_open_again_and_completes(plant: Plant, batch: BatchId) -> None:
    fail_next(plant, batch, PICTURE)
    make_all(plant, batch)
    assert (at(plant, batch).state, at(plant, batch).held) == (BatchState.COMPLETED, 2)

    retry(plant, batch)
    assert at(plant, batch).state is BatchState.RUNNING
    make_all(plant, batch)

    assert (at(plant, batch).state, at(plant, batch).done) == (BatchState.COMPLETED, 9)


def test_what_could_not_be_ordered_is_planned_anew(plant: Plant) -> None:
    issued(plant, 1)
    submit(plant, specimen.imported(2))  # has no photo
    batch = started(plant, rename_to(NEW))
    make_all(plant, batch)

    assert retry(plant, batch) == 1
    make_all(plant, batch)

    assert fates(plant, batch) == [("done", None), ("held", "picture")]
    assert at(plant, batch).state is BatchState.COMPLETED


def test_where_nothing_has_failed_nothing_is_tried(plant: Plant, batch: BatchId) -> None:
    make_all(plant, batch)

    assert retry(plant, batch) == 0
    assert at(plant, batch).state is BatchState.COMPLETED


def test_a_stopped_batch_runs_on(plant: Plant, batch: BatchId) -> None:
    fail_next(plant, batch, FAULT)
    assert at(plant, batch).state is BatchState.STOPPED

    retry(plant, batch)
    make_all(plant, batch)

    assert (at(plant, batch).state, at(plant, batch).done) == (BatchState.COMPLETED, 9)


@pytest.mark.on_both
def test_what_fails_after_it_was_mended_stops_the_batch_again(plant: Plant, batch: BatchId) -> None:
    fail_next(plant, batch, FAULT)
    resume(plant, batch)
    retry(plant, batch)
    make_next(plant, batch)

    fail_next(plant, batch, FAULT)

    assert at(plant, batch).state is BatchState.STOPPED


def test_a_cancelled_batch_has_nothing_to_retry(plant: Plant, batch: BatchId) -> None:
    fail_next(plant, batch, PICTURE)
    cancel(plant, batch)

    with pytest.raises(ConflictError, match="has nothing to retry"):
        retry(plant, batch)


def test_one_that_waits_for_confirmation_neither(plant: Plant) -> None:
    [number] = issued(plant, 1)

    with pytest.raises(ConflictError, match="has nothing to retry"):
        retry(plant, begin(plant, reissue_of(number)))
