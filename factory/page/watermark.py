"""Watermark (样张): a placed document marked as a specimen, which can never be sealed.

The words are figures drawn from a face's outlines, beneath every text: they are no text, so
nothing that reads the page reads them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from factory.page.fonts import FontBook, Style
from factory.page.marks import Colour, Matrix, Page, Path, Placed, Run

WORDS = "样张"
SLANT = math.radians(30)
SHARE = 0.30  #: of the page's shorter side, the size of a character
PALE: Colour = (233, 214, 214)
EM_MIDDLE = 0.38  #: of an em above the baseline, the middle of a Chinese character


def marked(placed: Placed, fontbook: FontBook) -> Placed:
    """The same pages with the words across each, and no place for a seal."""
    words = _words(placed, fontbook)
    pages = tuple(_beneath(page, words) for page in placed.pages)
    return replace(placed, title=f"{placed.title}（{WORDS}）", pages=pages, signatures=())


def _beneath(page: Page, words: tuple[Path, ...]) -> Page:
    """Over the page's ground, below the first thing that is written."""
    place = next((n for n, mark in enumerate(page.fixed) if isinstance(mark, Run)), None)
    at = len(page.fixed) if place is None else place
    return replace(page, fixed=page.fixed[:at] + words + page.fixed[at:])


def _words(placed: Placed, fontbook: FontBook) -> tuple[Path, ...]:
    """One figure a character, side by side about the middle of the page."""
    em_mm = SHARE * min(placed.width_mm, placed.height_mm)
    return tuple(
        Path(
            data=_outline(ch, fontbook),
            fill=PALE,
            copies=(_slanted(place - len(WORDS) / 2, em_mm, placed),),
        )
        for place, ch in enumerate(WORDS)
    )


def _outline(ch: str, fontbook: FontBook) -> str:
    face = fontbook.face_for(Style.KAI, ch)
    assert face is not None  # noqa: S101 - two common characters
    return face.outline(ch)


def _slanted(left_em: float, em_mm: float, placed: Placed) -> Matrix:
    """From ems on a baseline to millimetres on the page, rising to the right."""
    across, rise = em_mm * math.cos(SLANT), em_mm * math.sin(SLANT)
    x, y = placed.width_mm / 2, placed.height_mm / 2
    return (
        across, -rise, rise, across,
        x + left_em * across + EM_MIDDLE * rise, y - left_em * rise + EM_MIDDLE * across,
    )  # fmt: skip
