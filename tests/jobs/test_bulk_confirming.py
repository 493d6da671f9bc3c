"""Who confirms a bulk event: the enterprise, operations, the register itself; one or two."""

from pathlib import Path

import pytest

from factory import specimen
from factory.access import Viewer
from factory.errors import ConflictError, ForbiddenError
from factory.model import BatchId, BatchState, EditionState
from jobs.asker import Asker
from jobs.bulk import confirming, steps
from jobs.wiring import Plant
from tests.jobs import bulking
from tests.jobs.bulking import (
    COST_ENGINEER,
    at,
    begin,
    begun,
    confirm,
    issued,
    of_version,
    prepare,
    reissue_of,
    rename_to,
    states,
    with_policy,
    with_rules,
)
from tests.plants import PROFILE, submit

NEW = "上海示例建设集团股份有限公司"


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return bulking.changing(tmp_path, db_url)


def by_enterprise(plant: Plant, batch: BatchId) -> BatchState:
    """Confirmed by the enterprise, through upstream."""
    asker = Asker(viewer=Viewer.ENTERPRISE, credit_code=specimen.employer(1)["credit_code"])
    return confirming.confirm(plant, batch, who="portal", why="确认更名", asker=asker).state


def test_another_enterprise_is_forbidden(plant: Plant) -> None:
    issued(plant, 1)
    batch = begin(plant, rename_to(NEW))
    asker = Asker(viewer=Viewer.ENTERPRISE, credit_code=specimen.employer(2)["credit_code"])

    with pytest.raises(ForbiddenError, match="its enterprise confirms it"):
        confirming.confirm(plant, batch, who="portal", why="确认更名", asker=asker)


# --- whose turn it is -------------------------------------------------------------------------


def test_the_enterprise_confirms_where_the_register_leaves_it_to_it(plant: Plant) -> None:
    [number] = issued(plant, 1)
    batch = begin(plant, rename_to(NEW))
    assert at(plant, batch).owner == "enterprise"

    assert by_enterprise(plant, batch) is BatchState.RUNNING
    assert states(plant, number) == [EditionState.OUTDATED]


def test_where_operations_confirm_the_enterprise_is_forbidden(plant: Plant) -> None:
    issued(plant, 1)
    plant = with_policy(plant, rename_confirmation="operations")
    batch = begin(plant, rename_to(NEW))

    with pytest.raises(ForbiddenError, match="operations confirm it"):
        by_enterprise(plant, batch)

    assert at(plant, batch).state is BatchState.AWAITING


def test_of_two_registers_the_stricter_decides(plant: Plant) -> None:
    issued(plant, 1)
    bulking.grant(plant, COST_ENGINEER)
    submit(plant, bulking.of_cost_engineer(2))
    plant = with_policy(plant, COST_ENGINEER, rename_confirmation="operations")

    batch = begin(plant, rename_to(NEW))

    assert at(plant, batch).owner == "operations"


def test_a_register_in_which_nobody_is_affected_has_no_say(plant: Plant) -> None:
    issued(plant, 1)
    bulking.grant(plant, COST_ENGINEER)
    plant = with_policy(plant, COST_ENGINEER, rename_confirmation="operations")

    batch = begin(plant, rename_to(NEW))

    assert at(plant, batch).owner == "enterprise"
    assert by_enterprise(plant, batch) is BatchState.RUNNING


@pytest.mark.parametrize("kind", ["version", "numbers"])
def test_an_enterprise_confirms_renames_alone(plant: Plant, kind: str) -> None:
    [number] = issued(plant, 1)
    event = of_version("design.revised", "2024-01") if kind == "version" else reissue_of(number)
    batch = begin(plant, event)

    with pytest.raises(ForbiddenError):
        by_enterprise(plant, batch)


def test_operations_may_confirm_whatever_the_register_says(plant: Plant) -> None:
    issued(plant, 1)

    assert confirm(plant, begin(plant, rename_to(NEW))) is BatchState.RUNNING


# --- by itself --------------------------------------------------------------------------------


def test_a_register_may_confirm_renames_by_itself(plant: Plant) -> None:
    [number] = issued(plant, 1)
    plant = with_policy(plant, rename_confirmation="automatic")

    batch = begun(submit(plant, rename_to(NEW)))
    prepare(plant, batch)

    assert at(plant, batch).state is BatchState.RUNNING
    assert states(plant, number) == [EditionState.OUTDATED]


def test_it_confirms_nothing_but_renames_so(plant: Plant) -> None:
    issued(plant, 1)
    plant = with_policy(plant, rename_confirmation="automatic")

    batch = begin(plant, of_version("design.revised", "2024-01"))

    assert at(plant, batch).state is BatchState.AWAITING


def test_a_small_batch_confirms_itself_below_the_size_the_register_sets(plant: Plant) -> None:
    numbers = issued(plant, 1, 2)

    batch = begin(with_rules(plant, automatic_below=3), reissue_of(*numbers))

    assert at(plant, batch).state is BatchState.RUNNING


