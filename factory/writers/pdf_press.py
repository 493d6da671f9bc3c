"""The PDF press: one sealed certificate for little more than its signature.  ISO 32000-1.

Compiled from the reference writer's own output for one design, one seal and the characters that a
batch's documents share.  A document is then written once, from front to back: the constant prefix,
whose digest is known; what differs; and the signature's dictionary, every field of which has a
fixed width, so that each offset is known beforehand::

    prefix | content, fonts, XMP, Info, twin, pictures, own fonts | signature | xref, trailer
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import md5, sha256
from itertools import accumulate

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from factory.errors import PressUnableError, SelfCheckError
from factory.model import SHANGHAI
from factory.page.fonts import Face
from factory.page.marks import AUTHORITY_SEAL, Picture
from factory.pressing import Awaiting, Laid, shared_characters
from factory.seals import pades
from factory.seals.cms import Stencil
from factory.seals.der import OCTET_STRING
from factory.seals.pades import Prepared, refuse_unfit
from factory.seals.signer import LaterSigner, SealIdentity
from factory.seals.tsp import IMPRINT_BYTES, imprint_of
from factory.writers import pdf, pdfa
from factory.writers.pdf_images import image_object
from factory.writers.pdf_own_fonts import PARTS, OwnFont
from factory.writers.pdf_template import (
    CONTENT,
    FONTS,
    IN_USE,
    INFO,
    OBJECT,
    SIGNATURE,
    STREAM,
    TWIN,
    XMP,
    Template,
    flattened,
)
from factory.writers.pdf_words import OWN_NAME, Writing

VERSION = 1  #: another where a press gives other bytes for the same document
SHARED_BY = 4  #: a character that one document in so many has goes into the constant font
MOST_SHARED = 160  #: characters of a constant font
MOST_BROUGHT = 10_000  #: glyphs, at 2 us each about what compiling takes
PLAIN = re.compile(r"[0-9A-Za-z.]*", re.ASCII)
MARKER = "\ue000"  #: of private use: stands for a licence id where the words around it are kept
SIGNED = b"%d 0 obj\n<<%s/M(%s)/ByteRange[0 %010d %010d %010d]/Contents"
SIGNED_END = b">>\nendobj\n"
TRAILER = b"trailer\n<</Size %d/Root %d 0 R/Info %d 0 R/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n"
END = re.compile(rb"startxref\n(\d+)\n%%EOF\n\Z")
RANGE = re.compile(rb"/ByteRange\[0 (\d{10}) (\d{10}) (\d{10})\]/Contents\Z")
IMPRINT = bytes((OCTET_STRING, IMPRINT_BYTES))  #: before what a token is over, in its DER
RANGE_SIZE = len(b"/ByteRange[0 0000000000 0000000000 0000000000]/Contents")


def compiled(sample: Sequence[Laid], identity: SealIdentity) -> PdfPress:
    """A press for documents like these, sealed by that identity.

    sample: documents of one design that are to be made, the more the better: what they share
            decides which characters the constant fonts have.
    PressUnableError: no document of that kind goes to a press.
    """
    first = sample[0]
    if len(first.placed.pages) != 1 or first.placed.signature(AUTHORITY_SEAL) is None:
        raise PressUnableError("not one page with a place for a seal")
    if isinstance(identity.signer, LaterSigner):
        raise PressUnableError("its seal may come later, for the same bytes")
    shared = shared_characters(sample, one_in=SHARED_BY, most=MOST_SHARED)
    return PdfPress(first, shared, identity)


@dataclass(frozen=True, slots=True)
class _Moment:
    """What a file says of the one time in it."""

    signed: bytes
    xmp: tuple[bytes, bytes]
    info: bytes
    twin: bytes


class PdfPress:
    """One compiled template; see ``pressing.Press``.  For one thread."""

    def __init__(self, first: Laid, shared: Mapping[Face, str], identity: SealIdentity) -> None:
        placed = first.placed
        self._first, self._identity = first, identity
        self._fixed, self._roles = placed.pages[0].fixed, _roles(first)
        self._box, self._public = first.seal_box, identity.signing_cert.public_key()
        blank = replace(placed, pages=(replace(placed.pages[0], filled=()),))
        prepared = self._prepared(replace(first, placed=blank), shared)
        template = self._template = flattened(prepared.document, self._roles)
        self._prefix, self._numbers = template.prefix, template.numbers
        self._state, self._pictures = sha256(template.prefix), tuple(template.pictures.items())
        self._digits = prepared.hole[1] - prepared.hole[0] - 2
        self._stencil = Stencil(prepared.container, self._digits, stamped=first.stamped)
        constant = {
            face: (font.alias, font.subset.glyphs)
            for face, font in pdf.embedded(blank, shared).items()
        }
        self._own: dict[Face, OwnFont] = {}
        self._writing = Writing(placed.height_mm, constant)
        self._fonts = b"".join(
            b"/%s %d 0 R" % (name.encode("ascii"), n) for name, n in template.fonts.items()
        )
        self._moments: dict[datetime, _Moment] = {}
        self._brought = 0  # glyphs
        self.ident = _ident(first, template, self._stencil)

    def _prepared(self, blank: Laid, shared: Mapping[Face, str]) -> Prepared:
        """By the reference: the page without values, with everything of its seal."""
        document = pdf.draw(
            blank.placed,
            {},
            title=blank.title,
            created=blank.created,
            twin=blank.twin,
            licence_id=blank.licence_id,
            spare=shared,
        )
        room = blank.token_room if blank.stamped else 0
        return pades.prepare(
            document,
            self._box,
            self._identity,
            now=blank.created,
            token_room=room,
            material=blank.material,
        )

    @property
    def is_worn(self) -> bool:
        """The documents have brought as many glyphs as compiling takes time."""
        return self._brought >= MOST_BROUGHT

    def fits(self, laid: Laid) -> bool:
        """Of the same design, title, pictures and parts."""
        pages, first = laid.placed.pages, self._first
        return (
            len(pages) == 1
            and pages[0].fixed is self._fixed
            and laid.title == first.title
            and (laid.twin is None) == (first.twin is None)
            and (not laid.licence_id) == (not first.licence_id)
            and (laid.stamped, laid.token_room) == (first.stamped, first.token_room)
            and laid.material == first.material
            and _roles(laid) == self._roles
        )

    def sealed(self, laid: Laid) -> Awaiting:
        """All of the file but its signature.  PressUnableError: a value that no template takes."""
        moment, numbers = self._moment(laid.created), self._numbers
        content, brought = self._writing.content(laid.placed.pages[0].filled)
        licence = _licence(laid)
        parts = [
            STREAM % (numbers[CONTENT], b"", len(content), content),
            self._page_fonts(len(brought)),
            self._xmp(moment, licence),
            self._info(moment, licence),
        ]
        if laid.twin is not None:
            parts.append(self._twin(moment, laid.twin))
        pictures = laid.pictures
        parts += [image_object(n, role, pictures.get(role, b"")) for role, n in self._pictures]
        constant = len(parts)
        first = self._template.free
        for place, (face, characters) in enumerate(brought.items()):
            font = self._own.get(face) or self._font(face)
            parts += font.objects(characters, first + PARTS * place)
            self._brought += len(characters)
        return self._closed(parts, constant, moment)

    def _closed(self, parts: list[bytes], constant: int, moment: _Moment) -> Awaiting:
        """With signature dictionary, cross-references and trailer; all offsets are known.

        constant: how many of the parts have numbers below the signature's.
        """
        template = self._template
        *offsets, signed_at = accumulate(map(len, parts), initial=len(self._prefix))
        body = b"".join(parts)
        state = self._state.copy()
        state.update(body)
        number = self._numbers[SIGNATURE]
        hole = signed_at + len(SIGNED % (number, template.signature, moment.signed, 0, 0, 0))
        after = hole + self._digits + 2
        entries = (*offsets[:constant], signed_at, *offsets[constant:])
        tail = self._tail(entries, after, state.digest()[:16].hex().encode("ascii"))
        head = SIGNED % (number, template.signature, moment.signed, hole, after, len(tail))
        state.update(head)
        state.update(tail)
        digest = state.digest()
        finish = partial(self._finished, body, head, digest, tail)
        return Awaiting(digest=self._stencil.digest(digest), finish=finish)

    def _finished(
        self,
        body: bytes,
        head: bytes,
        digest: bytes,
        tail: bytes,
        signature: bytes,
        token: bytes | None = None,
    ) -> bytes:
        """The file, with the signature's container in its hole."""
        filled = self._stencil.fill(digest, signature, token or b"")
        return b"".join((self._prefix, body, head, b"<", filled, b">", tail))

    def _tail(self, offsets: tuple[int, ...], after: int, ident: bytes) -> bytes:
        template, xref_at = self._template, after + len(SIGNED_END)
        size = template.free - len(self._numbers) + len(offsets)
        lines = (IN_USE * len(offsets)) % offsets
        trailer = TRAILER % (size, template.root, self._numbers[INFO], ident, ident, xref_at)
        return b"%sxref\n0 %d\n%s%s%s" % (SIGNED_END, size, template.entries, lines, trailer)

    @property
    def _may_lack_stamp(self) -> bool:
        rules = self._first.profile.time_stamp
        return rules is not None and rules.when_down == "later"

    # --- parts ----------------------------------------------------------------------------------

    def _page_fonts(self, own: int) -> bytes:
        """own: how many the document brings itself."""
        entries, first = self._fonts, self._template.free
        for place in range(own):
            name = (OWN_NAME % place).encode("ascii")
            entries += b"/%s %d 0 R" % (name, first + PARTS * place)
        return OBJECT % (self._numbers[FONTS], entries)

    def _font(self, face: Face) -> OwnFont:
        """Made ready when the face is first met."""
        self._own[face] = OwnFont(face)
        return self._own[face]

    def _xmp(self, moment: _Moment, licence: str) -> bytes:
        words = licence.encode("ascii").join(moment.xmp)
        return STREAM % (self._numbers[XMP], b"/Type/Metadata/Subtype/XML", len(words), words)

    def _info(self, moment: _Moment, licence: str) -> bytes:
        keywords = pdf.keywords_of(licence)
        said = b"/Keywords%s" % _text(keywords) if keywords else b""
        return OBJECT % (self._numbers[INFO], moment.info + said)

    def _twin(self, moment: _Moment, twin: bytes) -> bytes:
        if b"/ByteRange" in twin or b"endstream" in twin:
            raise PressUnableError("a twin with words that readers of PDF look for")
        checksum = md5(twin, usedforsecurity=False).hexdigest().encode("ascii")
        entries = moment.twin % (len(twin), checksum)
        return STREAM % (self._numbers[TWIN], entries, len(twin), twin)

    def _moment(self, created: datetime) -> _Moment:
        """Kept: documents of a batch are often of one second."""
        found = self._moments.get(created)
        if found is None:
            refuse_unfit(self._identity.signing_cert, created)
            self._moments.clear()
            found = self._moments[created] = self._said_of(created)
        return found

    def _said_of(self, created: datetime) -> _Moment:
        here, title = created.astimezone(SHANGHAI), self._first.title
        marker = MARKER if self._first.licence_id else ""
        keywords = pdf.keywords_of(marker)
        xmp = pdfa.xmp(title=title, producer=pdf.PRODUCER, keywords=keywords, at=here).encode()
        before, _, after = xmp.partition(MARKER.encode()) if marker else (xmp, b"", b"")
        day = pdfa.date(here)
        return _Moment(
            signed=created.astimezone(UTC).strftime("D:%Y%m%d%H%M%SZ").encode("ascii"),
            xmp=(before, after),
            info=b"/Title%s/Producer(%s)/CreationDate(%s)/ModDate(%s)"
            % (_text(title), pdf.PRODUCER.encode("ascii"), day, day),
            twin=b"/Type/EmbeddedFile/Subtype/application#2Fjson"
            b"/Params<</Size %%d/ModDate(%s)/CheckSum<%%s>>>" % day,
        )

    # --- the check of a finished file -------------------------------------------------------------

    def check(self, data: bytes) -> str:
        """On the bytes alone: constant part, cross-references, digest, container, signature."""
        if not data.startswith(self._prefix):
            raise SelfCheckError("template: the constant part is not the template's")
        hole, after = _hole(data, len(self._prefix))
        _check_entries(data, self._template)
        state = self._state.copy()
        state.update(data[len(self._prefix) : hole])
        whole = state.copy()
        whole.update(data[hole:])
        state.update(data[after:])
        signed, signature, token = self._stencil.read(data[hole + 1 : after - 1])
        if signed != state.digest():
            raise SelfCheckError("document digest: is not the signed one")
        if not _verifies(self._public, signature, self._stencil.digest(signed)):
            raise SelfCheckError("signature: does not fit the signing certificate's key")
        if not token and self._may_lack_stamp:
            return whole.hexdigest()
        if self._first.stamped and IMPRINT + imprint_of(signature) not in token:
            raise SelfCheckError("time stamp: is over another signature")
        return whole.hexdigest()


