"""Examples: every register gets events that it takes, of every type it has."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from factory import courses, events
from factory.codes import credit_code_fault, identity_number_fault
from factory.courses import Case
from factory.errors import NotFoundError
from factory.events import Applied, RegistrationApproved
from factory.model import ApplicationType, Sex
from factory.profile import Profile
from jobs import examples
from jobs.embedded import Embedded
from jobs.intake import Status
from jobs.wiring import Plant, load_profiles
from storage.ledger import inbox
from tests.plants import SOURCE, WHO, new_plant, put_scans, stored, submit

pytestmark = pytest.mark.usefixtures("stated_signatures")

FOLDER = Path(__file__).parents[1] / "examples" / "sixth" / "profiles"
PROFILES = load_profiles(FOLDER)
TODAY = date(2026, 11, 21)
KINDS = [
    (name, kind)
    for name, versions in PROFILES.items()
    for kind in versions.on(TODAY).application.types
]


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory, store: Embedded) -> Iterator[Plant]:
    """A factory that knows all registers, in which only examples are submitted."""
    folder = tmp_path_factory.mktemp("examples")
    found = new_plant(
        folder,
        f"sqlite:///{folder / 'ledger.sqlite3'}",
        profiles_dir=FOLDER,
        **stored(store.settings),
    )
    put_scans(found)
    with found.ledger.write(WHO) as tx:
        for name in PROFILES:
            inbox.grant(tx, SOURCE, name)
    yield found
    found.ledger.engine.dispose()


def of(name: str) -> Profile:
    return PROFILES[name].on(TODAY)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_every_step_of_every_application_is_accepted(
    plant: Plant, name: str, kind: ApplicationType
) -> None:
    told = courses.life(Case(profile=of(name), kind=kind))

    outcomes = [submit(plant, event) for event in told]

    assert [each.status for each in outcomes] == [Status.ACCEPTED] * len(told), outcomes
    assert not any(each.notes for each in outcomes)


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_an_example_is_an_event_of_the_life_that_is_told_without_its_type(
    name: str, kind: ApplicationType
) -> None:
    first = courses.first_day(of(name), TODAY)
    told = courses.life(Case(profile=of(name), kind=kind, first=first))

    for event_type in {event["type"] for event in told}:
        found = examples.found(PROFILES, event_type, name, kind, seed=1, today=TODAY)

        assert found[-1]["type"] == event_type
        assert tuple(found) == told[: len(found)]


def test_every_event_type_has_an_example_in_some_register() -> None:
    for event_type in events.EVENT_TYPES:
        found = examples.found(PROFILES, event_type, None, None, seed=1, today=TODAY)

        assert events.parse(json.dumps(found[-1]).encode()).type == event_type


def test_an_application_that_a_register_does_not_have_has_no_example() -> None:
    with pytest.raises(NotFoundError, match="has no reregistration, but initial"):
        examples.found(
            PROFILES, None, "zhejiang-constructor", ApplicationType.REREGISTRATION,
            seed=1, today=TODAY,
        )  # fmt: skip


def test_an_event_that_is_no_step_in_a_register_has_no_example() -> None:
    with pytest.raises(NotFoundError, match=r"application\.signed is no step"):
        examples.found(
            PROFILES, "application.signed", "zhejiang-constructor", None, seed=1, today=TODAY
        )


def test_a_profile_that_is_not_installed_has_no_example() -> None:
    with pytest.raises(NotFoundError, match="installed are gansu-constructor"):
        examples.found(PROFILES, None, "nowhere-constructor", None, seed=1, today=TODAY)


@pytest.mark.parametrize("seed", range(1, 60))
def test_synthetic_codes_keep_their_rules(seed: int) -> None:
    kind = ApplicationType.INITIAL
    case = Case(profile=of("gansu-constructor"), kind=kind, seed=seed)
    person, born = case.holder, date.fromisoformat(case.holder["birth_date"])

    fault = identity_number_fault(person["id_number"], "111", born, Sex(person["sex"]))

    assert fault is None
    assert credit_code_fault(case.enterprise["credit_code"]) is None


def test_synthetic_people_live_where_nobody_does() -> None:
    case = Case(profile=of("gansu-constructor"), kind=ApplicationType.INITIAL)

    assert case.holder["id_number"].startswith("629900")
    assert case.enterprise["credit_code"].startswith("91629900")


def test_no_two_people_or_applications_of_a_register_share_a_number() -> None:
    cases = [
        Case(profile=of("shanghai-constructor"), kind=kind, seed=seed)
        for seed in range(1, 200)
        for kind in of("shanghai-constructor").application.types
    ]

    assert len({each.holder["id_number"] for each in cases}) == len(cases)
    assert len({each.acceptance_number for each in cases}) == len(cases)


def test_a_course_ends_by_today_whatever_day_a_profile_begins() -> None:
    profile = of("shanghai-constructor").model_copy(update={"effective_from": TODAY})

    first = courses.first_day(profile, TODAY)
    told = courses.life(Case(profile=profile, kind=ApplicationType.INITIAL, first=first))

    for raw in told:
        data = events.parse(json.dumps(raw).encode()).data
        if isinstance(data, RegistrationApproved):
            assert data.approved_on <= TODAY
    assert first < TODAY


def test_uncommon_names_are_among_the_people() -> None:
    names = {
        Case(profile=of("gansu-constructor"), kind=kind, seed=seed).holder["name"]
        for seed in range(1, 60)
        for kind in (ApplicationType.INITIAL, ApplicationType.FORCED_CANCELLATION)
    }

    assert any("·" in name for name in names)
    assert any(ord(char) > 0xFFFF for name in names for char in name)


def test_who_begins_brings_the_pictures_that_the_register_prints() -> None:
    told = courses.course(Case(profile=of("shanghai-cost-engineer"), kind=ApplicationType.INITIAL))
    applied = [
        data
        for data in (events.parse(json.dumps(raw).encode()).data for raw in told)
        if isinstance(data, Applied)
    ]

    assert applied and all(each.photo and each.signature for each in applied)
