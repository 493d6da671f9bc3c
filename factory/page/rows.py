"""The Table: rows of variable height, as many pages as they need; forms and lists are made of it.

A row is as high as its highest cell; ``factory/page/table.py`` breaks rows into pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from factory.page.fonts import Style
from factory.page.marks import SPEAKS_FREELY, Align, FixedMark, Text, Wording

PAGE_WIDTH_MM, PAGE_HEIGHT_MM = 210.0, 297.0  #: A4, GB/T 148-1997
MARGIN_MM, SIDE_MM = 17.0, 20.0  #: above and below, left and right
LABEL_PT, VALUE_PT = 11.0, 12.0
LABEL_BOLD_MM = 0.05  #: the Song face is a thin one
ROW_MM = 11.0  #: of one line of text, with air


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A fixed label in the middle of its cell.

    spread_em: set a shorter line apart to this width: 姓　　名 as wide as 企业名称.
    bold_mm:   outline of this width around the glyphs.
    """

    width_mm: float
    lines: tuple[str, ...]
    size_pt: float = LABEL_PT
    align: Align = Align.CENTRE
    spread_em: int = 0
    bold_mm: float = LABEL_BOLD_MM


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where a value is printed: a little smaller, then wrapped, then on as many lines as it takes.

    lines:  it is set smaller before it takes more than these; 0: it never is, it only grows.
    wrap_below_pt: a line that would become smaller than this is wrapped instead.
    indent: paragraphs begin two characters in.
    """

    width_mm: float
    name: str
    size_pt: float = VALUE_PT
    min_size_pt: float = 9.0
    wrap_below_pt: float = 10.5
    lines: int = 0
    align: Align = Align.LEFT
    style: Style = Style.KAI
    indent: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Where a picture is printed in its own size; without it ``empty`` says what goes there."""

    width_mm: float
    role: str
    picture_width_mm: float
    picture_height_mm: float
    empty: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """A text and, below it, the place to sign: the word, the box, 年 月 日.

    sign:      ``签字：`` or ``盖章：``.
    signature: the field's name; None: signed outside, by pen or stamp, in the same place.
    """

    width_mm: float
    name: str
    sign: str
    signature: str | None
    box_width_mm: float
    box_height_mm: float
    size_pt: float = VALUE_PT
    style: Style = Style.KAI
    indent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """Lines under a round seal, the authority and the date, at the right of the cell."""

    width_mm: float
    name: str
    signature: str
    seal_mm: float
    lines_width_mm: float
    size_pt: float = VALUE_PT
    style: Style = Style.SONG
    indent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Marks of a drawing, in the middle of their cell.

    marks: in millimetres from the drawing's own top left corner.
    """

    width_mm: float
    height_mm: float
    marks: tuple[FixedMark, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Rows beside another cell that is as high as all of them."""

    rows: tuple[Row, ...]

    @property
    def width_mm(self) -> float:
        """Of its widest row."""
        return max(row.width_mm for row in self.rows)


Cell = Words | Field | Image | Opinion | Sealed | Figure | Stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Cells beside each other.

    splits: it may go on on the next page where it is higher than a whole page.
    ruled:  lines stand around its cells.
    grows_mm: how much higher it may become where a document has but one page and room is left.
    """

    cells: tuple[Cell, ...] = ()
    min_height_mm: float = ROW_MM
    splits: bool = False
    ruled: bool = True
    grows_mm: float = 0.0

    @property
    def width_mm(self) -> float:
        """Of all cells."""
        return sum(cell.width_mm for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A document of rows.

    rows:     from the top of the first page on.
    repeated: rows at the top of every later page.
    foot:     a row at the foot of every page; beside it the number of the page, if there are two.
    """

    title: str
    rows: tuple[Row, ...]
    repeated: tuple[Row, ...] = ()
    foot: Row | None = None
    wording: Wording = SPEAKS_FREELY
    width_mm: float = PAGE_WIDTH_MM
    height_mm: float = PAGE_HEIGHT_MM
    margin_mm: float = MARGIN_MM
    side_mm: float = SIDE_MM

    @property
    def cells(self) -> Iterator[Cell]:
        """Every cell of every row, but for the stacks themselves."""
        for row in (*self.rows, *self.repeated, *((self.foot,) if self.foot else ())):
            yield from _flat(row)

    @property
    def words(self) -> Iterator[str]:
        """Every fixed text."""
        for cell in self.cells:
            if isinstance(cell, Words):
                yield "".join(cell.lines)
            elif isinstance(cell, Opinion):
                yield cell.sign
            elif isinstance(cell, Image):
                yield cell.empty
            elif isinstance(cell, Figure):
                yield from (mark.text for mark in cell.marks if isinstance(mark, Text))

    @property
    def wanted(self) -> frozenset[str]:
        """The names of all values and signatures that have a place."""
        return frozenset(name for cell in self.cells for name in _names(cell))


def _flat(row: Row) -> Iterator[Cell]:
    for cell in row.cells:
        if isinstance(cell, Stack):
            for each in cell.rows:
                yield from _flat(each)
        else:
            yield cell


def _names(cell: Cell) -> Iterator[str]:
    if isinstance(cell, Image):
        yield cell.role
    elif isinstance(cell, Field | Opinion | Sealed):
        yield cell.name
    if isinstance(cell, Opinion | Sealed) and cell.signature is not None:
        yield cell.signature
