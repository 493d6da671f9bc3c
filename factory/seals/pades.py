"""PAdES seals on PDF: prepare a document for a digest, complete it with the signature.

ETSI EN 319 142-1, baseline B-B: a CMS container without signing-time attribute, the time in
the signature dictionary; a certification signature that permits no change (ISO 32000-2,
12.8.2.2, DocMDP 1).  Equal input gives equal bytes; no clock and no random number is asked.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from typing import Any

from cryptography import x509
from cryptography.x509 import ExtensionNotFound, KeyUsage
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigIOSetup,
    SigMDPSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject

from factory.errors import SealRefusedError
from factory.seals.cms import DIGEST, Container
from factory.seals.signer import SealIdentity

PT_PER_MM = 72 / 25.4
PRINT_AND_LOCKED = 132  #: annotation flags (ISO 32000-2, 12.5.3), as PDF/A wants them
SPARE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class SealField:
    """Where a seal goes: from the page's top left corner, y downwards; page from 0."""

    name: str
    page: int
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document with a hole for its signature.

    digest: SHA-256 of the signed attributes, 32 bytes: what the signer gets.
    """

    document: bytes = field(repr=False)
    digest: bytes
    document_digest: bytes
    hole: tuple[int, int]  #: the reserved region, with its angle brackets
    container: Container = field(repr=False)


def prepare(
    document: bytes, field: SealField, identity: SealIdentity, *, now: datetime
) -> Prepared:
    """The document with field, seal picture and an empty signature.

    now: aware; the signing time.
    SealRefusedError: it is signed already, or the certificate may not sign at that time.
    """
    check_certificate(identity.signing_cert, now)
    container = _container(identity.signing_cert, identity.chain)
    writer = _Writer(BytesIO(document), strict=False)
    if writer.prev.embedded_signatures:
        raise SealRefusedError("the document carries a signature already")
    steps = PdfCMSEmbedder(_field_spec(field, _page_height(writer, field.page))).write_cms(
        field.name, writer
    )
    _dress(writer, next(steps).get_object(), field, identity)
    steps.send(_signature(container, now))
    hole, output = steps.send(SigIOSetup(md_algorithm=DIGEST))
    return _prepared(output.getvalue(), hole, container)


def complete(prepared: Prepared, signature: bytes) -> bytes:
    """The finished document: the raw signature wrapped into its container and its hole."""
    der = prepared.container.fill(prepared.document_digest, signature)
    start, end = prepared.hole
    text = der.hex().encode()
    room = end - start - 2
    if len(text) > room:
        raise SealRefusedError("the signature is longer than the room kept for it")
    filled = b"<" + text.ljust(room, b"0") + b">"
    return prepared.document[:start] + filled + prepared.document[end:]


def check_certificate(certificate: x509.Certificate, now: datetime) -> None:
    """SealRefusedError: not valid at that time, or not made for signatures."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise SealRefusedError("the signing certificate is not valid at the signing time")
    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        raise SealRefusedError("the signing certificate has no key usage") from None
    if not (usage.digital_signature and usage.content_commitment):
        raise SealRefusedError("the signing certificate is not for sealing documents")


class _Writer(IncrementalPdfFileWriter):
    """An incremental update whose file identifier follows from the document's."""

    @classmethod
    def _handle_id(cls, prev: Any) -> Any:
        first = prev.trailer["/ID"][0].original_bytes
        second = sha256(first + b"sealed").digest()[:16]
        return generic.ArrayObject(
            [generic.ByteStringObject(first), generic.ByteStringObject(second)]
        )


@lru_cache(maxsize=64)
def _container(certificate: x509.Certificate, chain: tuple[x509.Certificate, ...]) -> Container:
    return Container(signing_cert=certificate, chain=chain)


@lru_cache(maxsize=64)
def _reserved(container: Container) -> int:
    return 2 * (container.longest_der + SPARE_BYTES)


