"""One page of a Table on its way: rows and cells become marks and slots at fixed places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from factory.page.fonts import Style
from factory.page.marks import (
    ASCENT,
    BLACK,
    MM_PER_PT,
    Align,
    FixedMark,
    Path,
    PictureSlot,
    SignatureSlot,
    Slot,
    Text,
    TextSlot,
    Value,
)
from factory.page.rows import (
    LABEL_BOLD_MM,
    VALUE_PT,
    Cell,
    Figure,
    Image,
    Opinion,
    Row,
    Sealed,
    Stack,
    Words,
)
from factory.page.setting import (
    LEADING,
    PAD_X_MM,
    PAD_Y_MM,
    SetText,
    Texts,
    cell_height,
    row_height,
    text_width,
    words_height,
)

FRAME_MM, RULE_MM = 0.35, 0.2
EMPTY_EM = 3  #: how wide the word is set that stands for a picture
SLACK_MM = 0.01  #: so that rounding never makes a fitting text too high
MIDDLE = 0.38  #: of an em: how far a baseline lies below the middle of its line
DATE_WORDS = "年　　月　　日"
DATE_MM = 42.0  #: what the date of a signature takes, at the right of its box


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the page."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float

    @property
    def right_mm(self) -> float:
        """Its right edge."""
        return self.x_mm + self.width_mm

    @property
    def bottom_mm(self) -> float:
        """Its lower edge."""
        return self.y_mm + self.height_mm

    def centred(self, width_mm: float, height_mm: float) -> Box:
        """One of that size in its middle."""
        return Box(
            self.x_mm + (self.width_mm - width_mm) / 2,
            self.y_mm + (self.height_mm - height_mm) / 2,
            width_mm,
            height_mm,
        )


@dataclass(slots=True, kw_only=True)
class Leaf:
    """A page while it fills: labels, slots with the lines that go there, and the grid.

    number: of the page, from 1.
    given:  what the document prints, for its pictures.
    """

    number: int
    given: Mapping[str, Value]
    labels: list[FixedMark] = field(default_factory=list)
    places: list[Slot] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)
    ruled: list[Box] = field(default_factory=list)

    @property
    def marks(self) -> tuple[FixedMark, ...]:
        """The grid, then the labels; thin lines inside, a stronger one around."""
        across = [_line(box.x_mm, box.y_mm, box.right_mm, box.y_mm) for box in _joined(self.ruled)]
        thin, strong = self.rules + across, [_rectangle(box) for box in _frames(self.ruled)]
        return (*_strokes(thin, RULE_MM), *_strokes(strong, FRAME_MM), *self.labels)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """In the order of the page."""
        return tuple(self.places)

    def put_row(self, row: Row, texts: Texts, box: Box) -> None:
        """A row's cells and, where it is ruled, the lines between them."""
        if row.ruled:
            self.ruled.append(box)
            self._divide(row, box)
        x = box.x_mm
        for cell in row.cells:
            self._put(cell, texts, Box(x, box.y_mm, cell.width_mm, box.height_mm))
            x += cell.width_mm

    def _divide(self, row: Row, box: Box) -> None:
        x = box.x_mm
        for cell in row.cells[:-1]:
            x += cell.width_mm
            self.rules.append(_line(x, box.y_mm, x, box.bottom_mm))

    def _put(self, cell: Cell, texts: Texts, box: Box) -> None:
        if isinstance(cell, Stack):
            self._stack(cell, texts, box)
        elif isinstance(cell, Words):
            self._words(cell, box)
        elif isinstance(cell, Image):
            self._image(cell, box)
        elif isinstance(cell, Figure):
            inner = box.centred(cell.width_mm, cell.height_mm)
            self.labels += (_moved(mark, inner.x_mm, inner.y_mm) for mark in cell.marks)
        elif isinstance(cell, Opinion):
            self._opinion(cell, texts[cell.name], box)
        elif isinstance(cell, Sealed):
            self._sealed(cell, texts[cell.name], box)
        else:
            text = texts[cell.name]
            inner = box.centred(text_width(cell), text.height_mm)
            self._text(cell.name, text, inner, cell.align, cell.style)

    def _stack(self, cell: Stack, texts: Texts, box: Box) -> None:
        """What the neighbour is higher is shared out among the rows."""
        spare = (box.height_mm - cell_height(cell, texts)) / len(cell.rows)
        y = box.y_mm
        for place, row in enumerate(cell.rows):
            inner = Box(box.x_mm, y, box.width_mm, row_height(row, texts) + spare)
            if place:
                self.rules.append(_line(inner.x_mm, y, inner.right_mm, y))
            self._divide(row, inner)
            self.put_row(Row(cells=row.cells, ruled=False), texts, inner)
            y = inner.bottom_mm

    def _words(self, cell: Words, box: Box) -> None:
        """In the middle from top to bottom; across as the label wants it."""
        em_mm = cell.size_pt * MM_PER_PT
        top = box.centred(0, words_height(cell)).y_mm
        for number, line in enumerate(cell.lines):
            spread = cell.spread_em * em_mm if len(line) < cell.spread_em else None
            mark = Text(
                text=line,
                x_mm=_across(cell, box, spread),
                y_mm=top + (ASCENT + number * LEADING) * em_mm,
                size_pt=cell.size_pt,
                align=cell.align,
                spread_mm=spread,
                bold_mm=cell.bold_mm,
            )
            self.labels.append(mark)

    def _image(self, cell: Image, box: Box) -> None:
        if cell.role not in self.given:
            if cell.empty:
                words = Words(width_mm=cell.width_mm, lines=(cell.empty,), spread_em=EMPTY_EM)
                self._words(words, box)
            return
        inner = box.centred(cell.picture_width_mm, cell.picture_height_mm)
        self.values[cell.role] = self.given[cell.role]
        self.places.append(
            PictureSlot(
                role=cell.role,
                x_mm=inner.x_mm,
                y_mm=inner.y_mm,
                width_mm=inner.width_mm,
                height_mm=inner.height_mm,
            )
        )

    def _opinion(self, cell: Opinion, text: SetText, box: Box) -> None:
        """The text at the top; at the bottom, from the right: the date, the box, the word."""
        width_mm = text_width(cell)
        upper = Box(box.x_mm + PAD_X_MM, box.y_mm + PAD_Y_MM, width_mm, text.height_mm)
        self._text(cell.name, text, upper, Align.LEFT, cell.style)
        place = Box(
            box.right_mm - PAD_X_MM - DATE_MM - cell.box_width_mm,
            box.bottom_mm - PAD_Y_MM - cell.box_height_mm,
            cell.box_width_mm,
            cell.box_height_mm,
        )
        baseline = place.centred(0, 0).y_mm + MIDDLE * VALUE_PT * MM_PER_PT
        for words, x in ((cell.sign, place.x_mm), (DATE_WORDS, box.right_mm - 2 * PAD_X_MM)):
            self.labels.append(
                Text(
                    text=words,
                    x_mm=x,
                    y_mm=baseline,
                    size_pt=VALUE_PT,
                    align=Align.RIGHT,
                    bold_mm=LABEL_BOLD_MM,
                )
            )
        self._reserve(cell.signature, place)

    def _sealed(self, cell: Sealed, text: SetText, box: Box) -> None:
        """The lines at the right, in the middle of the seal."""
        place = Box(
            box.right_mm - cell.lines_width_mm, box.y_mm, cell.lines_width_mm, box.height_mm
        )
        inner = place.centred(text_width(cell), text.height_mm)
        self._text(cell.name, text, inner, Align.CENTRE, cell.style)
        self._reserve(cell.signature, place.centred(cell.seal_mm, cell.seal_mm))

    def _reserve(self, name: str | None, box: Box) -> None:
        if name is None:
            return
        self.places.append(
            SignatureSlot(
                name=name,
                x_mm=box.x_mm,
                y_mm=box.y_mm,
                width_mm=box.width_mm,
                height_mm=box.height_mm,
            )
        )

    def _text(self, name: str, text: SetText, box: Box, align: Align, style: Style) -> None:
        if not text.lines:
            return
        self.values[name] = text.lines
        self.places.append(
            TextSlot(
                name=name,
                x_mm=box.x_mm,
                y_mm=box.y_mm,
                width_mm=box.width_mm,
                height_mm=box.height_mm + SLACK_MM,
                size_pt=text.size_pt,
                min_size_pt=text.size_pt,
                wrap_below_pt=text.size_pt,
                max_lines=len(text.lines),
                leading=LEADING,
                align=align,
                style=style,
            )
        )


