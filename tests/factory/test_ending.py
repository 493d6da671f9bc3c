"""What ends within a span: spans as they are written, and the first to end first."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.ending import MOST_DAYS, Thing, ending, last_day, span, within
from factory.errors import FieldError

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
moments = st.integers(-(10**8), 10**8).map(lambda seconds: NOW + timedelta(seconds=seconds))


@given(st.integers(1, MOST_DAYS), st.sampled_from(["{}d", "{}D", "P{}D", "p{}d"]))
def test_days_are_read(days: int, written: str) -> None:
    assert span(written.format(days)) == timedelta(days=days)


@given(st.integers(1, MOST_DAYS // 7), st.sampled_from(["{}w", "P{}W"]))
def test_weeks_are_seven_days(weeks: int, written: str) -> None:
    assert span(written.format(weeks)) == timedelta(weeks=weeks)


@pytest.mark.parametrize("text", ["", "90", "0d", "-1d", "1.5d", "3m", "3661d", "523w", "P1D1W"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="90d or 12w"):
        span(text)


def test_today_is_the_first_day_of_a_span() -> None:
    assert last_day(date(2026, 11, 21), span("90d")) == date(2027, 2, 19)


@given(st.lists(moments), st.integers(0, 400).map(lambda days: timedelta(days=days)))
def test_whatever_ends_by_then_is_told_and_nothing_else_the_first_first(
    ends: list[datetime], length: timedelta
) -> None:
    things = [ending(Thing.SEAL, str(place), each, now=NOW) for place, each in enumerate(ends)]

    found = within(things, length, now=NOW)

    assert [each.ends for each in found] == sorted(e for e in ends if e <= NOW + length)


@given(moments)
def test_less_than_no_day_is_left_of_what_has_ended_and_of_nothing_else(ends: datetime) -> None:
    assert (ending(Thing.SEAL, "x", ends, now=NOW).days < 0) == (ends < NOW)