def _ident(first: Laid, template: Template, stencil: Stencil) -> str:
    """Design, fonts and seal's look are in the prefix, chain and certificate in the container."""
    room = first.token_room if first.stamped else 0
    described = f"{bool(first.licence_id)} {first.title} {room}".encode()
    parts = (b"pdf %d" % VERSION, described, template.prefix, template.signature, stencil.blank)
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()


def _roles(laid: Laid) -> tuple[str, ...]:
    """Of the pictures that are printed."""
    marks = laid.placed.pages[0].filled
    return tuple(sorted(mark.role for mark in marks if isinstance(mark, Picture)))


def _licence(laid: Laid) -> str:
    licence = laid.licence_id or ""
    if not PLAIN.fullmatch(licence):
        raise PressUnableError("a licence id of other characters than GB/T 36904 has")
    return licence


def _text(words: str) -> bytes:
    """A text string in UTF-16, as hex digits (7.9.2.2)."""
    return b"<FEFF%s>" % words.encode("utf-16-be").hex().encode("ascii")


def _hole(data: bytes, start: int) -> tuple[int, int]:
    """Offsets of ``<`` and of the byte behind ``>``; there is no byte range before that start."""
    at = data.find(b"/ByteRange", start)
    found = RANGE.search(data, at, at + RANGE_SIZE) if at >= 0 else None
    if found is None or data.find(b"/ByteRange", at + 1) >= 0:
        raise SelfCheckError("byte range: there must be exactly one")
    hole, after, rest = map(int, found.groups())
    whole = found.end() == hole and after + rest == len(data)
    if not whole or data[hole : hole + 1] != b"<" or data[after - 1 : after] != b">":
        raise SelfCheckError("byte range: does not cover the whole file but the signature")
    return hole, after


def _check_entries(data: bytes, template: Template) -> None:
    """Every object that differs stands where the cross-references say."""
    found = END.search(data, len(data) - 40)
    start = int(found[1]) if found else len(data)
    lines_at = data.find(template.entries, start) + len(template.entries)
    first = len(template.entries) // len(IN_USE % 0)
    lines = data[lines_at : data.find(b"trailer", lines_at)].split(b"\n")[:-1]
    if data[start : start + 5] != b"xref\n" or len(lines) < len(template.numbers):
        raise SelfCheckError("cross-references: are not where the end says")
    for number, line in enumerate(lines, start=first):
        at = int(line[:10]) if line[:10].isdigit() else len(data)
        if not data.startswith(b"%d 0 obj\n" % number, at):
            raise SelfCheckError("cross-references: an object is not where they say")


def _verifies(public: object, signature: bytes, digest: bytes) -> bool:
    algorithm = utils.Prehashed(hashes.SHA256())
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, digest, padding.PKCS1v15(), algorithm)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, digest, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True
