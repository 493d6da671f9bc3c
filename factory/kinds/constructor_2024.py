"""Design constructor-2024: the certificate of second-class constructors (二级建造师), blue frame.

Positions follow the national layout of the electronic certificate.
"""

from __future__ import annotations

from functools import lru_cache

from factory.kinds import drafting
from factory.kinds.drafting import RED, Fixtures, down, fitting, mm, note, small, value
from factory.page import ornament
from factory.page.ornament import BLUE
from factory.page.sheet import FixedMark, Sheet, Slot, Text

LABEL_X, VALUE_X = 102.0, 174.0  #: points
LABEL_PT, VALUE_PT = 14.0, 16.0
#: Baselines of the rows, points from the bottom.
NAME, SEX, BIRTH, NUMBER, EMPLOYER, PROFESSIONS = 596.0, 557.0, 518.0, 479.0, 440.0, 388.0
TITLE_PT, TITLE_WIDTH = 24.0, 391.3
BADGE_CENTRE = (297.64, 730.0)
FIXTURES = Fixtures(
    photo=(410.0, 465.0, 110.0, 140.0),
    code=(62.0, 92.0),
    signature=(160.0, 120.0, 99.0, 43.0),
    seal=(447.0, 176.0),
)


@lru_cache(maxsize=32)
def sheet(title: str, authority: tuple[str, str], employer_label: str) -> Sheet:
    """The design with one authority's words; drawn up once for all faces that share them."""
    marks = _decoration() + _title(title) + _labels(employer_label) + _foot(authority)
    return drafting.upright(title, marks, _slots())


def _decoration() -> tuple[FixedMark, ...]:
    return (
        *drafting.ground(BLUE),
        *drafting.frame(BLUE),
        *drafting.badge(BADGE_CENTRE, BLUE, ornament.bracket()),
        *drafting.plates(FIXTURES, BLUE),
    )


def _title(title: str) -> tuple[FixedMark, ...]:
    return (
        Text(
            text=title,
            x_mm=mm(LABEL_X),
            y_mm=down(649),
            size_pt=fitting(title, TITLE_PT, TITLE_WIDTH),
            spread_mm=mm(TITLE_WIDTH),
            colour=RED,
            bold_mm=0.22,
        ),
    )


def _labels(employer_label: str) -> tuple[FixedMark, ...]:
    rows = (
        ("姓名", NAME),
        ("性别", SEX),
        ("出生日期", BIRTH),
        ("注册编号", NUMBER),
        (employer_label, EMPLOYER),
        ("注册专业", PROFESSIONS),
    )
    return drafting.labels(rows, LABEL_X, LABEL_PT)


def _foot(authority: tuple[str, str]) -> tuple[FixedMark, ...]:
    return (
        *drafting.authority(authority, FIXTURES.seal[0], (182, 160), size_pt=14, width=182),
        small("个人签名：", 170, 102),
        small("签名日期：", 170, 76),
        small("签发日期：", 354, 102),
        small("查询网址：", 354, 76),
        *drafting.foot(FIXTURES.code),
    )


def _slots() -> tuple[Slot, ...]:
    photo_left = FIXTURES.photo[0] - 8
    return (
        value("holder.name", VALUE_X, NAME, size=VALUE_PT, right=photo_left, min_pt=9, height=34,
              lines=2),
        value("holder.sex", VALUE_X, SEX, size=VALUE_PT, right=photo_left),
        value("holder.birth_date", VALUE_X, BIRTH, size=VALUE_PT, right=photo_left),
        value("number", VALUE_X, NUMBER, size=VALUE_PT, right=photo_left),
        value("enterprise.name", VALUE_X, EMPLOYER, size=VALUE_PT, min_pt=9, wrap_pt=14, height=44,
              lines=3),
        value("professions", VALUE_X, PROFESSIONS, size=15, min_pt=9, height=172, lines=12,
              pitch=29),
        note("issued_on", 414, 102, 124, size=12, min_pt=10),
        drafting.address(414, 76, 124),
        *drafting.foot_slots(FIXTURES.code),
        *drafting.fixture_slots(FIXTURES),
    )  # fmt: skip
