"""The OFD writer: placed marks become the members of an unsigned package.  GB/T 33190-2016.

Twin of ``writers.pdf``: equal input gives equal bytes, and nothing is sealed here.  What is the
same for all documents of one design (document, resources, template page, fonts of the labels)
comes out byte for byte the same, so that it is compressed and digested once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from itertools import count
from types import MappingProxyType

from factory.model import SHANGHAI
from factory.ofd.package import Member
from factory.ofd.xml import escaped
from factory.page.fonts import Face
from factory.page.marks import (
    TWIN,
    Path,
    Placed,
    Run,
)
from factory.writers.ofd_fonts import EmbeddedFont, Use, embedded
from factory.writers.ofd_members import DOCUMENT, OPENING, physical_box, xml_member
from factory.writers.ofd_numbers import Filled, Numbers, identified, mark_name, used_faces
from factory.writers.ofd_objects import image_object, path_objects, text_object
from factory.writers.ofd_resources import media_of, resources
from factory.writers.pdf import PRODUCER

WRITER_VERSION = "1.0"  #: another where documents come out otherwise

Fonts = Mapping[tuple[Face, Use], EmbeddedFont]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfdNames:
    """How receivers want things called.  GB/T 36905 leaves it to them.

    licence_id: of the CustomData that holds the licence identifier (证照标识).
    tags:       name space of the custom tags.
    """

    licence_id: str = "证照标识"
    tags: str = "urn:certificate-factory:face"


def draw(
    placed: Placed,
    pictures: Mapping[str, bytes],
    *,
    title: str,
    created: datetime,
    twin: bytes,
    licence_id: str | None = None,
    names: OfdNames = OfdNames(),
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Member, ...]:
    """The members of an unsigned package, ``OFD.xml`` first.

    pictures: role -> JPEG, taken in as it is.
    created:  aware; the only time in the file, written as in the zone Asia/Shanghai.
    twin:     the face as canonical JSON; a hidden attachment.
    metadata: more CustomDatas, by name.
    PictureError: a picture is missing or is no JPEG.
    """
    created = created.astimezone(SHANGHAI)
    numbers = Numbers.of(placed)
    fonts = embedded(used_faces(placed), numbers.fonts)
    media = media_of(placed, pictures, numbers)
    contents = tuple(_contents(placed, numbers, fonts))
    known = {} if licence_id is None else {names.licence_id: licence_id}
    said = _information(title, created, {**known, **metadata})
    varying = (said.encode(), *(page.data for page in contents), twin, *(m.data for m in media))
    return (
        _entry(document_id(created, varying), said, signed=bool(placed.signatures)),
        _document(placed, numbers, with_media=bool(media)),
        *resources(numbers.pens, fonts.values(), media),
        *_templates(placed, numbers, fonts),
        *contents,
        *tags(placed, numbers, names),
        *_attachment(twin, created),
    )


# --- OFD.xml ----------------------------------------------------------------------------------


def _information(title: str, created: datetime, said: Mapping[str, str]) -> str:
    """Title, day and identifiers; nothing of the holder's."""
    custom = "".join(
        f'<ofd:CustomData Name="{escaped(name)}">{escaped(value)}</ofd:CustomData>'
        for name, value in said.items()
    )
    return (
        f"<ofd:Title>{escaped(title)}</ofd:Title>"
        f"<ofd:CreationDate>{created:%Y-%m-%d}</ofd:CreationDate>"
        f"<ofd:Creator>{PRODUCER}</ofd:Creator>"
        f"<ofd:CreatorVersion>{WRITER_VERSION}</ofd:CreatorVersion>"
        + (f"<ofd:CustomDatas>{custom}</ofd:CustomDatas>" if custom else "")
    )


def document_id(created: datetime, varying: Iterable[bytes]) -> str:
    """A UUID without dashes, made of all in which documents differ (RFC 9562, version 8)."""
    digest = sha256(created.isoformat().encode())
    for part in varying:
        digest.update(sha256(part).digest())
    first = bytearray(digest.digest()[:16])
    first[6], first[8] = first[6] & 0x0F | 0x80, first[8] & 0x3F | 0x80
    return first.hex()


def _entry(ident: str, said: str, *, signed: bool) -> Member:
    """The entry; names the list of signatures before there is one, since its digest is taken."""
    signatures = f"<ofd:Signatures>{DOCUMENT}/Signs/Signatures.xml</ofd:Signatures>"
    return xml_member(
        "OFD.xml",
        f'<ofd:OFD {OPENING} Version="1.0" DocType="OFD"><ofd:DocBody>'
        f"<ofd:DocInfo><ofd:DocID>{ident}</ofd:DocID>{said}</ofd:DocInfo>"
        f"<ofd:DocRoot>{DOCUMENT}/Document.xml</ofd:DocRoot>{signatures if signed else ''}"
        "</ofd:DocBody></ofd:OFD>",
    )


# --- document and pages ----------------------------------------------------------------------


