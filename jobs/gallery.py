"""Gallery: previews as files of a folder, a PDF and the pictures of its pages, and all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from factory.errors import SettingsError
from jobs.contact import Specimen, contact_sheet
from jobs.preview import Preview

CONTACT_SHEET = "contact-sheet.png"
CONTACT_DPI = 110  #: of the pages on it, before they are made smaller


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The files of one document."""

    kind: str
    profile: str
    title: str
    pages: int
    pdf: str
    pictures: tuple[str, ...]
    notes: tuple[str, ...]


def keep(drawn: Preview, folder: Path, dpi: int) -> Kept:
    """Writes KIND-PROFILE.pdf and KIND-PROFILE-1.png and so on; what was written.

    SettingsError: the folder cannot be made or written.
    """
    try:
        return _kept(drawn, folder, dpi)
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror}") from error


def _kept(drawn: Preview, folder: Path, dpi: int) -> Kept:
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{drawn.kind}-{drawn.profile.id}"
    document = folder / f"{name}.pdf"
    document.write_bytes(drawn.pdf)
    pages = [folder / f"{name}-{n}.png" for n in range(1, drawn.pages + 1)]
    for path, picture in zip(pages, drawn.pictures(dpi), strict=True):
        _save(picture, path)
    return Kept(
        kind=drawn.kind.value,
        profile=drawn.profile.id,
        title=drawn.title,
        pages=drawn.pages,
        pdf=str(document),
        pictures=tuple(map(str, pages)),
        notes=drawn.notes,
    )


def keep_all(drawn: Iterable[Preview], folder: Path, dpi: int, font: bytes) -> Iterator[Kept]:
    """Writes each, and at the end contact-sheet.png, all first pages on one picture.

    font: the face of the words below the pages.
    """
    shown = []
    for each in drawn:
        yield keep(each, folder, dpi)
        first = each.pictures(CONTACT_DPI)[0]
        shown.append(Specimen(picture=first, title=each.title, caption=each.profile.title))
    _save(contact_sheet(shown, font), folder / CONTACT_SHEET)


def _save(picture: Image.Image, path: Path) -> None:
    picture.save(path, "PNG", optimize=True)
