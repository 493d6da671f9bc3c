"""Replaying: whatever order facts arrive in, and however often, the register is the same."""

from collections.abc import Iterable
from datetime import date
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory import register
from factory.errors import AwaitsError, ConflictError, FieldError, PermanentError
from factory.model import ApplicationState, Standing
from factory.profile import Profile
from factory.register import Fact, Key, Person, Replay
from factory.versions import Versions
from tests.factory.register.histories import (
    BUILDING,
    ELSEWHERE,
    GANSU,
    HERE,
    HISTORIES,
    PROFILES,
    ROAD,
    SHANGHAI,
    ZHEJIANG,
    Teller,
    altered,
    at,
    only,
    profession,
    told,
)

histories = pytest.mark.parametrize("name", HISTORIES)
few = settings(max_examples=12, deadline=None)
HERE_TOLD = Teller(profile=SHANGHAI, employer=HERE)
THERE_TOLD = Teller(profile=SHANGHAI, employer=ELSEWHERE)
INITIAL = HERE_TOLD.approved("initial", BUILDING, on="2024-06-14")


def of_2025(profile: Profile) -> Profile:
    """The profile as the version of 2025."""
    dated = {"version": "2025-01", "effective_from": date(2025, 1, 1)}
    return profile.model_copy(update=dated)


def longer_from_2025(profile: Profile) -> Versions:
    """Registrations last five years instead of three."""
    return Versions.of(profile, of_2025(altered(profile, "validity", years=5)))


TWO_VERSIONS = longer_from_2025(SHANGHAI)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
def test_every_register_has_histories_to_be_told(profile: Profile) -> None:
    assert len([rules for rules, _ in HISTORIES.values() if rules is profile]) >= 3


@histories
def test_a_history_told_in_order_takes_effect_fact_by_fact(name: str) -> None:
    profile, facts = HISTORIES[name]

    done = replay(facts, profile)

    assert done.refused == {}
    assert done.person == told(profile, *facts)


@histories
@few
@given(data=st.data())
def test_facts_in_any_order_and_twice_come_to_the_same(name: str, data: st.DataObject) -> None:
    profile, facts = HISTORIES[name]
    places = range(len(facts))
    again = data.draw(st.lists(st.sampled_from(places), max_size=3))
    arriving = data.draw(st.permutations([*places, *again]))

    done = fed_one_by_one([facts[place] for place in arriving], profile)

    assert done.refused == {}
    assert done.person == told(profile, *facts)


@histories
@few
@given(data=st.data())
def test_each_fact_has_taken_effect_or_has_its_reason(name: str, data: st.DataObject) -> None:
    profile, facts = HISTORIES[name]
    places = data.draw(st.permutations(range(len(facts))))
    arriving = [facts[place] for place in places[: data.draw(st.integers(0, len(facts) - 1))]]

    done = fed_one_by_one(arriving, profile)

    assert {*done.applied, *done.refused} == {fact.key for fact in arriving}
    assert len(done.applied) + len(done.refused) == len(arriving)
    assert all(isinstance(error, PermanentError) for error in done.refused.values())


@histories
def test_a_fact_that_is_missing_never_stops_the_others_from_being_told(name: str) -> None:
    profile, facts = HISTORIES[name]

    for rest in combinations(facts, len(facts) - 1):
        done = replay(rest, profile)

        assert {*done.applied, *done.refused} == {fact.key for fact in rest}


@histories
@few
@given(data=st.data())
def test_what_has_taken_effect_is_never_taken_back(name: str, data: st.DataObject) -> None:
    profile, facts = HISTORIES[name]
    standing: set[Key] = set()
    heard: list[Fact] = []

    for place in data.draw(st.permutations(range(len(facts)))):
        heard.append(facts[place])
        done = replay(heard, profile, standing=standing)

        assert standing <= set(done.applied)
        standing = set(done.applied)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.id)
@few
@given(data=st.data())
def test_histories_that_contradict_each_other_leave_standing_what_came_first(
    profile: Profile, data: st.DataObject
) -> None:
    told_of = [fact for rules, facts in HISTORIES.values() if rules is profile for fact in facts]
    arriving = data.draw(st.lists(st.sampled_from(range(len(told_of))), max_size=25, unique=True))
    standing: set[Key] = set()

    for count in range(1, len(arriving) + 1):
        heard = [told_of[place] for place in arriving[:count]]
        done = replay(heard, profile, standing=standing)

        assert standing <= set(done.applied)
        assert {*done.applied, *done.refused} == {fact.key for fact in heard}
        standing = set(done.applied)


@pytest.mark.parametrize(
    ("approved", "last"), [("2024-12-31", date(2027, 12, 30)), ("2025-01-01", date(2029, 12, 31))]
)
def test_an_approval_is_judged_by_the_version_of_its_own_day(approved: str, last: date) -> None:
    done = register.replay([HERE_TOLD.approved("initial", BUILDING, on=approved)], TWO_VERSIONS)

    assert only(done.person).view.valid_until == last


