"""A party's signature on a form, made with a key of their own: a field filled, nothing else.

In two steps, between which the party signs outside::

    prepared = prepare(document, field, certifies=True, locks=False, look=png, now=now, chain=chain)
    signed = complete(prepared, signature)       # raw, for prepared.digest
    signed = complete_cms(prepared, container)   # or a finished CMS over prepared.content

The first signature certifies the form, the last locks it (ISO 32000-2, 12.8.2.2 and 12.8.2.4);
each is an incremental update, so what stood before stays as it was signed.  Here bytes are only
put in place; whether a signature fits, and whose it is, ``outside`` and ``verify`` say.
"""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field as entry
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Any

from asn1crypto import cms, pem
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import (
    FieldMDPAction,
    FieldMDPSpec,
    MDPPerm,
    SigSeedSubFilter,
    enumerate_sig_fields,
)
from pyhanko.sign.general import SigningError
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import PreparedByteRangeDigest, SignatureObject

from factory.errors import SealRefusedError, SignatureRefusedError
from factory.seals.appearance import add_appearance, seal_image
from factory.seals.cms import DIGEST, Container
from factory.seals.pades import SPARE_BYTES, PinnedWriter, spliced

LONGEST_CMS = 12 * 1024  #: bytes of DER reserved where the signer is not known beforehand

INDEFINITE = 0x80  #: a length that is found by its end only (X.690, 8.1.3.6)
PEM_LABELS = ("CMS", "PKCS7")
LOCKED = "the form is locked: its last signature has been given"
NO_FORM = "not a form that can be signed"

