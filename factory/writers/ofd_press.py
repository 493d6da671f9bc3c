"""The OFD press: one sealed certificate for little more than its signature.  GB/T 33190-2016.

Compiled from what the reference writer and the reference seal make of a sample (``Shape``).  Of a
document the press makes the members that vary, out of pieces that stand ready: objects of the
page that were printed before, glyphs, deflated constants; takes their digests, of the font and the
seal only from where documents differ; and joins it all once.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import PermanentError, PressUnableError, SelfCheckError
from factory.ofd.package import DEFLATED, STORED, Member, opened
from factory.ofd.proof import proof
from factory.ofd.xml import escaped
from factory.page.fonts import Face
from factory.page.marks import Code, Picture, Run
from factory.pressing import Awaiting, Laid, shared_characters
from factory.profile import Profile
from factory.seals import sm2
from factory.seals.ses import read_seal
from factory.seals.signer import LaterSigner, SesIdentity
from factory.writers.ofd import WRITER_VERSION, document_id
from factory.writers.ofd_fonts import PLACES, Use, embedded
from factory.writers.ofd_numbers import IDS_OF_A_SLOT, Numbers, mark_name, used_faces
from factory.writers.ofd_objects import image_object, size_of
from factory.writers.ofd_press_fonts import DataFont
from factory.writers.ofd_press_objects import Objects
from factory.writers.ofd_press_package import Body, deflated, stored, unpacked
from factory.writers.ofd_press_shape import (
    ID_SIZE,
    Moment,
    Reference,
    Shape,
    differing,
    fields_of,
    referred,
    shape_of,
    tags_of,
)
from factory.writers.ofd_symbol import symbol
from factory.writers.pdf import JPEG_START

VERSION = 1  #: another where a press gives other bytes for the same document
SHARED_BY = 2  #: a character that one document in so many has is in the font of each
MOST_BROUGHT = 100_000  #: glyphs, at 1 us each about what compiling takes
MOST_SHARED = 192  #: characters of a font
MOST_SHAPES, MOST_FONTS, MOST_TAGS, MOST_IMAGES = 32, 16, 1024, 256  #: that are kept
NO_ID = bytes(ID_SIZE)


def compiled(sample: Sequence[Laid], identity: SesIdentity) -> OfdPress:
    """A press for documents like these, sealed by that identity.

    sample: documents of one design that are to be made, the more the better: what they share
            decides which characters every font has.
    PressUnableError: no document of that kind goes to a press.
    """
    if isinstance(identity.signer, LaterSigner):
        raise PressUnableError("its seal may come later, for the same bytes")
    if not sample or len(sample[0].placed.pages) != 1:
        raise PressUnableError("not one page")
    return OfdPress(sample, identity)


class OfdPress:
    """A template: one design with its fonts and one seal; see ``pressing.Press``.

    ident: hex digits of a SHA-256 over everything it depends on.
    """

    def __init__(self, sample: Sequence[Laid], identity: SesIdentity) -> None:
        """See ``compiled``."""
        first = sample[0]
        [page] = first.placed.pages
        used = used_faces(first.placed)
        self._identity, self._like = identity, first
        self._fixed, self._slots, self._rules = page.fixed, page.slots, _rules(first.profile)
        self._numbers = Numbers.of(first.placed)
        self._ids = dict(self._numbers.filled[0])
        self._labels = {key: said for key, said in used.items() if key[1] is Use.LABEL}
        self._fields = [field for _, field in fields_of(first)]
        self._shared = shared_characters(sample, one_in=SHARED_BY, most=MOST_SHARED)
        self._fonts: dict[Face, DataFont] = {}
        self._objects = Objects(self._font)
        self._images: dict[tuple[object, ...], str] = {}
        self._tags: dict[tuple[int, ...], tuple[Body, bytes]] = {}
        self._known_tags: dict[Body, bytes] = {}
        self._shapes: dict[tuple[object, ...], Shape] = {}
        self._valid = _validity(identity)
        self._brought = 0  # glyphs
        self.ident = self._learnt(sample)

    @property
    def is_worn(self) -> bool:
        """The documents have brought as many glyphs as compiling takes time."""
        return self._brought >= MOST_BROUGHT

    def fits(self, laid: Laid) -> bool:
        """Whether this template is for that document."""
        placed, like = laid.placed, self._like
        if len(placed.pages) != 1:
            return False
        page = placed.pages[0]
        return (
            page.fixed is self._fixed
            and page.slots == self._slots
            and laid.title == like.title
            and (laid.licence_id is None) == (like.licence_id is None)
            and placed.signatures == like.placed.signatures
            and (laid.profile is like.profile or _rules(laid.profile) == self._rules)
        )

    def sealed(self, laid: Laid) -> Awaiting:
        """All of the file but its signature.

        PressUnableError: the reference writer must make it; says why.
        """
        if not self.fits(laid) or laid.twin is None:
            raise PressUnableError("of another design")
        if not self._valid[0] <= laid.created <= self._valid[1]:
            raise PressUnableError("made when the seal or its certificate is not valid")
        page = self._page(laid)
        shape = self._shapes.get(page.shape)
        if shape is None:
            shape = self._shape(laid, page)
        return self._made(laid, page, shape)

    def check(self, data: bytes) -> str:
        """What every file of the template passes before it is released, on its bytes alone.

        Returns the file's SHA-256 as hex digits.  SelfCheckError: it does not pass.
        """
        for shape in self._shapes.values():
            if shape.package.describes(data):
                self._check(shape, data)
                return sha256(data).hexdigest()
        raise SelfCheckError("sealed package: has other members than its template")

    # --- one document -------------------------------------------------------------------------

    def _page(self, laid: Laid) -> _Page:
        """What is printed: objects, characters and pictures."""
        filled = laid.placed.pages[0].filled
        if len(filled) > IDS_OF_A_SLOT:
            raise PressUnableError("more marks than a slot has ids")
        ids, known, made = self._ids.copy(), self._objects.kept, self._objects.made
        objects: list[str] = []
        tagged: list[int] = []
        further: dict[Face, set[str]] = {}
        media: dict[str, bytes] = {}
        for mark in filled:
            name = mark_name(mark)
            ident = ids[name]
            ids[name] = ident + 1
            if not isinstance(mark, Run):
                objects.append(self._image(mark, ident, name))
                media[name] = _picture(mark, laid.pictures)
                continue
            kept = known.get(id(mark))
            if kept is None or kept[0] is not mark or kept[1] != ident:
                kept = made(mark, ident)
            objects.append(kept[2])
            tagged.append(kept[4])
            if kept[3] or mark.face not in further:
                further.setdefault(mark.face, set()).update(kept[3])
        return _Page("".join(objects), tuple(tagged), further, media)

    def _image(self, mark: Picture | Code, ident: int, name: str) -> str:
        where = (ident, mark.x_mm, mark.y_mm, *size_of(mark))
        written = self._images.get(where)
        if written is None:
            if len(self._images) >= MOST_IMAGES:
                self._images.clear()
            written = self._images[where] = image_object(mark, ident, self._numbers.media[name])
        return written

    def _made(self, laid: Laid, page: _Page, shape: Shape) -> Awaiting:
        moment, twin = Moment.of(laid.created), laid.twin or b""
        content = f"{shape.opening}{page.objects}{shape.closing}".encode()
        media = [page.media[name] for name in shape.media]
        fonts = [self._fonts[face].made(page.further[face]) for face, _ in shape.fonts]
        self._brought += sum(map(len, page.further.values()))
        tags, tags_digest = self._tagged(laid, page.tagged)
        second = shape.attachments.filled((moment.second,))
        entry_values, entry = self._entry(laid, shape, moment, (content, twin, *media))
        digests = [
            sm2.sm3(entry),
            *[font.digest for font in fonts],
            *map(sm2.sm3, media),
            sm2.sm3(content),
            tags_digest,
            sm2.sm3(second),
            sm2.sm3(twin),
        ]
        described = (moment.stamp, *map(_base_64, digests))
        description = shape.description.filled(described)
        bodies = [
            shape.entry.body(entry_values, entry),
            *[font.body for font in fonts],
            *map(stored, media),
            deflated(content),
            tags,
            shape.attachments.body((moment.second,), second),
            stored(twin),
            shape.description.body(described, description),
        ]
        signed = shape.seal.signed(moment.stamp, sm2.sm3(description))
        finish = partial(_finished, shape, bodies, signed)
        return Awaiting(digest=shape.seal.digest(signed), finish=finish)

    def _entry(
        self, laid: Laid, shape: Shape, moment: Moment, varying: Sequence[bytes]
    ) -> tuple[Sequence[bytes], bytes]:
        """OFD.xml: what fills its holes, and the whole."""
        known = () if laid.licence_id is None else (laid.licence_id,)
        fields = [differing(laid.values, field) for field in self._fields]
        values = [NO_ID, moment.day, *[escaped(said).encode() for said in (*known, *fields)]]
        entry = shape.entry.filled(values)
        said = entry[shape.said[0] : shape.said[1]]
        values[0] = document_id(moment.local, (said, *varying)).encode()
        place = shape.id_place
        return values, entry[:place] + values[0] + entry[place + ID_SIZE :]

    def _tagged(self, laid: Laid, tagged: tuple[int, ...]) -> tuple[Body, bytes]:
        """Which objects print which field: packed, and its digest."""
        found = self._tags.get(tagged)
        if found is None:
            if len(self._tags) >= MOST_TAGS:
                self._tags.clear()
                self._known_tags.clear()
            data = tags_of(laid, self._numbers).data
            found = self._tags[tagged] = (deflated(data), sm2.sm3(data))
            self._known_tags[found[0]] = found[1]
        return found

    # --- what is the same ---------------------------------------------------------------------

    def _learnt(self, sample: Iterable[Laid]) -> str:
        """The shape of the first document that can be made; the template's ident."""
        reason: PermanentError | None = None
        for laid in sample:
            try:
                shape = self._shape(laid, self._page(laid))
            except PermanentError as error:
                reason = error
                continue
            fonts = [self._fonts[face].made(()).digest for face, _ in shape.fonts]
            return _ident(shape, fonts, self._identity, self._rules)
        raise PressUnableError(f"nothing of the sample can be made: {reason}") from reason

    def _font(self, face: Face) -> DataFont:
        """The font of a face, as the reference calls it."""
        font = self._fonts.get(face)
        if font is None:
            first = self._numbers.fonts
            named = embedded({**self._labels, (face, Use.DATA): " "}, first)[face, Use.DATA]
            if named.number >= first + 2 * PLACES or len(self._fonts) >= MOST_FONTS:
                raise PressUnableError("more faces than have a place")
            font = DataFont(face, named.number, named.name, self._shared.get(face, ""))
            self._fonts[face] = font
        return font

    def _shape(self, laid: Laid, page: _Page) -> Shape:
        """Cut out of the reference's own, and tried at once with the same document."""
        if len(self._shapes) >= MOST_SHAPES:
            raise PressUnableError("of one shape too many")
        made = referred(laid, self._identity)
        shape = shape_of(made, page.objects, self._identity)
        if any(self._fonts[face].name != name for face, name in shape.fonts):
            raise PressUnableError("the reference writer calls a font otherwise")
        data = self._made(laid, page, shape).finish(b"0")
        _compare(opened(data), made)
        self._shapes[page.shape] = shape
        return shape

    # --- checking -----------------------------------------------------------------------------

    def _check(self, shape: Shape, data: bytes) -> None:
        """What is written with holes is written again, and need not be unpacked."""
        entry, *others, content, tags, second, twin, description, value = shape.package.read(data)
        fonts = [self._fonts[face] for face, _ in shape.fonts]
        stamp = shape.description.first(description[1])
        digests = [
            sm2.sm3(unpacked(entry, DEFLATED)),
            *[font.digest(body) for font, body in zip(fonts, others, strict=False)],
            *[sm2.sm3(unpacked(body, STORED)) for body in others[len(fonts) :]],
            sm2.sm3(unpacked(content, DEFLATED)),
            self._tags_digest(tags),
            sm2.sm3(unpacked(second, DEFLATED)),
            sm2.sm3(unpacked(twin, STORED)),
        ]
        described = (stamp, *map(_base_64, digests))
        expected = shape.description.filled(described)
        if shape.description.body(described, expected) != description:
            raise SelfCheckError("references: a digest is not the member's")
        shape.seal.check(value, stamp, sm2.sm3(expected))

    def _tags_digest(self, body: Body) -> bytes:
        return self._known_tags.get(body) or sm2.sm3(unpacked(body, DEFLATED))


