"""Filling: what each slot of a page prints, decided once for each value.

Most values of a batch are those of its last document too (an enterprise, a day, an address), so
the marks of a value are kept.  Of the others most fit in one line each at full size and in one
face, which is seen from their advances alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from factory.errors import LintError
from factory.page import qr
from factory.page.fitting import Glyph, fit, narrower, printable, unbroken, width_em
from factory.page.fonts import Face, FontBook
from factory.page.marks import (
    ASCENT,
    MM_PER_PT,
    Align,
    Code,
    CodeSlot,
    Filled,
    Picture,
    PictureSlot,
    Run,
    Slot,
    TextSlot,
    Value,
)

QUIET_MODULES = 4  #: light modules around a QR symbol, GB/T 18284-2000, 7.9
MOST_KEPT = 512  #: values of one slot

Piece = tuple[Face, str, float]  #: face, text, width in ems
Place = tuple[float, float]  #: of a line: size in points, baseline in millimetres
L = TypeVar("L")


class Filling(Protocol):
    """What one slot prints."""

    name: str

    def marks(self, value: Value | None) -> tuple[Filled, ...]:
        """Of one value, None where there is none.  Errors as ``layout``."""


def fillings(slots: Sequence[Slot], fontbook: FontBook) -> tuple[Filling, ...]:
    """Of the slots that print a value, in their order."""
    return tuple(_fillings(slots, fontbook))


def filled(fillings: Sequence[Filling], values: Mapping[str, Value]) -> tuple[Filled, ...]:
    """The marks of all slots in their order."""
    found: list[Filled] = []
    for each in fillings:
        found += each.marks(values.get(each.name))
    return tuple(found)


def pieces(line: tuple[Glyph, ...]) -> Iterator[Piece]:
    """The line cut where the face changes."""
    start = 0
    for end in range(1, len(line) + 1):
        if end < len(line) and line[end].face is line[start].face:
            continue
        piece = line[start:end]
        yield piece[0].face, "".join(glyph.text for glyph in piece), width_em(piece)
        start = end


def start_of(align: Align, x_mm: float, box_mm: float, width_mm: float) -> float:
    """The left end of a line in a box; a fixed text stands at a point, a box of no width."""
    if align is Align.LEFT:
        return x_mm
    spare = box_mm - width_mm
    return x_mm + (spare / 2 if align is Align.CENTRE else spare)


def _fillings(slots: Sequence[Slot], fontbook: FontBook) -> Iterator[Filling]:
    for slot in slots:
        if isinstance(slot, TextSlot):
            yield _Text(slot, fontbook)
        elif isinstance(slot, PictureSlot):
            yield _Picture(slot)
        elif isinstance(slot, CodeSlot):
            yield _Code(slot)


class _Text:
    """A text slot in one font book."""

    def __init__(self, slot: TextSlot, fontbook: FontBook) -> None:
        self.name = slot.name
        self._slot, self._fontbook = slot, fontbook
        self._face = fontbook.first(slot.style)
        self._advances = fontbook.advances(slot.style)
        self._first_mm = slot.y_mm + ASCENT * slot.size_pt * MM_PER_PT
        self._full_mm = slot.size_pt * MM_PER_PT
        self._is_high_enough = self._full_mm <= slot.height_mm
        self._kept: dict[Value, tuple[Run, ...]] = {}

    def marks(self, value: Value | None) -> tuple[Run, ...]:
        """The runs of its lines, the same ones for an equal value."""
        if value is None:
            value = ""
        runs = self._kept.get(value)
        if runs is None:
            runs = (type(value) is str and self._plain(value)) or tuple(self._set(value))
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[value] = runs
        return runs

    def _plain(self, text: str) -> tuple[Run, ...]:
        """In one line and in the first face, as most values are; else nothing."""
        slot, face = self._slot, self._face
        try:
            wide = sum(map(self._advances.__getitem__, text))
        except KeyError:
            return ()
        if face is None or not text or not self._is_high_enough:
            return ()
        size_pt = slot.size_pt
        if wide * self._full_mm > slot.width_mm:
            size_pt = narrower(slot, wide)
        return (self._run(face, text, wide, wide, size_pt, self._first_mm),) if size_pt else ()

    def _set(self, value: Value) -> Iterator[Run]:
        """Anything: smaller, in more lines, in other faces where it must be."""
        texts = [text for text in ((value,) if isinstance(value, str) else value) if text]
        if not texts:
            if self._slot.required:
                raise LintError(f"{self.name}: a value is required")
            return
        try:  # in the first face alone, and in a line each
            widths = [sum(map(self._advances.__getitem__, text)) for text in texts]
            whole = unbroken(self._slot, widths)
        except KeyError:
            whole = None
        face = self._face
        if whole is None or face is None:
            yield from self._fitted(texts)
            return
        for number, down_mm in whole.lines:
            wide, y_mm = widths[number], self._first_mm + down_mm
            yield self._run(face, texts[number], wide, wide, whole.size_pt, y_mm)

    def _fitted(self, texts: list[str]) -> Iterator[Run]:
        paragraphs = tuple(
            printable(self.name, text, self._slot.style, self._fontbook) for text in texts
        )
        fitted = fit(self._slot, paragraphs)
        for line, down_mm in fitted.lines:
            whole, before, y_mm = width_em(line), 0.0, self._first_mm + down_mm
            for face, text, wide in pieces(line):
                yield self._run(face, text, wide, whole, fitted.size_pt, y_mm, before)
                before += wide * fitted.size_pt * MM_PER_PT

    def _run(
        self,
        face: Face,
        text: str,
        wide: float,
        line: float,
        size_pt: float,
        y_mm: float,
        before_mm: float = 0.0,
    ) -> Run:
        """A piece of a line, that far behind the line's start; widths in ems."""
        slot = self._slot
        start_mm = slot.x_mm
        if slot.align is not Align.LEFT:
            width_mm = line * size_pt * MM_PER_PT
            start_mm = start_of(slot.align, start_mm, slot.width_mm, width_mm)
        width_mm = wide * size_pt * MM_PER_PT
        return Run(face, text, start_mm + before_mm, y_mm, width_mm, size_pt, slot.colour, 0.0,
                   self.name)  # fmt: skip


class _Picture:
    """A picture slot: whether there is a picture is all that differs."""

    def __init__(self, slot: PictureSlot) -> None:
        self.name = slot.role
        self._marks = (
            Picture(
                role=slot.role,
                x_mm=slot.x_mm,
                y_mm=slot.y_mm,
                width_mm=slot.width_mm,
                height_mm=slot.height_mm,
            ),
        )

    def marks(self, value: Value | None) -> tuple[Picture, ...]:
        """Nothing where the role has no value."""
        return () if value is None else self._marks


class _Code:
    """A code slot; no two contents are alike."""

    def __init__(self, slot: CodeSlot) -> None:
        self.name = slot.name
        self._slot = slot

    def marks(self, value: Value | None) -> tuple[Code]:
        """The symbol inside its quiet zone."""
        if not isinstance(value, str) or not value:
            raise LintError(f"{self.name}: a value is required")
        slot, symbol = self._slot, qr.symbol(value)
        module_mm = slot.size_mm / (symbol.side + 2 * QUIET_MODULES)
        code = Code(
            slot=slot.name,
            content=value,
            side=symbol.side,
            bits=symbol.bits,
            x_mm=slot.x_mm + QUIET_MODULES * module_mm,
            y_mm=slot.y_mm + QUIET_MODULES * module_mm,
            size_mm=symbol.side * module_mm,
        )
        return (code,)
