"""How a party's signature looks on the form: words where they bring no picture, else theirs.

A person's (李示例 / 已电子签名 / the time) is plain writing, an enterprise's stands in a thin red
frame; neither resembles an official seal.  What is brought becomes a small PNG with its paper
clear, no finer than print shows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from itertools import count

from PIL import Image, ImageDraw, ImageFont, ImageOps, ImageStat

from factory.errors import PictureError
from factory.handwriting import LARGEST_PX, ink_of
from factory.page.fitting import Line, printable, width_em, wrap
from factory.page.fonts import Face, FontBook, Style
from factory.pictures import DPI, coloured, grey, named, opened, reduced, upright
from factory.seals.picture import RED

MM_PER_INCH = 25.4
OVERSAMPLING = 3
SHADES = 8  #: of transparency that are kept: smooth to the eye, and a small file
COLOURS = 8  #: of a picture that is brought; a seal or a pen has one
MIN_PX = 40  #: of its shorter side
MARGIN = 0.04  #: of the shorter side, around everything
LEADING = 1.35  #: from one line to the next, in its size
SMALLER = 0.62  #: the lines after the first
MOST_LINES = 4  #: that the first line is broken into
ENOUGH = 0.75  #: of the largest size, for fewer lines
STEP_EM = 0.25  #: by which lines are let grow over their share, until they are few enough
LARGEST_MM = 5.3  #: of type: 15 pt, a little more than the form's own
FRAME = 0.009  #: of the longer side
HALF = 128  #: of 255
OPAQUE = 250  #: of 255; what is more opaque everywhere has its paper with it

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """What words are written with."""

    colour: Colour
    framed: bool


WRITING = Ink(colour=(16, 32, 92), framed=False)  #: a person's
STAMPED = Ink(colour=RED, framed=True)  #: an enterprise's


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """A line and its size in pixels of the oversampled picture."""

    line: Line
    size: float


def pixels(mm: float) -> int:
    """How many of a picture's pixels such a length has in print."""
    return round(mm / MM_PER_INCH * DPI)


def stamp(
    lines: Sequence[str],
    font_data: bytes,
    width_px: int,
    height_px: int,
    *,
    ink: Ink = WRITING,
    fallbacks: Sequence[bytes] = (),
) -> bytes:
    """The words as a PNG with alpha of that size.

    lines:     the first is larger than the rest, and is broken rather than made tiny.
    font_data: a TrueType file; fallbacks: others, for characters that it lacks.
    UnprintableError: none of them has a character.
    """
    files = (font_data, *fallbacks)
    book = _book(files)
    words = [printable("stamp", line, Style.KAI, book) for line in lines if line]
    mask = Image.new("L", (width_px * OVERSAMPLING, height_px * OVERSAMPLING), 0)
    _write(mask, _set(words, mask.size), files)
    if ink.framed:
        _frame(mask)
    return _png(mask.resize((width_px, height_px), Image.Resampling.LANCZOS), ink.colour)


def fit(picture: bytes, width_px: int, height_px: int) -> bytes:
    """A picture that a party brings, as a PNG with alpha that fits into that size whole.

    picture: PNG or JPEG.  With a clear ground it keeps its colours; without, its ink is cut out
             of its paper and gets the one colour that most of it has.
    PictureError: not such a file, broken off, animated, too small or too large, or it shows
                  nothing.
    """
    with named("picture"):
        source = opened(picture, LARGEST_PX)
        if min(source.size) < MIN_PX:
            raise PictureError(f"is smaller than {MIN_PX} pixels")
        shown = _clear(source) if _has_clear_ground(source) else _cut_out(source)
        return _small_png(shown, (width_px, height_px))


@lru_cache(maxsize=8)
def _book(files: tuple[bytes, ...]) -> FontBook:
    """The files as one chain, in their order; each face is named by its place."""
    faces = tuple(Face(str(place), data) for place, data in enumerate(files))
    return FontBook(song=faces, kai=faces)


def _set(words: Sequence[Line], size: tuple[int, int]) -> list[_Set]:
    """The lines as large as they fit: the first broken where that makes it much larger."""
    first, *others = words
    choices = [_sized(_broken(first, parts), others, size) for parts in range(1, MOST_LINES + 1)]
    most = max(found[0].size for found in choices)
    return next(found for found in choices if found[0].size >= ENOUGH * most)


def _broken(line: Line, parts: int) -> list[Line]:
    """In no more lines than that, about equally long."""
    shares = (width_em(line) / parts + STEP_EM * step for step in count())
    return next(found for share in shares if len(found := wrap(line, share)) <= parts)


