"""Second reading (复读): a finished document as another program reads it, beside what was placed.

``proof`` asks a reader before a PDF is sealed; this compares what a second program, which knows
nothing of ours, finds in an OFD that is sealed.  Slots are named, never what stands in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from factory.page.marks import MM_PER_PT, Page, Placed, Run

TOLERANCE_MM = 0.5
SIZE_TOLERANCE_MM = 0.02

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenText:
    """One line as the other program reads it.

    places:  of every character, the left end of its baseline.
    size_mm: of an em.
    """

    text: str = field(repr=False)
    places: tuple[Point, ...] = field(repr=False)
    size_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPage:
    """One page as the other program reads it, its template's texts among its own."""

    width_mm: float
    height_mm: float
    texts: tuple[SeenText, ...]


def differences(placed: Placed, seen: Sequence[SeenPage]) -> tuple[str, ...]:
    """The slots that the other program reads otherwise than they were placed; empty: it agrees.

    A label is named by its page, and so is whatever was read beside what was placed.
    """
    if len(seen) != len(placed.pages):
        return (f"pages: {len(seen)} instead of {len(placed.pages)}",)
    found = [
        problem
        for number, (page, read) in enumerate(zip(placed.pages, seen, strict=True), start=1)
        for problem in _of_page(placed, page, read, f"page {number}")
    ]
    return tuple(dict.fromkeys(found))


def _of_page(placed: Placed, page: Page, read: SeenPage, name: str) -> Iterator[str]:
    if not _near((read.width_mm, read.height_mm), (placed.width_mm, placed.height_mm)):
        yield f"{name}: its size"
    left = list(read.texts)
    for run in _printed(page):
        same = next((text for text in left if _agrees(text, run)), None)
        if same is None:
            yield run.slot or f"{name}: a label"
        else:
            left.remove(same)
    if left:
        yield f"{name}: {len(left)} text(s) otherwise than placed"


def _printed(page: Page) -> Iterator[Run]:
    """Every run but blanks, which no writer writes."""
    return (mark for mark in page.marks if isinstance(mark, Run) and mark.text.strip())


def _agrees(seen: SeenText, run: Run) -> bool:
    """The same characters, each where it was placed; blanks at the ends are distance."""
    if seen.text != run.text.strip():
        return False
    places = _places(run)
    return (
        len(seen.places) == len(places)
        and abs(seen.size_mm - run.size_pt * MM_PER_PT) <= SIZE_TOLERANCE_MM
        and all(map(_near, seen.places, places))
    )


def _places(run: Run) -> Sequence[Point]:
    """Of every character but the blanks at the ends, by the face's own widths."""
    em_mm = run.size_pt * MM_PER_PT
    text = run.text.rstrip()
    blanks = len(text) - len(text.lstrip())
    x, found = run.x_mm, []
    for ch in text:
        found.append((x, run.y_mm))
        x += run.face.advance(ch) * em_mm
    return found[blanks:]


def _near(one: Point, other: Point) -> bool:
    return all(abs(a - b) <= TOLERANCE_MM for a, b in zip(one, other, strict=True))