def _document(placed: Placed, numbers: Numbers, *, with_media: bool) -> Member:
    templates = "".join(
        f'<ofd:TemplatePage ID="{ident}" BaseLoc="Tpls/Tpl_{n}/Content.xml"/>'
        for n, ident in enumerate(numbers.templates)
    )
    pages = "".join(
        f'<ofd:Page ID="{ident}" BaseLoc="Pages/Page_{n}/Content.xml"/>'
        for n, ident in enumerate(numbers.pages)
    )
    return xml_member(
        f"{DOCUMENT}/Document.xml",
        f"<ofd:Document {OPENING}><ofd:CommonData>"
        f"<ofd:MaxUnitID>{numbers.largest}</ofd:MaxUnitID>"
        f"<ofd:PageArea>{physical_box(placed.width_mm, placed.height_mm)}</ofd:PageArea>"
        "<ofd:PublicRes>PublicRes.xml</ofd:PublicRes>"
        + ("<ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>" if with_media else "")
        + f"{templates}</ofd:CommonData><ofd:Pages>{pages}</ofd:Pages>"
        "<ofd:CustomTags>Tags/CustomTags.xml</ofd:CustomTags>"
        "<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments></ofd:Document>",
    )


def _templates(placed: Placed, numbers: Numbers, fonts: Fonts) -> Iterator[Member]:
    labels = tuple((face, font.number) for (face, use), font in fonts.items() if use is Use.LABEL)
    pens = tuple(numbers.pens.items())
    for n, page in enumerate(placed.pages):
        data = _template(_area(placed), page.fixed, numbers.fixed[n], labels, pens)
        yield Member(name=f"{DOCUMENT}/Tpls/Tpl_{n}/Content.xml", data=data)


def _contents(placed: Placed, numbers: Numbers, fonts: Fonts) -> Iterator[Member]:
    for n, page in enumerate(placed.pages):
        template = f'<ofd:Template TemplateID="{numbers.templates[n]}" ZOrder="Background"/>'
        objects = "".join(
            _filled(mark, ident, fonts, numbers)
            for mark, ident in identified(page, numbers.filled[n])
        )
        content = template + _area(placed) + _layer(numbers.layers[n], objects)
        yield xml_member(f"{DOCUMENT}/Pages/Page_{n}/Content.xml", _page(content))


@lru_cache(maxsize=32)
def _template(
    area: str,
    fixed: tuple[Run | Path, ...],
    first: int,
    labels: tuple[tuple[Face, int], ...],
    line_widths: tuple[tuple[float, int], ...],
) -> bytes:
    """The constant face of a page, the same for all documents of a sheet."""
    fonts, pens = dict(labels), dict(line_widths)
    idents = count(first + 1)
    objects = "".join(
        "".join(path_objects(mark, idents))
        if isinstance(mark, Path)
        else text_object(mark, next(idents), fonts[mark.face], pens)
        for mark in fixed
    )
    return xml_member("", _page(area + _layer(first, objects))).data


def _area(placed: Placed) -> str:
    return f"<ofd:Area>{physical_box(placed.width_mm, placed.height_mm)}</ofd:Area>"


def _page(content: str) -> str:
    return f"<ofd:Page {OPENING}>{content}</ofd:Page>"


def _layer(ident: int, objects: str) -> str:
    return f'<ofd:Content><ofd:Layer ID="{ident}" Type="Body">{objects}</ofd:Layer></ofd:Content>'


def _filled(mark: Filled, ident: int, fonts: Fonts, numbers: Numbers) -> str:
    if isinstance(mark, Run):
        return text_object(mark, ident, fonts[mark.face, Use.DATA].number, numbers.pens)
    return image_object(mark, ident, numbers.media[mark_name(mark)])


# --- tags and the twin ------------------------------------------------------------------------


def tags(placed: Placed, numbers: Numbers, names: OfdNames) -> Iterator[Member]:
    """Which objects print which field (结构化数据与版面的关联)."""
    space = escaped(names.tags)
    yield xml_member(
        f"{DOCUMENT}/Tags/CustomTags.xml",
        f'<ofd:CustomTags {OPENING}><ofd:CustomTag NameSpace="{space}">'
        "<ofd:FileLoc>Tag_Face.xml</ofd:FileLoc></ofd:CustomTag></ofd:CustomTags>",
    )
    fields = "".join(
        f'<face:Field Name="{escaped(name)}">{references}</face:Field>'
        for name, references in _references(placed, numbers).items()
    )
    yield xml_member(
        f"{DOCUMENT}/Tags/Tag_Face.xml",
        f'<face:Face xmlns:face="{space}" {OPENING}>{fields}</face:Face>',
    )


def _references(placed: Placed, numbers: Numbers) -> Mapping[str, str]:
    """Of each printed slot, its text objects in reading order."""
    found: defaultdict[str, str] = defaultdict(str)
    for n, page in enumerate(placed.pages):
        reference = f'<ofd:ObjectRef PageRef="{numbers.pages[n]}">{{}}</ofd:ObjectRef>'
        for mark, ident in identified(page, numbers.filled[n]):
            if isinstance(mark, Run) and mark.slot and not mark.text.isspace():
                found[mark.slot] += reference.format(ident)
    return found


def _attachment(twin: bytes, created: datetime) -> Iterator[Member]:
    """The face as a file that only programs see."""
    yield xml_member(
        f"{DOCUMENT}/Attachs/Attachments.xml",
        f'<ofd:Attachments {OPENING}><ofd:Attachment ID="a1" Name="{TWIN}" Format="json"'
        f' CreationDate="{created:%Y-%m-%dT%H:%M:%S}" Visible="false">'
        f"<ofd:FileLoc>{TWIN}</ofd:FileLoc></ofd:Attachment></ofd:Attachments>",
    )
    yield Member(name=f"{DOCUMENT}/Attachs/{TWIN}", data=twin)
