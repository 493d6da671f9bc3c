"""The Sheet: fixed marks and slots in millimetres; ``layout`` places them for one document.

Writers draw only placed marks: ``layout`` alone decides shrinking, wrapping and fallback
faces, from the faces' own advances, which is why every format agrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import segno

from factory.errors import LintError
from factory.page.fitting import Fitted, Glyph, fit, printable, width_em
from factory.page.fonts import Face, FontBook
from factory.page.leaf import Leaf
from factory.page.marks import (
    ASCENT,
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
    "qr_rows",
]

QR_MASK = (
    4  #: one for all, which readers undo alike: symbols of equal length differ only in content
)
QUIET_MODULES = 4  #: light modules around a QR symbol, GB/T 18284-2000, 7.9


def layout(sheet: Sheet | Table, values: Mapping[str, Value], fontbook: FontBook) -> Placed:
    """Every mark of one document in its place.

    values: by slot name; a picture slot needs none (absent pictures are left out by giving
            the role no value), a code slot's is its content.
    UnprintableError: no face has a character; names the field and the code points.
    LintError: a required value is missing, or does not fit at its smallest size.
    """
    if isinstance(sheet, Sheet):
        pages = [_page(_fixed(sheet, fontbook), sheet.slots, values, fontbook)]
    else:
        pages = [_leaf(leaf, fontbook) for leaf in leaves(sheet, values, fontbook)]
    return Placed(
        title=sheet.title,
        width_mm=sheet.width_mm,
        height_mm=sheet.height_mm,
        pages=tuple(pages),
        signatures=tuple(_signatures(pages)),
    )


def _leaf(leaf: Leaf, fontbook: FontBook) -> Page:
    fixed = tuple(placed for mark in leaf.marks for placed in _fixed_mark(mark, fontbook))
    return _page(fixed, leaf.slots, leaf.values, fontbook)


def _page(
    fixed: tuple[Run | Path, ...],
    slots: tuple[Slot, ...],
    values: Mapping[str, Value],
    fontbook: FontBook,
) -> Page:
    return Page(fixed=fixed, filled=tuple(_filled(slots, values, fontbook)), slots=slots)


@lru_cache(maxsize=32)
def _fixed(sheet: Sheet, fontbook: FontBook) -> tuple[Run | Path, ...]:
    """The same for every document of the sheet, so placed once."""
    return tuple(placed for mark in sheet.marks for placed in _fixed_mark(mark, fontbook))


def _fixed_mark(mark: FixedMark, fontbook: FontBook) -> Iterator[Run | Path]:
    if isinstance(mark, Path):
        yield mark
        return
    line = printable(f"label {mark.text}", mark.text, mark.style, fontbook)
    em_mm = mark.size_pt * MM_PER_PT
    if mark.spread_mm is None:
        yield from _runs(mark, line, _start(mark.align, mark.x_mm, 0, width_em(line) * em_mm))
        return
    gap = (mark.spread_mm - width_em(line) * em_mm) / max(1, len(line) - 1)
    x = mark.x_mm
    for glyph in line:
        yield from _runs(mark, (glyph,), x)
        x += glyph.advance * em_mm + gap


def _runs(mark: Text, line: tuple[Glyph, ...], x_mm: float) -> Iterator[Run]:
    for face, text, x, width in _pieces(line, x_mm, mark.size_pt):
        yield Run(
            face=face,
            text=text,
            x_mm=x,
            y_mm=mark.y_mm,
            width_mm=width,
            size_pt=mark.size_pt,
            colour=mark.colour,
            bold_mm=mark.bold_mm,
        )


def _filled(
    slots: tuple[Slot, ...], values: Mapping[str, Value], fontbook: FontBook
) -> Iterator[Run | Picture | Code]:
    for slot in slots:
        if isinstance(slot, TextSlot):
            yield from _slot_runs(slot, values.get(slot.name, ""), fontbook)
        elif isinstance(slot, PictureSlot) and slot.role in values:
            yield _picture(slot)
        elif isinstance(slot, CodeSlot):
            yield _code(slot, values.get(slot.name, ""))


def _slot_runs(slot: TextSlot, value: Value, fontbook: FontBook) -> Iterator[Run]:
    given = (value,) if isinstance(value, str) else value
    paragraphs = tuple(printable(slot.name, text, slot.style, fontbook) for text in given if text)
    if not paragraphs:
        if slot.required:
            raise LintError(f"{slot.name}: a value is required")
        return
    fitted = fit(slot, paragraphs)
    for line, down_mm in fitted.lines:
        yield from _line_runs(slot, fitted, line, down_mm)


def _line_runs(
    slot: TextSlot, fitted: Fitted, line: tuple[Glyph, ...], down_mm: float
) -> Iterator[Run]:
    width_mm = width_em(line) * fitted.size_pt * MM_PER_PT
    start = _start(slot.align, slot.x_mm, slot.width_mm, width_mm)
    baseline = slot.y_mm + ASCENT * slot.size_pt * MM_PER_PT + down_mm
    for face, text, x, width in _pieces(line, start, fitted.size_pt):
        yield Run(
            face=face,
            text=text,
            x_mm=x,
            y_mm=baseline,
            width_mm=width,
            size_pt=fitted.size_pt,
            colour=slot.colour,
            slot=slot.name,
        )


def _pieces(
    line: tuple[Glyph, ...], x_mm: float, size_pt: float
) -> Iterator[tuple[Face, str, float, float]]:
    """The line cut where the face changes: face, text, left end, width."""
    start = 0
    for end in range(1, len(line) + 1):
        if end < len(line) and line[end].face is line[start].face:
            continue
        piece = line[start:end]
        width_mm = width_em(piece) * size_pt * MM_PER_PT
        yield piece[0].face, "".join(glyph.text for glyph in piece), x_mm, width_mm
        x_mm += width_mm
        start = end


def _start(align: Align, x_mm: float, box_mm: float, width_mm: float) -> float:
    """The left end of a line in a box; a fixed text stands at a point, a box of no width."""
    spare = box_mm - width_mm
    return x_mm + {Align.LEFT: 0.0, Align.CENTRE: spare / 2, Align.RIGHT: spare}[align]


def _picture(slot: PictureSlot) -> Picture:
    return Picture(
        role=slot.role,
        x_mm=slot.x_mm,
        y_mm=slot.y_mm,
        width_mm=slot.width_mm,
        height_mm=slot.height_mm,
    )


def _code(slot: CodeSlot, content: Value) -> Code:
    if not isinstance(content, str) or not content:
        raise LintError(f"{slot.name}: a value is required")
    rows = qr_rows(content)
    module_mm = slot.size_mm / (len(rows) + 2 * QUIET_MODULES)
    return Code(
        slot=slot.name,
        content=content,
        rows=rows,
        x_mm=slot.x_mm + QUIET_MODULES * module_mm,
        y_mm=slot.y_mm + QUIET_MODULES * module_mm,
        size_mm=len(rows) * module_mm,
    )


def qr_rows(content: str) -> tuple[bytes, ...]:
    """The modules of a QR symbol, level M, from the top; 1 is dark.  GB/T 18284-2000."""
    symbol = segno.make(content, error="m", micro=False, boost_error=False, mask=QR_MASK)
    return tuple(bytes(row) for row in symbol.matrix)


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
