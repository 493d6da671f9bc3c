"""What a drawn document must hold before it is sealed; each rule is one function.

A broken rule holds the order.  Messages name the field and the rule, never the value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from factory.errors import LintError
from factory.page.marks import (
    ASCENT,
    MM_PER_PT,
    SIGNATURES,
    Code,
    CodeSlot,
    Path,
    Picture,
    PictureSlot,
    Placed,
    PlacedMark,
    Run,
    Sheet,
    SignatureSlot,
    Slot,
    TextSlot,
    Value,
    slot_name,
)
from factory.page.rows import Table
from factory.page.setting import REPEATED

TOLERANCE_MM = 0.01
DESCENT = 0.3  #: of an em below the baseline that no glyph leaves

Box = tuple[float, float, float, float]  #: left, top, right, bottom in mm


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """One document as its rules look at it: what was wanted, and what was placed."""

    sheet: Sheet | Table
    placed: Placed
    values: Mapping[str, Value]

    @property
    def marks(self) -> Iterator[PlacedMark]:
        """Of all pages."""
        return (mark for page in self.placed.pages for mark in page.marks)

    @property
    def slots(self) -> Iterator[Slot]:
        """Of all pages."""
        return (slot for page in self.placed.pages for slot in page.slots)


Rule = Callable[[Drawing], Iterator[str]]


def check(sheet: Sheet | Table, placed: Placed, values: Mapping[str, Value]) -> None:
    """Nothing, if every rule holds.

    values: what the kind says is printed, by slot.
    LintError: the broken rules as ``field: rule``.
    """
    drawing = Drawing(sheet=sheet, placed=placed, values=values)
    broken = [problem for rule in RULES for problem in rule(drawing)]
    if broken:
        raise LintError("; ".join(broken))


def every_value_has_a_slot(drawing: Drawing) -> Iterator[str]:
    """A value that no slot takes would silently be missing from the page."""
    known = drawing.sheet.wanted
    yield from (f"{name}: no place on the page" for name in drawing.values if name not in known)


def every_value_is_printed(drawing: Drawing) -> Iterator[str]:
    """All characters in their order; only spaces may be lost where a line ends."""
    slots = {slot_name(slot): slot for slot in drawing.slots}
    for name, slot in slots.items():
        if isinstance(slot, TextSlot):
            if plain(drawing.placed.text(name)) != plain(_value(drawing, name)):
                yield f"{name}: not printed as given"
        elif isinstance(slot, CodeSlot) and _contents(drawing, slot) != [_value(drawing, name)]:
            yield f"{name}: the code does not hold what is given"
        elif isinstance(slot, PictureSlot) and _missing(drawing, slot):
            yield f"{name}: the picture is not printed"
    for name, value in drawing.values.items():
        if name in drawing.sheet.wanted and name not in slots and plain(value):
            yield f"{name}: not printed as given"


def every_glyph_exists(drawing: Drawing) -> Iterator[str]:
    """No empty box on a legal document."""
    for mark in drawing.marks:
        if isinstance(mark, Run) and not all(map(mark.face.covers, mark.text)):
            yield f"{mark.slot or 'label'}: its face lacks a glyph"


def texts_stay_in_their_slots(drawing: Drawing) -> Iterator[str]:
    """No text runs into its neighbour; widths are measured anew from the face."""
    for page in drawing.placed.pages:
        boxes = {slot.name: _text_box(slot) for slot in page.slots if isinstance(slot, TextSlot)}
        for mark in page.marks:
            if isinstance(mark, Run) and mark.slot is not None:
                box = boxes.get(mark.slot)
                if box is None or not inside(bounds(mark), box):
                    yield f"{mark.slot}: wider or higher than its place"


def nothing_lies_over_another(drawing: Drawing) -> Iterator[str]:
    """No two values, labels or pictures share a spot; two signatures neither."""
    for page in drawing.placed.pages:
        inked = [(_label(mark), mark) for mark in page.marks if not isinstance(mark, Path)]
        boxes = [(name, bounds(mark)) for name, mark in inked]
        yield from _collisions(boxes)
        signed = [slot for slot in page.slots if isinstance(slot, SignatureSlot)]
        yield from _collisions([(slot.name, slot_box(slot)) for slot in signed])


def marks_stay_on_the_page(drawing: Drawing) -> Iterator[str]:
    """Nothing is drawn outside the page box, seals and signatures included."""
    page = (0.0, 0.0, drawing.placed.width_mm, drawing.placed.height_mm)
    for mark in drawing.marks:
        if not inside(bounds(mark), page):
            yield f"{_label(mark)}: outside the page"
    for box in drawing.placed.signatures:
        if not inside(_box(box.x_mm, box.y_mm, box.width_mm, box.height_mm), page):
            yield f"{box.name}: outside the page"


def every_signature_has_its_place(drawing: Drawing) -> Iterator[str]:
    """A sheet with a place to sign gives one box for it, on a page there is."""
    given = [box.name for box in drawing.placed.signatures]
    for name in SIGNATURES:
        if given.count(name) != (name in drawing.sheet.wanted):
            yield f"{name}: no place on the page"
    for box in drawing.placed.signatures:
        if box.page >= len(drawing.placed.pages):
            yield f"{box.name}: on a page that there is not"


def fixed_words_speak_of_this_document(drawing: Drawing) -> Iterator[str]:
    """No title, label or opinion of another type or occupation: texts get copied from form to form.

    What people typed may hold any word.
    """
    wording = drawing.sheet.wording
    for word in wording.strange:
        if any(word in text for text in (*drawing.sheet.words, *wording.templates)):
            yield f"wording: speaks of {word}"


RULES: tuple[Rule, ...] = (
    every_value_has_a_slot,
    every_value_is_printed,
    every_glyph_exists,
    texts_stay_in_their_slots,
    nothing_lies_over_another,
    marks_stay_on_the_page,
    every_signature_has_its_place,
    fixed_words_speak_of_this_document,
)


def _value(drawing: Drawing, name: str) -> Value:
    """What is printed there; a later page prints some values once more."""
    return drawing.values.get(name.partition(REPEATED)[0], "")


def _collisions(boxes: list[tuple[str, Box]]) -> Iterator[str]:
    """Pairs that share more than an edge; from top to bottom, so that few are looked at."""
    falling = sorted(boxes, key=lambda named: named[1][1])
    for place, (name, box) in enumerate(falling):
        for other, below in falling[place + 1 :]:
            if below[1] >= box[3] - TOLERANCE_MM:
                break
            if name != other and overlap(box, below):
                yield f"{name}: lies over {other}"


def overlap(one: Box, other: Box) -> bool:
    """Whether they share more than an edge."""
    return (
        one[0] < other[2] - TOLERANCE_MM
        and other[0] < one[2] - TOLERANCE_MM
        and one[1] < other[3] - TOLERANCE_MM
        and other[1] < one[3] - TOLERANCE_MM
    )


def slot_box(slot: Slot) -> Box:
    """Where its marks may be."""
    if isinstance(slot, TextSlot):
        return _text_box(slot)
    if isinstance(slot, CodeSlot):
        return _box(slot.x_mm, slot.y_mm, slot.size_mm, slot.size_mm)
    return _box(slot.x_mm, slot.y_mm, slot.width_mm, slot.height_mm)


def _label(mark: PlacedMark) -> str:
    if isinstance(mark, Picture):
        return mark.role
    return (mark.slot or "label") if isinstance(mark, Run | Code) else "figure"


def plain(value: Value) -> str:
    """All of it, without white space."""
    text = value if isinstance(value, str) else "".join(value)
    return "".join(text.split())


def _contents(drawing: Drawing, slot: CodeSlot) -> list[Value | None]:
    codes = (mark for mark in drawing.marks if isinstance(mark, Code))
    return [code.content for code in codes if code.slot == slot.name]


def _missing(drawing: Drawing, slot: PictureSlot) -> bool:
    shown = any(isinstance(mark, Picture) and mark.role == slot.role for mark in drawing.marks)
    return slot.role in drawing.values and not shown


def _text_box(slot: TextSlot) -> Box:
    """A line's own bearings may hang a little below the box's last baseline."""
    left, top, right, bottom = _box(slot.x_mm, slot.y_mm, slot.width_mm, slot.height_mm)
    return left, top, right, bottom + DESCENT * slot.size_pt * MM_PER_PT


def _box(x_mm: float, y_mm: float, width_mm: float, height_mm: float) -> Box:
    return x_mm, y_mm, x_mm + width_mm, y_mm + height_mm


def inside(inner: Box, outer: Box) -> bool:
    """Whether it does not reach out of the other."""
    return (
        inner[0] >= outer[0] - TOLERANCE_MM
        and inner[1] >= outer[1] - TOLERANCE_MM
        and inner[2] <= outer[2] + TOLERANCE_MM
        and inner[3] <= outer[3] + TOLERANCE_MM
    )


def bounds(mark: PlacedMark) -> Box:
    """Where a mark's ink may be; a text's width is measured anew from its face."""
    if isinstance(mark, Run):
        em_mm = mark.size_pt * MM_PER_PT
        width_mm = mark.face.width(mark.text) * em_mm
        return mark.x_mm, mark.y_mm - ASCENT * em_mm, mark.x_mm + width_mm, mark.y_mm
    if isinstance(mark, Code):
        return _box(mark.x_mm, mark.y_mm, mark.size_mm, mark.size_mm)
    if isinstance(mark, Picture):
        return _box(mark.x_mm, mark.y_mm, mark.width_mm, mark.height_mm)
    return _path_bounds(mark)


@lru_cache(maxsize=1024)
def _path_bounds(path: Path) -> Box:
    """Of all copies' control points, which hold the curve between them."""
    numbers = [float(word) for word in path.data.split() if word not in {"M", "L", "B", "C"}]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    places = [
        (a * x + c * y + e, b * x + d * y + f)
        for a, b, c, d, e, f in path.copies
        for x, y in points
    ]
    across, down = [x for x, _ in places], [y for _, y in places]
    return min(across), min(down), max(across), max(down)
