"""Lint (``lint``) at a glance: one more document of a sheet of which others were looked at closely.

Of a sheet's documents only what fills the slots differs.  What could be in a slot's way, labels
and other slots, is found once: so each mark is judged by itself, and only when it is first met.
Whatever is not clean for certain is looked at closely.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from factory.page import lint
from factory.page.fonts import Face, code_point
from factory.page.lint import TOLERANCE_MM, Box, bounds, overlap, plain, slot_box
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
    Slot,
    TextSlot,
    Value,
    slot_name,
)
from factory.page.rows import Table
from factory.page.setting import REPEATED

MOST_KEPT = 4096

#: What a slot is filled with; nothing is drawn where a signature will stand.
TAKES: Mapping[type[Slot], type[Filled]] = {TextSlot: Run, PictureSlot: Picture, CodeSlot: Code}

Met = tuple[Filled, str, str]  #: a mark that lies well, the name of its slot, what it says


def check(sheet: Sheet | Table, placed: Placed, values: Mapping[str, Value]) -> None:
    """As ``lint.check``, and as strict; quick where documents of one sheet follow one another."""
    if isinstance(sheet, Sheet):
        _glance(sheet).check(placed, values)
    else:
        lint.check(sheet, placed, values)


@lru_cache(maxsize=32)
def _glance(sheet: Sheet) -> Glance:
    return Glance(sheet)


class Glance:
    """At documents of one sheet, in any number of threads.

    most_kept: so many marks are remembered.
    """

    def __init__(self, sheet: Sheet, most_kept: int = MOST_KEPT) -> None:
        self._sheet, self._most_kept = sheet, most_kept
        self._design: Design | None = None

    def check(self, placed: Placed, values: Mapping[str, Value]) -> None:
        """As ``lint.check`` of this sheet."""
        if not self.is_clean(placed, values):
            lint.check(self._sheet, placed, values)
            self._remember(placed)

    def is_clean(self, placed: Placed, values: Mapping[str, Value]) -> bool:
        """Whether no rule is broken, for certain."""
        design = self._design  # read once: another thread may put another one there
        return design is not None and design.fits(placed) and design.is_clean(placed, values)

    def _remember(self, placed: Placed) -> None:
        """No rule is broken in this document, nor in what others share with it."""
        design, pages = self._design, placed.pages
        if design is not None and design.fits(placed):
            return
        if len(pages) == 1 and pages[0].slots is self._sheet.slots:
            self._design = Design(self._sheet, placed, self._most_kept)


class Design:
    """A sheet as one document of it was placed: the page, its fixed marks and its signatures.

    What threads add to its memory is the same, whichever of them does.
    """

    def __init__(self, sheet: Sheet, placed: Placed, most_kept: int) -> None:
        self._first, self._page, self._most_kept = placed, placed.pages[0], most_kept
        self._wanted = sheet.wanted
        self._places: dict[str | None, Place] = {each.name: each for each in _places(sheet, placed)}
        self._texts, self._codes = _sources(sheet, TextSlot), _sources(sheet, CodeSlot)
        self._roles = tuple(_sources(sheet, PictureSlot))
        self._advances: dict[Face, Callable[[str], float]] = {}
        self._met: dict[int, Met] = {}  # by id: nothing else can have that of a mark that is kept

    def fits(self, placed: Placed) -> bool:
        """Whether a document differs in what fills its slots, and in nothing else."""
        first, pages = self._first, placed.pages
        return (
            placed.signatures is first.signatures
            and len(pages) == 1
            and pages[0].fixed is self._page.fixed
            and pages[0].slots is self._page.slots
            and placed.width_mm == first.width_mm
            and placed.height_mm == first.height_mm
        )

    def is_clean(self, placed: Placed, values: Mapping[str, Value]) -> bool:
        """Whether a document that fits breaks no rule, for certain."""
        said = self._said(placed.pages[0].filled)
        return said is not None and self._wanted.issuperset(values) and self._is_given(said, values)

    def _said(self, filled: Sequence[Filled]) -> dict[str, str] | None:
        """What stands in each slot; None: a mark does not lie well, or is not the only one."""
        met, said = self._met, dict[str, str]()
        for mark in filled:
            known = met.get(id(mark)) or self._looked_at(mark)
            if known is None:
                return None
            _, name, words = known
            if name not in said:
                said[name] = words
            elif name in self._texts:
                said[name] += words
            else:
                return None
        return said

    def _is_given(self, said: Mapping[str, str], values: Mapping[str, Value]) -> bool:
        """Whether every slot says its value, as it is given."""
        for name, source in self._texts.items():
            text, value = said.get(name, ""), values.get(source, "")
            if text != value and plain(text) != plain(value):
                return False
        for name, source in self._codes.items():
            if said.get(name) != values.get(source, ""):
                return False
        return all(role in said for role in self._roles if role in values)

    def _looked_at(self, mark: Filled) -> Met | None:
        """None: it is not in its slot, lies over something there, or lacks a glyph."""
        place = self._places.get(mark.role if isinstance(mark, Picture) else mark.slot)
        if place is None or type(mark) is not place.takes or not self._lies_well(mark, place):
            return None
        if len(self._met) >= self._most_kept:
            self._met.clear()
        self._met[id(mark)] = met = mark, place.name, _words(mark)
        return met

    def _lies_well(self, mark: Filled, place: Place) -> bool:
        box = self._bounds(mark)
        if box is None:
            return False
        left, top, right, bottom = place.limits
        if not (box[0] >= left and box[1] >= top and box[2] <= right and box[3] <= bottom):
            return False
        return not (place.others and any(overlap(box, other) for other in place.others))

    def _bounds(self, mark: Filled) -> Box | None:
        """Measured anew from the face; None: it has no glyph for a character."""
        if not isinstance(mark, Run):
            return bounds(mark)
        advance = self._advances.get(mark.face)
        if advance is None:
            advance = self._advances[mark.face] = _Advances(mark.face).__getitem__
        em_mm = mark.size_pt * MM_PER_PT
        try:
            width_mm = sum(map(advance, mark.text)) * em_mm
        except KeyError:
            return None
        return mark.x_mm, mark.y_mm - ASCENT * em_mm, mark.x_mm + width_mm, mark.y_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the marks of a slot lie well, whatever lies in the other slots.

    takes:  the type of its marks.
    limits: the box that they keep to, tolerance included.
    others: the boxes in it that they do not reach into.
    """

    name: str
    takes: type[Filled]
    limits: Box
    others: tuple[Box, ...]


