"""Placed marks as the objects of an OFD page.  GB/T 33190-2016, 8 to 11.

Objects stand in boxes (Boundary) that contain them; their own coordinates begin at the box's
top left corner.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from math import hypot, inf

from factory.ofd.xml import escaped, number
from factory.page.marks import MM_PER_PT, Code, Colour, Matrix, Path, Picture, Run

#: A line's box: so much of an em above and below its baseline, that no glyph leaves it.
ABOVE, BELOW = 1.0, 0.35
REPEATED = 3  #: so many equal advances are written shorter as ``g n v``

Point = tuple[float, float]
Shape = tuple[str, tuple[Point, ...]]  #: an operator and its points
Box = tuple[float, float, float, float]  #: x, y, width, height


def text_object(run: Run, ident: int, font: int, pens: Mapping[float, int]) -> str:
    """Characters of one face on one baseline; nothing for a run of blanks.

    A bold run is outlined as well as filled.  Its width is said twice, in the object and in a
    pen (DrawParam) of the resources: there are readers that see only one of them.
    Blanks at the ends are left out, since readers strip them and would set every character
    behind at its neighbour's place.

    pens: the DrawParam of each bold_mm.
    """
    text = run.text.strip()
    if not text:
        return ""
    em_mm = run.size_pt * MM_PER_PT
    blanks = run.text[: len(run.text) - len(run.text.lstrip())]
    margin = run.bold_mm / 2
    x = run.x_mm + run.face.width(blanks) * em_mm - margin
    width = run.face.width(text) * em_mm + run.bold_mm
    box = (x, run.y_mm - ABOVE * em_mm, width, (ABOVE + BELOW) * em_mm)
    bold = outline = ""
    if run.bold_mm:
        pen = f'DrawParam="{pens[run.bold_mm]}" LineWidth="{number(run.bold_mm)}"'
        bold, outline = f' {pen} Stroke="true"', _colour("Stroke", run.colour)
    return (
        f'<ofd:TextObject ID="{ident}" {_boundary(box)}{bold}'
        f' Font="{font}" Size="{number(em_mm)}">'
        f"{_colour('Fill', run.colour)}{outline}"
        f'<ofd:TextCode X="{number(margin)}" Y="{number(ABOVE * em_mm)}"'
        f"{_advances(run, text, em_mm)}>{escaped(text)}</ofd:TextCode></ofd:TextObject>"
    )


def _advances(run: Run, text: str, em_mm: float) -> str:
    """From each character to the next, by the face's own widths.

    A character beyond the basic plane has one entry, not one for each half of its UTF-16
    spelling: GB/T 33190 does not say, and all readers tried count characters.
    """
    steps = [number(run.face.advance(ch) * em_mm) for ch in text[:-1]]
    if not steps:
        return ""
    written = (_repeated(step, len(tuple(same))) for step, same in groupby(steps))
    return f' DeltaX="{" ".join(written)}"'


def _repeated(step: str, count: int) -> str:
    return f"g {count} {step}" if count >= REPEATED else " ".join([step] * count)


def path_objects(path: Path, idents: Iterator[int]) -> Iterator[str]:
    """The figure at each of its places.

    Every copy has the same data and a matrix (CTM) of its own: as one path with all copies
    worked out a guilloche would not compress.
    """
    margin = path.width_mm if path.stroke else 0.0
    shapes, (left, top, _, _) = _figure(path.data, margin)
    data = " ".join(_operator(name, points, left, top) for name, points in shapes)
    paint = _paint(path)
    for copy in path.copies:
        a, b, c, d, e, f = copy
        box = _copied(shapes, copy, margin)
        there = (a, b, c, d, a * left + c * top + e - box[0], b * left + d * top + f - box[1])
        yield (
            f'<ofd:PathObject ID="{next(idents)}" {_boundary(box)}{_matrix(there)}{paint[0]}>'
            f"{paint[1]}<ofd:AbbreviatedData>{data}</ofd:AbbreviatedData></ofd:PathObject>"
        )


def _paint(path: Path) -> tuple[str, str]:
    """Attributes and colours.  By default a path is drawn and not filled (9.1)."""
    attributes = "" if path.stroke is None else f' LineWidth="{number(path.width_mm)}"'
    if path.stroke is None:
        attributes += ' Stroke="false"'
    if path.fill is not None:
        attributes += ' Fill="true"'
    stroke = "" if path.stroke is None else _colour("Stroke", path.stroke)
    fill = "" if path.fill is None else _colour("Fill", path.fill)
    return attributes, stroke + fill


@lru_cache(maxsize=256)
def _figure(data: str, margin: float) -> tuple[tuple[Shape, ...], Box]:
    shapes = tuple(_shapes(data))
    return shapes, _around(points_of(shapes), margin)


def points_of(shapes: Iterable[Shape]) -> Iterator[Point]:
    """All of them, control points too: curves stay within their hull."""
    return (point for _, points in shapes for point in points)


def _shapes(data: str) -> Iterator[Shape]:
    name, numbers = "", list[float]()
    for word in data.split():
        if not word.isalpha():
            numbers.append(float(word))
            continue
        if name:
            yield name, _paired(numbers)
        name, numbers = word, []
    yield name, _paired(numbers)


def _paired(numbers: Sequence[float]) -> tuple[Point, ...]:
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _operator(name: str, points: Iterable[Point], left: float, top: float) -> str:
    moved = (f"{number(x - left)} {number(y - top)}" for x, y in points)
    return " ".join((name, *moved))


def _copied(shapes: Iterable[Shape], copy: Matrix, margin: float) -> Box:
    a, b, c, d, e, f = copy
    there = ((a * x + c * y + e, b * x + d * y + f) for x, y in points_of(shapes))
    return _around(there, margin * max(hypot(a, b), hypot(c, d)))


def _around(points: Iterable[Point], margin: float) -> Box:
    left, top, right, bottom = inf, inf, -inf, -inf
    for x, y in points:
        left, top = min(left, x), min(top, y)
        right, bottom = max(right, x), max(bottom, y)
    return left - margin, top - margin, right - left + 2 * margin, bottom - top + 2 * margin


def image_object(mark: Picture | Code, ident: int, media: int) -> str:
    """A picture that fills its box; the matrix takes the unit square there."""
    width, height = size_of(mark)
    box = (mark.x_mm, mark.y_mm, width, height)
    ctm = f"{number(width)} 0 0 {number(height)} 0 0"
    return f'<ofd:ImageObject ID="{ident}" {_boundary(box)} CTM="{ctm}" ResourceID="{media}"/>'


def size_of(mark: Picture | Code) -> tuple[float, float]:
    """Width and height in millimetres."""
    if isinstance(mark, Code):
        return mark.size_mm, mark.size_mm
    return mark.width_mm, mark.height_mm


def _boundary(box: Box) -> str:
    return f'Boundary="{" ".join(map(number, box))}"'


def _matrix(matrix: Matrix) -> str:
    """As an attribute; none for what stays as it is.  Turned figures need the fine digits."""
    written = " ".join(_fine(part) for part in matrix)
    return "" if written == "1 0 0 1 0 0" else f' CTM="{written}"'


def _fine(value: float) -> str:
    written = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def _colour(use: str, colour: Colour) -> str:
    return f'<ofd:{use}Color Value="{" ".join(map(str, colour))}"/>'
