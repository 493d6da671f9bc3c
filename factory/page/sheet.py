"""The Sheet: fixed marks and slots in millimetres; ``layout`` places them for one document.

Writers draw only placed marks: ``layout`` alone decides shrinking, wrapping and fallback
faces, from the faces' own advances, which is why every format agrees.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from factory.page.filling import filled, fillings, pieces, start_of
from factory.page.fitting import Glyph, printable, width_em
from factory.page.fonts import FontBook
from factory.page.leaf import Leaf
from factory.page.marks import (
    BLACK,
    IDENTITY,
    MM_PER_PT,
    Align,
    Code,
    CodeSlot,
    Colour,
    FixedMark,
    Matrix,
    Page,
    Path,
    Picture,
    PictureSlot,
    Placed,
    PlacedMark,
    Run,
    Sheet,
    SignatureBox,
    SignatureSlot,
    Slot,
    Text,
    TextSlot,
    Value,
    Wording,
)
from factory.page.rows import Table
from factory.page.table import leaves

__all__ = [
    "BLACK",
    "IDENTITY",
    "MM_PER_PT",
    "Align",
    "Code",
    "CodeSlot",
    "Colour",
    "FixedMark",
    "Matrix",
    "Page",
    "Path",
    "Picture",
    "PictureSlot",
    "Placed",
    "PlacedMark",
    "Run",
    "Sheet",
    "SignatureBox",
    "SignatureSlot",
    "Slot",
    "Table",
    "Text",
    "TextSlot",
    "Value",
    "Wording",
    "layout",
]


def layout(sheet: Sheet | Table, values: Mapping[str, Value], fontbook: FontBook) -> Placed:
    """Every mark of one document in its place.

    values: by slot name; a picture slot needs none (absent pictures are left out by giving
            the role no value), a code slot's is its content.
    UnprintableError: no face has a character; names the field and the code points.
    LintError: a required value is missing, or does not fit at its smallest size.
    """
    if isinstance(sheet, Sheet):
        return _prepared(sheet, fontbook).placed(values)
    pages = tuple(_leaf(leaf, fontbook) for leaf in leaves(sheet, values, fontbook))
    return Placed(
        title=sheet.title,
        width_mm=sheet.width_mm,
        height_mm=sheet.height_mm,
        pages=pages,
        signatures=tuple(_signatures(pages)),
    )


def _leaf(leaf: Leaf, fontbook: FontBook) -> Page:
    return Page(
        fixed=_fixed(leaf.marks, fontbook),
        filled=filled(fillings(leaf.slots, fontbook), leaf.values),
        slots=leaf.slots,
    )


class _Prepared:
    """A sheet in one font book: what is the same for every document of it, placed once."""

    def __init__(self, sheet: Sheet, fontbook: FontBook) -> None:
        self._sheet = sheet
        self._fixed = _fixed(sheet.marks, fontbook)
        self._fillings = fillings(sheet.slots, fontbook)
        blank = Page(fixed=self._fixed, filled=(), slots=sheet.slots)
        self._signatures = tuple(_signatures([blank]))

    def placed(self, values: Mapping[str, Value]) -> Placed:
        """With these values in their slots."""
        sheet = self._sheet
        page = Page(fixed=self._fixed, filled=filled(self._fillings, values), slots=sheet.slots)
        return Placed(
            title=sheet.title,
            width_mm=sheet.width_mm,
            height_mm=sheet.height_mm,
            pages=(page,),
            signatures=self._signatures,
        )


@lru_cache(maxsize=32)
def _prepared(sheet: Sheet, fontbook: FontBook) -> _Prepared:
    return _Prepared(sheet, fontbook)


def _fixed(marks: Iterable[FixedMark], fontbook: FontBook) -> tuple[Run | Path, ...]:
    return tuple(placed for mark in marks for placed in _fixed_mark(mark, fontbook))


def _fixed_mark(mark: FixedMark, fontbook: FontBook) -> Iterator[Run | Path]:
    if isinstance(mark, Path):
        yield mark
        return
    line = printable(f"label {mark.text}", mark.text, mark.style, fontbook)
    em_mm = mark.size_pt * MM_PER_PT
    if mark.spread_mm is None:
        yield from _runs(mark, line, start_of(mark.align, mark.x_mm, 0, width_em(line) * em_mm))
        return
    gap = (mark.spread_mm - width_em(line) * em_mm) / max(1, len(line) - 1)
    x = mark.x_mm
    for glyph in line:
        yield from _runs(mark, (glyph,), x)
        x += glyph.advance * em_mm + gap


def _runs(mark: Text, line: tuple[Glyph, ...], x_mm: float) -> Iterator[Run]:
    for face, text, wide in pieces(line):
        width_mm = wide * mark.size_pt * MM_PER_PT
        yield Run(
            face=face,
            text=text,
            x_mm=x_mm,
            y_mm=mark.y_mm,
            width_mm=width_mm,
            size_pt=mark.size_pt,
            colour=mark.colour,
            bold_mm=mark.bold_mm,
        )
        x_mm += width_mm


def _signatures(pages: Sequence[Page]) -> Iterator[SignatureBox]:
    for number, page in enumerate(pages):
        for slot in page.slots:
            if isinstance(slot, SignatureSlot):
                yield SignatureBox(
                    name=slot.name,
                    page=number,
                    x_mm=slot.x_mm,
                    y_mm=slot.y_mm,
                    width_mm=slot.width_mm,
                    height_mm=slot.height_mm,
                )
