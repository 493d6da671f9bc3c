"""The register: what happened, in whatever order it came, gives one view."""

import doctest
import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import register
from factory.model import Period, Profession
from factory.register import Fact, View, fold, from_json, to_json

TODAY = date(2024, 3, 1)

days = st.dates(date(2020, 1, 1), date(2020, 1, 4))  # few, so that many facts share a day
photos = st.none() | st.sampled_from(["a" * 64, "b" * 64])
periods = st.builds(
    lambda first, length: Period(first=first, last=first + timedelta(days=length)),
    st.dates(date(2000, 1, 1), date(2040, 1, 1)),
    st.integers(0, 2000),
)
professions = st.lists(
    st.builds(Profession, name=st.text(min_size=1), validity=periods, main=st.booleans()),
    min_size=1,
    max_size=3,
).map(tuple)
views = st.builds(View, professions=professions, photo=photos)
facts = st.lists(
    st.builds(
        Fact,
        effective=days,
        source=st.sampled_from(["urn:a", "urn:b"]),
        event_id=st.sampled_from("12345"),
        type=st.just("registration.approved"),
        view=views,
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda fact: (fact.source, fact.event_id),
)


@given(facts, st.data())
def test_facts_in_any_order_give_the_same_view(found: list[Fact], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(found))

    assert fold(shuffled) == fold(found)


@given(facts)
def test_the_last_fact_says_which_professions_there_are(found: list[Fact]) -> None:
    last = max(found, key=lambda fact: (fact.effective, fact.source, fact.event_id))

    assert fold(found).professions == last.view.professions


@given(facts)
def test_a_photo_once_known_is_kept(found: list[Fact]) -> None:
    known = {fact.view.photo for fact in found} - {None}

    photo = fold(found).photo

    assert photo in known if known else photo is None


def test_a_later_photo_replaces_an_earlier_one() -> None:
    earlier = fact(TODAY, photo="a" * 64)
    later = fact(TODAY + timedelta(days=1), photo="b" * 64)

    assert fold([later, earlier]).photo == "b" * 64


def test_a_registration_begins_with_a_fact() -> None:
    with pytest.raises(ValueError, match="begins with a fact"):
        fold([])


def test_a_registration_lasts_as_long_as_its_last_profession() -> None:
    short, long = (profession(until) for until in (date(2026, 1, 1), date(2027, 1, 1)))

    assert View(professions=(long, short)).valid_until == date(2027, 1, 1)


@given(views)
def test_a_view_comes_back_from_the_ledger_as_it_was(view: View) -> None:
    assert from_json(json.loads(json.dumps(to_json(view)))) == view


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(register).failed == 0


def fact(effective: date, photo: str | None) -> Fact:
    view = View(professions=(profession(TODAY),), photo=photo)
    return Fact(
        effective=effective,
        source="urn:a",
        event_id=effective.isoformat(),
        type="registration.imported",
        view=view,
    )


def profession(until: date) -> Profession:
    return Profession(name="建筑工程", validity=Period(first=date(2020, 1, 1), last=until))
