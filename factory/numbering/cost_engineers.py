"""Numbers of cost engineers (注册证书编号): 建[造] and 14 digits.  建办标〔2020〕10号, 2020-03-18.

Those from before 2020 have 11 digits and are opaque text: they are only ever taken over, and
``number_key`` tells one from another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
