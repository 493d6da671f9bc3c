"""A version of a register is installed: seal, name, design; everybody in it is issued anew."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from factory import specimen
from factory.errors import ConflictError
from factory.model import BatchState, EditionState, Order
from factory.profile import Seal
from jobs import desk
from jobs.intake import Status
from jobs.wiring import Plant
from tests.jobs import bulking
from tests.jobs.bulking import (
    COMING,
    FORMER,
    LATER,
    SHIPPED,
    TODAY,
    at,
    begin,
    confirm,
    fates,
    issued,
    make_all,
    of_version,
    started,
    states,
    with_rules,
)
from tests.plants import PROFILE, WHO, finish, must_claim, open_chunks, submit

KINDS = ("authority.seal_replaced", "authority.renamed", "design.revised")
DESIGN = "design.revised"
ANEW = [EditionState.SUPERSEDED, EditionState.UNCOLLECTED]


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return bulking.changing(tmp_path, db_url, FORMER, LATER, COMING)


def later(plant: Plant) -> Plant:
    """The same, once the later version is in force."""
    return plant.on(TODAY)


def orders(plant: Plant) -> list[Order]:
    """Of all chunks that are ready."""
    return [each for chunk in open_chunks(plant) for each in must_claim(plant, chunk).orders]


@pytest.mark.parametrize("kind", KINDS)
def test_everybody_in_the_register_is_issued_anew(plant: Plant, kind: str) -> None:
    numbers = issued(plant, 1, 2) + issued(plant, 3, enterprise=2)
    plant = later(plant)

    batch = started(plant, of_version(kind, LATER))
    make_all(plant, batch)

    assert (at(plant, batch).state, at(plant, batch).done) == (BatchState.COMPLETED, 3)
    assert all(states(plant, number) == ANEW for number in numbers)


def test_people_of_other_registers_keep_their_certificates(plant: Plant) -> None:
    issued(plant, 1)
    bulking.grant(plant, bulking.COST_ENGINEER)
    submit(plant, bulking.of_cost_engineer(2))
    plant = later(plant)

    batch = begin(plant, of_version(DESIGN, LATER))

    assert at(plant, batch).total == 1


def test_until_it_is_replaced_what_people_have_stays_current(plant: Plant) -> None:
    [number] = issued(plant, 1)
    plant = later(plant)

    started(plant, of_version(DESIGN, LATER))

    assert states(plant, number)[0] is EditionState.UNCOLLECTED


def test_the_new_edition_is_made_by_that_version_in_its_formats(plant: Plant) -> None:
    issued(plant, 1)
    plant = later(plant)

    started(plant, of_version(DESIGN, LATER))

    [order] = orders(plant)
    assert [each.value for each in order.formats] == ["ofd", "pdf"]


@pytest.mark.on_both
def test_a_version_that_respells_prints_the_number_in_its_scheme(plant: Plant) -> None:
    old = plant.on(date(2023, 12, 1))
    event = specimen.approved(1)
    event["data"]["approved_on"] = "2023-12-01"
    number = submit(old, event).registration
    make_ready(old)
    plant = later(plant)

    started(plant, of_version(DESIGN, LATER))

    [order] = orders(plant)
    assert number == "沪231162300001"
    assert order.face["number"] == "沪2312016202300001"


def test_whoever_was_approved_by_that_version_is_passed_over(plant: Plant) -> None:
    issued(plant, 1)
    plant = later(plant)
    issued(plant, 2)

    batch = started(plant, of_version(DESIGN, LATER))
    make_all(plant, batch)

    assert fates(plant, batch) == [
        ("done", None),
        ("skipped", "its newest edition is right already"),
    ]


def test_paper_stays_until_its_holder_asks(plant: Plant) -> None:
    on_paper = specimen.imported(1)
    on_paper["data"]["photo"] = specimen.approved(1)["data"]["photo"]
    submit(plant, on_paper)

    batch = started(later(plant), of_version(DESIGN, LATER))

    expected = [("skipped", "is on paper: exchanged when its holder asks")]
    assert fates(plant, batch) == expected


def test_what_has_expired_is_not_issued_anew(plant: Plant) -> None:
    issued(plant, 1)
    plant = plant.on(date(2028, 6, 1))

    batch = started(plant, of_version(DESIGN, COMING))

    assert fates(plant, batch) == [("skipped", "has expired")]


def test_what_ends_today_is_still_issued_anew(plant: Plant) -> None:
    issued(plant, 1)  # granted on 2024-03-02 for three years
    plant = plant.on(date(2027, 3, 1))

    batch = started(plant, of_version(DESIGN, COMING))
    make_all(plant, batch)

    assert fates(plant, batch) == [("done", None)]


def test_whoever_has_collected_must_collect_again(plant: Plant) -> None:
    [number] = issued(plant, 1)
    desk.collect(plant, number, who=WHO)
    plant = later(plant)

    batch = started(plant, of_version(DESIGN, LATER))
    make_all(plant, batch)

    assert states(plant, number) == ANEW


def test_a_register_may_leave_collected_what_was_collected(plant: Plant) -> None:
    collected, waiting = issued(plant, 1, 2)
    desk.collect(plant, collected, who=WHO)
    plant = with_rules(later(plant), collect_again=False)

    batch = started(plant, of_version(DESIGN, LATER))
    make_all(plant, batch)

    assert states(plant, collected) == [EditionState.SUPERSEDED, EditionState.COLLECTED]
    assert states(plant, waiting) == ANEW


# --- what is not begun ------------------------------------------------------------------------


def test_a_version_that_is_not_installed_is_refused(plant: Plant) -> None:
    outcome = submit(later(plant), of_version(DESIGN, "2024-12"))

    [(field, rule)] = outcome.problems
    assert (outcome.status, field) == (Status.REFUSED, "data.version")
    assert rule == ("there is no such version (installed are 2023-01, 2024-01, 2024-11, 2025-06)")


def test_a_version_that_was_followed_by_another_is_refused(plant: Plant) -> None:
    outcome = submit(later(plant), of_version(DESIGN, SHIPPED))

    assert outcome.problems == (("data.version", "was followed by another (in force is 2024-11)"),)


def test_the_version_of_today_is_accepted(plant: Plant) -> None:
    assert submit(plant, of_version(DESIGN, SHIPPED)).status is Status.ACCEPTED


def test_a_version_to_come_is_prepared_and_confirmed_when_it_is_in_force(plant: Plant) -> None:
    issued(plant, 1)
    batch = begin(plant, of_version(DESIGN, LATER))

    with pytest.raises(ConflictError, match="in force from 2024-11-01 on"):
        confirm(plant.on(date(2024, 10, 31)), batch)

    assert at(plant, batch).state is BatchState.AWAITING
    assert confirm(plant.on(date(2024, 11, 1)), batch) is BatchState.RUNNING


def test_a_source_that_may_not_submit_for_the_register_is_refused(plant: Plant) -> None:
    event = of_version(DESIGN, LATER) | {"source": "urn:example:stranger"}

    outcome = submit(plant, event)

    assert outcome.problems[0][0] == "source"
    assert outcome.status is Status.REFUSED


def test_what_operators_ask_for_needs_no_grant(plant: Plant) -> None:
    event = of_version(DESIGN, LATER) | {"source": "urn:certfactory:operations"}

    assert submit(plant, event).status is Status.ACCEPTED


def test_the_same_event_twice_is_the_same_batch(plant: Plant) -> None:
    event = of_version(DESIGN, LATER)

    first, again = submit(plant, event), submit(plant, event)

    assert (again.status, again.batch) == (Status.DUPLICATE, first.batch)


def test_the_same_event_is_known_again_when_its_version_was_followed(plant: Plant) -> None:
    event = of_version(DESIGN, LATER)
    first = submit(plant, event)

    again = submit(plant.on(date(2025, 7, 1)), event)

    assert (again.status, again.batch) == (Status.DUPLICATE, first.batch)


def test_of_two_in_one_register_the_second_waits_and_is_taken_up_by_itself(plant: Plant) -> None:
    issued(plant, 1)
    plant = later(plant)
    first = started(plant, of_version(DESIGN, LATER))

    second = submit(plant, of_version("authority.renamed", LATER))
    make_all(plant, first)

    again = submit(plant, of_version("authority.renamed", LATER))
    assert second.status is Status.HELD
    assert "already" in second.reason
    assert (again.status, again.batch) == (Status.DUPLICATE, first + 1)


def make_ready(plant: Plant) -> None:
    """Whatever waits for a worker is made."""
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))


# --- a version that changes nothing of what is said ---------------------------------------------


def with_seal(plant: Plant, version: str, identity: str) -> Plant:
    """That version seals by another identity."""
    every = plant.profiles[PROFILE]
    changed = tuple(
        each.model_copy(update={"seal": Seal(identity=identity)})
        if each.version == version
        else each
        for each in every.all
    )
    vars(plant)["profiles"] = {**plant.profiles, PROFILE: replace(every, all=changed)}
    return plant


def test_a_version_with_the_seal_of_the_one_before_is_noted(plant: Plant) -> None:
    outcome = submit(later(plant), of_version("authority.seal_replaced", LATER))

    assert outcome.status is Status.ACCEPTED
    [note] = outcome.notes
    assert note.startswith(f"version {LATER}, like {SHIPPED}, seals by the same identity")


def test_one_with_another_seal_is_not(plant: Plant) -> None:
    plant = with_seal(later(plant), LATER, "another-seal")

    assert submit(plant, of_version("authority.seal_replaced", LATER)).notes == ()


def test_a_version_with_the_same_name_of_the_authority_is_noted(plant: Plant) -> None:
    [note] = submit(later(plant), of_version("authority.renamed", LATER)).notes

    assert note.endswith("prints the same name of the authority")


def test_of_the_first_version_it_is_noted_that_no_other_was_before(plant: Plant) -> None:
    plant = plant.on(date(2023, 6, 1))

    [note] = submit(plant, of_version("authority.seal_replaced", FORMER)).notes

    assert note == f"version {FORMER} is the first of this register: no certificate has another"


def test_a_revised_design_is_compared_with_nothing(plant: Plant) -> None:
    assert submit(later(plant), of_version(DESIGN, LATER)).notes == ()