def test_one_of_that_size_waits(plant: Plant) -> None:
    numbers = issued(plant, 1, 2)

    batch = begin(with_rules(plant, automatic_below=2), reissue_of(*numbers))

    assert at(plant, batch).state is BatchState.AWAITING


def test_where_one_of_two_registers_wants_to_be_asked_it_waits(plant: Plant) -> None:
    issued(plant, 1)
    bulking.grant(plant, COST_ENGINEER)
    submit(plant, bulking.of_cost_engineer(2))

    batch = begin(with_rules(plant, automatic_below=10), rename_to(NEW))

    assert at(plant, batch).state is BatchState.AWAITING


def test_where_both_agree_it_does_not(plant: Plant) -> None:
    issued(plant, 1)
    bulking.grant(plant, COST_ENGINEER)
    for profile in (PROFILE, COST_ENGINEER):
        plant = with_rules(plant, profile, automatic_below=10)

    batch = begin(plant, rename_to(NEW))

    assert at(plant, batch).state is BatchState.RUNNING


def test_what_cannot_take_effect_by_itself_waits_for_somebody(plant: Plant) -> None:
    """An application was opened after the event had come."""
    issued(plant, 1)
    plant = with_rules(plant, automatic_below=10, open_applications="refuse")
    batch = begun(submit(plant, rename_to(NEW)))
    submit(plant, specimen.saved(2))

    prepare(plant, batch)

    assert at(plant, batch).state is BatchState.AWAITING
    with pytest.raises(ConflictError, match="has applications under way"):
        confirm(plant, batch)


def test_a_version_not_in_force_yet_does_not_take_effect_by_itself(
    tmp_path: Path, db_url: str
) -> None:
    plant = bulking.changing(tmp_path, db_url, bulking.LATER)
    issued(plant, 1)

    batch = begin(
        with_rules(plant, automatic_below=10), of_version("design.revised", bulking.LATER)
    )

    assert at(plant, batch).state is BatchState.AWAITING


# --- two operators ----------------------------------------------------------------------------


@pytest.fixture
def large(plant: Plant) -> tuple[Plant, BatchId]:
    """A rename of two, where two are too many for one operator."""
    issued(plant, 1, 2)
    plant = with_rules(plant, second_operator_above=1)
    return plant, begin(plant, rename_to(NEW))


def test_without_a_token_a_large_batch_is_not_confirmed(large: tuple[Plant, BatchId]) -> None:
    plant, batch = large

    with pytest.raises(ForbiddenError, match="two operators must confirm it"):
        confirm(plant, batch)

    assert at(plant, batch).approved_by is None


@pytest.mark.on_both
def test_the_first_operator_agrees_and_nothing_begins(large: tuple[Plant, BatchId]) -> None:
    plant, batch = large

    assert confirm(plant, batch, "clerk-one") is BatchState.AWAITING

    steps.advance(plant, batch)
    assert (at(plant, batch).approved_by, at(plant, batch).pending) == ("clerk-one", 2)


def test_the_same_operator_twice_is_refused(large: tuple[Plant, BatchId]) -> None:
    plant, batch = large
    confirm(plant, batch, "clerk-one")

    with pytest.raises(ConflictError, match="this operator has agreed"):
        confirm(plant, batch, "clerk-one")

    assert at(plant, batch).state is BatchState.AWAITING


def test_the_second_operator_starts_it_and_both_are_on_record(
    large: tuple[Plant, BatchId],
) -> None:
    plant, batch = large
    confirm(plant, batch, "clerk-one")

    assert confirm(plant, batch, "clerk-two") is BatchState.RUNNING

    found = at(plant, batch)
    assert (found.approved_by, found.confirmed_by) == ("clerk-one", "operator:clerk-two")


def test_the_enterprise_alone_cannot_confirm_a_large_rename(
    large: tuple[Plant, BatchId],
) -> None:
    plant, batch = large

    with pytest.raises(ForbiddenError):
        by_enterprise(plant, batch)


def test_a_large_batch_does_not_confirm_itself(plant: Plant) -> None:
    issued(plant, 1, 2)
    plant = with_rules(plant, second_operator_above=1, automatic_below=10)

    assert at(plant, begin(plant, rename_to(NEW))).state is BatchState.AWAITING


def test_one_that_is_just_as_large_as_allowed_needs_one_operator(plant: Plant) -> None:
    issued(plant, 1, 2)
    plant = with_rules(plant, second_operator_above=2)

    assert confirm(plant, begin(plant, rename_to(NEW))) is BatchState.RUNNING


def test_the_lowest_limit_of_its_registers_counts(plant: Plant) -> None:
    issued(plant, 1, 2)
    bulking.grant(plant, COST_ENGINEER)
    plant = with_rules(plant, COST_ENGINEER, second_operator_above=1)
    batch = begin(plant, rename_to(NEW))

    with pytest.raises(ForbiddenError):
        confirm(plant, batch)
