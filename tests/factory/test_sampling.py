"""Which items are looked at before a bulk event: few, telling, and always the same."""

import random

from hypothesis import given
from hypothesis import strategies as st

from factory.sampling import Candidate, Why, chosen

candidates = st.lists(
    st.builds(
        Candidate,
        registration=st.integers(1, 10_000),
        profile=st.sampled_from(["one", "two", "three"]),
        variant=st.sampled_from(["", "civil", "pipes"]),
        name_length=st.integers(2, 30),
        enterprise_length=st.integers(4, 60),
        professions=st.integers(1, 6),
        rare=st.booleans(),
        forecast=st.sampled_from([None, None, None, "picture"]),
    ),
    max_size=60,
    unique_by=lambda each: each.registration,
)


def of(registration: int, **what: object) -> Candidate:
    return Candidate(registration=registration, profile="one", **what)  # type: ignore[arg-type]


def test_nothing_is_chosen_of_nothing() -> None:
    assert chosen([], 3) == ()


def test_what_will_not_be_made_is_not_shown() -> None:
    assert chosen([of(1, forecast="picture")], 3) == ()


def test_the_most_telling_come_before_the_spread() -> None:
    plain = [of(n, name_length=3) for n in range(1, 101)]
    odd = [
        of(201, name_length=20),
        of(202, name_length=3, professions=5),
        of(203, name_length=3, rare=True),
    ]

    found = chosen([*plain, *odd], 5)

    assert [(each.registration, each.why) for each in found] == [
        (201, Why.PROFILE),
        (202, Why.PROFESSIONS),
        (203, Why.RARE),
        (1, Why.SPREAD),
        (26, Why.SPREAD),
    ]


def test_alike_items_are_spread_evenly() -> None:
    found = chosen([of(n) for n in range(1, 102)], 3)

    assert [each.registration for each in found] == [1, 51, 101]


@given(candidates, st.integers(0, 8))
def test_as_many_as_asked_for_and_each_once(there: list[Candidate], most: int) -> None:
    found = [each.registration for each in chosen(there, most)]

    made = [each for each in there if each.forecast is None]
    assert len(found) == len(set(found)) == min(most, len(made))


@given(candidates, st.integers(3, 8))
def test_every_profile_is_seen(there: list[Candidate], most: int) -> None:
    found = {each.profile for each in chosen(there, most)}

    assert found == {each.profile for each in there if each.forecast is None}


@given(candidates, st.integers(3, 8))
def test_the_longest_name_is_seen(there: list[Candidate], most: int) -> None:
    lengths = {e.registration: e.name_length for e in there if e.forecast is None}

    shown = [lengths[each.registration] for each in chosen(there, most)]

    assert max(shown, default=0) == max(lengths.values(), default=0)


@given(candidates, st.integers(1, 8), st.randoms())
def test_whoever_asks_sees_the_same(
    there: list[Candidate], most: int, chance: random.Random
) -> None:
    mixed = list(there)
    chance.shuffle(mixed)

    assert chosen(mixed, most) == chosen(there, most)
