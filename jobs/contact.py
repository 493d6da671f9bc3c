"""Contact sheet (样张总览): many first pages on one picture, each with its words below."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFilter, ImageFont

WIDTH_PX = 1800
MARGIN_PX, GAP_PX = 48, 40
TITLE_PX, CAPTION_PX, LEAST_PX, LINE_PX = 24, 18, 13, 30
LEAST_COLUMNS, MOST_COLUMNS = 3, 6
GROUND, EDGE, INK, FADED = (246, 246, 243), (203, 203, 198), (38, 38, 38), (112, 112, 108)
SHADE_PX, SHADE = 7, 60  #: of the shadow: how soft, how dark


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One document on the sheet: its first page, what it is, and whose."""

    picture: Image.Image = field(repr=False)
    title: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The faces of the two lines below each page; one size for all."""

    title: ImageFont.FreeTypeFont
    caption: ImageFont.FreeTypeFont


def contact_sheet(
    specimens: Sequence[Specimen], font: bytes, *, width_px: int = WIDTH_PX, columns: int = 0
) -> Image.Image:
    """All pages in rows, each of the height that the highest of them needs.

    font:    a face that prints Chinese.
    columns: 0: as many as leave the pages readable and the last row nearly full.
    """
    across = columns or _columns(len(specimens))
    page_px = (width_px - 2 * MARGIN_PX - (across - 1) * GAP_PX) // across
    rows = [specimens[n : n + across] for n in range(0, len(specimens), across)]
    heights = [max(_height(each.picture, page_px) for each in row) for row in rows]
    foot = GAP_PX // 3 + 2 * LINE_PX
    size = (width_px, 2 * MARGIN_PX + sum(heights) + len(rows) * (foot + GAP_PX) - GAP_PX)
    sheet = Image.new("RGB", size, GROUND)
    words = Words(
        title=_fitting(font, (each.title for each in specimens), TITLE_PX, page_px),
        caption=_fitting(font, (each.caption for each in specimens), CAPTION_PX, page_px),
    )
    top = MARGIN_PX
    for row, height in zip(rows, heights, strict=True):
        for place, each in enumerate(row):
            left = MARGIN_PX + place * (page_px + GAP_PX)
            lay(sheet, each.picture, (left, top), page_px)
            _write(sheet, each, (left, top + height + GAP_PX // 3), page_px, words)
        top += height + foot + GAP_PX
    return sheet


def _columns(count: int) -> int:
    """The number of columns, of three to six, that leaves the fewest places empty."""
    fitting = range(LEAST_COLUMNS, max(LEAST_COLUMNS, min(MOST_COLUMNS, count)) + 1)
    return min(fitting, key=lambda each: (math.ceil(count / each) * each - count, -each))


def _height(picture: Image.Image, width_px: int) -> int:
    return round(picture.height * width_px / picture.width)


def lay(sheet: Image.Image, picture: Image.Image, at: tuple[int, int], width_px: int) -> None:
    """The page with a thin edge and a soft shadow."""
    size = (width_px, _height(picture, width_px))
    _shade(sheet, at, size)
    sheet.paste(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), at)
    right, bottom = at[0] + size[0], at[1] + size[1]
    ImageDraw.Draw(sheet).rectangle((at[0] - 1, at[1] - 1, right, bottom), outline=EDGE)


def _shade(sheet: Image.Image, at: tuple[int, int], size: tuple[int, int]) -> None:
    around = 3 * SHADE_PX
    shade = Image.new("L", (size[0] + 2 * around, size[1] + 2 * around), 0)
    ImageDraw.Draw(shade).rectangle(
        (around, around, around + size[0], around + size[1]), fill=SHADE
    )
    soft = shade.filter(ImageFilter.GaussianBlur(SHADE_PX))
    sheet.paste((0, 0, 0), (at[0] - around + 2, at[1] - around + 4), soft)


def _write(
    sheet: Image.Image, specimen: Specimen, at: tuple[int, int], width_px: int, words: Words
) -> None:
    """Two lines below the page, in its middle."""
    draw = ImageDraw.Draw(sheet)
    lines = ((specimen.title, words.title, INK), (specimen.caption, words.caption, FADED))
    for number, (text, face, colour) in enumerate(lines):
        middle = (at[0] + width_px // 2, at[1] + number * LINE_PX + LINE_PX // 2)
        shown = _shortened(text, face, width_px)
        draw.text(middle, shown, font=face, fill=colour, anchor="mm")


def _fitting(font: bytes, texts: Iterable[str], size: int, width_px: int) -> ImageFont.FreeTypeFont:
    """The face at that size, or smaller where one of them needs it, but still readable."""
    face = ImageFont.truetype(io.BytesIO(font), size)
    needed = max(map(face.getlength, texts), default=0.0)
    if needed <= width_px:
        return face
    return ImageFont.truetype(io.BytesIO(font), max(LEAST_PX, int(size * width_px / needed)))


def _shortened(text: str, face: ImageFont.FreeTypeFont, width_px: int) -> str:
    """What of a text has room, with an ellipsis for the rest."""
    if face.getlength(text) <= width_px:
        return text
    while text and face.getlength(f"{text}…") > width_px:
        text = text[:-1]
    return f"{text}…"
