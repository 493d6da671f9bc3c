"""What one certificate prints, as the naive and the tuned way are handed it: places and words.

Everything of ours is in it: each label and value in its face, colour and place, photo, code and
seal.  The guilloche comes as the picture that a designer would hand over, drawn from our own
paths.  Easier than ours: places are given, so nothing is fitted, wrapped or looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pypdfium2

from factory.page.fonts import FACES
from factory.page.marks import AUTHORITY_SEAL, MM_PER_PT, Code, Picture, Placed, Run
from factory.page.marks import Page as PlacedPage
from factory.page.marks import Path as Figure
from factory.writers import pdf

A4 = (595.276, 841.89)
BACKGROUND_DPI = 150
BACKGROUND_QUALITY = 60  #: a small one, which is to the advantage of whoever embeds it
QUIET_MODULES = 4  #: around a QR symbol, GB/T 18284-2000, 7.9

Box = tuple[float, float, float, float]
Places = Callable[[float, float], Iterator[float]]
Words = tuple[str, float, float, float, str, tuple[int, int, int], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page; points from the bottom left corner.

    runs:       (font, size, x, y, text, red green blue of 255, width of a bold outline).
    code:       (content, x, y, size), without the quiet zone.
    pictures:   role -> x, y, width, height; ``seal`` is such a box too.
    background: file of the picture behind it all.
    """

    runs: Sequence[Words]
    code: tuple[str, float, float, float]
    pictures: Mapping[str, Box]
    seal: Box
    background: str

    @property
    def fonts(self) -> tuple[str, ...]:
        """Those that it prints with."""
        return tuple(dict.fromkeys(run[0] for run in self.runs))


class Backgrounds:
    """Pictures of what every page of a design has behind its words, each drawn once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[tuple[Figure, ...], str] = {}

    def of(self, placed: Placed) -> str:
        """The file of one document's."""
        figures = tuple(mark for mark in placed.pages[0].fixed if isinstance(mark, Figure))
        if figures not in self._known:
            file = self._folder / f"background-{len(self._known)}.jpg"
            _render(placed, figures, file)
            self._known[figures] = str(file)
        return self._known[figures]


def _render(placed: Placed, figures: tuple[Figure, ...], file: Path) -> None:
    bare = replace(placed, pages=(PlacedPage(fixed=figures, filled=()),))
    drawn = pdf.draw(bare, {}, title=placed.title, created=datetime(2024, 1, 1, tzinfo=UTC))
    document = pypdfium2.PdfDocument(drawn)
    image = document[0].render(scale=BACKGROUND_DPI / 72).to_pil().convert("RGB")
    image.save(file, "JPEG", quality=BACKGROUND_QUALITY, optimize=True)
    document.close()


def page(placed: Placed, background: str) -> Page:
    """Our placed marks of a certificate, which has one page, as a list of what to draw where."""
    [sheet] = placed.pages
    height, seal = placed.height_mm, placed.signature(AUTHORITY_SEAL)
    code = next(mark for mark in sheet.marks if isinstance(mark, Code))
    assert seal is not None

    def points(x: float, y: float, *sizes: float) -> Iterator[float]:
        return (round(mm / MM_PER_PT, 2) for mm in (x, height - y, *sizes))

    def box(x: float, y: float, wide: float, high: float) -> Box:
        left, bottom, width, tall = points(x, y + high, wide, high)
        return left, bottom, width, tall

    x, y, size = points(code.x_mm, code.y_mm + code.size_mm, code.size_mm)
    return Page(
        runs=list(_words(sheet.marks, points)),
        code=(code.content, x, y, size),
        pictures={
            mark.role: box(mark.x_mm, mark.y_mm, mark.width_mm, mark.height_mm)
            for mark in sheet.marks
            if isinstance(mark, Picture)
        },
        seal=box(seal.x_mm, seal.y_mm, seal.width_mm, seal.height_mm),
        background=background,
    )


def _words(marks: Iterable[object], points: Places) -> Iterator[Words]:
    for mark in marks:
        if isinstance(mark, Run):
            x, y = points(mark.x_mm, mark.y_mm)
            bold = round(mark.bold_mm / MM_PER_PT, 3)
            yield mark.face.name, mark.size_pt, x, y, mark.text, mark.colour, bold


def with_quiet_zone(box: tuple[float, float, float], modules: int) -> tuple[float, float, float]:
    """x, y and size of a symbol with the light modules around it.

    modules: of the symbol's side, without them.
    """
    x, y, size = box
    module = size / modules
    return x - QUIET_MODULES * module, y - QUIET_MODULES * module, (
        size + 2 * QUIET_MODULES * module
    )  # fmt: skip


def font_places(folders: Sequence[Path]) -> dict[str, tuple[str, int]]:
    """Every installed face by name: its file, and its number in it."""
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*.tt[fc]")]
    found = {path.name: str(path) for path in reversed(files)}
    rows = {row for chain in FACES.values() for row in chain}
    return {row.name: (found[row.file], row.index) for row in rows}
