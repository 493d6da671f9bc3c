"""Fitting a text into its slot: a little smaller, then wrapped, then smaller; never clipped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from factory.errors import LintError, RefusedCharacterError, UnprintableError
from factory.page.fonts import Face, FontBook, Style, code_point, is_refused, refusal
from factory.page.marks import MM_PER_PT, TextSlot

STEP_PT = 0.25

#: What a line break may not tear: a Latin word or a number with its points, and Chinese
#: punctuation that may not begin or end a line (GB/T 15834-2011, 5.1).
UNIT = re.compile(
    r"[（《“‘〔(\[]*(?:[0-9A-Za-z]+(?:[.\-/:][0-9A-Za-z]+)*|.)[，。、；：·！？）》”’〕)\]]*", re.S
)


@dataclass(frozen=True, slots=True)
class Glyph:
    """One character in the face that prints it; advance in ems."""

    text: str
    face: Face
    advance: float


Line = tuple[Glyph, ...]
L = TypeVar("L")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted(Generic[L]):
    """Lines with their distance below the first baseline, in millimetres."""

    size_pt: float
    lines: tuple[tuple[L, float], ...]


def glyphs(text: str, style: Style, fontbook: FontBook) -> tuple[Line, tuple[str, ...]]:
    """The text's glyphs, and the code points no face prints (each once)."""
    found = [(ch, fontbook.face_for(style, ch)) for ch in text]
    line = tuple(Glyph(ch, face, face.advance(ch)) for ch, face in found if face)
    return line, tuple(dict.fromkeys(code_point(ch) for ch, face in found if face is None))


def printable(field: str, text: str, style: Style, fontbook: FontBook) -> Line:
    """The text's glyphs.

    RefusedCharacterError: one is never printed, and why.  UnprintableError: no face has one.
    """
    line, missing = glyphs(text, style, fontbook)
    if refused := {code_point(ch): refusal(ch) for ch in text if is_refused(ch)}:
        raise RefusedCharacterError(field, refused)
    if missing:
        raise UnprintableError(field, missing)
    return line


def width_em(line: Line) -> float:
    """Of a line, in ems."""
    return sum(glyph.advance for glyph in line)


def fit(slot: TextSlot, paragraphs: tuple[Line, ...]) -> Fitted[Line]:
    """The paragraphs at the largest size and fewest lines their slot takes.

    LintError: not even at the slot's smallest size; names the field, never the value.
    """
    whole = unbroken(slot, [width_em(paragraph) for paragraph in paragraphs])
    if whole is not None:
        lines = tuple((paragraphs[number], down_mm) for number, down_mm in whole.lines)
        return Fitted(size_pt=whole.size_pt, lines=lines)
    for size_pt in _sizes(slot.size_pt, slot.min_size_pt):
        fitted = _wrapped(slot, size_pt, paragraphs)
        if fitted is not None:
            return fitted
    raise LintError(f"{slot.name}: longer than its place on the page at {slot.min_size_pt} pt")


def narrower(slot: TextSlot, wide: float) -> float:
    """The largest size at which a line of that many ems fits; 0 where that is below wrapping."""
    sizes = _sizes(slot.size_pt, slot.wrap_below_pt, _too_wide(slot, wide))
    return next((pt for pt in sizes if wide * (pt * MM_PER_PT) <= slot.width_mm), 0.0)


def unbroken(slot: TextSlot, widths: Sequence[float]) -> Fitted[int] | None:
    """Paragraphs, by their number, in one line each; not smaller than ``wrap_below_pt``.

    widths: of each paragraph, in ems.
    """
    if len(widths) > slot.max_lines:
        return None
    widest, counts = max(widths), [1] * len(widths)
    for size_pt in _sizes(slot.size_pt, slot.wrap_below_pt, _too_wide(slot, widest)):
        em_mm = size_pt * MM_PER_PT
        if widest * em_mm <= slot.width_mm:
            depths = _depths(slot, em_mm, counts)
            if depths is not None:
                return Fitted(size_pt=size_pt, lines=tuple(enumerate(depths)))
    return None


def _wrapped(slot: TextSlot, size_pt: float, paragraphs: tuple[Line, ...]) -> Fitted[Line] | None:
    """The lines below each other, or None where they are too many, too wide or too high."""
    em_mm = size_pt * MM_PER_PT
    wrapped = [wrap(paragraph, slot.width_mm / em_mm) for paragraph in paragraphs]
    lines = [line for paragraph in wrapped for line in paragraph]
    if len(lines) > slot.max_lines or max(map(width_em, lines)) * em_mm > slot.width_mm:
        return None
    depths = _depths(slot, em_mm, [len(paragraph) for paragraph in wrapped])
    if depths is None:
        return None
    return Fitted(size_pt=size_pt, lines=tuple(zip(lines, depths, strict=True)))


def _sizes(first_pt: float, last_pt: float, passed: int = 0) -> Iterator[float]:
    for step in range(passed, int((first_pt - last_pt) / STEP_PT) + 1):
        yield first_pt - step * STEP_PT


def _too_wide(slot: TextSlot, widest: float) -> int:
    """How many of the first sizes need not be tried, at least, for a line of that width."""
    largest_pt = slot.width_mm / (widest * MM_PER_PT) if widest else slot.size_pt
    return max(0, int((slot.size_pt - largest_pt) / STEP_PT) - 1)


def _depths(slot: TextSlot, em_mm: float, counts: Sequence[int]) -> list[float] | None:
    """Of each line below the first; closer together where there is no room for the pitch.

    counts: lines of each paragraph.  None: the last does not fit.
    """
    leading_mm = slot.leading * em_mm
    for pitch_mm in (slot.pitch_mm, 0.0):
        depths, top_mm = [], 0.0
        for count in counts:
            depths += [top_mm + n * leading_mm for n in range(count)]
            top_mm += max(pitch_mm, count * leading_mm)
        if depths[-1] + em_mm <= slot.height_mm:
            return depths
    return None


def wrap(paragraph: Line, limit_em: float) -> list[Line]:
    """Lines no wider than the limit; a unit wider than a whole line is torn."""
    lines: list[Line] = []
    current: Line = ()
    for unit in _units(paragraph, limit_em):
        if current and width_em(current + unit) > limit_em:
            lines.append(current)
            current = ()
        current += unit
    return [*lines, current]


def _units(paragraph: Line, limit_em: float) -> Iterator[Line]:
    text = "".join(glyph.text for glyph in paragraph)
    for found in UNIT.finditer(text):
        unit = paragraph[found.start() : found.end()]
        if width_em(unit) <= limit_em:
            yield unit
        else:
            yield from ((glyph,) for glyph in unit)
