"""Sealing a PDF: PAdES baseline B-B, B-T or B-LT, certified, no change permitted.

ETSI EN 319 142-1 (PAdES), ISO 32000-2 12.8 (digital signatures) and 12.8.2.2 (DocMDP).
In two steps, so that all digests of a chunk go to the signer in one call::

    prepared = [prepare(document, field, identity, now=now) for document in documents]
    signatures = identity.signer.sign_digests([p.digest for p in prepared])
    sealed = [complete(p, s) for p, s in zip(prepared, signatures, strict=True)]

The same arguments give the same bytes: pyHanko's clock and random numbers are shut out.
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from io import BytesIO
from typing import Any

from cryptography import x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.rw_common import find_inherited_value_in_tree
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter, enumerate_sig_fields
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.cms_embedder import (
    PdfCMSEmbedder,
    SigIOSetup,
    SigMDPSetup,
    SigObjSetup,
)
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject

from factory.errors import SealRefusedError
from factory.model import SHANGHAI
from factory.page.marks import SignatureBox
from factory.seals import longterm
from factory.seals.appearance import add_appearance, seal_image
from factory.seals.cms import DIGEST, Container
from factory.seals.signer import SealIdentity

POINTS_PER_MM = 72 / 25.4
SPARE_BYTES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A document that waits for its signature.

    document:        the finished file with a hole of zeros for the signature container.
    digest:          what the signer signs: SHA-256 of the DER signed attributes, 32 bytes.
    document_digest: SHA-256 over the byte range.
    hole:            offsets of ``<`` and of the byte after ``>`` in document.
    """

    document: bytes = field(repr=False)
    digest: bytes
    document_digest: bytes
    hole: tuple[int, int]
    container: Container = field(repr=False)


def prepare(
    document: bytes,
    field: SignatureBox,
    identity: SealIdentity,
    *,
    now: datetime,
    reason: str | None = None,
    location: str | None = None,
    token_room: int = 0,
    material: longterm.Material | None = None,
) -> Prepared:
    """The document with the seal's field, its picture and a hole for the signature.

    token_room: bytes that the hole has for a time-stamp token too.
    material:   what makes a stamped one B-LT.
    now: aware; the signing time, to the second (entry /M, ISO 32000-2 table 255).
    SealRefusedError: see the messages below; nothing is signed.
    """
    refuse_unfit(identity.signing_cert, now)
    container = Container(signing_cert=identity.signing_cert, chain=identity.chain)
    try:
        writer = PinnedWriter(document, now)
        _refuse_signed(writer)
        if material is not None:
            longterm.add(writer, material)
        signature = SignatureObject(
            timestamp=now.astimezone(UTC),
            subfilter=SigSeedSubFilter.PADES,
            reason=reason,
            location=location,
            bytes_reserved=_reserved_digits(container, token_room),
        )
        prepared, output = _write(writer, field, identity, signature)
    except (PdfError, SigningError, KeyError, TypeError, ValueError, IndexError) as error:
        raise SealRefusedError(f"not a PDF that can be sealed: {type(error).__name__}") from error
    return Prepared(
        document=output,
        digest=sha256(container.signed_attributes(prepared.document_digest)).digest(),
        document_digest=prepared.document_digest,
        hole=(prepared.reserved_region_start, prepared.reserved_region_end),
        container=container,
    )


def complete(prepared: Prepared, signature: bytes, token: bytes | None = None) -> bytes:
    """The sealed document: the raw signature goes into the container, that into the hole.

    signature: raw, as the signer gave it for prepared.digest; checked by verify.self_check.
    token:     a time-stamp token over it, which makes it B-T; it was made room for.
    """
    container = prepared.container.fill(prepared.document_digest, signature, token or b"")
    room = (prepared.hole[1] - prepared.hole[0]) // 2 - 1
    if len(container) > room:
        raise SealRefusedError(f"the signature needs {len(container)} bytes, room for {room}")
    return spliced(prepared.document, prepared.hole, container)


def spliced(document: bytes, hole: tuple[int, int], container: bytes) -> bytes:
    """The document with the container in its hole, in hex, padded with zeros."""
    start, end = hole
    digits = container.hex().encode("ascii").ljust(end - start - 2, b"0")
    return b"".join((document[: start + 1], digits, document[end - 1 :]))


