"""Drafting: what the designs of the certificate share, so that each says only what is its own.

Designs are measured in points from the bottom left corner of an A4 page, as the national layouts
of the electronic certificates are; ``mm`` and ``down`` turn them over.
"""

from __future__ import annotations

from dataclasses import dataclass
from unicodedata import east_asian_width

from factory.page import ornament
from factory.page.fonts import Style
from factory.page.marks import AUTHORITY_SEAL
from factory.page.ornament import Palette
from factory.page.sheet import (
    MM_PER_PT,
    Align,
    CodeSlot,
    Colour,
    FixedMark,
    Path,
    PictureSlot,
    Sheet,
    SignatureSlot,
    Slot,
    Text,
    TextSlot,
)

PAGE_WIDTH_MM, PAGE_HEIGHT_MM = 210.0, 297.0
MIDDLE = PAGE_WIDTH_MM / MM_PER_PT / 2  #: points
SEAL_MM = 42.0
RIGHT = 538.0  #: points, where values end

RED: Colour = (190, 22, 28)
GREY: Colour = (90, 96, 104)
INK: Colour = (24, 24, 24)
WHITE: Colour = (255, 255, 255)

Point = tuple[float, float]
Area = tuple[float, float, float, float]  #: x, y of the lower left corner, width, height

BADGE_MM = 13.0
CODE_PT = 88.0  #: with the quiet zone; the symbol itself is 71
FOOT = 57.0  #: baseline of the licence id and the edition


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixtures:
    """Where a design has what is not text, in points.

    code: the lower left corner of the QR code's quiet zone.
    seal: its centre.
    """

    photo: Area
    code: Point
    signature: Area
    seal: Point


def mm(points: float) -> float:
    """Points as millimetres."""
    return points * MM_PER_PT


def down(points: float) -> float:
    """Points from the bottom edge as millimetres from the top edge."""
    return PAGE_HEIGHT_MM - points * MM_PER_PT


def fitting(text: str, size_pt: float, width_pt: float) -> float:
    """The size at which a fixed line of Song is no wider than that, at most ``size_pt``.

    >>> fitting("住房和城乡建设管理委员会", 14, 160)
    13.33
    """
    wide = sum(1.0 if east_asian_width(ch) in "WFA" else 0.5 for ch in text)
    return min(size_pt, int(100 * width_pt / wide) / 100)


def upright(title: str, marks: tuple[FixedMark, ...], slots: tuple[Slot, ...]) -> Sheet:
    """An A4 page of a certificate."""
    return Sheet(
        title=title, width_mm=PAGE_WIDTH_MM, height_mm=PAGE_HEIGHT_MM, marks=marks, slots=slots
    )


def labels(rows: tuple[tuple[str, float], ...], x: float, size_pt: float) -> tuple[FixedMark, ...]:
    """A column of labels: text and baseline of each."""
    return tuple(mark for text, baseline in rows for mark in label(text, x, baseline, size_pt))


def wide_title(title: str, baseline: float, size_pt: float, width: float) -> Text:
    """A title in one line, set apart to its width, in the middle of the page."""
    return Text(
        text=title,
        x_mm=mm(MIDDLE - width / 2),
        y_mm=down(baseline),
        size_pt=fitting(title, size_pt, width),
        spread_mm=mm(width),
        colour=RED,
        bold_mm=0.22,
    )


# --- what lies below the words ----------------------------------------------------------------


def ground(palette: Palette) -> tuple[FixedMark, ...]:
    """Waves over the whole page, and a wreath in the middle."""
    x, y = PAGE_WIDTH_MM / 2, 158.0
    return (
        waves(palette),
        ornament.rosette(
            x, y, radii=(30, 62), lobes=36, strands=6, colour=palette.ground, width_mm=0.12
        ),
        ornament.rosette(
            x, y, radii=(14, 40), lobes=24, strands=4, colour=palette.ground, width_mm=0.12
        ),
    )


def waves(palette: Palette) -> Path:
    """Waves over the whole page."""
    return ornament.ground(
        18, 18, 174, 261, period_mm=14.5, pitch_mm=4.5, swing=1.9,
        colour=palette.ground, width_mm=0.1,
    )  # fmt: skip


