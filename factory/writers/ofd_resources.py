"""Resources of an OFD: fonts, pens and pictures.  GB/T 33190-2016, 7.9."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from factory.errors import PictureError
from factory.ofd.package import Member
from factory.ofd.xml import escaped, number
from factory.page.marks import Code, Picture, Placed, Run
from factory.writers.ofd_fonts import EmbeddedFont
from factory.writers.ofd_members import DOCUMENT, OPENING, xml_member
from factory.writers.ofd_numbers import Numbers, mark_name
from factory.writers.ofd_symbol import symbol
from factory.writers.pdf import JPEG_START


@dataclass(frozen=True, slots=True, kw_only=True)
class Medium:
    """A picture among the resources."""

    number: int
    file: str
    format: str
    data: bytes = field(repr=False)


def resources(
    pens: Mapping[float, int], fonts: Iterable[EmbeddedFont], media: tuple[Medium, ...]
) -> Iterator[Member]:
    """The lists, then the files they name.  Fonts and pens are public (OFD/A, GB/T 42133)."""
    fonts = tuple(fonts)
    yield xml_member(f"{DOCUMENT}/PublicRes.xml", _list(_pens(pens) + _fonts(fonts)))
    if media:
        yield xml_member(f"{DOCUMENT}/DocumentRes.xml", _list(_multimedia(media)))
    for file, data in (*((f.file, f.data) for f in fonts), *((m.file, m.data) for m in media)):
        yield Member(name=f"{DOCUMENT}/Res/{file}", data=data)


def media_of(placed: Placed, pictures: Mapping[str, bytes], numbers: Numbers) -> tuple[Medium, ...]:
    """Each picture and code once, in the order of their numbers."""
    marks = (mark for page in placed.pages for mark in page.filled)
    found = {mark_name(mark): mark for mark in marks if not isinstance(mark, Run)}
    return tuple(
        _medium(found[name], ident, pictures)
        for name, ident in numbers.media.items()
        if name in found
    )


def _list(listed: str) -> str:
    return f'<ofd:Res {OPENING} BaseLoc="Res">{listed}</ofd:Res>'


def _pens(pens: Mapping[float, int]) -> str:
    listed = "".join(
        f'<ofd:DrawParam ID="{ident}" LineWidth="{number(width)}"/>'
        for width, ident in pens.items()
    )
    return f"<ofd:DrawParams>{listed}</ofd:DrawParams>" if listed else ""


def _fonts(fonts: Iterable[EmbeddedFont]) -> str:
    listed = "".join(
        f'<ofd:Font ID="{font.number}" FontName="{font.name}" FamilyName="{font.family}">'
        f"<ofd:FontFile>{font.file}</ofd:FontFile></ofd:Font>"
        for font in fonts
    )
    return f"<ofd:Fonts>{listed}</ofd:Fonts>" if listed else ""


def _multimedia(media: Iterable[Medium]) -> str:
    listed = "".join(
        f'<ofd:MultiMedia ID="{each.number}" Type="Image" Format="{each.format}">'
        f"<ofd:MediaFile>{escaped(each.file)}</ofd:MediaFile></ofd:MultiMedia>"
        for each in media
    )
    return f"<ofd:MultiMedias>{listed}</ofd:MultiMedias>"


def _medium(mark: Picture | Code, ident: int, pictures: Mapping[str, bytes]) -> Medium:
    name = mark_name(mark)
    if isinstance(mark, Code):
        return Medium(
            number=ident, file=f"{name}.png", format="PNG", data=symbol(mark.side, mark.bits)
        )
    jpeg = pictures.get(name, b"")
    if not jpeg.startswith(JPEG_START):
        raise PictureError(f"{name}: the picture is missing or no JPEG")
    return Medium(number=ident, file=f"{name}.jpg", format="JPEG", data=jpeg)
