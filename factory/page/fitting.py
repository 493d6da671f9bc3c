"""Fitting a text into its slot: a little smaller, then wrapped, then smaller; never clipped."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
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


def at_full_size(slot: TextSlot, widths: Sequence[float]) -> Fitted[int] | None:
    """Paragraphs, by their number, in one line each; None where ``fit`` must look for a way.

    widths: of each paragraph, in ems.
    """
    return _stack(slot, slot.size_pt, [[n] for n in range(len(widths))], widths.__getitem__)


def fit(slot: TextSlot, paragraphs: tuple[Line, ...]) -> Fitted[Line]:
    """The paragraphs at the largest size and fewest lines their slot takes.

    LintError: not even at the slot's smallest size; names the field, never the value.
    """
    for fitted in _trials(slot, paragraphs):
        if fitted is not None:
            return fitted
    raise LintError(f"{slot.name}: longer than its place on the page at {slot.min_size_pt} pt")


def _trials(slot: TextSlot, paragraphs: tuple[Line, ...]) -> Iterator[Fitted[Line] | None]:
    """One line each down to ``wrap_below_pt``, then wrapped down to ``min_size_pt``."""
    for size_pt in _sizes(slot.size_pt, slot.wrap_below_pt):
        yield _stack(slot, size_pt, [[paragraph] for paragraph in paragraphs], width_em)
    for size_pt in _sizes(slot.size_pt, slot.min_size_pt):
        limit = slot.width_mm / (size_pt * MM_PER_PT)
        yield _stack(slot, size_pt, [wrap(paragraph, limit) for paragraph in paragraphs], width_em)


def _sizes(first_pt: float, last_pt: float) -> Iterator[float]:
    for step in range(int((first_pt - last_pt) / STEP_PT) + 1):
        yield first_pt - step * STEP_PT


def _stack(
    slot: TextSlot, size_pt: float, wrapped: list[list[L]], width: Callable[[L], float]
) -> Fitted[L] | None:
    """The lines below each other, or None where they are too many, too wide or too high.

    width: of a line, in ems.
    """
    em_mm = size_pt * MM_PER_PT
    lines = [line for paragraph in wrapped for line in paragraph]
    if len(lines) > slot.max_lines or max(map(width, lines)) * em_mm > slot.width_mm:
        return None
    for pitch_mm in (slot.pitch_mm, 0.0):
        stacked, used_mm = _descend(wrapped, slot.leading * em_mm, pitch_mm)
        if used_mm + em_mm <= slot.height_mm:
            return Fitted(size_pt=size_pt, lines=stacked)
    return None


def _descend(
    wrapped: list[list[L]], leading_mm: float, pitch_mm: float
) -> tuple[tuple[tuple[L, float], ...], float]:
    """Each line with its depth, and the depth of the last one."""
    placed: list[tuple[L, float]] = []
    top_mm = 0.0
    for paragraph in wrapped:
        placed += [(line, top_mm + n * leading_mm) for n, line in enumerate(paragraph)]
        top_mm += max(pitch_mm, len(paragraph) * leading_mm)
    return tuple(placed), placed[-1][1]


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
