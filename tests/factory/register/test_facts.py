"""Facts: what one event says of one person, from when on, and as the ledger keeps it."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import specimen
from factory.events import EVENT_TYPES, BulkData, RegistrationApproved, RegistrationCancelled, parse
from factory.profile import Profile
from factory.register import (
    Fact,
    application_json,
    fact_of,
    from_json,
    local_day,
    to_json,
    view_from,
    view_json,
)
from factory.versions import Versions
from tests.factory.register.histories import (
    BUILDING,
    CIVIL,
    COST,
    HISTORIES,
    PHOTO,
    SHANGHAI,
    ZHEJIANG,
    Teller,
    at,
    only,
    told,
)

HERE = Teller(profile=SHANGHAI)
SAVED = HERE.saved("initial", BUILDING, at=at("2024-06-14", "09:00"))
APPROVED = HERE.approved("initial", BUILDING, on="2024-06-14")
END_OF_DAY = datetime(2024, 6, 14, 15, 59, 59, 999_999, tzinfo=UTC)
OF_A_DAY = [
    HERE.imported(BUILDING, on="2024-06-14", until="2027-06-13"),
    APPROVED,
    HERE.cancelled(on="2024-06-14"),
    HERE.suspended(on="2024-06-14"),
    HERE.resumed(on="2024-06-14"),
    HERE.corrected(on="2024-06-14"),
]
OF_AN_INSTANT = [
    SAVED,
    HERE.signed("applicant", at=at("2024-06-14")),
    HERE.attached("identity_paper", at=at("2024-06-14")),
    HERE.closed("accepted", at=at("2024-06-14")),
]
ALL = [*OF_A_DAY, *OF_AN_INSTANT]


def named(fact: Fact) -> str:
    """What a parameter is called in the name of a test."""
    return fact.type


# --- from when on ------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", OF_A_DAY, ids=named)
def test_what_holds_from_a_day_on_counts_at_its_last_instant_in_china(fact: Fact) -> None:
    assert fact.effective == END_OF_DAY


@pytest.mark.parametrize("fact", OF_AN_INSTANT, ids=named)
def test_what_is_done_by_the_clock_counts_at_its_instant(fact: Fact) -> None:
    assert fact.effective == datetime(2024, 6, 14, 1, tzinfo=UTC)


@pytest.mark.parametrize("fact", ALL, ids=named)
def test_every_fact_has_its_day_in_china(fact: Fact) -> None:
    assert fact.day == date(2024, 6, 14)


def test_everything_said_of_a_person_is_a_fact() -> None:
    of_many = {name for name, data in EVENT_TYPES.items() if issubclass(data, BulkData)}

    assert {fact.type for fact in ALL} == EVENT_TYPES.keys() - of_many


def test_what_is_done_on_a_day_comes_before_what_holds_from_it_on() -> None:
    last = HERE.signed("enterprise", at=at("2024-06-14", "23:59"))

    assert sorted([APPROVED, last], key=lambda fact: fact.order) == [last, APPROVED]


def test_the_first_instant_of_the_next_day_comes_after_it() -> None:
    next_day = HERE.closed("announced", at=at("2024-06-15", "00:00"))

    assert sorted([next_day, APPROVED], key=lambda fact: fact.order) == [APPROVED, next_day]


def test_facts_of_one_instant_are_in_the_order_of_source_and_id() -> None:
    one, other = replace(APPROVED, event_id="a"), replace(APPROVED, event_id="b")
    third = replace(APPROVED, source="urn:example:a", event_id="c")

    assert sorted([other, one, third], key=lambda fact: fact.order) == [third, one, other]


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2024, 6, 14, 15, 59, 59, tzinfo=UTC), date(2024, 6, 14)),
        (datetime(2024, 6, 14, 16, 0, 0, tzinfo=UTC), date(2024, 6, 15)),
    ],
)
def test_the_day_changes_at_midnight_in_china(instant: datetime, day: date) -> None:
    assert local_day(instant) == day


@given(st.dates(date(1992, 1, 1), date(2199, 12, 30)))
def test_the_day_of_a_fact_is_the_day_it_says(day: date) -> None:
    fact = HERE.suspended(on=day.isoformat())

    assert fact.day == day
    assert local_day(fact.effective + timedelta(microseconds=1)) == day + timedelta(days=1)


@pytest.mark.parametrize(
    ("said", "registered"), [("土木工程", CIVIL), (CIVIL, CIVIL), ("航天工程", "航天工程")]
)
def test_a_profession_is_registered_by_the_name_of_the_register(said: str, registered: str) -> None:
    event = specimen.approved(1)
    event["data"] |= {
        "profile": COST.id,
        "professions": [{"name": said, "qualified_on": "2023-11-03"}],
    }

    data = fact_of(parse(json.dumps(event).encode()), Versions.of(COST)).data

    assert isinstance(data, RegistrationApproved)
    assert [each.name for each in data.professions] == [registered]


def test_so_is_the_one_a_cancellation_names() -> None:
    event = specimen.cancelled(1)
    event["data"] |= {"profile": COST.id, "profession": "土木工程"}

    data = fact_of(parse(json.dumps(event).encode()), Versions.of(COST)).data

    assert isinstance(data, RegistrationCancelled)
    assert data.profession == CIVIL


def test_a_fact_is_named_by_its_source_and_event_id() -> None:
    assert APPROVED.key == (specimen.SOURCE, APPROVED.event_id)


# --- as the ledger keeps it --------------------------------------------------------------------


@pytest.mark.parametrize("fact", ALL, ids=named)
def test_a_fact_survives_being_kept(fact: Fact) -> None:
    assert from_json(fact.source, fact.event_id, fact.type, to_json(fact)) == fact


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_survives_being_kept(name: str) -> None:
    rules, facts = HISTORIES[name]

    kept = [from_json(*fact.key, fact.type, to_json(fact)) for fact in facts]

    assert told(rules, *kept) == told(rules, *facts)


def test_pictures_are_kept_elsewhere_and_here_only_their_digests() -> None:
    data = EVENT_TYPES[APPROVED.type].model_validate(specimen.approved(39)["data"])
    fact = replace(APPROVED, data=data)

    kept = json.loads(to_json(fact))

    assert kept["pictures"] == {"photo": PHOTO}
    assert "photo" not in kept["data"]


def test_a_fact_kept_without_its_photo_is_read_all_the_same() -> None:
    data = EVENT_TYPES[APPROVED.type].model_validate(specimen.approved(39)["data"])

    kept = from_json(*APPROVED.key, APPROVED.type, to_json(replace(APPROVED, data=data)))

    assert kept.data == data.model_copy(update={"photo": None})


def test_a_kept_fact_shows_no_personal_data_when_printed() -> None:
    shown = repr(APPROVED)

    assert HERE.holder["name"] not in shown
    assert HERE.holder["id_number"] not in shown


@pytest.mark.parametrize("rules", [SHANGHAI, COST], ids=lambda rules: rules.id)
def test_a_view_survives_being_kept(rules: Profile) -> None:
    fact = Teller(profile=rules).approved("initial", rules.professions.names[0], on="2024-06-14")

    view = only(told(rules, fact)).view

    assert view_from(json.loads(json.dumps(view_json(view)))) == view


def test_a_view_kept_before_there_were_signatures_is_read() -> None:
    view = only(told(SHANGHAI, APPROVED)).view
    kept = {name: value for name, value in view_json(view).items() if name != "signature"}

    assert view_from(kept) == view


def test_an_application_is_shown_without_personal_data() -> None:
    here = Teller(profile=ZHEJIANG)
    person = told(
        ZHEJIANG,
        here.saved("initial", BUILDING, at=at("2024-06-03")),
        here.attached("identity_paper", at=at("2024-06-03", "10:00")),
    )

    [shown] = map(application_json, person.applications.values())

    assert shown["employer"] == specimen.credit_code(1)
    assert not {here.holder["name"], here.holder["id_number"]} & set(json.dumps(shown).split('"'))


def test_an_application_is_shown_with_its_signatures_and_steps() -> None:
    person = told(
        SHANGHAI,
        SAVED,
        HERE.signed("applicant", at=at("2024-06-14", "10:00")),
        HERE.closed("withdrawn", at=at("2024-06-14", "11:00"), by="applicant"),
    )

    [shown] = map(application_json, person.applications.values())

    assert shown["signatures"] == [
        {
            "party": "applicant",
            "revision": 1,
            "at": "2024-06-14T02:00:00+00:00",
            "void": False,
        }
    ]
    assert shown["steps"] == [
        {"outcome": "withdrawn", "by": "applicant", "at": "2024-06-14T03:00:00+00:00"}
    ]
