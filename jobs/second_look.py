"""A second look at an OFD file: its pages as easyofd draws them, for an operator.

Not how a reader shows it: no embedded font is used, figures are outlines, and none with curves
is drawn, for easyofd puts them over the text, black and out of place.  Text, pictures and the
seals' pictures stand where the file has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from factory.errors import SettingsError
from factory.ofd import package
from factory.page import extract
from jobs import second_reading

POINTS_PER_INCH = 72
EASYOFD_PER_INCH = 200  #: the points of its PDF to an inch of the page
NOTE = (
    "drawn by easyofd, a second program: one font for all text instead of the embedded ones,"
    " figures as outlines, those with curves left out; whether the seal is genuine `verify` says"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The pictures of a file's pages, and what they are not."""

    file: str
    pages: int
    pictures: tuple[str, ...]
    note: str


def look(file: Path, data: bytes, folder: Path, dpi: int, font: bytes) -> Look:
    """Writes FILE-1.png and so on into the folder; what was written.

    font: the face of all text.
    PackageError: it is no OFD package.  SecondReadingError: easyofd cannot draw it.
    ReaderUnavailableError: easyofd hung or broke down.
    SettingsError: easyofd is not installed, or the folder cannot be written.
    """
    package.opened(data)
    drawn = second_reading.drawn(data, font)
    pictures = extract.pictures(drawn, dpi * POINTS_PER_INCH / EASYOFD_PER_INCH)
    paths = [folder / f"{file.stem}-{number}.png" for number in range(1, len(pictures) + 1)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, picture in zip(paths, pictures, strict=True):
            picture.save(path, "PNG", optimize=True)
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror}") from error
    return Look(file=str(file), pages=len(paths), pictures=tuple(map(str, paths)), note=NOTE)
