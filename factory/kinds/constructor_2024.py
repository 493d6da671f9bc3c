"""Design constructor-2024: the certificate of second-class constructors (二级建造师), blue frame.

Positions follow the national layout of the electronic certificate (A4 upright), which is
measured in points from the bottom left corner; ``_mm`` and ``_down`` turn them over.
"""

from __future__ import annotations

from functools import lru_cache

from factory import ornament
from factory.fonts import Style
from factory.ornament import BLUE
from factory.sheet import (
    MM_PER_PT,
    Align,
    CodeSlot,
    Colour,
    FixedMark,
    Path,
    PictureSlot,
    SealSlot,
    Sheet,
    Slot,
    Text,
    TextSlot,
)

PAGE_WIDTH_MM, PAGE_HEIGHT_MM = 210.0, 297.0
SEAL_MM = 42.0

RED: Colour = (190, 22, 28)
GREY: Colour = (90, 96, 104)
INK: Colour = (24, 24, 24)
WHITE: Colour = (255, 255, 255)

LABEL_X, VALUE_X = 102.0, 174.0  #: points
LABEL_PT, VALUE_PT = 14.0, 16.0
#: Baselines of the rows, points from the bottom.
NAME, SEX, BIRTH, NUMBER, EMPLOYER, PROFESSIONS = 596.0, 557.0, 518.0, 479.0, 440.0, 388.0
RIGHT_X = 538.0  #: where values end
PHOTO = (410.0, 465.0, 110.0, 140.0)  #: x, y of the lower left corner, width, height
CODE = (62.0, 92.0, 88.0)  #: x, y, size with the quiet zone; the symbol itself is 71
SEAL_CENTRE = (447.0, 176.0)
BADGE_CENTRE = (297.64, 730.0)


def _mm(points: float) -> float:
    return points * MM_PER_PT


def _down(points: float) -> float:
    """Points from the bottom edge as millimetres from the top edge."""
    return PAGE_HEIGHT_MM - points * MM_PER_PT


@lru_cache(maxsize=32)
def sheet(title: str, authority: tuple[str, str], employer_label: str) -> Sheet:
    """The design with one authority's words; drawn up once for all faces that share them."""
    return Sheet(
        title=title,
        width_mm=PAGE_WIDTH_MM,
        height_mm=PAGE_HEIGHT_MM,
        marks=_decoration() + _title(title) + _labels(employer_label) + _foot(authority),
        slots=_slots(),
    )


def _decoration() -> tuple[FixedMark, ...]:
    return (*_ground(), *_frame(), *_plates())


def _ground() -> tuple[FixedMark, ...]:
    x, y = PAGE_WIDTH_MM / 2, 158.0
    return (
        ornament.ground(
            18, 18, 174, 261, period_mm=14.5, pitch_mm=4.5, swing=1.9,
            colour=BLUE.ground, width_mm=0.1,
        ),
        ornament.rosette(
            x, y, radii=(30, 62), lobes=36, strands=6, colour=BLUE.ground, width_mm=0.12
        ),
        ornament.rosette(
            x, y, radii=(14, 40), lobes=24, strands=4, colour=BLUE.ground, width_mm=0.12
        ),
    )  # fmt: skip


def _frame() -> tuple[FixedMark, ...]:
    return (
        _box(9.0, BLUE.deep, 0.7),
        _box(10.2, BLUE.line, 0.15),
        ornament.braid(
            13.6, 13.6, 182.8, 269.8, tile_mm=7.3, swing=2.5, strands=6,
            colour=BLUE.line, width_mm=0.11,
        ),
        ornament.braid(
            13.6, 13.6, 182.8, 269.8, tile_mm=3.65, swing=1.2, strands=2,
            colour=BLUE.deep, width_mm=0.14,
        ),
        *(mark for x in (13.6, 196.4) for y in (13.6, 283.4) for mark in _corner(x, y)),
        _box(17.0, BLUE.line, 0.15),
        _box(17.8, BLUE.deep, 0.35),
    )  # fmt: skip


def _box(margin_mm: float, colour: Colour, width_mm: float) -> Path:
    data = ornament.rectangle(
        margin_mm, margin_mm, PAGE_WIDTH_MM - 2 * margin_mm, PAGE_HEIGHT_MM - 2 * margin_mm
    )
    return Path(data=data, stroke=colour, width_mm=width_mm)


def _corner(x: float, y: float) -> tuple[Path, ...]:
    blank = Path(data=ornament.rectangle(x - 3.2, y - 3.2, 6.4, 6.4), fill=WHITE)
    wreath = ornament.rosette(
        x, y, radii=(0.9, 3.1), lobes=12, strands=3, colour=BLUE.deep, width_mm=0.1
    )
    return (blank, wreath)


def _plates() -> tuple[FixedMark, ...]:
    """What lies on the ground: the badge, the photo's edge and the QR code's white field."""
    x, y, width, height = PHOTO
    code_x, code_y, size = CODE
    photo = ornament.rectangle(_mm(x), _down(y + height), _mm(width), _mm(height))
    code = ornament.rectangle(_mm(code_x), _down(code_y + size), _mm(size), _mm(size))
    badge_x, badge_y = _mm(BADGE_CENTRE[0]), _down(BADGE_CENTRE[1])
    return (
        ornament.disc(badge_x, badge_y, 13.6, fill=WHITE),
        *ornament.badge(badge_x, badge_y, 13.0, BLUE),
        Path(data=photo, fill=WHITE, stroke=BLUE.soft, width_mm=0.2),
        Path(data=code, fill=WHITE),
    )