def _signature(container: Container, now: datetime) -> SigObjSetup:
    return SigObjSetup(
        sig_placeholder=SignatureObject(
            timestamp=now,
            subfilter=SigSeedSubFilter.PADES,
            bytes_reserved=_reserved(container),
        ),
        mdp_setup=SigMDPSetup(md_algorithm=DIGEST, certify=True, docmdp_perms=MDPPerm.NO_CHANGES),
    )


def _prepared(document: bytes, hole: PreparedByteRangeDigest, container: Container) -> Prepared:
    attributes = container.signed_attributes(hole.document_digest)
    return Prepared(
        document=document,
        digest=sha256(attributes).digest(),
        document_digest=hole.document_digest,
        hole=(hole.reserved_region_start, hole.reserved_region_end),
        container=container,
    )


def _field_spec(field: SealField, page_height: float) -> SigFieldSpec:
    left, top = field.x_mm * PT_PER_MM, page_height - field.y_mm * PT_PER_MM
    right, bottom = left + field.width_mm * PT_PER_MM, top - field.height_mm * PT_PER_MM
    box: Any = tuple(round(value, 2) for value in (left, bottom, right, top))
    return SigFieldSpec(sig_field_name=field.name, on_page=field.page, box=box)


def _page_height(writer: IncrementalPdfFileWriter, page: int) -> float:
    finder: Any = writer  # pyHanko leaves this method without types
    ref, _ = finder.find_page_for_modification(page)
    box = ref.get_object()["/MediaBox"]
    return float(box[3]) - float(box[1])


def _dress(
    writer: IncrementalPdfFileWriter, widget: Any, field: SealField, identity: SealIdentity
) -> None:
    """Give the field the seal's picture as its appearance (12.5.5)."""
    width, height = round(field.width_mm * PT_PER_MM, 2), round(field.height_mm * PT_PER_MM, 2)
    form = generic.StreamObject(
        _dictionary(
            Type=pdf_name("/XObject"),
            Subtype=pdf_name("/Form"),
            BBox=generic.ArrayObject([_real(value) for value in (0, 0, width, height)]),
            Resources=_dictionary(XObject=_dictionary(Seal=_add_picture(writer, identity.picture))),
        ),
        stream_data=f"q {width} 0 0 {height} 0 0 cm /Seal Do Q".encode(),
    )
    widget[pdf_name("/AP")] = _dictionary(N=writer.add_object(form))
    widget[pdf_name("/F")] = _whole(PRINT_AND_LOCKED)


def _add_picture(writer: IncrementalPdfFileWriter, png: bytes) -> Any:
    width, height, colours, alpha = _pixels(png)
    mask = _image(width, height, "/DeviceGray", alpha)
    image = _image(width, height, "/DeviceRGB", colours)
    image[pdf_name("/SMask")] = writer.add_object(mask)
    return writer.add_object(image)


def _image(width: int, height: int, space: str, deflated: bytes) -> Any:
    return generic.StreamObject(
        _dictionary(
            Type=pdf_name("/XObject"),
            Subtype=pdf_name("/Image"),
            Width=_whole(width),
            Height=_whole(height),
            ColorSpace=pdf_name(space),
            BitsPerComponent=_whole(8),
            Filter=pdf_name("/FlateDecode"),
        ),
        encoded_data=deflated,
    )


def _dictionary(**entries: Any) -> Any:
    make: Any = generic.DictionaryObject
    return make({pdf_name(f"/{name}"): value for name, value in entries.items()})


def _whole(value: int) -> Any:
    make: Any = generic.NumberObject
    return make(value)


def _real(value: float) -> Any:
    make: Any = generic.FloatObject
    return make(value)


@lru_cache(maxsize=64)
def _pixels(png: bytes) -> tuple[int, int, bytes, bytes]:
    """Width, height, deflated RGB and deflated alpha; once a seal, not once a document."""
    image = Image.open(BytesIO(png), formats=("PNG",)).convert("RGBA")
    colours = zlib.compress(image.convert("RGB").tobytes(), 9)
    return image.width, image.height, colours, zlib.compress(image.getchannel("A").tobytes(), 9)
