"""Retention (保存期限): whether a person's data may be erased, and from which day on it is due.

个人信息保护法 (PIPL) art. 47: what is no longer needed, or whose time is over, is erased by
whoever keeps it, or on request; while the time that a law sets lasts it is only stored.  So a
register sets both, as profile data (``[retention]``), and the defaults erase nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from factory.model import Standing
from factory.profile import RetentionRules, years_later

ALIVE = frozenset({Standing.ACTIVE, Standing.SUSPENDED})


class Ground(StrEnum):
    """Why somebody's data is erased."""

    REQUEST = "request"  #: 本人请求
    DUE = "due"  #: 保存期限届满


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A registration, as far as retention asks.

    last: the last day of the profession that ends last.
    """

    standing: Standing
    last: date

    def is_in_force(self, today: date) -> bool:
        """Whether it stands, and has not expired."""
        return self.standing in ALIVE and today <= self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a person's time in a register.

    said: the last day on which anything was said of them.
    """

    registrations: Sequence[Kept]
    said: date

    @property
    def end(self) -> date:
        """The last day of all: nothing was said since, and nothing was valid.

        What was cancelled ended on the day that was said; what expires does so by itself.
        """
        alive = [each.last for each in self.registrations if each.standing in ALIVE]
        return max([self.said, *alive])


def due_from(rules: RetentionRules, past: Past) -> date | None:
    """From which day on it is due; None: never by itself.

    >>> due_from(RetentionRules(due_years=5), Past(registrations=(), said=date(2020, 2, 29)))
    datetime.date(2025, 3, 1)
    """
    return None if rules.due_years is None else years_later(past.end, rules.due_years)


def refusals(rules: RetentionRules, past: Past, ground: Ground, today: date) -> Iterator[str]:
    """Why it is not erased on that day; none: it may be.

    today: the calendar day in China.
    """
    is_asked = ground is Ground.REQUEST
    if any(each.is_in_force(today) for each in past.registrations):
        if not is_asked or rules.in_force == "refuse":
            yield "a registration of the person is in force"
        return
    if is_asked and today < years_later(past.end, rules.least_years):
        yield f"is kept until {years_later(past.end, rules.least_years)} (retention.least_years)"
    due = due_from(rules, past)
    if not is_asked and (due is None or today < due):
        yield "is not due by itself" if due is None else f"is due from {due} on"
