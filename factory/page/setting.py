"""Setting the values of a row: which size, which lines, and how high that makes every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from factory.errors import LintError
from factory.page.fitting import fit, printable
from factory.page.fonts import FontBook
from factory.page.marks import MM_PER_PT, TextSlot, Value
from factory.page.rows import Cell, Field, Figure, Image, Opinion, Row, Sealed, Stack, Words

PAD_X_MM, PAD_Y_MM = 2.5, 2.4
LEADING = 1.45  #: distance of two lines, in ems
BOX_GAP_MM = 2.0  #: between an opinion and the place to sign it
INDENT = "\u3000\u3000"
ENDLESS = 10_000  #: mm or lines: no limit
REPEATED = "@"  #: ``number@2`` is the value ``number`` once more, on page 2

Setting = Field | Opinion | Sealed  #: a cell that prints a value


@dataclass(frozen=True, slots=True)
class SetText:
    """A value set in its cell: lines of one size."""

    size_pt: float
    lines: tuple[str, ...]

    @property
    def leading_mm(self) -> float:
        """Distance of two baselines."""
        return LEADING * self.size_pt * MM_PER_PT

    @property
    def height_mm(self) -> float:
        """From the top of the first line to the bottom of the last; of one line if it is empty."""
        return (max(1, len(self.lines)) - 1) * self.leading_mm + self.size_pt * MM_PER_PT

    def cut(self, room_mm: float) -> tuple[SetText, SetText]:
        """The lines that the room takes, and the others."""
        room = int((room_mm - self.size_pt * MM_PER_PT) / self.leading_mm) + 1
        taken = max(0, min(room, len(self.lines)))
        return SetText(self.size_pt, self.lines[:taken]), SetText(self.size_pt, self.lines[taken:])


Texts = Mapping[str, SetText]


def set_row(row: Row, values: Mapping[str, Value], fontbook: FontBook) -> Texts:
    """The texts of a row's cells by name.

    UnprintableError: no face has a character; names the field and the code points.
    LintError: a required value is missing.
    """
    return {
        cell.name: _set(cell, values.get(cell.name.partition(REPEATED)[0], ""), fontbook)
        for cell in _setting(row)
    }


def _setting(row: Row) -> Iterator[Setting]:
    for cell in row.cells:
        if isinstance(cell, Stack):
            for each in cell.rows:
                yield from _setting(each)
        elif isinstance(cell, Setting):
            yield cell


def _set(cell: Setting, value: Value, fontbook: FontBook) -> SetText:
    """The value at the largest size that keeps to the lines wanted, else at the smallest."""
    given = [text for text in ((value,) if isinstance(value, str) else value) if text]
    if not given:
        return _nothing(cell)
    before = INDENT if cell.indent else ""
    paragraphs = tuple(printable(cell.name, before + text, cell.style, fontbook) for text in given)
    for place in _trials(cell):
        try:
            fitted = fit(place, paragraphs)
        except LintError:
            continue
        lines = ("".join(glyph.text for glyph in line).strip(" ") for line, _ in fitted.lines)
        return SetText(fitted.size_pt, tuple(line for line in lines if line))
    raise LintError(f"{cell.name}: wider than its place")


def _nothing(cell: Setting) -> SetText:
    if not isinstance(cell, Field) or cell.required:
        raise LintError(f"{cell.name}: a value is required")
    return SetText(cell.size_pt, ())


def _trials(cell: Setting) -> Iterator[TextSlot]:
    """The cell as a place on a page: as wished, then at its smallest as high as it takes."""
    if isinstance(cell, Field) and cell.lines:
        yield _place(cell, cell.size_pt, cell.min_size_pt, cell.wrap_below_pt, cell.lines)
        yield _place(cell, cell.min_size_pt, cell.min_size_pt, cell.min_size_pt, ENDLESS)
    else:
        wrap_below_pt = cell.wrap_below_pt if isinstance(cell, Field) else cell.size_pt
        yield _place(cell, cell.size_pt, cell.size_pt, wrap_below_pt, ENDLESS)


def _place(
    cell: Setting, size_pt: float, min_size_pt: float, wrap_below_pt: float, lines: int
) -> TextSlot:
    return TextSlot(
        name=cell.name,
        x_mm=0,
        y_mm=0,
        width_mm=text_width(cell),
        height_mm=ENDLESS,
        size_pt=size_pt,
        min_size_pt=min_size_pt,
        wrap_below_pt=wrap_below_pt,
        max_lines=lines,
        leading=LEADING,
    )


def text_width(cell: Setting) -> float:
    """What is left of a cell between its paddings, in mm."""
    width_mm = cell.lines_width_mm if isinstance(cell, Sealed) else cell.width_mm
    return width_mm - 2 * PAD_X_MM


def row_height(row: Row, texts: Texts) -> float:
    """Of its highest cell, in mm."""
    return max([row.min_height_mm, *(cell_height(cell, texts) for cell in row.cells)])


def cell_height(cell: Cell, texts: Texts) -> float:
    """With its paddings, in mm."""
    if isinstance(cell, Stack):
        return sum(row_height(row, texts) for row in cell.rows)
    return _content_height(cell, texts) + 2 * PAD_Y_MM


def _content_height(cell: Words | Image | Figure | Setting, texts: Texts) -> float:
    if isinstance(cell, Words):
        return words_height(cell)
    if isinstance(cell, Image):
        return cell.picture_height_mm
    if isinstance(cell, Figure):
        return cell.height_mm
    text_mm = texts[cell.name].height_mm
    if isinstance(cell, Opinion):
        return text_mm + BOX_GAP_MM + cell.box_height_mm
    return max(text_mm, cell.seal_mm) if isinstance(cell, Sealed) else text_mm


def words_height(cell: Words) -> float:
    """Of a label's lines, in mm."""
    return ((len(cell.lines) - 1) * LEADING + 1) * cell.size_pt * MM_PER_PT


def cut_row(texts: Texts, room_mm: float, shortest: int) -> tuple[Texts, Texts]:
    """What of a row fits into that height, and what is left; nothing of it below ``shortest``."""
    parts = {name: text.cut(room_mm - 2 * PAD_Y_MM) for name, text in texts.items()}
    if max(len(head.lines) for head, _ in parts.values()) < shortest:
        return {}, texts
    return (
        {name: head for name, (head, _) in parts.items()},
        {name: rest for name, (_, rest) in parts.items()},
    )
