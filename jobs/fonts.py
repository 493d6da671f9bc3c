"""Fonts that somebody adds, what they cure, and which face prints a character."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.events.text import cleaned
from factory.page import fontfile
from factory.page.fonts import FACES, Face, FontBook, Style, code_point, refusal
from storage.blobs import Blob
from storage.ledger import fonts

if TYPE_CHECKING:
    from jobs.wiring import Plant

CONTENT_TYPE = "font/ttf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cured:
    """An open hold on a name that the added font helps to print.

    code_points: what it was held for.
    lacking:     which of them still no face prints; empty: it can be retried.
    """

    hold: int
    code_points: tuple[str, ...]
    lacking: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """What became of an added font.

    new:   whether it was not there before.
    cures: the open holds it helps, oldest first.
    """

    name: str
    sha256: str
    face: int
    size_bytes: int
    new: bool
    cures: tuple[Cured, ...]

    @property
    def retriable(self) -> tuple[int, ...]:
        """The holds that lack nothing any more."""
        return tuple(each.hold for each in self.cures if not each.lacking)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One face that workers print with; an installed one has neither digest nor time."""

    name: str
    styles: tuple[str, ...]
    origin: str  #: Debian package, or ``added``
    sha256: str | None = None
    face: int = 0
    size_bytes: int | None = None
    added_at: str | None = None
    added_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """One character of a text: who prints it.

    face:    the face that sets it in a value (楷体), None when it is not printed.
    refusal: why not.
    """

    code_point: str
    character: str
    face: str | None
    refusal: str | None


def add(plant: Plant, data: bytes, *, face: int = 0, who: str) -> Addition:
    """Give a font to every worker; adding it again changes nothing.

    FieldError: it cannot be added, and why.  StoreUnavailableError: ledger or store gave no
    answer; nothing was added.
    """
    found = fontfile.examined(data, face)
    sha256 = hashlib.sha256(data).hexdigest()
    plant.store.put_new(
        Blob(key=fonts.object_key(sha256), data=data, content_type=CONTENT_TYPE, sha256=sha256)
    )
    with plant.ledger.write(who) as tx:
        new = fonts.add(tx, name=found.name, sha256=sha256, face_index=face, size_bytes=len(data))
    return Addition(
        name=found.name,
        sha256=sha256,
        face=face,
        size_bytes=len(data),
        new=new,
        cures=_cures(plant, found),
    )


def _cures(plant: Plant, face: Face) -> tuple[Cured, ...]:
    """The open holds with a character that this face prints."""
    with plant.ledger.read() as tx:
        open_holds = fonts.unprintable(tx)
    if not open_holds:
        return ()
    alone, whole = FontBook((), (face,)), plant.typefaces.renewed()
    return tuple(
        Cured(hold=hold, code_points=points, lacking=_lacking(whole, points))
        for hold, points in open_holds.items()
        if len(_lacking(alone, points)) < len(points)
    )


def _lacking(book: FontBook, points: Sequence[str]) -> tuple[str, ...]:
    return book.unprintable("".join(chr(int(point[2:], 16)) for point in points))


def listed(plant: Plant) -> tuple[Listed, ...]:
    """Installed and added faces, in the order in which they are asked for a character."""
    rows = dict.fromkeys(row for chain in (FACES[Style.KAI], FACES[Style.SONG]) for row in chain)
    installed = [
        Listed(
            name=row.name,
            styles=tuple(style.value for style, chain in FACES.items() if row in chain),
            origin=row.package,
            face=row.index,
        )
        for row in rows
    ]
    with plant.ledger.read() as tx:
        return (*installed, *(_listed(row) for row in fonts.added(tx)))


def _listed(row: fonts.AddedFont) -> Listed:
    return Listed(
        name=row.name,
        styles=tuple(style.value for style in Style),
        origin="added",
        sha256=row.sha256,
        face=row.face_index,
        size_bytes=row.size_bytes,
        added_at=row.added_at.isoformat(timespec="seconds"),
        added_by=row.added_by,
    )


def coverage(plant: Plant, text: str) -> tuple[Covered, ...]:
    """Each character of the text once, as intake takes it in: which face prints it, or why none."""
    book = plant.typefaces.renewed()
    return tuple(_covered(book, ch) for ch in dict.fromkeys(cleaned(text)))


def _covered(book: FontBook, ch: str) -> Covered:
    face = book.face_for(Style.KAI, ch)
    return Covered(
        code_point=code_point(ch),
        character=ch if face else "",
        face=face.name if face else None,
        refusal=None if face else refusal(ch),
    )
