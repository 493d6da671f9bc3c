"""Registration numbers (注册编号) of constructors: jzs12 and jzs16, one number in two spellings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from factory.errors import FieldError
from factory.numbering.spelling import plain

Scheme = Literal["jzs12", "jzs16"]

CENTURY = 2000
#: Two-digit qualification years above this were never 20xx when the national scheme began.
LAST_TWO_DIGIT_YEAR = 23
SECOND_CLASS = 2

NUMBER = re.compile(
    r"(?P<province>[\u4e00-\u9fff])(?P<level>[12])(?P<division>\d{2})"
    r"(?:(?P<years16>20\d\d20\d\d)|(?P<years12>\d{4}))(?P<serial>\d{5})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstructorNumber:
    """A constructor's registration number (注册编号) in its parts.

    province:           the abbreviation of where the person is registered now, e.g. 沪.
    level:              1 or 2.
    division:           two digits of GB/T 2260: where the first registration was, so it may
                        differ from ``province`` for a person who moved.
    qualification_year: four digits, 20xx.
    registration_year:  of the first registration, four digits, 20xx; of which one, where there
                        were several, no rule says (what is drawn: plan.registration_number).
    serial:             1 to 99999, provincial.
    """

    province: str
    level: int
    division: str
    qualification_year: int
    registration_year: int
    serial: int

    def __post_init__(self) -> None:
        found = NUMBER.fullmatch(self.jzs16)
        if found is None or found["division"] != self.division or self.serial == 0:
            raise FieldError("registration_number", "jzs16", "a part is outside its range")

    @property
    def jzs12(self) -> str:
        """The older spelling: years with two digits.

        >>> parse_constructor_number("沪2312016201800057").jzs12
        '沪231161800057'
        """
        years = f"{self.qualification_year % 100:02}{self.registration_year % 100:02}"
        return f"{self.province}{self.level}{self.division}{years}{self.serial:05}"

    @property
    def jzs16(self) -> str:
        """The national spelling: years with four digits.

        >>> parse_constructor_number("沪231161800057").jzs16
        '沪2312016201800057'
        """
        years = f"{self.qualification_year:04}{self.registration_year:04}"
        return f"{self.province}{self.level}{self.division}{years}{self.serial:05}"


def parse_constructor_number(text: str) -> ConstructorNumber | None:
    """The number's parts from either spelling; None when it is in neither.

    Old numbers do not all follow the schemes: one that does not parse is opaque, not wrong.
    """
    found = NUMBER.fullmatch("".join(plain(text).split()))
    if found is None or int(found["serial"]) == 0:
        return None
    qualified, registered = _years(found)
    return ConstructorNumber(
        province=found["province"],
        level=int(found["level"]),
        division=found["division"],
        qualification_year=qualified,
        registration_year=registered,
        serial=int(found["serial"]),
    )


def _years(found: re.Match[str]) -> tuple[int, int]:
    """Both years with four digits.

    Two-digit years get 20 before them.  A qualification year above 23 lay in the future when
    the registers were converted (98 is 1998) and the registration year stands for both; but one
    not after the registration year (24 and 25, a number drawn since) is what it says.
    """
    if years := found["years16"]:
        return int(years[:4]), int(years[4:])
    qualified, registered = int(found["years12"][:2]), int(found["years12"][2:])
    if qualified > LAST_TWO_DIGIT_YEAR and qualified > registered:
        qualified = registered
    return CENTURY + qualified, CENTURY + registered


def constructor_number(
    scheme: Scheme,
    abbreviation: str,
    division: str,
    qualification_year: int,
    registration_year: int,
    serial: int,
) -> str:
    """A second-class constructor's number as it is printed.  FieldError: a part out of range.

    >>> constructor_number("jzs16", "沪", "31", 2016, 2018, 57)
    '沪2312016201800057'
    """
    number = ConstructorNumber(
        province=abbreviation,
        level=SECOND_CLASS,
        division=division,
        qualification_year=qualification_year,
        registration_year=registration_year,
        serial=serial,
    )
    return number.jzs12 if scheme == "jzs12" else number.jzs16


def respell(text: str, scheme: Scheme) -> str:
    """The same number in that spelling; what is in neither, or would change, stays as it is.

    >>> respell("沪231161800057", "jzs16"), respell("沪2312016201800057", "jzs12")
    ('沪2312016201800057', '沪231161800057')
    """
    number = parse_constructor_number(text)
    if number is None:
        return text
    spelled = number.jzs12 if scheme == "jzs12" else number.jzs16
    return spelled if parse_constructor_number(spelled) == number else text
