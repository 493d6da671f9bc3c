"""Numbers of cost engineers (注册证书编号): 建[造] and digits.  建办标〔2020〕10号, 2020-03-18."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from factory.errors import FieldError
from factory.numbering.spelling import plain

SECOND_CLASS = 2
CENTURY = 2000
BRACKETS = r"[\[(〔【]造[\])〕】]"  #: after NFKC, which narrows ［］ and （）
NUMBER = re.compile(
    rf"建{BRACKETS}(?P<level>[12])(?P<specialty>[1-4])(?P<year>\d{{2}})"
    r"(?P<division>\d{2})(?P<body>\d{2})(?P<serial>\d{6})",
    re.ASCII,
)
OLD_NUMBER = re.compile(
    rf"建{BRACKETS}(?P<year>\d{{2}})(?P<area>\d{{2}})(?P<industry>\d{{2}})(?P<serial>\d{{5}})",
    re.ASCII,
)
RULE = "建办标〔2020〕10号"


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEngineerNumber:
    """A cost engineer's number in its parts, 14 digits.

    level:     1 or 2.
    specialty: 1 土木建筑, 2 交通运输, 3 水利, 4 安装.
    year:      of issue, four digits, 20xx.
    division:  two digits of GB/T 2260.
    body:      industry body, two digits; 00 is housing.
    serial:    1 to 999999.

    FieldError: a part is outside its range.
    """

    level: int
    specialty: int
    year: int
    division: str
    body: str
    serial: int

    def __post_init__(self) -> None:
        found = NUMBER.fullmatch(str(self))
        if found is None or found.groups() != self._parts or self.serial == 0:
            raise FieldError("registration_number", RULE, "a part is outside its range")

    @property
    def digits(self) -> str:
        """The 14 digits, which also stand in the number of the seal (执业印章)."""
        return "".join(self._parts)

    def __str__(self) -> str:
        return f"建[造]{self.digits}"

    @property
    def _parts(self) -> tuple[str, ...]:
        year, serial = f"{self.year - CENTURY:02}", f"{self.serial:06}"
        return str(self.level), str(self.specialty), year, self.division, self.body, serial


@dataclass(frozen=True, slots=True, kw_only=True)
class OldCostEngineerNumber:
    """A cost engineer's number from before 2020 in its parts, 11 digits; only ever taken over.

    year, area, industry: two digits each, as printed; the century is not in the number.
    serial:               1 to 99999.

    FieldError: a part is outside its range.
    """

    year: str
    area: str
    industry: str
    serial: int

    def __post_init__(self) -> None:
        found = OLD_NUMBER.fullmatch(str(self))
        if found is None or found.groups() != self._parts or self.serial == 0:
            raise FieldError("registration_number", RULE, "a part is outside its range")

    def __str__(self) -> str:
        return f"建[造]{''.join(self._parts)}"

    @property
    def _parts(self) -> tuple[str, ...]:
        return self.year, self.area, self.industry, f"{self.serial:05}"


def parse_cost_engineer_number(text: str) -> CostEngineerNumber | None:
    """The number's parts; None: it is none of the scheme in force (an old or foreign one).

    >>> parse_cost_engineer_number("建［造］21213100000123").serial
    123
    """
    found = NUMBER.fullmatch("".join(plain(text).split()))
    if found is None or int(found["serial"]) == 0:
        return None
    return CostEngineerNumber(
        level=int(found["level"]),
        specialty=int(found["specialty"]),
        year=CENTURY + int(found["year"]),
        division=found["division"],
        body=found["body"],
        serial=int(found["serial"]),
    )


def parse_old_cost_engineer_number(text: str) -> OldCostEngineerNumber | None:
    """The parts of a number from before 2020; None: it is none.

    >>> parse_old_cost_engineer_number("建〔造〕11310012345").serial
    12345
    """
    found = OLD_NUMBER.fullmatch("".join(plain(text).split()))
    if found is None or int(found["serial"]) == 0:
        return None
    return OldCostEngineerNumber(
        year=found["year"],
        area=found["area"],
        industry=found["industry"],
        serial=int(found["serial"]),
    )


def is_old_cost_engineer_number(text: str) -> bool:
    """Whether it is a number from before 2020.

    >>> is_old_cost_engineer_number("建[造]11310012345")
    True
    """
    return parse_old_cost_engineer_number(text) is not None


def cost_engineer_number(
    specialty: int, year: int, division: str, serial: int, body: str = "00"
) -> str:
    """A second-class cost engineer's number as it is printed.  FieldError: a part out of range.

    >>> cost_engineer_number(1, 2021, "31", 123)
    '建[造]21213100000123'
    """
    return str(
        CostEngineerNumber(
            level=SECOND_CLASS,
            specialty=specialty,
            year=year,
            division=division,
            body=body,
            serial=serial,
        )
    )


def practice_seal_number(number: CostEngineerNumber, holder: Literal["A", "B"]) -> str:
    """The number of the practice seal (执业印章): a letter and the same digits.

    holder: A where the employer is a qualified consultancy (具备工程造价咨询企业资质), else B.
    建办标〔2020〕10号.

    >>> practice_seal_number(parse_cost_engineer_number("建[造]21213100000123"), "B")
    'B21213100000123'
    """
    return holder + number.digits
