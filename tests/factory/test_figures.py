"""Figures: months of China, and what a certificate that was made counts as."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.figures import APPROVED, BEGINNINGS, MOST_MONTHS, Month, What, made, months
from factory.model import SHANGHAI, ApplicationType

some_months = st.builds(Month, st.integers(2000, 2099), st.integers(1, 12))


@given(some_months)
def test_a_month_is_read_as_it_is_written(month: Month) -> None:
    assert Month.read(str(month)) == month


@pytest.mark.parametrize("text", ["2026-13", "2026-00", "2026-1", "26-11", "2026-11-01", "٢٠٢٦-11"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(FieldError, match="2026-11"):
        Month.read(text)


@given(some_months, st.integers(-500, 500))
def test_months_later_and_back_is_where_it_began(month: Month, count: int) -> None:
    assert month.plus(count).plus(-count) == month


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001 - made aware below
def test_every_instant_lies_in_one_month_that_of_its_day_in_china(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)

    month = Month.of(instant.astimezone(SHANGHAI).date())

    assert month.begins <= instant < month.plus(1).begins


def test_a_month_begins_at_midnight_in_china() -> None:
    begins = Month(2026, 11).begins

    assert begins == datetime(2026, 10, 31, 16, tzinfo=UTC)
    assert Month.of((begins - timedelta(seconds=1)).astimezone(SHANGHAI).date()) == Month(2026, 10)


@given(some_months, st.integers(0, MOST_MONTHS - 1))
def test_months_are_without_gaps_and_both_ends_are_in(first: Month, span: int) -> None:
    found = list(months(first, first.plus(span)))

    assert (found[0], found[-1], len(found)) == (first, first.plus(span), span + 1)
    assert all(one.plus(1) == next_one for one, next_one in pairwise(found))


@pytest.mark.parametrize("span", [-1, MOST_MONTHS])
def test_months_the_wrong_way_round_or_too_many_are_refused(span: int) -> None:
    with pytest.raises(FieldError, match="from the first to the last"):
        months(Month(2026, 1), Month(2026, 1).plus(span))


@pytest.mark.parametrize("kind", sorted(BEGINNINGS))
def test_the_first_one_of_what_begins_is_issued(kind: ApplicationType) -> None:
    assert made(APPROVED, kind, is_first=True) == (What.ISSUED, kind.value)
    assert made(APPROVED, kind, is_first=False) == (What.REISSUED, kind.value)


@pytest.mark.parametrize("kind", sorted(set(ApplicationType) - BEGINNINGS))
def test_what_goes_on_is_reissued_even_if_only_paper_went_before(kind: ApplicationType) -> None:
    assert made(APPROVED, kind, is_first=True) == (What.REISSUED, kind.value)


def test_where_nobody_noted_what_was_applied_for_the_number_tells() -> None:
    assert made(APPROVED, None, is_first=True) == (What.ISSUED, APPROVED)
    assert made(APPROVED, None, is_first=False) == (What.REISSUED, APPROVED)
    assert made("enterprise.renamed", None, is_first=True) == (
        What.REISSUED, "enterprise.renamed",
    )  # fmt: skip


def test_the_first_day_of_a_month_is_in_it() -> None:
    assert Month(2026, 2).first == date(2026, 2, 1)
