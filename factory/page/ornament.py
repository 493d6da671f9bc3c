"""Ornament of our own: guilloche (扭索纹) border, rosettes and ground, as a few repeated figures.

Every figure is one short path and the places where it is repeated, so that a page full of
fine lines costs a few kilobytes.  Nothing here resembles a state emblem, which only the state
may set: a badge holds a bracket set (斗拱), the joint of Chinese timber construction, or an
abacus (算盘), with which what is built was reckoned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sin, tau

from factory.page.marks import Colour, Matrix, Path

Point = tuple[float, float]
Curve = Callable[[float], Point]

NUDGE = 1e-4  #: step of the numeric derivative, in units of the curve's parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one design, darkest first."""

    deep: Colour
    line: Colour
    soft: Colour
    ground: Colour


BLUE = Palette(
    deep=(20, 66, 128), line=(58, 118, 184), soft=(138, 178, 219), ground=(222, 233, 245)
)
GREEN = Palette(
    deep=(18, 92, 66), line=(62, 142, 106), soft=(142, 194, 168), ground=(218, 236, 226)
)


def trace(curve: Curve, start: float, stop: float, pieces: int) -> str:
    """A smooth curve as cubic Bézier pieces that share its tangents (Hermite form)."""
    step = (stop - start) / pieces
    knots = [start + n * step for n in range(pieces + 1)]
    data = "M " + _pair(curve(start))
    for here, there in pairwise(knots):
        first = _along(curve, here, step / 3)
        second = _along(curve, there, -step / 3)
        data += f" B {_pair(first)} {_pair(second)} {_pair(curve(there))}"
    return data


def _along(curve: Curve, at: float, distance: float) -> Point:
    x, y = curve(at)
    (x0, y0), (x1, y1) = curve(at - NUDGE), curve(at + NUDGE)
    scale = distance / (2 * NUDGE)
    return x + (x1 - x0) * scale, y + (y1 - y0) * scale


def _pair(point: Point) -> str:
    return f"{_short(point[0])} {_short(point[1])}"


def _short(value: float) -> str:
    """Hundredths of a millimetre, finer than any printer."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-0.", "-.") or "0"


def rectangle(x: float, y: float, width: float, height: float) -> str:
    """A closed box."""
    right, bottom = _short(x + width), _short(y + height)
    x_, y_ = _short(x), _short(y)
    return f"M {x_} {y_} L {right} {y_} L {right} {bottom} L {x_} {bottom} C"


def turned(count: int, x: float, y: float, scale: float = 1.0) -> tuple[Matrix, ...]:
    """Copies of a figure turned around its origin, the origin set at x, y."""
    angles = [tau * n / count for n in range(count)]
    return tuple(
        (scale * cos(a), scale * sin(a), -scale * sin(a), scale * cos(a), x, y) for a in angles
    )


def rosette(
    x: float,
    y: float,
    *,
    radii: tuple[float, float],
    lobes: int,
    strands: int,
    colour: Colour,
    width_mm: float,
) -> Path:
    """A wreath of interlaced waves between two radii: one lobe, turned."""
    inner, outer = radii
    middle, swing = (inner + outer) / 2, (outer - inner) / 2
    waves = (_lobe(middle, swing, lobes, tau * n / strands) for n in range(strands))
    data = " ".join(trace(wave, 0, tau / lobes, 4) for wave in waves)
    return Path(data=data, stroke=colour, width_mm=width_mm, copies=turned(lobes, x, y))


def _lobe(middle: float, swing: float, lobes: int, phase: float) -> Curve:
    def curve(angle: float) -> Point:
        radius = middle + swing * sin(lobes * angle + phase)
        return radius * cos(angle), radius * sin(angle)

    return curve


def braid(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    tile_mm: float,
    swing: float,
    strands: int,
    colour: Colour,
    width_mm: float,
) -> Path:
    """Interlaced waves along a rectangle's four sides: one wave, repeated."""
    places = (
        _along_side(x, y, width, tile_mm, upright=False)
        + _along_side(x, y + height, width, tile_mm, upright=False)
        + _along_side(x, y, height, tile_mm, upright=True)
        + _along_side(x + width, y, height, tile_mm, upright=True)
    )
    waves = (_wave(tile_mm, swing, tau * n / strands) for n in range(strands))
    data = " ".join(trace(wave, 0, tile_mm, 4) for wave in waves)
    return Path(data=data, stroke=colour, width_mm=width_mm, copies=places)


def _along_side(
    x: float, y: float, length: float, tile_mm: float, *, upright: bool
) -> tuple[Matrix, ...]:
    count = round(length / tile_mm)
    stretch = length / (count * tile_mm)
    steps = [n * tile_mm * stretch for n in range(count)]
    if upright:
        return tuple((0, stretch, -1, 0, x, y + step) for step in steps)
    return tuple((stretch, 0, 0, 1, x + step, y) for step in steps)


def _wave(tile_mm: float, swing: float, phase: float) -> Curve:
    def curve(x: float) -> Point:
        return x, swing * sin(tau * x / tile_mm + phase)

    return curve


def ground(
    x: float,
    y: float,
    width: float,
    height: float,
    *,
    period_mm: float,
    pitch_mm: float,
    swing: float,
    colour: Colour,
    width_mm: float,
) -> Path:
    """A calm field of waves: two lines crossing each other, repeated across and downwards."""
    rows = int((height - 2 * swing) / pitch_mm) + 1
    columns = round(width / period_mm)
    stretch = width / columns / period_mm
    top = y + (height - (rows - 1) * pitch_mm) / 2
    places: tuple[Matrix, ...] = tuple(
        (stretch, 0, 0, 1, x + n * width / columns, top + row * pitch_mm)
        for row in range(rows)
        for n in range(columns)
    )
    waves = (_wave(period_mm, swing, phase) for phase in (0.0, pi))
    data = " ".join(trace(wave, 0, period_mm, 4) for wave in waves)
    return Path(data=data, stroke=colour, width_mm=width_mm, copies=places)


