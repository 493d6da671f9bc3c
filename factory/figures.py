"""Figures (统计): what became of certificates, by register, month and reason; months of China."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum

from factory.errors import FieldError
from factory.model import SHANGHAI, ApplicationType

MONTHS = 12  #: of a year
MOST_MONTHS = 120  #: that are asked about at once
APPROVED = "registration.approved"
WRITTEN = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])", re.ASCII)
#: what is applied for where a registration begins, or a profession that has one of its own
BEGINNINGS = frozenset(
    {ApplicationType.INITIAL, ApplicationType.ADDITION, ApplicationType.REREGISTRATION}
)


class What(StrEnum):
    """What is counted; each certificate once for each time."""

    ISSUED = "issued"  #: 首次制证: the first one of a registration was made
    REISSUED = "reissued"  #: 换发: another one was made in place of one there was
    COLLECTED = "collected"  #: 领证, by the holder's own doing
    HELD = "held"  #: 挂起: an event or a document was stopped for a person
    REVOKED = "revoked"  #: 注销: its registration was cancelled
    EXPIRED = "expired"  #: 到期: its last day passed, and nothing had taken its place


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in China (GB/T 7408.1-2023: ``2026-11``)."""

    year: int
    number: int  #: 1 to 12

    @classmethod
    def of(cls, day: date) -> Month:
        """The month a day lies in."""
        return cls(day.year, day.month)

    @classmethod
    def read(cls, text: str) -> Month:
        """The month that is written so.  FieldError: none is."""
        found = WRITTEN.fullmatch(text)
        if found is None:
            raise FieldError("month", "GB/T 7408.1-2023", "is written as in 2026-11")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        """As it is written.

        >>> str(Month(2026, 3))
        '2026-03'
        """
        return f"{self.year:04d}-{self.number:02d}"

    def plus(self, months: int) -> Month:
        """So many months later; earlier where it is less than none.

        >>> str(Month(2026, 11).plus(2)), str(Month(2026, 1).plus(-1))
        ('2027-01', '2025-12')
        """
        year, number = divmod(self.year * MONTHS + self.number - 1 + months, MONTHS)
        return Month(year, number + 1)

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def begins(self) -> datetime:
        """The instant it begins in China, in UTC; it ends where the next one begins."""
        return datetime(self.year, self.number, 1, tzinfo=SHANGHAI).astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """How many, of one register in one month.

    reason: why, as a closed word: what was applied for, the type of the event, or what kept it;
            empty where there is but one.
    """

    profile: str
    month: str
    what: What
    reason: str
    count: int


def months(first: Month, last: Month) -> Iterator[Month]:
    """Every month from the first to the last.

    FieldError: the last comes before the first, or they are too far apart.
    """
    span = (last.year - first.year) * MONTHS + last.number - first.number
    if not 0 <= span < MOST_MONTHS:
        rule = f"from the first to the last, {MOST_MONTHS} at most"
        raise FieldError("months", rule, f"{first} to {last}")
    return (first.plus(place) for place in range(span + 1))


def made(cause: str, applied_for: str | None, *, is_first: bool) -> tuple[What, str]:
    """As what a certificate counts that was made, and for what reason.

    cause:       the type of the event it follows from.
    applied_for: what was applied for, where that is known.
    is_first:    whether it has the first number of its registration; what was on paper before
                 leaves that free.
    """
    begins = applied_for is None or applied_for in BEGINNINGS
    is_issue = is_first and cause == APPROVED and begins
    return What.ISSUED if is_issue else What.REISSUED, applied_for or cause
