"""A shape: the documents of one design whose values are in the same faces, with the same pictures.

Cut out of what the reference writer draws and the reference seal prepares, so that neither can
drift from this: whatever is constant is theirs, byte for byte, and the document that a shape was
cut from is made again by it and compared.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from factory.errors import PressUnableError
from factory.model import SHANGHAI
from factory.ofd.package import DEFLATED, STORED, Member
from factory.ofd.xml import escaped
from factory.page.fonts import Face
from factory.page.marks import TWIN, Value
from factory.pressing import Laid
from factory.seals import ofd as ofd_seal
from factory.seals import sm2
from factory.seals.ofd import ENTRY, TIME, Prepared
from factory.seals.signer import SesIdentity
from factory.writers.ofd import tags
from factory.writers.ofd_fonts import EmbeddedFont, Use, embedded
from factory.writers.ofd_laid import constant_data, drawn, in_one_line, names_of
from factory.writers.ofd_members import DOCUMENT
from factory.writers.ofd_numbers import Numbers, used_faces
from factory.writers.ofd_press_holes import Holed, cut
from factory.writers.ofd_press_package import Package
from factory.writers.ofd_press_seal import SealTemplate
from factory.writers.ofd_resources import Medium, media_of

CONTENT = f"{DOCUMENT}/Pages/Page_0/Content.xml"
ATTACHMENTS = f"{DOCUMENT}/Attachs/Attachments.xml"
TWIN_MEMBER = f"{DOCUMENT}/Attachs/{TWIN}"
ID_SIZE, IN_BASE_64 = 32, 44  #: of a document's id, and of a digest
OPENED_ID, CLOSED_ID, LAYER = b"<ofd:DocID>", b"</ofd:DocID>", b'Type="Body">'

Metadata = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it is written in a document.

    day, second: in Shanghai.  stamp: in UTC, as the seal has it.
    """

    local: datetime
    day: bytes
    second: bytes
    stamp: bytes

    @classmethod
    def of(cls, created: datetime) -> Moment:
        """created: aware."""
        local = created.astimezone(SHANGHAI)
        iso = local.isoformat().encode()
        stamp = created.astimezone(UTC).strftime(TIME).encode()
        return cls(local, iso[:10], iso[:19], stamp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What documents of one shape share.

    fonts:       faces of the values, in the order of their fonts, each with its font's name.
    media:       the pictures' names, in their order.
    entry:       OFD.xml: its id, its day, its identifiers.
    id_place:    where its id stands.
    said:        where what it says of the document begins, and ends from its end.
    opening, closing: the page around its objects.
    attachments: their list: when the twin was made.
    description: Signature.xml: the time, and the digests of the members that vary.
    """

    fonts: tuple[tuple[Face, str], ...]
    media: tuple[str, ...]
    entry: Holed = field(repr=False)
    id_place: int
    said: tuple[int, int]
    opening: str = field(repr=False)
    closing: str = field(repr=False)
    attachments: Holed = field(repr=False)
    description: Holed = field(repr=False)
    package: Package = field(repr=False)
    seal: SealTemplate = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A document as the reference makes it.

    drawn: before anything of the seal.
    """

    laid: Laid
    numbers: Numbers
    drawn: tuple[Member, ...] = field(repr=False)
    prepared: Prepared = field(repr=False)

    @property
    def members(self) -> Mapping[str, bytes]:
        """All but the signature value, by name."""
        return {member.name: member.data for member in self.prepared.members}


def referred(laid: Laid, identity: SesIdentity) -> Reference:
    """Drawn, proofed and prepared by the reference.

    PermanentError: the document cannot be made.
    """
    members = drawn(laid)
    return Reference(
        laid=laid,
        numbers=Numbers.of(laid.placed),
        drawn=tuple(members),
        prepared=ofd_seal.prepare(members, laid.seal_box, identity, now=laid.created),
    )


def differing(values: Mapping[str, Value], name: str) -> str:
    """A printed field as one line.  PressUnableError: nothing prints it."""
    value = values.get(name)
    if value is None:
        raise PressUnableError("nothing prints a field that the register wants as data")
    return in_one_line(value)


def shape_of(made: Reference, objects: str, identity: SesIdentity) -> Shape:
    """What is the same for documents like this one.

    objects: of the page, as the press writes them.
    PressUnableError: the reference writes something in another way than the press does.
    """
    members, value = made.members, made.prepared.value
    moment, fonts, media = Moment.of(made.laid.created), _data_fonts(made), _media(made)
    methods = _methods(made, [each.file for _, each in fonts], [each.file for _, each in media])
    description = members[_description(value)]
    entry, page = _entry(made, moment), cut(members[CONTENT], [(LAYER, objects.encode())])
    second = cut(members[ATTACHMENTS], [(b' CreationDate="', moment.second)])
    described = cut(description, list(_described(made, methods, moment)))
    return Shape(
        fonts=tuple((face, each.name) for face, each in fonts),
        media=tuple(name for name, _ in media),
        entry=Holed(entry, (ID_SIZE, len(moment.day), *[None] * (len(entry) - 3))),
        id_place=len(entry[0]),
        said=_said(members[ENTRY]),
        opening=page[0].decode(),
        closing=page[1].decode(),
        attachments=Holed(second, (len(moment.second),)),
        description=Holed(described, (len(moment.stamp), *[IN_BASE_64] * (len(described) - 2))),
        package=_package(made, methods),
        seal=SealTemplate(made.prepared, identity, moment.stamp, sm2.sm3(description)),
    )


def _data_fonts(made: Reference) -> Sequence[tuple[Face, EmbeddedFont]]:
    used = used_faces(made.laid.placed)
    return [
        (face, font)
        for (face, use), font in embedded(used, made.numbers.fonts).items()
        if use is Use.DATA
    ]


def _media(made: Reference) -> Sequence[tuple[str, Medium]]:
    names = {number: name for name, number in made.numbers.media.items()}
    found = media_of(made.laid.placed, made.laid.pictures, made.numbers)
    return [(names[each.number], each) for each in found]


def _description(value: str) -> str:
    """Signature.xml, beside the signature value."""
    return f"{value.rpartition('/')[0]}/Signature.xml"


def _methods(made: Reference, fonts: Iterable[str], media: Iterable[str]) -> Mapping[str, int]:
    """How each member that varies is packed, in the order in which a press makes them."""
    return {
        ENTRY: DEFLATED,
        **{f"{DOCUMENT}/Res/{name}": DEFLATED for name in fonts},
        **{f"{DOCUMENT}/Res/{name}": STORED for name in media},
        CONTENT: DEFLATED,
        tags_of(made.laid, made.numbers).name: DEFLATED,
        ATTACHMENTS: DEFLATED,
        TWIN_MEMBER: STORED,
        _description(made.prepared.value): DEFLATED,
        made.prepared.value: STORED,
    }


def tags_of(laid: Laid, numbers: Numbers) -> Member:
    """Which objects print which field, as the reference says it."""
    *_, found = tags(laid.placed, numbers, names_of(laid))
    return found


def _entry(made: Reference, moment: Moment) -> Sequence[bytes]:
    """OFD.xml around its id, its day, and the identifiers that differ."""
    data, laid = made.members[ENTRY], made.laid
    at = data.find(OPENED_ID) + len(OPENED_ID)
    known = [] if laid.licence_id is None else [(laid.profile.ofd.licence_id, laid.licence_id)]
    said = [*known, *((name, differing(laid.values, field)) for name, field in fields_of(laid))]
    values = [
        (f'<ofd:CustomData Name="{escaped(name)}">'.encode(), escaped(value).encode())
        for name, value in said
    ]
    day = (b"<ofd:CreationDate>", moment.day)
    return cut(data, [(OPENED_ID, data[at : at + ID_SIZE]), day, *values])


def fields_of(laid: Laid) -> Sequence[tuple[str, str]]:
    """The CustomDatas that differ from document to document: their names, and printed fields."""
    constant = constant_data(laid)
    return [(each.name, each.field) for each in laid.profile.ofd.data if each.field not in constant]


def _said(entry: bytes) -> tuple[int, int]:
    """Where what OFD.xml says of the document begins, and ends from its end."""
    begin, end = entry.find(CLOSED_ID) + len(CLOSED_ID), entry.find(b"</ofd:DocInfo>")
    return begin, end - len(entry)


def _described(
    made: Reference, methods: Mapping[str, int], moment: Moment
) -> Iterator[tuple[bytes, bytes]]:
    """What differs in Signature.xml: the time, and the digests of what varies."""
    yield b"<ofd:SignatureDateTime>", moment.stamp
    for name in list(methods)[:-2]:  # all but itself and the signature value
        digest = b64encode(sm2.sm3(made.members[name]))
        yield f'FileRef="/{escaped(name)}"><ofd:CheckValue>'.encode(), digest


def _package(made: Reference, methods: Mapping[str, int]) -> Package:
    members = (*made.prepared.members, Member(name=made.prepared.value, data=b""))
    if [each.name for each in members if each.name in methods] != list(methods):
        raise PressUnableError("the reference writer writes its members in another order")
    return Package(members, methods)