_BROKEN = (
    PdfError, SigningError, KeyError, TypeError, ValueError, IndexError, AttributeError,
    OverflowError, AssertionError, RecursionError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A form that waits for a party's signature.

    document:          the finished file with a hole of zeros for the signature container.
    hole:              offsets of ``<`` and of the byte after ``>`` in document.
    document_digest:   SHA-256 over the byte range.
    signed_attributes: DER SET OF, as signed (RFC 5652, 5.4); None: no certificate was given.
    digest:            what a raw signer signs: SHA-256 of signed_attributes; without them the
                       document_digest, which only says what a finished CMS must be about.
    """

    document: bytes = entry(repr=False)
    hole: tuple[int, int]
    document_digest: bytes
    signed_attributes: bytes | None = entry(repr=False)
    digest: bytes
    container: Container | None = entry(repr=False)

    @property
    def content(self) -> bytes:
        """The bytes of the byte range: what a detached CMS is about."""
        start, end = self.hole
        return self.document[:start] + self.document[end:]


def prepare(
    document: bytes,
    field: str,
    *,
    certifies: bool,
    locks: bool,
    look: bytes,
    now: datetime,
    chain: Sequence[x509.Certificate] = (),
) -> Prepared:
    """The form with the field filled but for the signature; equal arguments, equal bytes.

    field:     the name of an empty field of the document.
    certifies: the first signature: afterwards fields may be filled and no more.
    locks:     the last: afterwards nothing may be changed.
    look:      PNG, with alpha or without; drawn undistorted into the field's box, as ink.
    now:       aware; the signing time, to the second (entry /M, ISO 32000-2 table 255).
    chain:     the signer's certificate, then those that issued it; empty: only a finished CMS
               can complete the form.
    SignatureRefusedError: says why this field of this document cannot be signed.
    """
    if now.tzinfo is None:
        raise ValueError("the signing time must be aware")
    container = _container(chain)
    with _refusals():
        writer = PinnedWriter(document, now)
        _refuse_unready(writer, field, certifies=certifies)
        signature = SignatureObject(
            timestamp=now.astimezone(UTC),
            subfilter=SigSeedSubFilter.PADES,
            bytes_reserved=2 * _reserved(container),
        )
        rules = _rules(certifies=certifies, locks=locks)
        found, output = _write(writer, field, look, signature, rules)
    return _prepared(output, found, container)


def complete(prepared: Prepared, signature: bytes) -> bytes:
    """The signed form from a raw signature of prepared.digest.

    signature: RSA: PKCS #1 v1.5 (RFC 8017, 8.2); EC: an ECDSA-Sig-Value in DER (RFC 3279,
               2.2.3), or r and s side by side as PKCS #11 tokens give them.
    """
    if prepared.container is None:
        raise SignatureRefusedError(
            "the form was prepared without a certificate: a raw signature needs one, else give "
            "a finished CMS container"
        )
    raw = _as_in_cms(prepared.container.signing_cert, signature)
    return _filled(prepared, prepared.container.fill(prepared.document_digest, raw))


def complete_cms(prepared: Prepared, container: bytes) -> bytes:
    """The signed form from a finished CMS over prepared.content.

    container: SignedData, detached, in DER or PEM (RFC 5652; RFC 7468, 8 and 9).
    """
    return _filled(prepared, _der(container))


def signed_fields(document: bytes) -> tuple[str, ...]:
    """Names of the signed fields, in the order in which they were signed."""
    with _refusals():
        reader = PdfFileReader(BytesIO(document), strict=False)
        filled = [
            (int(value.get_object()["/ByteRange"][2]), str(name))
            for name, value, _ in enumerate_sig_fields(reader, filled_status=True)
        ]
    return tuple(name for _, name in sorted(filled))


@contextmanager
def _refusals() -> Iterator[None]:
    """SignatureRefusedError for whatever a parser says of a document that is no form."""
    try:
        yield
    except SealRefusedError as error:
        raise SignatureRefusedError(str(error)) from error
    except _BROKEN as error:
        raise SignatureRefusedError(f"{NO_FORM}: {type(error).__name__}") from error


def _container(chain: Sequence[x509.Certificate]) -> Container | None:
    """The container of this signer.  RSA and ECDSA are what Container can sign with."""
    if not chain:
        return None
    try:
        key = chain[0].public_key()
    except (UnsupportedAlgorithm, ValueError) as error:
        raise _unusable_key() from error
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise _unusable_key()
    return Container(signing_cert=chain[0], chain=tuple(chain[1:]))


def _unusable_key() -> SignatureRefusedError:
    return SignatureRefusedError(
        "the certificate's key is neither RSA nor ECDSA: prepare the form without a "
        "certificate and give a finished CMS container"
    )


def _refuse_unready(writer: PinnedWriter, field: str, *, certifies: bool) -> None:
    if writer.prev.encrypted:
        raise SignatureRefusedError("the document is encrypted")
    fields = {str(name): value for name, value, _ in enumerate_sig_fields(writer.prev)}
    signed = [name for name, value in fields.items() if value is not None]
    if field not in fields:
        raise SignatureRefusedError(f"the document has no signature field {field}")
    if field in signed:
        raise SignatureRefusedError(f"{field} is signed already")
    if certifies and signed:
        raise SignatureRefusedError(
            f"{', '.join(signed)} is signed already: only the first signature certifies "
            "(ISO 32000-2, 12.8.2.2.1)"
        )
    if _is_locked(fields):
        raise SignatureRefusedError(LOCKED)


def _is_locked(fields: dict[str, Any]) -> bool:
    """Whether a signature forbids all further changes (ISO 32000-2, tables 257 and 259)."""
    return any(_locks(value.get_object()) for value in fields.values() if value is not None)


def _locks(signature: Any) -> bool:
    for reference in signature.get("/Reference", ()):
        terms = reference.get_object()["/TransformParams"]
        method = reference.get_object()["/TransformMethod"]
        if method == "/FieldMDP" and terms["/Action"] == "/All":
            return True
        if method == "/DocMDP" and terms["/P"] == MDPPerm.NO_CHANGES.value:
            return True
    return False


def _reserved(container: Container | None) -> int:
    return LONGEST_CMS if container is None else container.longest_der + SPARE_BYTES


def _rules(*, certifies: bool, locks: bool) -> SigMDPSetup:
    """What a signature permits after it; that it locks is said in the field's /Lock already."""
    permitted = MDPPerm.FILL_FORMS if certifies else None
    return SigMDPSetup(
        md_algorithm=DIGEST,
        certify=certifies,
        docmdp_perms=MDPPerm.NO_CHANGES if locks else permitted,
        field_lock=FieldMDPSpec(FieldMDPAction.ALL) if locks else None,
    )