#: A bracket set seen from the front, in a square of 20 x 20 around the origin: bearing block,
#: arms that step outwards and the blocks between them, as (half width below, half width above,
#: bottom, top); single blocks as (centre, half width, bottom, top).
ARMS = (
    (2.2, 2.2, 9.2, 7.0),
    (2.6, 3.6, 6.2, 4.0),
    (5.2, 6.2, 3.2, 1.0),
    (7.4, 8.6, -2.2, -4.4),
    (10.0, 10.0, -5.2, -7.4),
)
BLOCKS = tuple((x, 0.95, 0.2, -1.4) for x in (-5.0, -2.5, 0.0, 2.5, 5.0))


#: An abacus in the same square: bars of the frame with the beam, as (left, right, bottom, top);
#: rods, each with whether its upper bead and how many of the four lower ones lie at the beam.
BARS = (
    (-10.0, 10.0, -6.6, -8.0),
    (-10.0, 10.0, 8.0, 6.6),
    (-10.0, -8.8, 8.0, -8.0),
    (8.8, 10.0, 8.0, -8.0),
    (-10.0, 10.0, -1.9, -2.7),
)
RODS = ((-6.8, False, 1), (-3.4, True, 2), (0.0, True, 3), (3.4, True, 2), (6.8, False, 1))
BEAD_HEIGHT, BEAD_HALF_WIDTH, BEAD_GAP, ROD_WIDTH = 1.5, 1.45, 0.25, 0.5
UPPER, LOWER = (-6.6, -2.7), (-1.9, 6.6)  #: between which heights beads lie


def bracket() -> str:
    """The bracket set (斗拱) as a figure of 20 x 20."""
    arms = (_trapezium(0, below, above, low, high) for below, above, low, high in ARMS)
    blocks = (_trapezium(x, half, half * 1.25, low, high) for x, half, low, high in BLOCKS)
    return " ".join((*arms, *blocks))


def _trapezium(x: float, below: float, above: float, low: float, high: float) -> str:
    corners = ((x - below, low), (x + below, low), (x + above, high), (x - above, high))
    return _polygon(corners)


def abacus() -> str:
    """The abacus (算盘) as a figure of 20 x 16."""
    bars = (rectangle(left, top, right - left, low - top) for left, right, low, top in BARS)
    rods = (
        rectangle(x - ROD_WIDTH / 2, UPPER[0], ROD_WIDTH, LOWER[1] - UPPER[0]) for x, _, _ in RODS
    )
    beads = (_bead(x, y) for x, upper, lower in RODS for y in _bead_heights(upper, lower))
    return " ".join((*bars, *rods, *beads))


def _bead_heights(upper_at_beam: bool, lower_at_beam: int) -> tuple[float, ...]:
    """Middles of one rod's beads; a bead that does not count lies at the frame."""
    first, step = BEAD_HEIGHT / 2 + BEAD_GAP, BEAD_HEIGHT + BEAD_GAP
    upper = UPPER[1] - first if upper_at_beam else UPPER[0] + first
    at_beam = (LOWER[0] + first + step * n for n in range(lower_at_beam))
    at_frame = (LOWER[1] - first - step * n for n in range(4 - lower_at_beam))
    return (upper, *at_beam, *at_frame)


def _bead(x: float, y: float) -> str:
    half, flat, rise = BEAD_HALF_WIDTH, BEAD_HALF_WIDTH * 0.45, BEAD_HEIGHT / 2
    return _polygon(
        (
            (x - half, y), (x - flat, y - rise), (x + flat, y - rise),
            (x + half, y), (x + flat, y + rise), (x - flat, y + rise),
        )
    )  # fmt: skip


def _polygon(corners: Iterable[Point]) -> str:
    return "M " + " L ".join(map(_pair, corners)) + " C"


def badge(x: float, y: float, radius: float, palette: Palette, figure: str) -> tuple[Path, ...]:
    """The rosette with a figure of 20 x 20 in its middle."""
    scale = radius * 0.42 / 10
    place: Matrix = (scale, 0, 0, scale, x, y)
    return (
        rosette(x, y, radii=(radius * 0.66, radius), lobes=24, strands=4,
                 colour=palette.line, width_mm=0.12),
        rosette(x, y, radii=(radius * 0.78, radius * 0.9), lobes=24, strands=2,
                 colour=palette.deep, width_mm=0.16),
        circle(x, y, radius * 0.63, stroke=palette.deep, width_mm=0.35),
        circle(x, y, radius * 0.595, stroke=palette.line, width_mm=0.12),
        Path(data=figure, fill=palette.deep, copies=(place,)),
    )  # fmt: skip


def circle(x: float, y: float, radius: float, *, stroke: Colour, width_mm: float) -> Path:
    """A ring."""
    return Path(data=_round(radius), stroke=stroke, width_mm=width_mm, copies=((1, 0, 0, 1, x, y),))


def disc(x: float, y: float, radius: float, *, fill: Colour) -> Path:
    """A filled circle."""
    return Path(data=_round(radius), fill=fill, copies=((1, 0, 0, 1, x, y),))


def _round(radius: float) -> str:
    return trace(lambda a: (radius * cos(a), radius * sin(a)), 0, tau, 8) + " C"