class _Page:
    """What a document prints: its objects, their ids for tags, its characters and pictures.

    further: of each face, the characters beside the shared ones.
    shape:   of documents with which the same members are constant.
    """

    __slots__ = ("further", "media", "objects", "shape", "tagged")

    def __init__(
        self,
        objects: str,
        tagged: tuple[int, ...],
        further: Mapping[Face, set[str]],
        media: Mapping[str, bytes],
    ) -> None:
        self.objects, self.tagged, self.further, self.media = objects, tagged, further, media
        self.shape = (*further, *media)


_base_64 = partial(b2a_base64, newline=False)


def _picture(mark: Picture | Code, pictures: Mapping[str, bytes]) -> bytes:
    if isinstance(mark, Code):
        return symbol(mark.side, mark.bits)
    jpeg = pictures.get(mark.role, b"")
    if not jpeg.startswith(JPEG_START):
        raise PressUnableError("a picture is missing or no JPEG")
    return jpeg


def _finished(
    shape: Shape,
    bodies: Sequence[Body],
    signed: bytes,
    signature: bytes,
    token: bytes | None = None,
) -> bytes:
    return shape.package.packed((*bodies, shape.seal.body(signed, signature, token)))


def _compare(members: Mapping[str, bytes], made: Reference) -> None:
    """PressUnableError unless all but the fonts is the reference's.  LintError."""
    proof([Member(name=m.name, data=members[m.name]) for m in made.drawn], made.laid.placed)
    other = (member.name for member in made.drawn if members[member.name] != member.data)
    if any(not name.endswith(".ttf") for name in other):
        raise PressUnableError("the reference writer writes a member otherwise")


def _rules(profile: Profile) -> tuple[object, ...]:
    """All of a profile that is in an OFD, beside what is printed."""
    return profile.ofd, profile.authority


def _validity(identity: SesIdentity) -> tuple[datetime, datetime]:
    """When both the seal and its certificate are valid, aware."""
    seal, cert = read_seal(identity.seal), identity.signing_cert
    return (
        max(seal.valid_from, cert.not_valid_before_utc),
        min(seal.valid_until, cert.not_valid_after_utc),
    )


def _ident(
    shape: Shape, fonts: Iterable[bytes], identity: SesIdentity, rules: tuple[object, ...]
) -> str:
    digest = sha256(f"{VERSION} {WRITER_VERSION} {rules}".encode())
    holed = (shape.entry, shape.attachments, shape.description)
    parts = (
        *shape.package.constants,
        *(shape.opening.encode(), shape.closing.encode()),
        *(piece for each in holed for piece in each.constants),
        *fonts,
        identity.seal,
        identity.signing_cert.public_bytes(Encoding.DER),
    )
    for part in parts:
        digest.update(sha256(part).digest())
    return digest.hexdigest()