def frame(palette: Palette) -> tuple[FixedMark, ...]:
    """The guilloche border with its four corners."""
    return (
        box(9.0, palette.deep, 0.7),
        box(10.2, palette.line, 0.15),
        ornament.braid(
            13.6, 13.6, 182.8, 269.8, tile_mm=7.3, swing=2.5, strands=6,
            colour=palette.line, width_mm=0.11,
        ),
        ornament.braid(
            13.6, 13.6, 182.8, 269.8, tile_mm=3.65, swing=1.2, strands=2,
            colour=palette.deep, width_mm=0.14,
        ),
        *(mark for x in (13.6, 196.4) for y in (13.6, 283.4) for mark in _corner(x, y, palette)),
        box(17.0, palette.line, 0.15),
        box(17.8, palette.deep, 0.35),
    )  # fmt: skip


def box(margin_mm: float, colour: Colour, width_mm: float) -> Path:
    """A line around the page at that distance from its edge."""
    data = ornament.rectangle(
        margin_mm, margin_mm, PAGE_WIDTH_MM - 2 * margin_mm, PAGE_HEIGHT_MM - 2 * margin_mm
    )
    return Path(data=data, stroke=colour, width_mm=width_mm)


def _corner(x: float, y: float, palette: Palette) -> tuple[Path, ...]:
    blank = Path(data=ornament.rectangle(x - 3.2, y - 3.2, 6.4, 6.4), fill=WHITE)
    wreath = ornament.rosette(
        x, y, radii=(0.9, 3.1), lobes=12, strands=3, colour=palette.deep, width_mm=0.1
    )
    return (blank, wreath)


def badge(centre: Point, palette: Palette, figure: str) -> tuple[FixedMark, ...]:
    """A badge on a white disc."""
    x, y = mm(centre[0]), down(centre[1])
    return (
        ornament.disc(x, y, BADGE_MM + 0.6, fill=WHITE),
        *ornament.badge(x, y, BADGE_MM, palette, figure),
    )


def plates(fixtures: Fixtures, palette: Palette) -> tuple[FixedMark, ...]:
    """What lies on the ground: the photo's edge and the QR code's white field."""
    return (
        Path(data=_outline(fixtures.photo), fill=WHITE, stroke=palette.soft, width_mm=0.2),
        Path(data=_outline((*fixtures.code, CODE_PT, CODE_PT)), fill=WHITE),
    )


def _outline(area: Area) -> str:
    x, y, width, height = area
    return ornament.rectangle(mm(x), down(y + height), mm(width), mm(height))


# --- words that are always printed ------------------------------------------------------------


def label(text: str, x: float, baseline: float, size_pt: float) -> tuple[Text, Text]:
    """Four characters wide whatever its length, so that the colons stand below each other."""
    y, width = down(baseline), 4 * size_pt
    words = Text(
        text=text, x_mm=mm(x), y_mm=y, size_pt=fitting(text, size_pt, width), colour=INK,
        bold_mm=0.06, spread_mm=mm(width),
    )  # fmt: skip
    return words, Text(text="：", x_mm=mm(x + width), y_mm=y, size_pt=size_pt, colour=INK)


def small(text: str, x: float, baseline: float, size_pt: float = 12) -> Text:
    """A label of the foot."""
    return Text(text=text, x_mm=mm(x), y_mm=down(baseline), size_pt=size_pt, colour=INK)


def authority(
    lines: tuple[str, str],
    x: float,
    baselines: tuple[float, float],
    *,
    size_pt: float,
    width: float,
) -> tuple[Text, ...]:
    """Its two lines below each other, centred at x."""
    return tuple(
        Text(text=line, x_mm=mm(x), y_mm=down(y), size_pt=fitting(line, size_pt, width),
             align=Align.CENTRE, colour=INK, bold_mm=0.06)
        for line, y in zip(lines, baselines, strict=True)
    )  # fmt: skip