def _title(title: str) -> tuple[FixedMark, ...]:
    return (
        Text(
            text=title,
            x_mm=_mm(102),
            y_mm=_down(649),
            size_pt=24,
            spread_mm=_mm(391.3),
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
    return tuple(mark for label, baseline in rows for mark in _label(label, baseline))


def _label(label: str, baseline: float) -> tuple[Text, Text]:
    """Four characters wide whatever its length, so that the colons stand below each other."""
    y = _down(baseline)
    words = Text(
        text=label, x_mm=_mm(LABEL_X), y_mm=y, size_pt=LABEL_PT, colour=INK, bold_mm=0.06,
        spread_mm=_mm(4 * LABEL_PT),
    )  # fmt: skip
    colon_x = _mm(LABEL_X + 4 * LABEL_PT)
    return words, Text(text="：", x_mm=colon_x, y_mm=y, size_pt=LABEL_PT, colour=INK)


def _foot(authority: tuple[str, str]) -> tuple[FixedMark, ...]:
    centre, below = _mm(SEAL_CENTRE[0]), _mm(CODE[0] + CODE[2] / 2)
    return (
        *(
            Text(text=line, x_mm=centre, y_mm=_down(y), size_pt=14, align=Align.CENTRE,
                 colour=INK, bold_mm=0.06)
            for line, y in zip(authority, (182, 160), strict=True)
        ),
        _small("个人签名：", 170, 102),
        _small("签名日期：", 170, 76),
        _small("签发日期：", 354, 102),
        _small("查询网址：", 354, 76),
        Text(text="实时数据，扫码验证", x_mm=below, y_mm=_down(86), size_pt=8,
             align=Align.CENTRE, colour=INK),
        Text(text="电子证照标识：", x_mm=_mm(62), y_mm=_down(57), size_pt=7, colour=GREY),
        Text(text="版本：", x_mm=_mm(503), y_mm=_down(57), size_pt=7, colour=GREY),
    )  # fmt: skip


def _small(label: str, x: float, baseline: float) -> Text:
    return Text(text=label, x_mm=_mm(x), y_mm=_down(baseline), size_pt=12, colour=INK)


def _slots() -> tuple[Slot, ...]:
    photo_left = PHOTO[0] - 8
    return (
        _value("holder.name", NAME, right=photo_left, min_pt=9, height=34, lines=2),
        _value("holder.sex", SEX, right=photo_left),
        _value("holder.birth_date", BIRTH, right=photo_left),
        _value("number", NUMBER, right=photo_left),
        _value("enterprise.name", EMPLOYER, min_pt=9, wrap_pt=14, height=44, lines=3),
        _value(
            "professions", PROFESSIONS, size=15, min_pt=9, wrap_pt=12, height=172, lines=12,
            pitch=29,
        ),
        *_foot_slots(),
        *_marked_slots(),
    )  # fmt: skip


def _value(
    name: str,
    baseline: float,
    *,
    right: float = RIGHT_X,
    size: float = VALUE_PT,
    min_pt: float = 10,
    wrap_pt: float = 12,
    height: float = 22,
    lines: int = 1,
    pitch: float = 0,
) -> TextSlot:
    """A row's value, its first baseline level with the label's."""
    return TextSlot(
        name=name,
        x_mm=_mm(VALUE_X),
        y_mm=_down(baseline + 0.88 * size),
        width_mm=_mm(right - VALUE_X),
        height_mm=_mm(height),
        size_pt=size,
        min_size_pt=min_pt,
        wrap_below_pt=wrap_pt,
        max_lines=lines,
        pitch_mm=_mm(pitch),
        colour=INK,
    )


def _foot_slots() -> tuple[Slot, ...]:
    return (
        _note("issued_on", 414, 102, 124, size=12, min_pt=10),
        _note("query_address", 414, 76, 124, size=11, min_pt=6),
        _note("verification_code", CODE[0] - 2, 73, CODE[2] + 4, size=7.5, min_pt=6, lines=2,
              align=Align.CENTRE),  # two lines for the one code in 2 600 that is all W and M
        _note("licence_id", 111, 57, 386, size=7, min_pt=5, colour=GREY),
        _note("edition", 524, 57, 16, size=7, min_pt=6, colour=GREY),
    )  # fmt: skip


def _note(
    name: str,
    x: float,
    baseline: float,
    width: float,
    *,
    size: float,
    min_pt: float,
    lines: int = 1,
    align: Align = Align.LEFT,
    colour: Colour = INK,
) -> TextSlot:
    """A note of the foot."""
    return TextSlot(
        name=name,
        x_mm=_mm(x),
        y_mm=_down(baseline + 0.88 * size),
        width_mm=_mm(width),
        height_mm=_mm(size * 1.3 * lines),
        size_pt=size,
        min_size_pt=min_pt,
        wrap_below_pt=min_pt,
        max_lines=lines,
        pitch_mm=_mm(size * 1.1),
        align=align,
        style=Style.KAI,
        colour=colour,
    )


def _marked_slots() -> tuple[Slot, ...]:
    x, y, width, height = PHOTO
    code_x, code_y, size = CODE
    seal_x, seal_y = _mm(SEAL_CENTRE[0]), _down(SEAL_CENTRE[1])
    return (
        PictureSlot(
            role="photo", x_mm=_mm(x), y_mm=_down(y + height), width_mm=_mm(width),
            height_mm=_mm(height),
        ),
        CodeSlot(name="code", x_mm=_mm(code_x), y_mm=_down(code_y + size), size_mm=_mm(size)),
        SealSlot(
            name="seal", x_mm=seal_x - SEAL_MM / 2, y_mm=seal_y - SEAL_MM / 2, width_mm=SEAL_MM,
            height_mm=SEAL_MM,
        ),
    )  # fmt: skip
