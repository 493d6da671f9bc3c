"""Names of enterprises: what is a rename and what is not, and which comes before which."""

from pathlib import Path

import pytest

from factory import specimen
from factory.model import EditionState
from jobs import desk
from jobs.bulk import steering, steps
from jobs.intake import Status
from jobs.wiring import Plant
from tests.jobs import bulking
from tests.jobs.bulking import (
    at,
    begin,
    confirm,
    fates,
    issued,
    make_all,
    rename_to,
    started,
    states,
    with_rules,
)
from tests.plants import PROFILE, WHO, JsonObject, must_claim, open_chunks, submit

OLD = specimen.employer(1)["name"]
NEW, THIRD = "上海示例（集团）建设有限公司", "上海又一个名称建设工程有限公司"
NARROW = NEW.replace("（", "(").replace("）", ")")
ANEW = [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return bulking.changing(tmp_path, db_url)


def transfer(seed: int, enterprise: int) -> JsonObject:
    """The person of that seed changes to another employer."""
    event = specimen.approved(seed, enterprise)
    number = f"W2024090330{seed:04}"
    del event["data"]["photo"]
    event["data"] |= {
        "application": {"type": "change", "acceptance_number": number},
        "approved_on": "2024-09-02",
        "professions": [],
    }
    return event | {"id": f"transfer-{seed}"}


# --- brackets ---------------------------------------------------------------------------------


def test_other_brackets_alone_are_no_rename(plant: Plant) -> None:
    outcome = submit(plant, rename_to(NARROW, NEW))

    said = "old_name and new_name differ in the width of brackets alone: no rename"
    assert outcome.problems == (("data.enterprise", said),)


def test_another_letter_beside_them_is_a_rename(plant: Plant) -> None:
    assert submit(plant, rename_to(NARROW + "甲", NEW)).status is Status.ACCEPTED


def test_the_registers_name_in_other_brackets_is_the_same_name(plant: Plant) -> None:
    [number] = issued(plant, 1)
    first = started(plant, rename_to(NEW))
    make_all(plant, first)

    second = started(plant, rename_to(THIRD, NARROW))
    make_all(plant, second)

    assert at(plant, second).done == 1
    assert states(plant, number) == [EditionState.SUPERSEDED, *ANEW]


def test_a_new_name_the_register_has_in_other_brackets_asks_for_nothing(plant: Plant) -> None:
    issued(plant, 1)
    make_all(plant, started(plant, rename_to(NEW)))

    again = submit(plant, rename_to(NARROW))

    assert (again.status, again.batch) == (Status.ACCEPTED, None)
    assert again.notes == ("the register knows the new name already",)


def test_an_old_name_the_register_never_had_is_held(plant: Plant) -> None:
    issued(plant, 1)

    outcome = submit(plant, rename_to(NEW, THIRD))

    assert (outcome.status, outcome.reason) == (
        Status.HELD,
        "enterprise.old_name: the register knows it by another name",
    )


# --- what it needs ----------------------------------------------------------------------------


def test_a_register_may_ask_for_the_notice_of_the_change(plant: Plant) -> None:
    plant = with_rules(plant, evidence="required")

    outcome = submit(plant, rename_to(NEW))

    assert outcome.status is Status.HELD
    assert outcome.reason == f"data.evidence: is missing (更名通知书文号) (profile {PROFILE})"


def test_with_its_number_the_rename_is_taken(plant: Plant) -> None:
    plant = with_rules(plant, evidence="required")

    assert submit(plant, rename_to(NEW, evidence="沪市监更字2024第7号")).batch is not None


def test_a_register_may_refuse_renames_while_an_application_is_open(plant: Plant) -> None:
    issued(plant, 1)
    submit(plant, specimen.saved(2))

    outcome = submit(with_rules(plant, open_applications="refuse"), rename_to(NEW))

    assert outcome.status is Status.HELD
    assert "has applications under way" in outcome.reason


@pytest.mark.on_both
def test_an_application_at_another_enterprise_does_not_matter(plant: Plant) -> None:
    issued(plant, 1)
    submit(plant, specimen.saved(2, enterprise=2))

    outcome = submit(with_rules(plant, open_applications="refuse"), rename_to(NEW))

    assert outcome.status is Status.ACCEPTED


def test_elsewhere_applications_may_be_open(plant: Plant) -> None:
    issued(plant, 1)
    submit(plant, specimen.saved(2))

    assert submit(plant, rename_to(NEW)).status is Status.ACCEPTED


# --- who waits for whom -----------------------------------------------------------------------


def test_a_second_rename_waits_and_becomes_a_batch_when_the_first_has_ended(plant: Plant) -> None:
    issued(plant, 1)
    first = begin(plant, rename_to(NEW))
    second = submit(plant, rename_to(THIRD, NEW))
    confirm(plant, first)

    make_all(plant, first)

    again = submit(plant, rename_to(THIRD, NEW))
    assert second.status is Status.HELD
    assert (again.status, again.batch) == (Status.DUPLICATE, first + 1)
    assert desk.open_holds(plant) == []


def test_a_cancelled_batch_lets_go_of_what_waited_for_it_too(plant: Plant) -> None:
    issued(plant, 1)
    first = begin(plant, rename_to(NEW))
    submit(plant, rename_to(THIRD))

    steering.cancel(plant, first, who=WHO, why="wrong name")
    steps.advance(plant, first)

    assert submit(plant, rename_to(THIRD)).batch == first + 1


@pytest.mark.on_both
def test_a_change_of_employer_waits_and_is_judged_when_the_rename_has_ended(plant: Plant) -> None:
    issued(plant, 1, 2)
    batch = begin(plant, rename_to(NEW))
    confirm(plant, batch)
    waits = submit(plant, transfer(1, enterprise=2))

    make_all(plant, batch)

    [held] = desk.open_holds(plant)
    assert "a transfer waits until that has ended" in waits.reason
    assert (held.id, held.reason) == (waits.hold, "conflict")  # this register knows no such change


def test_before_the_confirmation_it_waits_for_nothing(plant: Plant) -> None:
    issued(plant, 1, 2)
    begin(plant, rename_to(NEW))

    submit(plant, transfer(1, enterprise=2))

    assert [held.reason for held in desk.open_holds(plant)] == ["conflict"]


def test_a_change_between_other_enterprises_waits_for_nothing(plant: Plant) -> None:
    issued(plant, 1)
    issued(plant, 2, enterprise=2)
    confirm(plant, begin(plant, rename_to(NEW)))

    submit(plant, transfer(2, enterprise=3))

    assert [held.reason for held in desk.open_holds(plant)] == ["conflict"]


@pytest.mark.parametrize("leaves", ["before the confirmation", "while it runs"])
def test_whoever_has_left_is_passed_over_and_keeps_the_other_name(
    plant: Plant, leaves: str
) -> None:
    stays, _ = issued(plant, 1, 2)
    batch = begin(plant, rename_to(NEW))
    if leaves == "while it runs":
        confirm(plant, batch)
    bulking.cancel(plant, 2)
    moved = specimen.approved(2, 2) | {"id": "moved"}
    moved["data"] |= {"approved_on": "2024-09-03"}
    moved["data"]["application"] |= {"acceptance_number": "W20240903300002"}
    elsewhere = submit(plant, moved).registration
    if leaves == "before the confirmation":
        confirm(plant, batch)

    make_all(plant, batch)

    assert elsewhere is not None
    assert fates(plant, batch) == [("done", None), ("skipped", "no longer in force")]
    assert [states(plant, each)[-1] for each in (stays, elsewhere)] == ANEW[1:] * 2


def test_whoever_comes_while_it_runs_is_registered_under_the_new_name(plant: Plant) -> None:
    issued(plant, 1)
    confirm(plant, begin(plant, rename_to(NEW)))

    submit(plant, specimen.approved(2))

    [order] = must_claim(plant, open_chunks(plant)[0]).orders
    assert order.face["employer"]["name"] == NEW


def test_a_rename_back_makes_right_what_a_cancelled_one_left(plant: Plant) -> None:
    numbers = issued(plant, 1, 2, 3)
    batch = begin(plant, rename_to(NEW))
    confirm(plant, batch)
    steering.cancel(plant, batch, who=WHO, why="wrong name")
    steps.advance(plant, batch)

    back = started(plant, rename_to(OLD, NEW))
    make_all(plant, back)

    assert at(plant, back).done == len(numbers)
    assert [states(plant, each)[-1] for each in numbers] == [EditionState.UNCOLLECTED] * 3
