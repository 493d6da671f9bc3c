"""Acceptance numbers (受理编号) as the systems of Shanghai and Gansu write them.

No rule is published: the parts were read off printed numbers, so a number that does not parse is
opaque text and never an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from factory.errors import FieldError
from factory.numbering.spelling import plain

FORM = "W year month department sequence"
NUMBER = re.compile(
    r"W(?P<year>\d{4})(?P<month>\d{2})(?P<department>\d{3})(?P<sequence>\d{4})"
    r"(?:(?P<profession>\d{2})(?P<application_type>\d{2})(?P<variant>\d{2}))?",
    re.ASCII,
)
TWO_DIGITS = re.compile(r"\d{2}", re.ASCII)
MONTHS = range(1, 13)
SEQUENCES = range(1, 10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceSuffix:
    """What the printed form adds to an acceptance number, two digits each.

    profession:       18 second-class constructor, 19 second-class cost engineer.
    application_type: 01 initial, 02 addition, 03 renewal, 06 cancellation.
    variant:          not explained anywhere; the same for all applications of a type.

    FieldError: a part is not two digits.
    """

    profession: str
    application_type: str
    variant: str

    def __post_init__(self) -> None:
        parts = self.profession, self.application_type, self.variant
        if not all(TWO_DIGITS.fullmatch(part) for part in parts):
            raise FieldError("acceptance_number", FORM, "a part of the suffix is not two digits")

    def __str__(self) -> str:
        return f"{self.profession}{self.application_type}{self.variant}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptanceNumber:
    """An acceptance number in its parts.

    year:       four digits.
    month:      1 to 12.
    department: three digits.
    sequence:   1 to 9999, of all types together, from 1 every month.
    suffix:     None where only lists and result pages were seen.

    FieldError: a part is outside its range.
    """

    year: int
    month: int
    department: str
    sequence: int
    suffix: AcceptanceSuffix | None = None

    def __post_init__(self) -> None:
        if self.sequence not in SEQUENCES:
            raise FieldError("acceptance_number", FORM, "the sequence is not 1 to 9999 a month")
        found = NUMBER.fullmatch(self.short)
        if found is None or found["department"] != self.department or self.month not in MONTHS:
            raise FieldError("acceptance_number", FORM, "a part is outside its range")

    @property
    def short(self) -> str:
        """14 characters, as lists and result pages show it."""
        return f"W{self.year:04}{self.month:02}{self.department}{self.sequence:04}"

    @property
    def full(self) -> str:
        """20 characters, as the printed form shows it; the short ones where no suffix is known."""
        return f"{self.short}{self.suffix or ''}"

    def __str__(self) -> str:
        return self.full


def parse_acceptance_number(text: str) -> AcceptanceNumber | None:
    """The number's parts; None: it is opaque text.

    >>> number = parse_acceptance_number("W2018040330039180103")
    >>> number.short, number.suffix.profession
    ('W2018040330039', '18')
    >>> parse_acceptance_number("2018-39")
    """
    found = NUMBER.fullmatch(plain(text))
    if found is None:
        return None
    month, sequence = int(found["month"]), int(found["sequence"])
    if month not in MONTHS or sequence not in SEQUENCES:
        return None
    return AcceptanceNumber(
        year=int(found["year"]),
        month=month,
        department=found["department"],
        sequence=sequence,
        suffix=_suffix(found),
    )


def acceptance_number(
    department: str, year: int, month: int, sequence: int, suffix: AcceptanceSuffix | None = None
) -> str:
    """An acceptance number as it is printed.  FieldError: a part is outside its range.

    >>> acceptance_number("033", 2021, 12, 1)
    'W2021120330001'
    """
    return AcceptanceNumber(
        year=year, month=month, department=department, sequence=sequence, suffix=suffix
    ).full


def _suffix(found: re.Match[str]) -> AcceptanceSuffix | None:
    if found["profession"] is None:
        return None
    return AcceptanceSuffix(
        profession=found["profession"],
        application_type=found["application_type"],
        variant=found["variant"],
    )