def _sized(head: Sequence[Line], others: Sequence[Line], size: tuple[int, int]) -> list[_Set]:
    margin = 2 * MARGIN * min(size)
    width, height = size[0] - 2 * margin, size[1] - 2 * margin
    largest = height / (LEADING * (len(head) + SMALLER * len(others)))
    base = min(largest, pixels(LARGEST_MM) * OVERSAMPLING, *(width / width_em(e) for e in head))
    return [
        *(_Set(line=line, size=base) for line in head),
        *(_Set(line=line, size=min(base * SMALLER, width / width_em(line))) for line in others),
    ]


def _write(mask: Image.Image, lines: Sequence[_Set], files: Sequence[bytes]) -> None:
    pen = ImageDraw.Draw(mask)
    top = (mask.height - sum(each.size * LEADING for each in lines)) / 2
    for each in lines:
        x, middle = (
            (mask.width - width_em(each.line) * each.size) / 2,
            top + each.size * LEADING / 2,
        )
        for glyph in each.line:
            font = _font(files[int(glyph.face.name)], each.size)
            pen.text((x, middle), glyph.text, fill=255, font=font, anchor="lm")
            x += glyph.advance * each.size
        top += each.size * LEADING


@lru_cache(maxsize=16)
def _font(data: bytes, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(BytesIO(data), size)


def _frame(mask: Image.Image) -> None:
    """Around what is written, from side to side."""
    written = mask.getbbox()
    if written is None:
        return
    width = max(1, round(FRAME * max(mask.size)))
    gap = round(2 * MARGIN * min(mask.size))
    top, foot = max(0, written[1] - gap), min(mask.height, written[3] + gap)
    ImageDraw.Draw(mask).rectangle((0, top, mask.width - 1, foot - 1), outline=255, width=width)


def _has_clear_ground(source: Image.Image) -> bool:
    if not source.has_transparency_data:
        return False
    lowest, _ = source.convert("RGBA").getchannel("A").getextrema()
    return float(lowest) < OPAQUE  # type: ignore[arg-type] # of one channel


def _clear(source: Image.Image) -> Image.Image:
    """Its colours and its shape, without empty borders."""
    image = upright(source, reduced(source, LARGEST_PX, lambda part: part.convert("RGBA")))
    return image.crop(image.getchannel("A").getbbox())


def _cut_out(source: Image.Image) -> Image.Image:
    """The ink without its paper, in the colour that most of it has."""
    ink = ImageOps.invert(ink_of(upright(source, reduced(source, LARGEST_PX, grey))))
    image = Image.new("RGBA", ink.size, _ink_colour(source))
    image.putalpha(ink)
    return image


def _ink_colour(source: Image.Image) -> Colour:
    """Of what is nearer to the darkest than to the lightest."""
    image = reduced(source, LARGEST_PX // 4, coloured)
    grey = image.convert("L")
    darkest, lightest = (int(each) for each in grey.getextrema())  # type: ignore[arg-type]
    middle = (darkest + lightest) // 2
    mask = grey.point([255] * (middle + 1) + [0] * (255 - middle))
    red, green, blue = ImageStat.Stat(image, mask).median
    return int(red), int(green), int(blue)


def _small_png(image: Image.Image, most: tuple[int, int]) -> bytes:
    """Scaled down to fit, with few colours and shades."""
    colours, alpha = _even(image), image.getchannel("A")
    for each in (colours, alpha):
        each.thumbnail(most, Image.Resampling.LANCZOS)
    few = colours.quantize(COLOURS, dither=Image.Dither.NONE).convert("RGB")
    few.putalpha(alpha.point(_SHADED))
    return _saved(few)


def _even(image: Image.Image) -> Image.Image:
    """The colours; what is hardly seen has the one that most has, so that edges stay clean."""
    opaque = image.getchannel("A").point([0] * HALF + [255] * (256 - HALF))
    if opaque.getbbox() is None:
        raise PictureError("shows nothing, or too faintly")
    colours = image.convert("RGB")
    red, green, blue = ImageStat.Stat(colours, opaque).median
    even = Image.new("RGB", image.size, (int(red), int(green), int(blue)))
    even.paste(colours, mask=opaque)
    return even


_SHADED = [round(round(value * (SHADES - 1) / 255) * 255 / (SHADES - 1)) for value in range(256)]


def _png(mask: Image.Image, colour: Colour) -> bytes:
    """One colour in a few shades of transparency, as a palette."""
    levels = mask.point([round(value * (SHADES - 1) / 255) for value in range(256)])
    picture = Image.frombytes("P", mask.size, levels.tobytes())
    picture.putpalette(colour * SHADES)
    alphas = bytes(round(n * 255 / (SHADES - 1)) for n in range(SHADES))
    target = BytesIO()
    picture.save(target, "PNG", transparency=alphas, bits=4, optimize=True)
    return target.getvalue()


def _saved(image: Image.Image) -> bytes:
    target = BytesIO()
    image.save(target, "PNG", optimize=True)
    return target.getvalue()
