"""Charting (统计图): figures as bars, a panel a register, on one picture."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from factory.figures import Figure, Month, What, months
from jobs.figures import Statistics
from jobs.wording import WHATS, reason_of

WIDTH_PX, PANEL_PX = 1600, 420
MARGIN_PX, AXIS_PX, FOOT_PX, TITLE_PX = 48, 84, 44, 62
LEGEND_PX, SWATCH_PX = 40, 18
TITLE_PT, TEXT_PT, SMALL_PT = 28, 20, 17
STEPS = 4  #: lines across a panel, but for the lowest
GROUND, INK, FADED, RULE = (255, 255, 255), (38, 38, 38), (112, 112, 108), (224, 224, 220)
#: told apart by whoever sees no colours too (Okabe and Ito, 2008), and lighter once all are used
COLOURS = (
    (0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0),
    (148, 140, 30), (90, 90, 90),
)  # fmt: skip
LIGHTER = 0.5
MADE = (What.ISSUED, What.REISSUED)  #: the left bar of a month; the others stand in the right one
OTHERS = (What.HELD, What.REVOKED, What.EXPIRED)
NOTHING = "没有数据"

Sort = tuple[What, str]
Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """The face in its sizes."""

    title: ImageFont.FreeTypeFont
    text: ImageFont.FreeTypeFont
    small: ImageFont.FreeTypeFont


def chart(found: Statistics, font: bytes) -> bytes:
    """A PNG: of each month what was made on the left, what was held and what ended on the right.

    font: a face that prints Chinese.
    """
    words = _Words(
        title=_sized(font, TITLE_PT), text=_sized(font, TEXT_PT), small=_sized(font, SMALL_PT)
    )
    profiles = sorted({each.profile for each in found.figures}) or [NOTHING]
    colours = _colours(found.figures)
    legend = list(_legend(colours, words))
    foot = (1 + max((row for row, _, _ in legend), default=0)) * LEGEND_PX
    height = 2 * MARGIN_PX + len(profiles) * PANEL_PX + foot
    sheet = Image.new("RGB", (WIDTH_PX, height), GROUND)
    draw = ImageDraw.Draw(sheet)
    shown = list(months(Month.read(found.first), Month.read(found.last)))
    for place, name in enumerate(profiles):
        own = [each for each in found.figures if each.profile == name]
        _panel(draw, MARGIN_PX + place * PANEL_PX, name, shown, own, colours, words)
    top = MARGIN_PX + len(profiles) * PANEL_PX
    for row, left, sort in legend:
        _entry(draw, (left, top + row * LEGEND_PX), sort, colours[sort], words)
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


def _sized(font: bytes, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(io.BytesIO(font), size)


def _colours(figures: Sequence[Figure]) -> Mapping[Sort, Rgb]:
    """One for each kind of figure that is drawn, the same in every panel."""
    sorts = sorted(
        {(each.what, each.reason) for each in figures if each.what in (*MADE, *OTHERS)},
        key=lambda sort: ((*MADE, *OTHERS).index(sort[0]), sort[1]),
    )
    return {sort: _colour(place) for place, sort in enumerate(sorts)}


def _colour(place: int) -> Rgb:
    turn, which = divmod(place, len(COLOURS))
    share = LIGHTER**turn
    red, green, blue = (round(255 - share * (255 - part)) for part in COLOURS[which])
    return red, green, blue


def _panel(
    draw: ImageDraw.ImageDraw, top: int, name: str, shown: Sequence[Month],
    own: Sequence[Figure], colours: Mapping[Sort, Rgb], words: _Words,
) -> None:  # fmt: skip
    """One register: its title, the lines of its scale, and a pair of bars a month."""
    stacks = _stacks(own)
    most = scale(max((sum(parts.values()) for parts in stacks.values()), default=0))
    left, right = MARGIN_PX + AXIS_PX, WIDTH_PX - MARGIN_PX
    high, low = top + TITLE_PX, top + PANEL_PX - FOOT_PX
    draw.text((MARGIN_PX, top + TITLE_PX // 3), name, font=words.title, fill=INK, anchor="lm")
    for step in range(STEPS + 1):
        y = low - (low - high) * step / STEPS
        draw.line([(left, y), (right, y)], fill=RULE, width=1)
        label = f"{most * step // STEPS:,}"
        draw.text((left - 10, y), label, font=words.small, fill=FADED, anchor="rm")
    wide = (right - left) / len(shown)
    every = math.ceil(words.small.getlength("2026-01 ") / wide)
    for place, month in enumerate(shown):
        for side, whats in enumerate((MADE, OTHERS)):
            parts = stacks.get((str(month), whats), {})
            x = left + wide * (place + 0.14 + 0.38 * side)
            _bar(draw, (x, x + wide * 0.34), (low, (low - high) / most), parts, colours)
        if place % every == 0:
            middle = left + wide * (place + 0.5)
            label = str(month)
            draw.text((middle, low + 22), label, font=words.small, fill=FADED, anchor="mm")


def scale(most: int) -> int:
    """What the highest line says: no less, in round steps.

    >>> scale(0), scale(7), scale(41), scale(70_001)
    (4, 8, 80, 80000)
    """
    least = max(STEPS, most)
    unit = STEPS
    while True:
        for factor in (1, 2, 5):
            if unit * factor >= least:
                return unit * factor
        unit *= 10


def _stacks(own: Sequence[Figure]) -> Mapping[tuple[str, tuple[What, ...]], Mapping[Sort, int]]:
    found: dict[tuple[str, tuple[What, ...]], dict[Sort, int]] = defaultdict(dict)
    for each in own:
        for whats in (MADE, OTHERS):
            if each.what in whats:
                found[each.month, whats][each.what, each.reason] = each.count
    return found


def _bar(
    draw: ImageDraw.ImageDraw, across: tuple[float, float], upwards: tuple[float, float],
    parts: Mapping[Sort, int], colours: Mapping[Sort, Rgb],
) -> None:  # fmt: skip
    """upwards: where it stands, and pixels a certificate."""
    y, each = upwards
    for sort in (one for one in colours if one in parts):
        next_y = y - parts[sort] * each
        draw.rectangle([across[0], next_y, across[1], y], fill=colours[sort])
        y = next_y


def _legend(colours: Mapping[Sort, Rgb], words: _Words) -> Iterator[tuple[int, int, Sort]]:
    """Row, left edge and sort of each entry; as many stand in a row as find room."""
    row, left = 0, MARGIN_PX
    for sort in colours:
        wide = 3 * SWATCH_PX + math.ceil(words.text.getlength(_label(sort)))
        if left > MARGIN_PX and left + wide > WIDTH_PX - MARGIN_PX:
            row, left = row + 1, MARGIN_PX
        yield row, left, sort
        left += wide


def _label(sort: Sort) -> str:
    what, reason = sort
    return f"{WHATS[what]}：{reason_of(what, reason)}" if reason else WHATS[what]


def _entry(
    draw: ImageDraw.ImageDraw, at: tuple[int, int], sort: Sort, colour: Rgb, words: _Words
) -> None:
    x, y = at[0], at[1] + LEGEND_PX // 2
    half = SWATCH_PX // 2
    draw.rectangle([x, y - half, x + SWATCH_PX, y + half], fill=colour)
    draw.text((x + 3 * half, y), _label(sort), font=words.text, fill=INK, anchor="lm")