def test_an_approval_of_last_year_that_arrives_today_is_granted_by_last_years_version() -> None:
    """A renewal of this year was heard of first; the initial registration explains it."""
    renewal = HERE_TOLD.approved("renewal", BUILDING, number=2, on="2027-05-14")

    first = register.replay([renewal], TWO_VERSIONS)
    done = register.replay([renewal, INITIAL], TWO_VERSIONS)

    assert isinstance(first.refused[renewal.key], AwaitsError)
    assert done.applied == (INITIAL.key, renewal.key)
    assert only(done.person).view.valid_until == date(2032, 6, 13)


def test_what_is_approved_before_a_version_and_announced_after_is_granted_by_the_former() -> None:
    here = Teller(profile=GANSU)
    approved = here.approved("initial", BUILDING, on="2024-12-27")
    [announced] = here.announced(approved)

    done = register.replay([approved, announced], longer_from_2025(GANSU))

    assert announced.day == date(2025, 1, 3)
    assert only(done.person).view.valid_until == date(2027, 12, 26)


def test_a_type_that_a_later_version_has_not_is_refused_only_from_its_day_on() -> None:
    others = {"types": tuple(t for t in SHANGHAI.application.types if t != "change")}
    versions = Versions.of(SHANGHAI, of_2025(altered(SHANGHAI, "application", **others)))
    before, after = (
        HERE_TOLD.approved("change", number=number, on=day)
        for number, day in ((2, "2024-12-31"), (3, "2025-01-01"))
    )

    done = register.replay([INITIAL, before, after], versions)

    assert done.applied == (INITIAL.key, before.key)
    assert isinstance(done.refused[after.key], FieldError)


def test_what_stands_by_a_former_version_stays_though_the_later_would_refuse_it() -> None:
    """Old hours, old age: the profile that granted it still judges it when it is replayed."""
    strict = Versions.of(SHANGHAI, of_2025(altered(SHANGHAI, "validity", age_cap=18)))

    done = register.replay([INITIAL], strict, standing={INITIAL.key})

    assert done.applied == (INITIAL.key,)


def test_a_material_that_stands_stays_though_it_is_no_longer_asked_for() -> None:
    here = Teller(profile=ZHEJIANG)
    saved = here.saved("initial", BUILDING, at=at("2024-06-03", "09:00"))
    attached = here.attached("labour_contract", at=at("2024-06-03", "10:00"))
    fewer = altered(ZHEJIANG, "application", materials=ZHEJIANG.application.materials[:2])

    kept = replay([saved, attached], fewer, standing={saved.key, attached.key})
    new = replay([saved, attached], fewer, standing={saved.key})

    assert kept.applied == (saved.key, attached.key)
    assert isinstance(new.refused[attached.key], FieldError)


def test_nothing_told_is_nobody() -> None:
    assert replay([], SHANGHAI) == Replay(person=Person())


def test_facts_are_applied_by_the_day_they_hold_from() -> None:
    suspended, resumed = HERE_TOLD.suspended(on="2024-09-02"), HERE_TOLD.resumed(on="2024-12-02")

    done = replay([resumed, suspended, INITIAL], SHANGHAI)

    assert done.applied == (INITIAL.key, suspended.key, resumed.key)


def test_what_was_done_on_one_day_needs_no_order_of_its_own() -> None:
    days = {"on": "2024-09-02"}
    facts = [HERE_TOLD.suspended(**days), HERE_TOLD.resumed(**days)]

    for arriving in (facts, facts[::-1]):
        done = replay([INITIAL, *arriving], SHANGHAI)

        assert done.refused == {}
        assert only(done.person).standing is Standing.ACTIVE


def test_a_fact_before_what_it_follows_waits_with_its_reason() -> None:
    cancelled = HERE_TOLD.cancelled(on="2025-05-06")

    done = replay([cancelled], SHANGHAI)

    assert done.applied == ()
    assert isinstance(done.refused[cancelled.key], AwaitsError)


def test_a_waiting_fact_is_taken_up_once_what_it_waits_for_has_come() -> None:
    cancelled = HERE_TOLD.cancelled(on="2025-05-06")

    done = replay([cancelled, INITIAL], SHANGHAI)

    assert done.refused == {}
    assert only(done.person).standing is Standing.CANCELLED


def test_a_fact_heard_twice_is_one_fact() -> None:
    done = replay([INITIAL, INITIAL], SHANGHAI)

    assert done.applied == (INITIAL.key,)
    assert done.refused == {}


def test_a_fact_contrary_to_what_has_taken_effect_waits_for_its_explanation() -> None:
    """Approved elsewhere in 2025; that it began here in 2024 was heard of only afterwards."""
    elsewhere = THERE_TOLD.approved("initial", BUILDING, number=2, on="2025-07-11")

    done = replay([INITIAL, elsewhere], SHANGHAI, standing={elsewhere.key})

    assert done.applied == (elsewhere.key,)
    assert isinstance(done.refused[INITIAL.key], ConflictError)
    assert "what has taken effect" in str(done.refused[INITIAL.key])