def _places(sheet: Sheet, placed: Placed) -> Iterator[Place]:
    """Of the slots that take marks and share their name with no other.

    Of two that reach into one another one keeps out: a text of what fills its slot whole, and
    of a text below it, for texts hang from the top of their slots.
    """
    page = (0.0, 0.0, placed.width_mm, placed.height_mm)
    names = Counter(map(slot_name, sheet.slots))
    alone = (slot for slot in sheet.slots if type(slot) in TAKES and names[slot_name(slot)] == 1)
    taken = [bounds(mark) for mark in placed.pages[0].fixed if not isinstance(mark, Path)]
    for slot in sorted(alone, key=lambda slot: (isinstance(slot, TextSlot), -slot.y_mm)):
        limits = _both(_with_tolerance(slot_box(slot)), _with_tolerance(page))
        yield Place(
            name=slot_name(slot),
            takes=TAKES[type(slot)],
            limits=limits,
            others=tuple(box for box in taken if overlap(limits, box)),
        )
        taken.append(limits)


def _with_tolerance(box: Box) -> Box:
    left, top, right, bottom = box
    return left - TOLERANCE_MM, top - TOLERANCE_MM, right + TOLERANCE_MM, bottom + TOLERANCE_MM


def _both(one: Box, other: Box) -> Box:
    """What two boxes have in common."""
    left, top = max(one[0], other[0]), max(one[1], other[1])
    return left, top, min(one[2], other[2]), min(one[3], other[3])


def _sources(sheet: Sheet, slots: type[Slot]) -> dict[str, str]:
    """The names of such slots, each with that of the value it shows."""
    names = [slot_name(slot) for slot in sheet.slots if isinstance(slot, slots)]
    return {name: name.partition(REPEATED)[0] for name in names}


def _words(mark: Filled) -> str:
    """What a mark says; a picture says nothing."""
    if isinstance(mark, Run):
        return mark.text
    return mark.content if isinstance(mark, Code) else ""


class _Advances(dict[str, float]):
    """Of one face, in ems, looked up when first asked for.  KeyError: it has no such glyph."""

    def __init__(self, face: Face) -> None:
        self._face = face

    def __missing__(self, ch: str) -> float:
        if not self._face.covers(ch):
            raise KeyError(code_point(ch))
        self[ch] = advance = self._face.advance(ch)
        return advance