def refuse_unfit(signing_cert: x509.Certificate, now: datetime) -> None:
    """SealRefusedError unless the certificate is valid then and made for sealing.

    RFC 5280, 4.1.2.5 (validity) and 4.2.1.3 (nonRepudiation, today called contentCommitment);
    with digitalSignature beside it or without: types A and B of ETSI EN 319 412-2, 4.3.2.
    """
    if now.tzinfo is None:
        raise ValueError("the signing time must be aware")
    if not signing_cert.not_valid_before_utc <= now <= signing_cert.not_valid_after_utc:
        raise SealRefusedError(
            "the signing certificate is not valid at the signing time: its validity is "
            f"{signing_cert.not_valid_before_utc.astimezone(SHANGHAI):%Y-%m-%d} to "
            f"{signing_cert.not_valid_after_utc.astimezone(SHANGHAI):%Y-%m-%d} (RFC 5280, 4.1.2.5)"
        )
    if not _commits(signing_cert):
        raise SealRefusedError(
            "the signing certificate is not for sealing: its keyUsage lacks contentCommitment "
            "(RFC 5280, 4.2.1.3)"
        )


@lru_cache(maxsize=64)
def _commits(signing_cert: x509.Certificate) -> bool:
    try:
        usage = signing_cert.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return usage.content_commitment


@lru_cache(maxsize=64)
def _reserved_digits(container: Container, token_room: int) -> int:
    """Hex digits of the hole: for the longest container; more would be zeros in each file."""
    return 2 * (container.longest_with(token_room) + SPARE_BYTES)


def _refuse_signed(writer: PinnedWriter) -> None:
    if writer.prev.encrypted:
        raise SealRefusedError("the document is encrypted")
    if any(True for _ in enumerate_sig_fields(writer.prev, filled_status=True)):
        raise SealRefusedError(
            "the document carries a signature already; a certifying seal is the first"
        )


def _write(
    writer: PinnedWriter, field: SignatureBox, identity: SealIdentity, signature: SignatureObject
) -> tuple[PreparedByteRangeDigest, bytes]:
    """pyHanko's embedder, fed step by step; PdfSigner would read the clock."""
    box = box_on_page(writer, field)
    spec = SigFieldSpec(sig_field_name=field.name, on_page=field.page, box=box)  # type: ignore[arg-type]
    steps = PdfCMSEmbedder(new_field_spec=spec).write_cms(field.name, writer)
    widget = next(steps).get_object()
    look = add_appearance(writer, seal_image(identity.picture), box[2] - box[0], box[3] - box[1])
    widget[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): look})
    writer.register_extension(ESIC_EXTENSION_1)
    certified = SigMDPSetup(md_algorithm=DIGEST, certify=True, docmdp_perms=MDPPerm.NO_CHANGES)
    steps.send(SigObjSetup(sig_placeholder=signature, mdp_setup=certified))
    prepared, output = steps.send(SigIOSetup(md_algorithm=DIGEST))
    return prepared, output.getvalue()


def box_on_page(writer: PinnedWriter, field: SignatureBox) -> tuple[float, float, float, float]:
    """Lower left and upper right corner in points, from the page's media box."""
    page = writer.prev.find_page_for_modification(field.page)[0].get_object()
    media = find_inherited_value_in_tree(page, pdf_name("/MediaBox"), pdf_name("/Parent"))
    left, top = float(media[0]), float(media[3])
    x, y = left + field.x_mm * POINTS_PER_MM, top - field.y_mm * POINTS_PER_MM
    return (x, y - field.height_mm * POINTS_PER_MM, x + field.width_mm * POINTS_PER_MM, y)


class PinnedWriter(IncrementalPdfFileWriter):
    """Writes the same bytes each time.

    pyHanko stamps the present time and its name into the document's description, and draws the
    file identifier at random; both have no argument, so two of its steps are replaced here.
    """

    def __init__(self, document: bytes, now: datetime) -> None:
        super().__init__(BytesIO(document))
        self._document_id = self._pinned_id(sha256(document + now.isoformat().encode()).digest())

    def _pinned_id(self, changing: bytes) -> generic.ArrayObject:
        """ISO 32000-2, 14.4: the first part stays, the second is new with each change."""
        trailer: Any = self.prev.trailer
        first = trailer["/ID"][0].original_bytes if "/ID" in trailer else changing[16:]
        return generic.ArrayObject(
            [generic.ByteStringObject(first), generic.ByteStringObject(changing[:16])]
        )

    def _update_meta(self) -> None:
        """The seal changes no word of the document's own description."""
