"""Breaking a Table into pages: which row stands on which page, and which goes on on the next.

A row is kept whole where a page can hold it.  What comes out are leaves: marks and slots at fixed
places, so that ``layout`` places a form just as it places a certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from factory.errors import LintError
from factory.page.fonts import FontBook
from factory.page.leaf import MIDDLE, SLACK_MM, Box, Leaf
from factory.page.marks import MM_PER_PT, Align, Text, Value
from factory.page.rows import Field, Row, Table
from factory.page.setting import PAD_X_MM, REPEATED, Texts, cut_row, row_height, set_row

FOOT_MM = 11.0  #: from the page's lower edge to the middle of its foot
FOOT_PT = 9.0
SHORTEST_PART = 2  #: lines of a row that is split


def leaves(table: Table, values: Mapping[str, Value], fontbook: FontBook) -> list[Leaf]:
    """The pages of a table that prints these values.

    UnprintableError: no face has a character; names the field and the code points.
    LintError: a required value is missing, or a row that may not be split is higher than a page.
    """
    stack = _Pages(table=table, values=values, fontbook=fontbook)
    stack.turn()
    rows = [(row, set_row(row, values, fontbook)) for row in table.rows]
    for row, texts in _grown(table, rows):
        stack.add(row, texts)
    return stack.finish()


def _grown(table: Table, rows: list[tuple[Row, Texts]]) -> list[tuple[Row, Texts]]:
    """The rows of a document of one page, which share out the room that is left."""
    heights = [row_height(row, texts) for row, texts in rows]
    spare = table.height_mm - 2 * table.margin_mm - sum(heights)
    wanted = sum(row.grows_mm for row, _ in rows)
    if spare <= 0 or not wanted:
        return rows
    share = min(1.0, spare / wanted)
    return [
        (replace(row, min_height_mm=height + share * row.grows_mm), texts)
        for (row, texts), height in zip(rows, heights, strict=True)
    ]


@dataclass(slots=True, kw_only=True)
class _Pages:
    """Puts row below row, and turns the page where the next one does not fit.

    y_mm: where the next row begins; top_mm: where the first one of this page did.
    """

    table: Table
    values: Mapping[str, Value]
    fontbook: FontBook
    done: list[Leaf] = field(default_factory=list)
    y_mm: float = 0.0
    top_mm: float = 0.0

    @property
    def room_mm(self) -> float:
        return self.table.height_mm - self.table.margin_mm - self.y_mm

    def add(self, row: Row, texts: Texts) -> None:
        """A row on this page, on the next, or on as many as it takes."""
        if row_height(row, texts) > self.room_mm + SLACK_MM and self.y_mm > self.top_mm:
            texts = self._part(row, texts) if self._is_too_high(row, texts) else texts
            self.turn()
        while row_height(row, texts) > self.room_mm + SLACK_MM:
            if not row.splits:
                raise LintError(f"{self.table.title}: a row is higher than a page")
            before, texts = texts, self._part(row, texts)
            if texts is before:
                raise LintError(f"{self.table.title}: a line is higher than a page")
            self.turn()
        self._put(row, texts, row_height(row, texts))

    def _is_too_high(self, row: Row, texts: Texts) -> bool:
        """Whether even a page of its own would not hold it."""
        page_mm = self.table.height_mm - 2 * self.table.margin_mm
        repeated = sum(row_height(each, self._set(each)) for each in self.table.repeated)
        return row.splits and row_height(row, texts) > page_mm - repeated

    def _part(self, row: Row, texts: Texts) -> Texts:
        """Fill this page with a row's first lines, and give the others."""
        head, rest = cut_row(texts, self.room_mm, SHORTEST_PART)
        if head:
            self._put(row, head, self.room_mm)
        return rest

    def turn(self) -> None:
        """Begin a page."""
        self.done.append(Leaf(number=len(self.done) + 1, given=self.values))
        self.y_mm = self.table.margin_mm
        if len(self.done) > 1:
            for row in self.table.repeated:
                self._again(row)
        self.top_mm = self.y_mm

    def _again(self, row: Row) -> None:
        row = _renamed(row, self.done[-1].number)
        texts = self._set(row)
        self._put(row, texts, row_height(row, texts))

    def _set(self, row: Row) -> Texts:
        return set_row(row, self.values, self.fontbook)

    def _put(self, row: Row, texts: Texts, height_mm: float) -> None:
        box = Box(self.table.side_mm, self.y_mm, row.width_mm, height_mm)
        self.done[-1].put_row(row, texts, box)
        self.y_mm += height_mm

    def finish(self) -> list[Leaf]:
        """All pages, each with its foot, and with its number where there are several."""
        for leaf in self.done:
            if self.table.foot is not None:
                self._foot(leaf, self.table.foot)
            if len(self.done) > 1:
                leaf.labels.append(_page_number(self.table, leaf.number, len(self.done)))
        return self.done

    def _foot(self, leaf: Leaf, foot: Row) -> None:
        row = _renamed(foot, leaf.number)
        texts = self._set(row)
        middle = Box(self.table.side_mm, self.table.height_mm - FOOT_MM, row.width_mm, 0.0)
        leaf.put_row(row, texts, middle.centred(row.width_mm, row_height(row, texts)))


def _renamed(row: Row, page: int) -> Row:
    """The row for a later page, where its values are printed once more."""
    if page == 1:
        return row
    cells = (
        replace(cell, name=f"{cell.name}{REPEATED}{page}") if isinstance(cell, Field) else cell
        for cell in row.cells
    )
    return replace(row, cells=tuple(cells))


def _page_number(table: Table, number: int, count: int) -> Text:
    return Text(
        text=f"第 {number} 页 共 {count} 页",
        x_mm=table.width_mm - table.side_mm - PAD_X_MM,
        y_mm=table.height_mm - FOOT_MM + MIDDLE * FOOT_PT * MM_PER_PT,
        size_pt=FOOT_PT,
        align=Align.RIGHT,
    )
