"""The picture of a round official seal (圆形公章): ring, star, the name along the ring.

Only test seals are drawn here; an authority's own picture comes from its seal's maker.  A
test seal says so across its lower half, so that no print of it can pass as an official seal.
Proportions follow the official seals of offices (国发〔1999〕25号): a circle of 42 mm, a
five-pointed star in the middle, the name running from left to right above it.
"""

from __future__ import annotations

from io import BytesIO
from math import cos, pi, radians, sin

from PIL import Image, ImageDraw, ImageFont

RED = (214, 18, 28)
OVERSAMPLING = 3
SHADES = 4  #: of transparency that are kept: smooth to the eye, and a small file

TEST_LABEL = "测试专用章"
TEST_MARK = "TEST"

# Measures of the design, in radii of the seal.
RING_WIDTH = 0.056
STAR_RADIUS = 0.285
NAME_RADIUS = 0.735  #: to the middle of the characters
NAME_HEIGHT = 0.26
NAME_ARC = 244.0  #: degrees, at most
NAME_STEP = 27.0  #: degrees from one character to the next, at most
LABEL_HEIGHT = 0.145
LABEL_BASE = 0.6  #: below the middle


def draw_test_seal(name: str, face_data: bytes, px: int = 480) -> bytes:
    """A test seal of the authority as PNG with alpha.

    name:      the authority's; up to some thirty characters.
    face_data: a TrueType file with all its characters.
    px:        width and height; 480 over 42 mm are 290 dpi.
    """
    size = px * OVERSAMPLING
    ink = Image.new("L", (size, size), 0)
    _ring(ink)
    _star(ink)
    _name(ink, name, face_data)
    _test_mark(ink, face_data)
    return _png(ink.resize((px, px), Image.Resampling.LANCZOS))


def _ring(ink: Image.Image) -> None:
    edge = ink.width * 0.004
    box = (edge, edge, ink.width - edge, ink.width - edge)
    width = round(RING_WIDTH * ink.width / 2)
    ImageDraw.Draw(ink).ellipse(box, outline=255, width=width)


def _star(ink: Image.Image) -> None:
    """Five points, one upright; the inner corners lie on the lines between the points."""
    middle = ink.width / 2
    outer = STAR_RADIUS * middle
    inner = outer * sin(pi / 10) / sin(7 * pi / 10)
    corners = [
        (
            middle + (inner if n % 2 else outer) * sin(n * pi / 5),
            middle - (inner if n % 2 else outer) * cos(n * pi / 5),
        )
        for n in range(10)
    ]
    ImageDraw.Draw(ink).polygon(corners, fill=255)


def _name(ink: Image.Image, name: str, face_data: bytes) -> None:
    """Each character upright on the circle, the row symmetrical about the top."""
    step = min(NAME_STEP, NAME_ARC / max(1, len(name) - 1))
    room = 2 * pi * NAME_RADIUS * step / 360
    glyph_width = min(0.2, room * 0.92)
    for n, ch in enumerate(name):
        angle = (n - (len(name) - 1) / 2) * step
        stamp = _character(ch, face_data, glyph_width * ink.width / 2, NAME_HEIGHT * ink.width / 2)
        _stamp(ink, stamp.rotate(-angle, Image.Resampling.BICUBIC, expand=True), angle)


def _character(ch: str, face_data: bytes, width: float, height: float) -> Image.Image:
    """One character in a narrow box, as seals set it: as high as there is room, and heavy."""
    font = ImageFont.truetype(BytesIO(face_data), round(height))
    side = round(height * 1.2)
    glyph = Image.new("L", (side, side), 0)
    ImageDraw.Draw(glyph).text(
        (side / 2, side / 2), ch, fill=255, font=font, anchor="mm", stroke_width=round(height / 48)
    )
    return glyph.resize((max(1, round(width * 1.2)), side), Image.Resampling.LANCZOS)


def _stamp(ink: Image.Image, glyph: Image.Image, angle: float) -> None:
    middle, radius = ink.width / 2, NAME_RADIUS * ink.width / 2
    x = middle + radius * sin(radians(angle)) - glyph.width / 2
    y = middle - radius * cos(radians(angle)) - glyph.height / 2
    ink.paste(255, (round(x), round(y)), glyph)


def _test_mark(ink: Image.Image, face_data: bytes) -> None:
    middle = ink.width / 2
    pen = ImageDraw.Draw(ink)
    for text, height, below in (
        (TEST_LABEL, LABEL_HEIGHT, LABEL_BASE),
        (TEST_MARK, LABEL_HEIGHT * 0.8, LABEL_BASE + LABEL_HEIGHT * 1.15),
    ):
        font = ImageFont.truetype(BytesIO(face_data), round(height * middle))
        place = (middle, middle * (1 + below))
        stroke = round(height * middle / 36)
        pen.text(place, text, fill=255, font=font, anchor="mm", stroke_width=stroke)


def _png(ink: Image.Image) -> bytes:
    """One red in a few shades of transparency, as a palette."""
    levels = ink.point([round(value * (SHADES - 1) / 255) for value in range(256)])
    picture = Image.frombytes("P", ink.size, levels.tobytes())
    picture.putpalette(RED * SHADES)
    alphas = bytes(round(n * 255 / (SHADES - 1)) for n in range(SHADES))
    target = BytesIO()
    picture.save(target, "PNG", transparency=alphas, bits=2, optimize=True)
    return target.getvalue()
