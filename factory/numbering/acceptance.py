"""Acceptance numbers (受理编号) as the systems of Shanghai and Gansu write them.

No rule is published: the parts were read off printed numbers, so a number that does not parse is
opaque text and never an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from factory.errors import FieldError

NUMBER = re.compile(
    r"W(?P<year>\d{4})(?P<month>\d{2})(?P<department>\d{3})(?P<sequence>\d{4})"
    r"(?P<suffix>\d{6})?",
    re.ASCII,
)
MONTHS = range(1, 13)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceNumber:
    """An acceptance number in its parts.

    department: three digits.
    sequence:   1 to 9999, of all types together, from 1 every month.
    suffix:     on the printed form: two digits each of profession, type and variant.
    """

    year: int
    month: int
    department: str
    sequence: int
    suffix: str | None = None

    def __post_init__(self) -> None:
        if self.month not in MONTHS or not NUMBER.fullmatch(str(self)) or self.sequence == 0:
            raise FieldError(
                "acceptance_number",
                "W year month department sequence",
                "a part is outside its range",
            )

    @property
    def short(self) -> str:
        """14 characters, as lists and result pages show it."""
        return f"W{self.year:04}{self.month:02}{self.department}{self.sequence:04}"

    def __str__(self) -> str:
        return self.short + (self.suffix or "")


def parse_acceptance_number(text: str) -> AcceptanceNumber | None:
    """The number's parts; None: it is opaque text.

    >>> parse_acceptance_number("W2018040330039180103").suffix
    '180103'
    >>> parse_acceptance_number("2018-39")
    """
    found = NUMBER.fullmatch(text.strip())
    if found is None or int(found["month"]) not in MONTHS or int(found["sequence"]) == 0:
        return None
    return AcceptanceNumber(
        year=int(found["year"]),
        month=int(found["month"]),
        department=found["department"],
        sequence=int(found["sequence"]),
        suffix=found["suffix"],
    )