def test_the_explanation_lets_both_stand() -> None:
    elsewhere = THERE_TOLD.approved("initial", BUILDING, number=2, on="2025-07-11")
    cancelled = HERE_TOLD.cancelled(on="2025-05-06")

    done = replay([INITIAL, elsewhere, cancelled], SHANGHAI, standing={elsewhere.key})

    assert done.applied == (INITIAL.key, cancelled.key, elsewhere.key)
    assert done.refused == {}


def test_what_goes_with_what_stands_takes_effect_though_something_else_does_not() -> None:
    elsewhere = THERE_TOLD.approved("initial", BUILDING, number=2, on="2025-07-11")
    added = THERE_TOLD.approved("addition", ROAD, number=3, on="2025-09-12")

    done = replay([INITIAL, added, elsewhere], SHANGHAI, standing={elsewhere.key})

    assert done.applied == (elsewhere.key, added.key)
    assert set(done.refused) == {INITIAL.key}


def test_of_what_is_new_the_order_of_one_day_does_not_matter_either() -> None:
    elsewhere = THERE_TOLD.approved("initial", BUILDING, number=2, on="2025-07-11")
    suspended = THERE_TOLD.suspended(on="2025-09-02")
    resumed = THERE_TOLD.resumed(on="2025-09-02")

    done = replay([INITIAL, resumed, suspended, elsewhere], SHANGHAI, standing={elsewhere.key})

    assert resumed.order < suspended.order
    assert done.applied == (elsewhere.key, suspended.key, resumed.key)


def test_an_approval_that_stands_keeps_standing_while_its_application_comes_in() -> None:
    saved = HERE_TOLD.saved("initial", BUILDING, at=at("2024-06-03"))

    done = replay([INITIAL, saved], SHANGHAI, standing={INITIAL.key})

    assert done.applied == (INITIAL.key,)
    assert set(done.refused) == {saved.key}


@pytest.mark.parametrize(
    "untold",
    [
        {"qualified_on": "2016-11-03"},  # years before, and no hours
        {"qualified_on": "2024-06-15"},
        {"valid_from": "2024-06-14", "valid_to": "2053-05-07"},
    ],
    ids=["late", "before it was qualified", "beyond the age cap"],
)
def test_what_stands_is_not_asked_again_whether_it_may(untold: dict[str, str]) -> None:
    """An older version took it, which did not ask."""
    begun = HERE_TOLD.approved("initial", profession(BUILDING, **untold), on="2024-06-14")
    cancelled = HERE_TOLD.cancelled(on="2025-03-03")

    asked = replay([begun, cancelled], SHANGHAI)
    done = replay([begun, cancelled], SHANGHAI, standing={begun.key})

    assert asked.applied == ()
    assert done.applied == (begun.key, cancelled.key)
    assert only(done.person).standing is Standing.CANCELLED


def test_what_stands_is_not_asked_again_for_a_picture() -> None:
    begun = HERE_TOLD.approved("initial", BUILDING, on="2024-06-14", photo=None)
    cancelled = HERE_TOLD.cancelled(on="2025-03-03")

    asked = replay([begun, cancelled], SHANGHAI)
    done = replay([begun, cancelled], SHANGHAI, standing={begun.key})

    assert asked.applied == ()
    assert done.applied == (begun.key, cancelled.key)


def test_what_is_new_is_asked_beside_what_stands() -> None:
    late = HERE_TOLD.approved(
        "addition", profession(ROAD, qualified_on="2016-11-03"), number=2, on="2024-07-15"
    )

    done = replay([INITIAL, late], SHANGHAI, standing={INITIAL.key})

    assert done.applied == (INITIAL.key,)
    assert "hours" in str(done.refused[late.key])


def test_rules_that_no_longer_allow_what_stands_are_a_conflict() -> None:
    without_building = altered(SHANGHAI, "professions", names=(ROAD,))

    with pytest.raises(ConflictError, match="no longer allows what has taken effect"):
        replay([INITIAL], without_building, standing={INITIAL.key})


def test_an_application_not_heard_of_before_its_approval_is_completed_by_it() -> None:
    done = replay([INITIAL], SHANGHAI)

    [application] = done.person.applications.values()

    assert application.state is ApplicationState.COMPLETED


def replay(facts: Iterable[Fact], profile: Profile, **how: Any) -> Replay:
    """What the facts come to where there has only ever been one version of the profile."""
    return register.replay(facts, Versions.of(profile), **how)


def fed_one_by_one(arriving: list[Fact], profile: Profile) -> Replay:
    """What the facts come to, each heard after the others have been replayed."""
    done = Replay(person=Person())
    for count in range(1, len(arriving) + 1):
        done = replay(arriving[:count], profile, standing=frozenset(done.applied))
    return done
