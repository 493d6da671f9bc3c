"""Some registrations are issued anew by their numbers (指定换发)."""

from pathlib import Path

import pytest

from factory import numbering, specimen
from factory.events import data
from factory.model import BatchState, EditionState
from jobs import desk
from jobs.intake import Status
from jobs.wiring import Plant
from tests.jobs import bulking
from tests.jobs.bulking import (
    FORMER,
    LATER,
    TODAY,
    at,
    begin,
    begun,
    confirm,
    fates,
    issued,
    make_all,
    prepare,
    reissue_of,
    started,
    states,
    with_rules,
)
from tests.plants import WHO, approve, finish, must_claim, open_chunks, submit

ANEW = [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]
UNKNOWN = "沪2312016202499999"


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return bulking.changing(tmp_path, db_url, FORMER, LATER)


def test_whoever_is_named_is_issued_anew_and_nobody_else(plant: Plant) -> None:
    first, second, other = issued(plant, 1, 2, 3)

    batch = started(plant, reissue_of(first, second))
    make_all(plant, batch)

    assert (at(plant, batch).state, at(plant, batch).done) == (BatchState.COMPLETED, 2)
    assert [states(plant, each) for each in (first, second)] == [ANEW, ANEW]
    assert states(plant, other) == [EditionState.UNCOLLECTED]


def test_more_than_a_slice_is_prepared_by_the_place_in_the_list(plant: Plant) -> None:
    numbers = issued(plant, 1, 2, 3, 4, 5)

    batch = begin(plant, reissue_of(*reversed(numbers)))

    assert at(plant, batch).total == 5


def test_a_number_that_is_unknown_holds_the_event_and_its_place_is_told(plant: Plant) -> None:
    [number] = issued(plant, 1)

    outcome = submit(plant, reissue_of(number, UNKNOWN))

    assert outcome.status is Status.HELD
    assert outcome.reason == "numbers: 1 are no registration of this register: entries 2"
    assert UNKNOWN not in outcome.reason


def test_a_reason_with_a_number_of_a_person_is_refused(plant: Plant) -> None:
    [number] = issued(plant, 1)

    outcome = submit(plant, reissue_of(number, reason="补发 11010519491231002X"))

    assert outcome.status is Status.REFUSED
    [(field, rule)] = outcome.problems
    assert field == "data.reason"
    assert "GB 11643-1999" in rule and "1101" not in rule


def test_once_the_number_is_imported_the_held_event_is_tried_again(plant: Plant) -> None:
    late = specimen.imported(1)
    number = late["data"]["registration_number"]
    outcome = submit(plant, reissue_of(number))
    assert outcome.hold is not None
    submit(plant, late)

    desk.retry(plant, outcome.hold, who=WHO, why="imported")

    again = submit(plant, reissue_of(number))
    assert (again.status, again.batch) == (Status.DUPLICATE, 1)
    assert desk.open_holds(plant) == []


def test_a_number_of_another_register_is_unknown(plant: Plant) -> None:
    [number] = issued(plant, 1)
    bulking.grant(plant, bulking.COST_ENGINEER)

    outcome = submit(plant, reissue_of(number, profile=bulking.COST_ENGINEER))

    assert outcome.status is Status.HELD


def test_a_number_named_twice_is_refused(plant: Plant) -> None:
    outcome = submit(plant, reissue_of(UNKNOWN, UNKNOWN))

    assert outcome.problems == (("data.numbers", "names one registration twice"),)


def test_the_old_and_the_new_spelling_of_a_number_are_one_item(plant: Plant) -> None:
    old = specimen.imported(1)["data"]["registration_number"]
    submit(plant, specimen.imported(1))
    new = numbering.respell(old, "jzs16")
    assert new != old

    outcome = submit(plant, reissue_of(old, new))

    batch = begun(outcome)
    prepare(plant, batch)
    assert at(plant, batch).total == 1


def test_twenty_thousand_numbers_are_taken(plant: Plant) -> None:
    numbers = [f"沪23120162024{n:05}" for n in range(data.MOST_NUMBERS)]

    assert submit(plant, reissue_of(*numbers)).status is Status.HELD  # unknown, but not too many


def test_one_more_is_refused(plant: Plant) -> None:
    numbers = [f"沪23120162024{n:05}" for n in range(data.MOST_NUMBERS + 1)]

    outcome = submit(plant, reissue_of(*numbers))

    assert outcome.status is Status.REFUSED
    [(field, rule)] = outcome.problems
    assert field == "data.numbers"
    assert "lists 20001 registrations; a batch has 1 to 20000" in rule


def test_a_former_number_finds_its_registration(plant: Plant) -> None:
    [number] = issued(plant, 1)
    plant = plant.on(TODAY)
    first = started(plant, reissue_of(number))
    make_all(plant, first)

    batch = begin(plant, reissue_of(number, ident="again"))

    assert at(plant, batch).total == 1


def test_whoever_is_cancelled_is_passed_over(plant: Plant) -> None:
    first, second = issued(plant, 1, 2)
    bulking.cancel(plant, 1)

    batch = started(plant, reissue_of(first, second))
    make_all(plant, batch)

    assert fates(plant, batch) == [("skipped", "no longer in force"), ("done", None)]


def test_what_is_still_being_made_is_not_made_twice(plant: Plant) -> None:
    number = str(approve(plant, 1).registration)

    batch = started(plant, reissue_of(number))

    assert fates(plant, batch) == [("skipped", "its newest edition is still being made")]


def test_what_was_made_since_it_was_asked_for_is_not_made_again(plant: Plant) -> None:
    [number] = issued(plant, 1)
    first, second = (begin(plant, reissue_of(number, ident=name)) for name in ("one", "two"))
    confirm(plant, first)
    make_all(plant, first)

    confirm(plant, second)
    make_all(plant, second)

    assert fates(plant, second) == [("skipped", "its newest edition is right already")]
    assert states(plant, number) == ANEW


def test_collected_certificates_stay_collected_where_the_register_says_so(plant: Plant) -> None:
    [number] = issued(plant, 1)
    desk.collect(plant, number, who=WHO)

    batch = started(with_rules(plant, collect_again=False), reissue_of(number))
    make_all(plant, batch)

    assert states(plant, number) == [EditionState.SUPERSEDED, EditionState.COLLECTED]


def test_elsewhere_they_must_be_collected_again(plant: Plant) -> None:
    [number] = issued(plant, 1)
    desk.collect(plant, number, who=WHO)

    batch = started(plant, reissue_of(number))
    make_all(plant, batch)

    assert states(plant, number) == ANEW


def test_two_lists_of_one_register_run_beside_each_other(plant: Plant) -> None:
    first, second = issued(plant, 1, 2)

    batches = [started(plant, reissue_of(each, ident=each)) for each in (first, second)]
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))

    assert all(at(plant, batch).done == 1 for batch in batches)


def test_a_source_that_may_not_submit_for_the_register_is_refused(plant: Plant) -> None:
    [number] = issued(plant, 1)

    outcome = submit(plant, reissue_of(number) | {"source": "urn:example:stranger"})

    assert (outcome.status, outcome.problems[0][0]) == (Status.REFUSED, "source")


def test_the_same_list_twice_is_the_same_batch(plant: Plant) -> None:
    [number] = issued(plant, 1)

    first, again = (submit(plant, reissue_of(number)) for _ in range(2))

    assert (again.status, again.batch) == (Status.DUPLICATE, begun(first))
