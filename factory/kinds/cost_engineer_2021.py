"""Design cost-engineer-2021: second-class cost engineers (二级造价工程师), the older face.

What stands on it, and in which order, is as a municipal authority's manual of 2021 shows it; the
QR code and the query address came with it here, so that it can be checked like any other.
"""

from __future__ import annotations

from functools import lru_cache

from factory.kinds import drafting
from factory.kinds.drafting import (
    PAGE_WIDTH_MM,
    Fixtures,
    note,
    small,
    value,
)
from factory.page import ornament
from factory.page.ornament import GREEN
from factory.page.sheet import Align, Colour, FixedMark, Path, Sheet, Slot

PALE: Colour = (234, 244, 238)  #: of the watermark, paler than the ground

LABEL_X, VALUE_X = 92.0, 164.0  #: points
LABEL_PT, VALUE_PT = 14.0, 16.0
#: Baselines of the rows, points from the bottom.
NAME, SEX, BIRTH, NUMBER, EMPLOYER, PROFESSION, VALIDITY = (
    632.0, 589.0, 546.0, 503.0, 460.0, 417.0, 374.0,
)  # fmt: skip
TITLE, TITLE_PT, TITLE_WIDTH = 712.0, 24.0, 411.0
FOOT_X, FOOT_VALUE_X = 330.0, 392.0
SIGNATURE, ISSUED, SIGNED = 172.0, 130.0, 104.0
FIXTURES = Fixtures(
    photo=(400.0, 504.0, 110.0, 140.0),
    code=(88.0, 116.0),
    signature=(392.0, 156.0, 99.0, 43.0),
    seal=(424.0, 276.0),
)


@lru_cache(maxsize=32)
def sheet(title: str, authority: tuple[str, str], employer_label: str) -> Sheet:
    """The design with one authority's words; drawn up once for all faces that share them."""
    marks = _decoration() + _title(title) + _labels(employer_label) + _foot(authority)
    return drafting.upright(title, marks, _slots())


def _decoration() -> tuple[FixedMark, ...]:
    return (
        drafting.waves(GREEN),
        *_watermark(),
        *drafting.frame(GREEN),
        *drafting.plates(FIXTURES, GREEN),
    )


def _watermark() -> tuple[Path, ...]:
    x, y = PAGE_WIDTH_MM / 2, 156.0
    return (
        ornament.rosette(
            x, y, radii=(36, 60), lobes=36, strands=6, colour=GREEN.ground, width_mm=0.12
        ),
        ornament.circle(x, y, 34.0, stroke=GREEN.ground, width_mm=0.4),
        Path(data=ornament.abacus(), fill=PALE, copies=((2.3, 0, 0, 2.3, x, y),)),
    )


def _title(title: str) -> tuple[FixedMark, ...]:
    return (drafting.wide_title(title, TITLE, TITLE_PT, TITLE_WIDTH),)


def _labels(employer_label: str) -> tuple[FixedMark, ...]:
    rows = (
        ("姓名", NAME),
        ("性别", SEX),
        ("出生日期", BIRTH),
        ("注册编号", NUMBER),
        (employer_label, EMPLOYER),
        ("注册专业", PROFESSION),
        ("有效期至", VALIDITY),
    )
    return drafting.labels(rows, LABEL_X, LABEL_PT)


def _foot(authority: tuple[str, str]) -> tuple[FixedMark, ...]:
    caption, *last_line = drafting.foot(FIXTURES.code)
    return (
        *drafting.authority(authority, FIXTURES.seal[0], (283, 260), size_pt=14, width=220),
        small("个人签名：", FOOT_X, SIGNATURE),
        small("签发日期：", FOOT_X, ISSUED),
        caption,  # nearly level with the next, so a reader takes them for one line
        small("签名日期：", FOOT_X, SIGNED),
        *last_line,
    )


def _slots() -> tuple[Slot, ...]:
    photo_left = FIXTURES.photo[0] - 8
    code_x, code_y = FIXTURES.code
    return (
        value("holder.name", VALUE_X, NAME, size=VALUE_PT, right=photo_left, min_pt=9, height=34,
              lines=2),
        value("holder.sex", VALUE_X, SEX, size=VALUE_PT, right=photo_left),
        value("holder.birth_date", VALUE_X, BIRTH, size=VALUE_PT, right=photo_left),
        value("number", VALUE_X, NUMBER, size=VALUE_PT, right=photo_left),
        value("enterprise.name", VALUE_X, EMPLOYER, size=VALUE_PT, min_pt=9, wrap_pt=14, height=36,
              lines=3),
        value("professions", VALUE_X, PROFESSION, size=VALUE_PT, min_pt=9, height=34, lines=2),
        value("validity", VALUE_X, VALIDITY, size=VALUE_PT, min_pt=9, height=60, lines=4),
        note("issued_on", FOOT_VALUE_X, ISSUED, 140, size=12, min_pt=10),
        note("query_address", code_x - 26, code_y - 32, drafting.CODE_PT + 52, size=8, min_pt=5,
             wrap_pt=6, lines=2, align=Align.CENTRE),
        *drafting.foot_slots(FIXTURES.code),
        *drafting.fixture_slots(FIXTURES),
    )  # fmt: skip