def _moved(mark: FixedMark, x_mm: float, y_mm: float) -> FixedMark:
    """A drawing's mark where it stands on the page."""
    if isinstance(mark, Text):
        return replace(mark, x_mm=mark.x_mm + x_mm, y_mm=mark.y_mm + y_mm)
    copies = ((a, b, c, d, e + x_mm, f + y_mm) for a, b, c, d, e, f in mark.copies)
    return replace(mark, copies=tuple(copies))


def _across(cell: Words, box: Box, spread_mm: float | None) -> float:
    """Where a label's line starts, ends or has its middle."""
    if cell.align is Align.CENTRE:
        return box.centred(spread_mm or 0.0, 0).x_mm
    return box.x_mm + PAD_X_MM if cell.align is Align.LEFT else box.right_mm - PAD_X_MM


def _strokes(figures: list[str], width_mm: float) -> Iterator[Path]:
    if figures:
        yield Path(data=" ".join(figures), stroke=BLACK, width_mm=width_mm)


def _touch(upper: Box, lower: Box) -> bool:
    return abs(upper.bottom_mm - lower.y_mm) < SLACK_MM


def _joined(rows: list[Box]) -> Iterator[Box]:
    """Ruled rows that follow another."""
    yield from (lower for upper, lower in pairwise(rows) if _touch(upper, lower))


def _frames(rows: list[Box]) -> Iterator[Box]:
    """One around all ruled rows that follow each other."""
    for place, first in enumerate(rows):
        if place and _touch(rows[place - 1], first):
            continue
        last = first
        for upper, lower in pairwise(rows[place:]):
            if not _touch(upper, lower):
                break
            last = lower
        yield Box(first.x_mm, first.y_mm, first.width_mm, last.bottom_mm - first.y_mm)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f"M {x1:.3f} {y1:.3f} L {x2:.3f} {y2:.3f}"


def _rectangle(box: Box) -> str:
    x1, y1, x2, y2 = box.x_mm, box.y_mm, box.right_mm, box.bottom_mm
    return f"M {x1:.3f} {y1:.3f} L {x2:.3f} {y1:.3f} L {x2:.3f} {y2:.3f} L {x1:.3f} {y2:.3f} C"