def _write(
    writer: PinnedWriter, field: str, look: bytes, signature: SignatureObject, rules: SigMDPSetup
) -> tuple[PreparedByteRangeDigest, bytes]:
    """pyHanko's embedder, fed step by step; PdfSigner would read the clock."""
    steps = PdfCMSEmbedder().write_cms(field, writer, existing_fields_only=True)
    widget = next(steps).get_object()
    left, low, right, high = (float(side) for side in widget["/Rect"])
    shown = add_appearance(writer, seal_image(look), right - left, high - low)
    widget[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): shown})
    if rules.certify:
        writer.register_extension(ESIC_EXTENSION_1)
    steps.send(SigObjSetup(sig_placeholder=signature, mdp_setup=rules))
    found, output = steps.send(SigIOSetup(md_algorithm=DIGEST))
    return found, output.getvalue()


def _prepared(
    output: bytes, found: PreparedByteRangeDigest, container: Container | None
) -> Prepared:
    attributes = None if container is None else container.signed_attributes(found.document_digest)
    return Prepared(
        document=output,
        hole=(found.reserved_region_start, found.reserved_region_end),
        document_digest=found.document_digest,
        signed_attributes=attributes,
        digest=found.document_digest if attributes is None else sha256(attributes).digest(),
        container=container,
    )


def _as_in_cms(certificate: x509.Certificate, signature: bytes) -> bytes:
    """The signature as a container carries it.  RFC 3370, 3.2; RFC 5753, 2.1.1."""
    key = certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _ecdsa(signature, (key.key_size + 7) // 8)
    if isinstance(key, rsa.RSAPublicKey) and len(signature) != (key.key_size + 7) // 8:
        raise SignatureRefusedError(
            f"an RSA signature of this certificate's key has {(key.key_size + 7) // 8} bytes, "
            f"this one has {len(signature)}"
        )
    return signature


def _ecdsa(signature: bytes, size: int) -> bytes:
    """DER, whichever way it came; 0 is neither r nor s (FIPS 186-5, 6.4.2)."""
    try:
        numbers = decode_dss_signature(signature)
    except ValueError:
        numbers = _side_by_side(signature, size)
    if not all(0 < number < 1 << 8 * size for number in numbers):
        raise SignatureRefusedError("the ECDSA signature's numbers are not of this key's curve")
    return encode_dss_signature(*numbers)


def _side_by_side(signature: bytes, size: int) -> tuple[int, int]:
    if len(signature) != 2 * size:
        raise SignatureRefusedError(
            f"an ECDSA signature is a DER ECDSA-Sig-Value or r and s of {size} bytes each; "
            f"these {len(signature)} bytes are neither"
        )
    return int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")


def _der(container: bytes) -> bytes:
    """The one DER value in it: a ContentInfo (RFC 5652, 3)."""
    try:
        der = _armoured(container) if pem.detect(container) else container
        info = cms.ContentInfo.load(der, strict=True)
        info["content_type"].dotted  # noqa: B018 - read, so that it is one
    except (ValueError, TypeError, KeyError) as error:
        raise SignatureRefusedError("not a CMS container in DER or PEM (RFC 5652)") from error
    if der[1] == INDEFINITE:
        raise SignatureRefusedError(
            "the CMS container is in BER with indefinite lengths: a PDF takes DER "
            "(ISO 32000-2, 12.8.3.3)"
        )
    return der


def _armoured(container: bytes) -> bytes:
    label, _, der = pem.unarmor(container)
    if label not in PEM_LABELS:
        raise ValueError("another thing in PEM")
    return bytes(der)


def _filled(prepared: Prepared, der: bytes) -> bytes:
    room = (prepared.hole[1] - prepared.hole[0]) // 2 - 1
    if len(der) > room:
        raise SignatureRefusedError(
            f"the CMS container has {len(der)} bytes, {room} are reserved: leave out "
            "certificates, revocation lists and time-stamps that nobody asked for"
        )
    return spliced(prepared.document, prepared.hole, der)
