"""Retention: when a person's data may be erased, and when it is due."""

from datetime import date, timedelta
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import retention
from factory.errors import ProfileError
from factory.model import Standing
from factory.profile import RetentionRules, parse, years_later
from factory.retention import Ground, Kept, Past, refusals

PROFILE = resources.files("factory.profiles") / "shanghai-constructor.toml"
TEXT = PROFILE.read_text("utf-8").partition("\n[retention]")[0]
ONE_DAY = timedelta(days=1)
TODAY = date(2026, 11, 22)
DAYS = st.dates(date(2000, 1, 1), date(2060, 12, 31))
KEPT = st.builds(Kept, standing=st.sampled_from(Standing), last=DAYS)
PASTS = st.builds(Past, registrations=st.lists(KEPT, max_size=3).map(tuple), said=DAYS)
YEARS = st.integers(1, 30)


def may(rules: RetentionRules, past: Past, ground: Ground, today: date = TODAY) -> bool:
    return not list(refusals(rules, past, ground, today))


def past(standing: Standing, last: date, said: date = date(2024, 3, 4)) -> Past:
    return Past(registrations=(Kept(standing=standing, last=last),), said=said)


@given(PASTS, DAYS)
def test_by_the_defaults_nothing_is_due_by_itself(each: Past, today: date) -> None:
    assert not may(RetentionRules(), each, Ground.DUE, today)


@given(PASTS, YEARS, DAYS)
def test_nobody_in_force_is_ever_due(each: Past, years: int, today: date) -> None:
    rules = RetentionRules(due_years=years)

    if any(kept.is_in_force(today) for kept in each.registrations):
        assert not may(rules, each, Ground.DUE, today)


@given(PASTS, YEARS)
def test_it_is_due_from_that_day_on_and_not_the_day_before(each: Past, years: int) -> None:
    rules = RetentionRules(due_years=years)
    first = retention.due_from(rules, each)
    assert first is not None

    assert may(rules, each, Ground.DUE, first)
    assert not may(rules, each, Ground.DUE, first - ONE_DAY)


@given(PASTS, st.integers(1, 30))
def test_a_request_waits_until_the_least_time_is_over(each: Past, years: int) -> None:
    rules = RetentionRules(least_years=years)
    first = years_later(each.end, years)

    assert may(rules, each, Ground.REQUEST, first)
    assert not may(rules, each, Ground.REQUEST, first - ONE_DAY)


@given(PASTS, st.integers(0, 30), DAYS)
def test_a_longer_time_never_lets_more_be_erased(each: Past, years: int, today: date) -> None:
    shorter, longer = RetentionRules(least_years=years), RetentionRules(least_years=years + 1)

    if may(longer, each, Ground.REQUEST, today):
        assert may(shorter, each, Ground.REQUEST, today)


@pytest.mark.parametrize("standing", [Standing.ACTIVE, Standing.SUSPENDED])
def test_what_stands_is_in_force_to_its_last_day(standing: Standing) -> None:
    assert not may(RetentionRules(), past(standing, TODAY), Ground.REQUEST)
    assert may(RetentionRules(), past(standing, TODAY - ONE_DAY), Ground.REQUEST)


@pytest.mark.parametrize("standing", [Standing.CANCELLED, Standing.LAPSED])
def test_what_has_ended_may_be_erased_whatever_day_it_would_have_lasted_to(
    standing: Standing,
) -> None:
    assert may(RetentionRules(), past(standing, TODAY + ONE_DAY), Ground.REQUEST)


def test_a_rule_lets_a_request_erase_who_is_registered_and_nothing_by_itself() -> None:
    rules = RetentionRules(in_force="erase", due_years=1)

    assert may(rules, past(Standing.ACTIVE, TODAY), Ground.REQUEST)
    assert not may(rules, past(Standing.ACTIVE, TODAY), Ground.DUE)


@pytest.mark.parametrize(
    "text",
    ["due_years = 0", "due_years = 2\nleast_years = 3", 'in_force = "erase"\nleast_years = 1',
     'in_force = "ask"', "years = 3"],
)  # fmt: skip
def test_rules_that_contradict_themselves_are_refused(text: str) -> None:
    with pytest.raises(ProfileError):
        parse(f"{TEXT}\n[retention]\n{text}\n")


def test_rules_that_agree_are_taken() -> None:
    found = parse(f"{TEXT}\n[retention]\ndue_years = 3\nleast_years = 3\n").retention

    assert (found.due_years, found.least_years, found.in_force) == (3, 3, "refuse")
