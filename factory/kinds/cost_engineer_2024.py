"""Design cost-engineer-2024: second-class cost engineers (二级造价工程师), green frame.

Positions follow the national layout of the electronic certificate.  The English lines say the
title, with the translation of 造价工程师职业资格制度规定 (建人〔2018〕67号): Class 2 Cost Engineer.
The signature stands beside 个人签名, lower than measured, so that it is seen to belong to it.
"""

from __future__ import annotations

from functools import lru_cache

from factory.kinds import drafting
from factory.kinds.drafting import (
    GREY,
    MIDDLE,
    RED,
    Fixtures,
    down,
    fitting,
    mm,
    note,
    small,
    value,
)
from factory.page import ornament
from factory.page.fonts import Style
from factory.page.ornament import GREEN
from factory.page.sheet import Align, FixedMark, Sheet, Slot, Text

STATE = "中华人民共和国"  #: stands on a line of its own
ENGLISH = (
    ("THE PEOPLE'S REPUBLIC OF CHINA", 553.0, 176.0),
    ("REGISTRATION CERTIFICATE OF CLASS 2 COST ENGINEER", 538.5, 290.0),
)  #: text, baseline, width

LABEL_X, VALUE_X = 102.0, 176.0  #: points
LABEL_PT, VALUE_PT = 13.0, 14.0
#: Baselines of the rows, points from the bottom.
NAME, SEX, BIRTH, PROFESSION, NUMBER, VALIDITY, EMPLOYER = (
    496.0, 461.5, 427.0, 392.5, 358.0, 323.5, 289.0,
)  # fmt: skip
TITLE_PT, TITLE_WIDTH = 26.0, 440.0
BADGE_CENTRE = (297.64, 694.0)
FIXTURES = Fixtures(
    photo=(375.0, 370.0, 110.0, 140.0),
    code=(91.5, 151.5),
    signature=(190.0, 105.0, 99.0, 43.0),
    seal=(410.0, 181.5),
)


@lru_cache(maxsize=32)
def sheet(title: str, authority: tuple[str, str], employer_label: str) -> Sheet:
    """The design with one authority's words; drawn up once for all faces that share them."""
    marks = _decoration() + _title(title) + _labels(employer_label) + _foot(authority)
    return drafting.upright(title, marks, _slots())


def _decoration() -> tuple[FixedMark, ...]:
    return (
        *drafting.ground(GREEN),
        *drafting.frame(GREEN),
        *drafting.badge(BADGE_CENTRE, GREEN, ornament.abacus()),
        *drafting.plates(FIXTURES, GREEN),
    )


def _title(title: str) -> tuple[FixedMark, ...]:
    state, rest = (STATE, title.removeprefix(STATE)) if title.startswith(STATE) else ("", title)
    chinese = ((state, 610.0), (rest, 575.0))
    return (
        *(_title_line(text, baseline) for text, baseline in chinese if text),
        *(_english_line(text, baseline, width) for text, baseline, width in ENGLISH),
    )


def _title_line(text: str, baseline: float) -> Text:
    return Text(
        text=text,
        x_mm=mm(MIDDLE),
        y_mm=down(baseline),
        size_pt=fitting(text, TITLE_PT, TITLE_WIDTH),
        align=Align.CENTRE,
        colour=RED,
        bold_mm=0.22,
    )


def _english_line(text: str, baseline: float, width: float) -> Text:
    return Text(
        text=text,
        x_mm=mm(MIDDLE - width / 2),
        y_mm=down(baseline),
        size_pt=8.5,
        style=Style.KAI,
        colour=GREY,
        spread_mm=mm(width),
    )


def _labels(employer_label: str) -> tuple[FixedMark, ...]:
    rows = (
        ("姓名", NAME),
        ("性别", SEX),
        ("出生日期", BIRTH),
        ("专业", PROFESSION),
        ("证书编号", NUMBER),
        ("有效期", VALIDITY),
        (employer_label, EMPLOYER),
    )
    return drafting.labels(rows, LABEL_X, LABEL_PT)


def _foot(authority: tuple[str, str]) -> tuple[FixedMark, ...]:
    return (
        *drafting.authority(authority, FIXTURES.seal[0], (186, 161), size_pt=13, width=240),
        small("个人签名：", 110, 112.5, 11),
        small("签名日期：", 110, 90, 11),
        small("签发日期：", 345, 112.5, 11),
        small("查询网址：", 345, 90, 11),
        *drafting.foot(FIXTURES.code),
    )


def _slots() -> tuple[Slot, ...]:
    photo_left = FIXTURES.photo[0] - 8
    return (
        value("holder.name", VALUE_X, NAME, size=VALUE_PT, right=photo_left, min_pt=8, height=27,
              lines=2),
        value("holder.sex", VALUE_X, SEX, size=VALUE_PT, right=photo_left),
        value("holder.birth_date", VALUE_X, BIRTH, size=VALUE_PT, right=photo_left),
        value("professions", VALUE_X, PROFESSION, size=VALUE_PT, right=photo_left, min_pt=7,
              height=27, lines=3),
        value("number", VALUE_X, NUMBER, size=VALUE_PT),
        value("validity", VALUE_X, VALIDITY, size=VALUE_PT, min_pt=7, height=27, lines=3),
        value("enterprise.name", VALUE_X, EMPLOYER, size=VALUE_PT, right=526, min_pt=9,
              wrap_pt=12.5, height=48, lines=3),
        note("issued_on", 400, 112.5, 138, size=11, min_pt=9),
        drafting.address(400, 90, 138),
        *drafting.foot_slots(FIXTURES.code),
        *drafting.fixture_slots(FIXTURES),
    )  # fmt: skip
