"""How long a bulk event will take: never less than a limit allows, and more for more items."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.estimate import (
    Basis,
    Bottleneck,
    Limits,
    Pace,
    Recorded,
    drawn,
    estimate,
    measured,
)

START = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)

seconds = st.floats(0.001, 100)
paces = st.lists(seconds, min_size=3, max_size=3).map(
    lambda three: Pace(**dict(zip(("least", "usual", "most"), sorted(three), strict=True)),
                       basis=Basis.MEASURED, figures=1)  # type: ignore[arg-type]
)  # fmt: skip
limits = st.builds(
    Limits,
    workers=st.integers(1, 64),
    rate=st.none() | st.integers(1, 100_000),
    signatures=st.none() | st.floats(0.1, 10_000),
)
A_TENTH = Pace(least=0.05, usual=0.1, most=0.2, basis=Basis.MEASURED, figures=9)


def recorded(batch: int, *at_and_items: tuple[float, int]) -> list[Recorded]:
    return [
        Recorded(batch=batch, at=START + timedelta(seconds=at), items=items)
        for at, items in at_and_items
    ]


def test_the_workers_share_the_items() -> None:
    found = estimate(1000, files=1, pace=A_TENTH, limits=Limits(workers=2))

    assert (found.least, found.usual, found.most) == (25, 50, 100)
    assert found.bottleneck is Bottleneck.WORKERS


def test_a_rate_is_kept_to() -> None:
    found = estimate(1000, files=1, pace=A_TENTH, limits=Limits(workers=2, rate=100))

    assert (found.least, found.usual, found.most) == (600, 600, 600)
    assert found.bottleneck is Bottleneck.RATE


def test_every_file_needs_a_signature() -> None:
    found = estimate(1000, files=2, pace=A_TENTH, limits=Limits(workers=2, signatures=10))

    assert (found.usual, found.bottleneck) == (200, Bottleneck.SIGNER)


def test_samples_tell_when_nothing_was_measured() -> None:
    found = drawn([0.1, 0.2, 0.4])

    assert (found.least, found.usual, found.most) == (0.1, 0.4, 1.6)
    assert (found.basis, found.figures) == (Basis.DRAWN, 3)


def test_nothing_recorded_measures_nothing() -> None:
    assert measured([], 2) is None


def test_one_record_alone_measures_nothing() -> None:
    assert measured(recorded(1, (0, 100)), 2) is None


def test_a_short_event_is_one_figure() -> None:
    found = measured(recorded(1, (0, 0), (5, 100), (10, 100)), 2)

    assert found is not None
    assert found.usual == pytest.approx(0.1)  # 200 in ten seconds by two workers
    assert found.least < found.usual < found.most
    assert found.figures == 1


def test_of_a_long_one_whole_minutes_are_counted() -> None:
    every_six_seconds = recorded(1, *((6.0 * n, 100) for n in range(51)))

    found = measured(every_six_seconds, 2)

    assert found is not None
    assert found.usual == pytest.approx(0.12)  # 1 000 a minute by two workers
    assert found.figures == 5


def test_a_rest_is_not_counted() -> None:
    busy = [(6.0 * n, 100) for n in range(21)]
    later = [(7200 + at, items) for at, items in busy]

    found = measured(recorded(1, *busy, *later), 2)

    assert found is not None
    assert found.usual == pytest.approx(0.12)


def test_one_slow_minute_does_not_move_the_usual() -> None:
    busy = [(6.0 * n, 100) for n in range(51) if not 10 <= n < 19]

    found = measured(recorded(1, *busy), 2)

    assert found is not None
    assert found.usual == pytest.approx(0.12)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 2), paces, limits)
def test_more_items_take_no_less(
    one: int, other: int, files: int, pace: Pace, limit: Limits
) -> None:
    few, many = (
        estimate(items, files=files, pace=pace, limits=limit) for items in sorted((one, other))
    )

    assert few.least <= many.least
    assert few.usual <= many.usual
    assert few.most <= many.most


@given(st.integers(0, 10**6), st.integers(1, 2), paces, limits)
def test_no_limit_is_broken(items: int, files: int, pace: Pace, limit: Limits) -> None:
    found = estimate(items, files=files, pace=pace, limits=limit)

    assert found.least <= found.usual <= found.most
    assert found.least >= items * pace.least / limit.workers
    assert limit.rate is None or found.least >= items * 60 / limit.rate
    assert limit.signatures is None or found.least >= items * files / limit.signatures


@given(
    st.lists(
        st.builds(
            Recorded,
            batch=st.integers(1, 3),
            at=st.integers(0, 3600).map(lambda s: START + timedelta(seconds=s)),
            items=st.integers(0, 100),
        ),
        max_size=40,
    ),
    st.integers(1, 8),
)
def test_whatever_was_recorded_the_bounds_are_in_order(rows: list[Recorded], workers: int) -> None:
    found = measured(rows, workers)

    assert found is None or 0 < found.least <= found.usual <= found.most
