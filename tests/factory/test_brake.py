"""The brake: when a bulk event stops itself, and when it must not."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.brake import AT_ONCE, Brake
from factory.errors import REASONS

BRAKE = Brake(percent=5, minimum=20)
COUNTS = st.dictionaries(
    st.sampled_from(["picture", "field", "poison"]), st.integers(0, 1_000), max_size=3
)
NONE: Mapping[str, int] = {}


def asked(
    failures: Mapping[str, int],
    *,
    done: int = 0,
    forgiven: Mapping[str, int] = NONE,
    canary: bool = False,
) -> str | None:
    """What the brake says after so many were made."""
    return BRAKE.why_stop(failures, forgiven=forgiven, done=lambda: done, canary=canary)


def test_without_a_failure_a_batch_runs_on() -> None:
    assert asked({}, canary=True) is None


def test_a_share_above_the_limit_stops_it_and_says_which_failures() -> None:
    assert asked({"picture": 15, "field": 6}, done=399) is None
    assert asked({"picture": 15, "field": 6}, done=398) == (
        "6 field, 15 picture: 21 of 419 failed, more than 5 in a hundred"
    )


def test_exactly_the_limit_does_not_stop_it() -> None:
    assert asked({"picture": 20}, done=380) is None
    assert asked({"picture": 20}, done=379) is not None


def test_fewer_failures_than_the_minimum_do_not_stop_it() -> None:
    assert asked({"picture": 19}) is None
    assert asked({"picture": 20}) is not None


@pytest.mark.parametrize("reason", sorted(AT_ONCE))
def test_one_failure_that_must_not_happen_stops_it_at_once(reason: str) -> None:
    assert asked({reason: 1}, done=1_000_000) == (
        f"1 {reason}: this must not happen after the preview"
    )


def test_one_other_failure_does_not() -> None:
    assert asked({"picture": 1}, done=1) is None


def test_any_failure_among_the_first_certificates_stops_it() -> None:
    assert asked({"picture": 1}, canary=True) == "the first certificates failed: 1 picture"


def test_what_a_person_has_let_pass_is_not_counted_again() -> None:
    forgiven = {"self_check": 2, "picture": 20}

    assert asked(forgiven, forgiven=forgiven) is None
    assert asked({"self_check": 3, "picture": 20}, forgiven=forgiven) is not None


def test_one_reason_forgiven_does_not_excuse_another() -> None:
    assert asked({"picture": 3, "lint": 1}, forgiven={"picture": 9}) is not None


def test_what_was_made_is_counted_only_when_the_share_matters() -> None:
    def counted() -> int:
        raise AssertionError

    assert BRAKE.why_stop({"picture": 19}, forgiven={}, done=counted) is None
    assert BRAKE.why_stop({"lint": 1}, forgiven={}, done=counted) is not None


def test_every_word_that_stops_at_once_is_one_that_failures_have() -> None:
    assert set(REASONS.values()) >= AT_ONCE


@given(failures=COUNTS, done=st.integers(0, 100_000))
def test_the_share_alone_decides_beyond_the_minimum(failures: dict[str, int], done: int) -> None:
    total = sum(failures.values())

    stops = asked(failures, done=done) is not None

    assert stops == (total >= BRAKE.minimum and total / (total + done) > BRAKE.percent / 100)


@given(failures=COUNTS, more=COUNTS, done=st.integers(0, 10_000))
def test_more_failures_never_loosen_it(
    failures: dict[str, int], more: dict[str, int], done: int
) -> None:
    worse = {why: failures.get(why, 0) + more.get(why, 0) for why in failures | more}

    assert asked(failures, done=done) is None or asked(worse, done=done) is not None


@given(failures=COUNTS, done=st.integers(0, 10_000), canary=st.booleans())
def test_forgiving_all_lets_it_run_on(failures: dict[str, int], done: int, canary: bool) -> None:
    assert asked(failures, done=done, forgiven=failures, canary=canary) is None