def foot(code: Point) -> tuple[Text, ...]:
    """The QR code's caption, and the labels of the last line."""
    return (
        Text(text="实时数据，扫码验证", x_mm=mm(code[0] + CODE_PT / 2), y_mm=down(code[1] - 6),
             size_pt=8, align=Align.CENTRE, colour=INK),
        Text(text="电子证照标识：", x_mm=mm(62), y_mm=down(FOOT), size_pt=7, colour=GREY),
        Text(text="版本：", x_mm=mm(503), y_mm=down(FOOT), size_pt=7, colour=GREY),
    )  # fmt: skip


# --- places of what differs -------------------------------------------------------------------


def value(
    name: str,
    x: float,
    baseline: float,
    *,
    size: float,
    right: float = RIGHT,
    min_pt: float = 10,
    wrap_pt: float = 12,
    height: float = 22,
    lines: int = 1,
    pitch: float = 0,
) -> TextSlot:
    """A row's value, its first baseline level with the label's."""
    return TextSlot(
        name=name,
        x_mm=mm(x),
        y_mm=down(baseline + 0.88 * size),
        width_mm=mm(right - x),
        height_mm=mm(height),
        size_pt=size,
        min_size_pt=min_pt,
        wrap_below_pt=wrap_pt,
        max_lines=lines,
        pitch_mm=mm(pitch),
        colour=INK,
    )


def note(
    name: str,
    x: float,
    baseline: float,
    width: float,
    *,
    size: float,
    min_pt: float,
    wrap_pt: float = 0,
    height: float = 0,
    lines: int = 1,
    align: Align = Align.LEFT,
    colour: Colour = INK,
) -> TextSlot:
    """A note of the foot; wrapped only where its smallest size does not help, or below wrap_pt."""
    return TextSlot(
        name=name,
        x_mm=mm(x),
        y_mm=down(baseline + 0.88 * size),
        width_mm=mm(width),
        height_mm=mm(height or size * 1.3 * lines),
        size_pt=size,
        min_size_pt=min_pt,
        wrap_below_pt=wrap_pt or min_pt,
        max_lines=lines,
        pitch_mm=mm(size * 1.1),
        align=align,
        style=Style.KAI,
        colour=colour,
    )


def address(x: float, baseline: float, width: float) -> TextSlot:
    """Where the certificate can be asked after (查询网址); two lines if it is a long one."""
    return note("query_address", x, baseline, width, size=11, min_pt=6, wrap_pt=8, height=22,
                lines=2)  # fmt: skip


def foot_slots(code: Point) -> tuple[Slot, ...]:
    """The verification code below the QR code, and the values of the last line."""
    return (
        note("verification_code", code[0] - 2, code[1] - 19, CODE_PT + 4, size=7.5, min_pt=6,
             lines=2, align=Align.CENTRE),  # two for the one code in 2 600 that is all W and M
        note("licence_id", 111, FOOT, 386, size=7, min_pt=5, colour=GREY),
        note("edition", 524, FOOT, 16, size=7, min_pt=6, colour=GREY),
    )  # fmt: skip


def fixture_slots(fixtures: Fixtures) -> tuple[Slot, ...]:
    """The photo, the QR code, the holder's signature (个人签名) and the seal."""
    code_x, code_y = fixtures.code
    seal_x, seal_y = mm(fixtures.seal[0]), down(fixtures.seal[1])
    return (
        _picture("photo", fixtures.photo),
        CodeSlot(name="code", x_mm=mm(code_x), y_mm=down(code_y + CODE_PT), size_mm=mm(CODE_PT)),
        _picture("signature", fixtures.signature),
        SignatureSlot(
            name=AUTHORITY_SEAL, x_mm=seal_x - SEAL_MM / 2, y_mm=seal_y - SEAL_MM / 2,
            width_mm=SEAL_MM, height_mm=SEAL_MM,
        ),
    )  # fmt: skip


def _picture(role: str, area: Area) -> PictureSlot:
    x, y, width, height = area
    return PictureSlot(
        role=role, x_mm=mm(x), y_mm=down(y + height), width_mm=mm(width), height_mm=mm(height)
    )
