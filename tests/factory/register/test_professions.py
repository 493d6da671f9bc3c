"""Professions of a registration: which there may be, in which order, and for how long."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.events import AppliedProfession, ImportedProfession
from factory.events.parts import Hours
from factory.model import Period, Profession
from factory.profile import Profile, years_later
from factory.register import professions
from tests.factory.register.histories import (
    BUILDING,
    COST,
    PROFILES,
    ROAD,
    SHANGHAI,
    WATER,
    altered,
)

BORN = date(1988, 5, 6)
DAY = date(2024, 6, 14)
QUALIFIED = date(2023, 11, 3)
OLD = Profession(
    name=BUILDING, validity=Period(first=date(2021, 6, 14), last=date(2024, 6, 13)), main=True
)
STRICT = altered(SHANGHAI, "late", compulsory=60, elective=30)
profiles = pytest.mark.parametrize("rules", PROFILES, ids=lambda rules: rules.id)
days = st.dates(date(2020, 1, 1), date(2040, 12, 31))


@profiles
def test_every_profession_of_the_profile_may_be_registered(rules: Profile) -> None:
    for name in rules.professions.names:
        professions.check([name], rules)


@profiles
def test_a_profession_outside_the_profile_may_not_be_registered(rules: Profile) -> None:
    with pytest.raises(FieldError, match="this register has only"):
        professions.check([rules.professions.names[0], "交通运输工程"], rules)


@profiles
def test_as_many_as_a_certificate_holds_may_be_registered(rules: Profile) -> None:
    count = rules.professions.per_certificate

    professions.check(rules.professions.names[:count], rules)


def test_one_more_than_a_certificate_holds_may_not_be_registered() -> None:
    with pytest.raises(FieldError, match="2 do not fit one certificate"):
        professions.check(COST.professions.names[:2], COST)


def test_a_profession_is_refused_without_repeating_what_was_sent() -> None:
    with pytest.raises(FieldError) as caught:
        professions.check(["张示例"], SHANGHAI)

    assert "张示例" not in str(caught.value)


@profiles
@given(day=days)
def test_a_registration_lasts_until_the_day_before_its_anniversary(
    rules: Profile, day: date
) -> None:
    qualified = AppliedProfession(name=rules.professions.names[0], qualified_on=day)

    found = registered(qualified, day, rules)

    assert found.validity.first == day
    assert found.validity.last + timedelta(days=1) == years_later(day, rules.validity.years)


@given(day=days)
def test_two_periods_that_follow_each_other_leave_no_day_out(day: date) -> None:
    first = registered(applied(qualified_on=day), day, SHANGHAI)

    second = professions.renewed(first, applied(), day, BORN, SHANGHAI)

    assert second.validity.first == first.validity.last + timedelta(days=1)


def test_a_registered_profession_is_the_main_one_if_it_was_applied_for_so() -> None:
    assert registered(applied(main=True), DAY, SHANGHAI).main
    assert not registered(applied(), DAY, SHANGHAI).main


def test_a_profession_is_not_registered_before_it_was_qualified() -> None:
    with pytest.raises(FieldError, match="after the application"):
        registered(applied(qualified_on=date(2024, 6, 15)), DAY, SHANGHAI)


def test_a_profession_is_registered_on_the_day_it_was_qualified() -> None:
    assert registered(applied(qualified_on=DAY), DAY, SHANGHAI).validity.first == DAY


@pytest.mark.parametrize(("until", "fits"), [(date(2053, 5, 6), True), (date(2053, 5, 7), False)])
def test_days_that_are_given_end_on_the_birthday_of_the_age_cap(until: date, fits: bool) -> None:
    given = applied(valid_from=DAY, valid_to=until)

    if fits:
        assert registered(given, DAY, SHANGHAI).validity.last == until
    else:
        with pytest.raises(FieldError, match="age cap"):
            registered(given, DAY, SHANGHAI)


def test_days_that_are_given_are_kept() -> None:
    given_days = {"valid_from": date(2024, 7, 1), "valid_to": date(2025, 6, 30)}

    found = registered(applied(**given_days), DAY, SHANGHAI)

    assert found.validity == Period(first=date(2024, 7, 1), last=date(2025, 6, 30))


# --- late registration (逾期注册) --------------------------------------------------------------


@profiles
def test_on_the_third_anniversary_nobody_is_late(rules: Profile) -> None:
    each = applied(qualified_on=date(2021, 6, 14))

    assert registered(each, DAY, rules).name == each.name


@profiles
def test_the_day_after_the_third_anniversary_hours_are_asked_for(rules: Profile) -> None:
    with pytest.raises(FieldError, match="逾期注册"):
        registered(applied(qualified_on=date(2021, 6, 13)), DAY, rules)


def test_who_qualified_on_29_february_is_late_after_1_march() -> None:
    each = applied(qualified_on=date(2020, 2, 29))

    assert registered(each, date(2023, 3, 1), SHANGHAI)
    with pytest.raises(FieldError, match="逾期注册"):
        registered(each, date(2023, 3, 2), SHANGHAI)


def test_who_is_late_is_registered_with_enough_hours_of_both_kinds() -> None:
    found = registered(late(compulsory=60, elective=30), DAY, STRICT)

    assert found.validity.first == DAY


@pytest.mark.parametrize(("compulsory", "elective"), [(59, 30), (60, 29)])
def test_an_hour_too_few_of_either_kind_is_refused(compulsory: int, elective: int) -> None:
    each = late(compulsory=compulsory, elective=elective)

    with pytest.raises(FieldError, match="60 compulsory and 30 elective hours"):
        registered(each, DAY, STRICT)


def test_a_register_that_asks_for_no_hours_asks_nobody() -> None:
    lenient = altered(SHANGHAI, "late", compulsory=0, elective=0)

    assert registered(applied(qualified_on=date(2016, 11, 3)), DAY, lenient).name == BUILDING


# --- renewal (延续) -----------------------------------------------------------------------------


def test_a_renewed_profession_stays_what_it_was() -> None:
    found = professions.renewed(OLD, applied(), date(2024, 5, 14), BORN, SHANGHAI)

    assert (found.name, found.main) == (BUILDING, True)
    assert found.validity == Period(first=date(2024, 6, 14), last=date(2027, 6, 13))


def test_a_renewal_granted_on_the_last_day_leaves_no_gap() -> None:
    found = professions.renewed(OLD, applied(), date(2024, 6, 13), BORN, SHANGHAI)

    assert found.validity.first == date(2024, 6, 14)


def test_a_renewal_granted_after_the_end_begins_when_it_is_granted() -> None:
    found = professions.renewed(OLD, applied(), date(2024, 6, 20), BORN, SHANGHAI)

    assert found.validity == Period(first=date(2024, 6, 20), last=date(2027, 6, 19))


def test_a_renewal_from_the_approval_begins_with_it() -> None:
    rules = altered(SHANGHAI, "validity", renewal_from="approval")

    found = professions.renewed(OLD, applied(), date(2024, 5, 14), BORN, rules)

    assert found.validity == Period(first=date(2024, 5, 14), last=date(2027, 5, 13))


def test_a_renewal_ends_on_the_birthday_of_the_cap() -> None:
    found = professions.renewed(OLD, applied(), date(2024, 5, 14), date(1960, 1, 10), SHANGHAI)

    assert found.validity.last == date(2025, 1, 10)


def test_a_renewal_that_would_begin_after_that_birthday_is_refused() -> None:
    with pytest.raises(FieldError, match="age cap"):
        professions.renewed(OLD, applied(), date(2024, 5, 14), date(1959, 6, 13), SHANGHAI)


# --- order -------------------------------------------------------------------------------------


def test_the_main_profession_comes_first_then_the_order_of_the_profile() -> None:
    mixed = [lasting(WATER), lasting(ROAD, main=True), lasting(BUILDING)]

    assert [each.name for each in professions.in_order(mixed, SHANGHAI)] == [ROAD, BUILDING, WATER]


def test_more_than_a_certificate_holds_is_in_no_order() -> None:
    narrow = altered(SHANGHAI, "professions", per_certificate=1)

    with pytest.raises(FieldError, match="2 do not fit one certificate"):
        professions.in_order([lasting(ROAD), lasting(BUILDING)], narrow)


def test_imported_professions_keep_days_of_their_own() -> None:
    imported = [
        ImportedProfession(
            name=ROAD, valid_from=date(2020, 2, 21), valid_to=date(2023, 2, 20), main=False
        ),
        ImportedProfession(
            name=BUILDING, valid_from=date(2020, 2, 28), valid_to=date(2023, 2, 27), main=True
        ),
    ]

    building, road = professions.taken_over(imported, SHANGHAI)

    assert (building.name, building.validity.last) == (BUILDING, date(2023, 2, 27))
    assert (road.name, road.validity.last) == (ROAD, date(2023, 2, 20))


def applied(**more: object) -> AppliedProfession:
    """A profession applied for, qualified not long ago."""
    return AppliedProfession.model_validate({"name": BUILDING, "qualified_on": QUALIFIED} | more)


def late(**hours: int) -> AppliedProfession:
    """A profession qualified long ago."""
    return applied(qualified_on=date(2016, 11, 3), hours=Hours(**hours))


def lasting(name: str, *, main: bool = False) -> Profession:
    return Profession(name=name, validity=OLD.validity, main=main)


def registered(each: AppliedProfession, day: date, rules: Profile) -> Profession:
    """The one profession, registered."""
    [found] = professions.registered([each], day, BORN, rules)
    return found
