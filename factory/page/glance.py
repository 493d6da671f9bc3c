"""Lint (``lint``) at a glance: one more document of a sheet of which others were looked at closely.

Of a sheet's documents only what fills the slots differs.  Which labels and other slots could be in
a slot's way is found once; of each document then only its own marks are measured, and of those
only the ones that were not met before.  Whatever is not clean for certain is looked at closely.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations

from factory.page import lint
from factory.page.fonts import Face
from factory.page.lint import Box, bounds, inside, overlap, plain, slot_box
from factory.page.marks import (
    ASCENT,
    MM_PER_PT,
    Code,
    CodeSlot,
    Filled,
    Path,
    Picture,
    PictureSlot,
    Placed,
    Run,
    Sheet,
    SignatureSlot,
    TextSlot,
    Value,
    slot_name,
)
from factory.page.rows import Table

MOST_KEPT = 4096


def check(sheet: Sheet | Table, placed: Placed, values: Mapping[str, Value]) -> None:
    """As ``lint.check``, and as strict; quick where documents of one sheet follow one another."""
    if not isinstance(sheet, Sheet):
        lint.check(sheet, placed, values)
    elif not _glance(sheet).is_clean(placed, values):
        lint.check(sheet, placed, values)
        _glance(sheet).remember(placed)


@lru_cache(maxsize=32)
def _glance(sheet: Sheet) -> Glance:
    return Glance(sheet)


class Glance:
    """At documents of one sheet, for one thread."""

    def __init__(self, sheet: Sheet) -> None:
        self._page: Box = (0.0, 0.0, sheet.width_mm, sheet.height_mm)
        self._wanted, self._slots = sheet.wanted, sheet.slots
        placed = [slot for slot in sheet.slots if not isinstance(slot, SignatureSlot)]
        self._boxes = {slot_name(slot): slot_box(slot) for slot in placed}
        self._texts = [slot.name for slot in placed if isinstance(slot, TextSlot)]
        self._codes = [slot.name for slot in placed if isinstance(slot, CodeSlot)]
        self._roles = [slot.role for slot in placed if isinstance(slot, PictureSlot)]
        self._neighbours = [
            (one, other)
            for one, other in combinations(self._boxes, 2)
            if overlap(self._boxes[one], self._boxes[other])
        ]
        self._first: Placed | None = None
        self._labels: dict[str, list[Box]] = {}
        self._advances: dict[Face, dict[str, float]] = {}
        self._kept: dict[int, tuple[Filled, Box]] = {}

    def remember(self, placed: Placed) -> None:
        """This document was looked at closely: its labels and signatures are as they should be."""
        self._first = placed
        self._kept.clear()
        labels = [bounds(mark) for mark in placed.pages[0].fixed if not isinstance(mark, Path)]
        self._labels = {
            name: [label for label in labels if overlap(box, label)]
            for name, box in self._boxes.items()
        }

    def is_clean(self, placed: Placed, values: Mapping[str, Value]) -> bool:
        """Whether no rule is broken, for certain."""
        first = self._first
        if first is None or placed.signatures is not first.signatures:
            return False
        [page], [known] = placed.pages, first.pages
        if page.fixed is not known.fixed or page.slots is not self._slots:
            return False
        found = self._measured(page.filled)
        return (
            found is not None
            and values.keys() <= self._wanted
            and self._are_apart(found)
            and self._are_said(page.filled, values)
        )

    def _measured(self, filled: tuple[Filled, ...]) -> dict[str, list[Box]] | None:
        """Where the marks of each slot lie; None: one does not lie where it should."""
        found: dict[str, list[Box]] = {}
        for mark in filled:
            kept = self._kept.get(id(mark))
            box = kept[1] if kept is not None and kept[0] is mark else self._looked_at(mark)
            if box is None:
                return None
            found.setdefault(_name(mark), []).append(box)
        return found

    def _looked_at(self, mark: Filled) -> Box | None:
        """Where a mark lies; None: not in its slot, over a label, or a glyph is missing."""
        name = _name(mark)
        slot, box = self._boxes.get(name), self._bounds(mark)
        if slot is None or box is None or not inside(box, slot) or not inside(box, self._page):
            return None
        if any(overlap(box, label) for label in self._labels[name]):
            return None
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[id(mark)] = (mark, box)
        return box

    def _bounds(self, mark: Filled) -> Box | None:
        """Measured anew from the face; None: it has no glyph for a character."""
        if not isinstance(mark, Run):
            return bounds(mark)
        advances = self._advances.setdefault(mark.face, {})
        for ch in set(mark.text).difference(advances):
            if not mark.face.covers(ch):
                return None
            advances[ch] = mark.face.advance(ch)
        em_mm = mark.size_pt * MM_PER_PT
        width_mm = sum(map(advances.__getitem__, mark.text)) * em_mm
        return mark.x_mm, mark.y_mm - ASCENT * em_mm, mark.x_mm + width_mm, mark.y_mm

    def _are_apart(self, found: Mapping[str, list[Box]]) -> bool:
        """Only slots that reach into one another can hold marks that do."""
        return not any(
            overlap(box, below)
            for one, other in self._neighbours
            for box in found.get(one, ())
            for below in found.get(other, ())
        )

    def _are_said(self, filled: tuple[Filled, ...], values: Mapping[str, Value]) -> bool:
        """Every value as it is given, and nothing else."""
        texts = dict.fromkeys(self._texts, "")
        codes, roles = [], []
        for mark in filled:
            if isinstance(mark, Run):
                texts[mark.slot or ""] += mark.text
            elif isinstance(mark, Code):
                codes.append((mark.slot, mark.content))
            else:
                roles.append(mark.role)
        return (
            codes == [(name, values.get(name)) for name in self._codes]
            and roles == [role for role in self._roles if role in values]
            and all(_is_same(text, values.get(name, "")) for name, text in texts.items())
        )


def _name(mark: Filled) -> str:
    return mark.role if isinstance(mark, Picture) else mark.slot or ""


def _is_same(text: str, value: Value) -> bool:
    """Only spaces may be lost where a line ends."""
    return text == value or plain(text) == plain(value)
