"""Figures (统计): what became of certificates by register, month and reason; as rows and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.errors import NotFoundError
from factory.figures import MONTHS, Figure, Month, months
from factory.versions import installed_are
from storage.ledger import figures as ledger

if TYPE_CHECKING:
    from jobs.wiring import Plant

COLUMNS = ("profile", "month", "what", "reason", "count")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What happened in these months, the first and the last one included; no personal data."""

    first: str
    last: str
    figures: tuple[Figure, ...]


def statistics(
    plant: Plant,
    *,
    profile: str | None = None,
    first: Month | None = None,
    last: Month | None = None,
) -> Statistics:
    """What became of certificates, month by month.

    profile: of this register alone; None: of all.
    first:   None: eleven months before the last.
    last:    None: the month of today.
    NotFoundError: there is no such register.  FieldError: there are no such months.
    """
    check_profile(plant, profile)
    with plant.ledger.read() as tx:
        today = plant.today(tx)
    last = last or Month.of(today)
    first = first or last.plus(1 - MONTHS)
    found: list[Figure] = []
    for month in months(first, last):
        with plant.ledger.read() as tx:  # a short one each: whoever writes is not kept waiting
            found += ledger.of_month(tx, month, today=today, profile=profile)
    found.sort(key=lambda each: (each.profile, each.month))
    return Statistics(first=str(first), last=str(last), figures=tuple(found))


def check_profile(plant: Plant, profile: str | None) -> None:
    """NotFoundError: no register is called so; None is none."""
    if profile is not None and profile not in plant.profiles:
        raise NotFoundError(f"profile {profile}: is not installed; {installed_are(plant.profiles)}")


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV (RFC 4180, UTF-8), with a line of headings."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
