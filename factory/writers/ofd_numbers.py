"""The numbers of an OFD document's parts (ST_ID), one space for all.  GB/T 33190-2016, 7.3.

Laid out in blocks, so that what does not change from one document of a design to the next keeps
its numbers whatever else changes: pages, templates, fonts, pens, media, the templates' objects,
and then each slot of a page with a block of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from factory.page.fonts import Face
from factory.page.marks import (
    Code,
    CodeSlot,
    Page,
    Path,
    Picture,
    PictureSlot,
    Placed,
    Run,
    slot_name,
)
from factory.writers.ofd_fonts import PLACES, Use, places

IDS_OF_A_SLOT = 100  #: more for all slots of a page where one of them holds more
PENS = 8  #: ids for widths of bold lines; more where a document has more

Filled = Run | Picture | Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The one space of ids (ST_ID), laid out so that what does not change keeps its numbers.

    fonts:   of the first place of a face.
    pens:    of each width of a bold line.
    media:   by role or code.
    fixed:   for each page, of its template's layer; the objects follow.
    filled:  for each page, of its layer and of each slot's first object.
    largest: MaxUnitID.
    """

    pages: range
    templates: range
    fonts: int
    pens: Mapping[float, int]
    media: Mapping[str, int]
    fixed: tuple[int, ...]
    layers: tuple[int, ...]
    filled: tuple[Mapping[str, int], ...]
    largest: int

    @classmethod
    def of(cls, placed: Placed) -> Numbers:
        """Where everything of a document is numbered."""
        space = _Space()
        pages, templates = space.take(len(placed.pages)), space.take(len(placed.pages))
        fonts = space.take(2 * max(PLACES, _places(placed)))
        widths = _bold_widths(placed)
        pens = space.take(max(PENS, len(widths)))
        media = _numbered(space, _media_names(placed), 1)
        fixed = [space.take(1 + _objects(page)) for page in placed.pages]
        layers = space.take(len(placed.pages))
        filled = [_numbered(space, _slot_names(page), _most(page)) for page in placed.pages]
        return cls(
            pages=pages,
            templates=templates,
            fonts=fonts.start,
            pens=dict(zip(widths, pens, strict=False)),
            media=media,
            fixed=tuple(each.start for each in fixed),
            layers=tuple(layers),
            filled=tuple(filled),
            largest=space.free - 1,
        )


def identified(page: Page, first: Mapping[str, int]) -> Iterator[tuple[Filled, int]]:
    """What fills a page, in drawing order, each with its id."""
    numbers = {name: count(start) for name, start in first.items()}
    return ((mark, next(numbers[mark_name(mark)])) for mark in page.filled)


def mark_name(mark: Filled) -> str:
    """Which slot it fills."""
    if isinstance(mark, Picture):
        return mark.role
    return mark.slot or ""


def used_faces(placed: Placed) -> dict[tuple[Face, Use], set[str]]:
    """The characters of each font, labels' and data's."""
    used: defaultdict[tuple[Face, Use], set[str]] = defaultdict(set)
    for page in placed.pages:
        for use, marks in ((Use.LABEL, page.fixed), (Use.DATA, page.filled)):
            for mark in marks:
                if isinstance(mark, Run):
                    used[mark.face, use].update(mark.text)
    return used


@dataclass(slots=True)
class _Space:
    """Numbers from 1, each given out once."""

    free: int = 1

    def take(self, amount: int) -> range:
        taken = range(self.free, self.free + amount)
        self.free = taken.stop
        return taken


def _numbered(space: _Space, names: Iterable[str], each: int) -> dict[str, int]:
    return {name: space.take(each).start for name in names}


def _places(placed: Placed) -> int:
    return 1 + max(places(face for face, _ in used_faces(placed)).values(), default=0)


def _bold_widths(placed: Placed) -> list[float]:
    marks = (mark for page in placed.pages for mark in page.marks)
    return sorted({mark.bold_mm for mark in marks if isinstance(mark, Run) and mark.bold_mm})


def _media_names(placed: Placed) -> dict[str, None]:
    """Those that the design has room for, then any other."""
    slots = (slot for page in placed.pages for slot in page.slots)
    marks = (mark for page in placed.pages for mark in page.filled)
    roomy = [slot_name(slot) for slot in slots if isinstance(slot, PictureSlot | CodeSlot)]
    return dict.fromkeys([*roomy, *(mark_name(m) for m in marks if not isinstance(m, Run))])


def _slot_names(page: Page) -> dict[str, None]:
    return dict.fromkeys([*map(slot_name, page.slots), *map(mark_name, page.filled)])


def _objects(page: Page) -> int:
    return sum(len(mark.copies) if isinstance(mark, Path) else 1 for mark in page.fixed)


def _most(page: Page) -> int:
    """Ids for each slot of a page."""
    return max([IDS_OF_A_SLOT, *Counter(map(mark_name, page.filled)).values()])
