"""When a delivery is tried again, and when an endpoint is set aside: over many random answers."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from factory.deliveries import (
    Answer,
    DeliveryState,
    EndpointState,
    Fate,
    Health,
    Patience,
    answer_of,
    fate,
    health,
    pause,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)
RULES = Patience(tries=12, most_seconds=3600, aside_failures=20, aside_seconds=3600)

rules = st.builds(
    Patience,
    tries=st.integers(1, 30),
    most_seconds=st.floats(1, 86_400),
    aside_failures=st.integers(1, 40),
    aside_seconds=st.floats(0, 86_400),
)
answers = st.sampled_from(Answer)
jitters = st.floats(0, 1)


def test_only_success_is_a_delivery() -> None:
    taken = [status for status in range(100, 600) if answer_of(status) is Answer.TAKEN]

    assert taken == list(range(200, 300))
    assert answer_of(410) is Answer.GONE
    assert answer_of(None) is Answer.REFUSED


def test_pauses_double_up_to_the_most() -> None:
    seconds = [pause(n, most_seconds=3600, jitter=0).total_seconds() for n in range(1, 13)]

    assert seconds == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


@given(st.integers(1, 10_000), st.floats(1, 86_400), jitters)
def test_no_pause_is_longer_than_the_most_or_shorter_than_four_fifths_of_the_one_before(
    tries: int, most: float, jitter: float
) -> None:
    now, before = (pause(n, most_seconds=most, jitter=0) for n in (tries + 1, tries))
    shaken = pause(tries + 1, most_seconds=most, jitter=jitter)

    assert before <= now <= timedelta(seconds=most)
    assert now * 0.79 <= shaken <= now


@given(rules, st.lists(st.tuples(answers, jitters), max_size=60))
def test_a_delivery_ends_after_its_tries_at_the_latest_and_never_by_an_answer_of_the_endpoint(
    rules: Patience, heard: list[tuple[Answer, float]]
) -> None:
    now, it = NOW, Fate(state=DeliveryState.PENDING, tries=0, due_at=NOW)
    refused = 0
    for answer, jitter in heard:
        it = fate(it.tries, answer, rules, now=now, jitter=jitter)
        refused += answer is Answer.REFUSED
        assert it.due_at >= now
        if it.state is not DeliveryState.PENDING:
            break
        now = it.due_at

    assert it.tries <= rules.tries
    assert (it.state is DeliveryState.FAILED) == (refused >= rules.tries)
    assert it.state is not DeliveryState.DELIVERED or answer is Answer.TAKEN


@given(rules, st.lists(st.tuples(answers, st.floats(0, 7200)), max_size=80))
def test_an_endpoint_is_set_aside_when_it_fails_often_and_long_and_not_before(
    rules: Patience, heard: list[tuple[Answer, float]]
) -> None:
    now, it = NOW, Health()
    failures, since = 0, NOW
    for answer, seconds in heard:
        now += timedelta(seconds=seconds)
        it = health(it, answer, rules, now=now)
        since = now if failures == 0 else since
        failures = 0 if answer is Answer.TAKEN else failures + 1
        patient = (
            failures < rules.aside_failures or (now - since).total_seconds() < rules.aside_seconds
        )
        over = answer in {Answer.GONE, Answer.BARRED} or (failures > 0 and not patient)
        assert (it.state is EndpointState.ASIDE) == over
        assert it.due_at is None or now < it.due_at <= now + timedelta(seconds=60)
        if over:
            assert health(it, Answer.TAKEN, rules, now=now) == it
            return


def test_one_refused_notice_leaves_the_endpoint_open_for_others() -> None:
    once = health(Health(), Answer.REFUSED, RULES, now=NOW)

    assert (once.failures, once.due_at) == (1, None)
    assert health(once, Answer.TAKEN, RULES, now=NOW) == Health()
