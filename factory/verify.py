"""Verifying a PDF: bytes and trust roots in, a verdict with every step reported by itself.

ISO 32000-2, 12.8 and ETSI EN 319 142-1.  Nothing is fetched; the chain is validated at the
signing time.  A certificate permits no change: whatever follows its seal makes it altered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from io import BytesIO
from typing import Any

from asn1crypto import cms
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import SignatureCoverageLevel, validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from factory.errors import SelfCheckError
from factory.seals.cms import asn1_certificate

MOST_BYTES = 20 * 1024 * 1024
PADES = "/ETSI.CAdES.detached"
NO_CHANGES = 1
LICENCE = re.compile(r"证照标识:(\S+)")
FACE = re.compile(r"sha256:([0-9a-f]{64})")
BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


class VerdictWord(StrEnum):
    """What a file is."""

    VALID = "valid"  #: intact, sealed under a trusted root
    ALTERED = "altered"  #: changed after sealing, or the signature does not fit
    UNTRUSTED = "untrusted"  #: sealed by somebody we do not know
    UNSIGNED = "unsigned"
    UNREADABLE = "unreadable"  #: no PDF, or a broken one


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One step of the verification."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of a file, without looking at any register."""

    verdict: VerdictWord
    reasons: tuple[str, ...] = ()
    signed_at: datetime | None = None
    signer: str | None = None
    signing_cert_sha256: str | None = None
    whole_file: bool = False
    licence_id: str | None = None
    checks: tuple[Check, ...] = ()


def verify_pdf(data: bytes, trust_roots: Sequence[x509.Certificate]) -> Verdict:
    """The verdict on a file; never raises for what the bytes are."""
    if len(data) > MOST_BYTES:
        return _unreadable(f"larger than {MOST_BYTES} bytes")
    try:
        with _foreign_bytes():
            return _verdict(data, trust_roots)
    except _BrokenFileError as error:
        return _unreadable(str(error))


def self_check(data: bytes, certificate: x509.Certificate) -> None:
    """The check every finished document passes before it is stored; no chain is built.

    SelfCheckError: the range does not cover the whole file, the digest or the signature does
    not fit, or another certificate signed.
    """
    start, end = _hole(data)
    try:
        info = cms.ContentInfo.load(bytes.fromhex(data[start + 1 : end - 1].decode()))
        signer = info["content"]["signer_infos"][0]
        attributes = signer["signed_attrs"]
        digest = _message_digest(attributes)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SelfCheckError("signature container: cannot be read") from error
    if digest != sha256(data[:start] + data[end:]).digest():
        raise SelfCheckError("document digest: is not the signed one")
    if signer["sid"].chosen["serial_number"].native != certificate.serial_number:
        raise SelfCheckError("signing certificate: is another one")
    if not _fits(certificate, signer["signature"].native, attributes.untag().dump()):
        raise SelfCheckError("signature: does not fit the signing certificate's key")


def face_digest(data: bytes) -> str | None:
    """The digest of the face that the file says it was drawn from."""
    with _foreign_bytes():
        return _info(PdfFileReader(BytesIO(data), strict=False), "/Subject", FACE)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of a certificate, hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _hole(data: bytes) -> tuple[int, int]:
    """Where the signature stands.  SelfCheckError: the rest is not the whole file."""
    found = BYTE_RANGE.findall(data)
    if len(found) != 1:
        raise SelfCheckError("byte range: there must be exactly one")
    begin, first, second, length = (int(number) for number in found[0])
    if begin != 0 or second + length != len(data) or not 0 < first < second:
        raise SelfCheckError("byte range: does not cover the whole file")
    if data[first : first + 1] != b"<" or data[second - 1 : second] != b">":
        raise SelfCheckError("byte range: leaves out more than the signature")
    return first, second


def _message_digest(attributes: Any) -> bytes:
    for attribute in attributes:
        if attribute["type"].native == "message_digest":
            return bytes(attribute["values"][0].native)
    raise KeyError("message_digest")


def _fits(certificate: x509.Certificate, signature: bytes, signed: bytes) -> bool:
    public = certificate.public_key()
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


class _BrokenFileError(Exception):
    """Foreign bytes that are no PDF a reader can use."""


@contextmanager
def _foreign_bytes() -> Iterator[None]:
    """The one edge at which broken bytes may raise whatever a parser raises."""
    try:
        yield
    except _BrokenFileError:
        raise
    except (MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise _BrokenFileError(f"is no readable PDF ({type(error).__name__})") from error


def _unreadable(reason: str) -> Verdict:
    return Verdict(
        verdict=VerdictWord.UNREADABLE,
        reasons=(reason,),
        checks=(Check(name="readable", ok=False, detail=reason),),
    )


def _verdict(data: bytes, trust_roots: Sequence[x509.Certificate]) -> Verdict:
    reader = PdfFileReader(BytesIO(data), strict=False)
    if reader.encrypted:
        raise _BrokenFileError("is encrypted")
    signatures = reader.embedded_regular_signatures
    licence_id = _info(reader, "/Keywords", LICENCE)
    if not signatures:
        return Verdict(
            verdict=VerdictWord.UNSIGNED,
            reasons=("carries no signature",),
            licence_id=licence_id,
            checks=(Check(name="signature", ok=False, detail="there is none"),),
        )
    return _judged(signatures, licence_id, trust_roots)


def _info(reader: PdfFileReader, name: str, pattern: re.Pattern[str]) -> str | None:
    try:
        text = str(reader.trailer["/Info"][name])
    except KeyError:
        return None
    found = pattern.search(text)
    return found[1] if found else None


def _judged(
    signatures: Sequence[Any], licence_id: str | None, trust_roots: Sequence[x509.Certificate]
) -> Verdict:
    signature = signatures[0]
    signer = x509.load_der_x509_certificate(signature.signer_cert.dump())
    status = _status(signature, trust_roots)
    checks = _checks(signatures, status)
    return Verdict(
        verdict=_word(checks),
        reasons=tuple(check.detail for check in checks if not check.ok),
        signed_at=_utc(signature.self_reported_timestamp),
        signer=_common_name(signer),
        signing_cert_sha256=fingerprint(signer),
        whole_file=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        licence_id=licence_id,
        checks=checks,
    )


def _status(signature: Any, trust_roots: Sequence[x509.Certificate]) -> Any:
    context = ValidationContext(
        trust_roots=[asn1_certificate(root) for root in trust_roots],
        allow_fetching=False,
        moment=_utc(signature.self_reported_timestamp),
    )
    return validate_pdf_signature(signature, context)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A step: what it is called, whether it holds, and what is said either way."""

    name: str
    holds: Callable[[Sequence[Any], Any], bool]
    well: str
    ill: str


RULES = (
    _Rule(
        "one signature",
        lambda signatures, _: len(signatures) == 1,
        "the only one",
        "carries more than one signature",
    ),
    _Rule(
        "intact",
        lambda _, status: bool(status.intact),
        "the digest is the signed one",
        "was changed after it was sealed",
    ),
    _Rule(
        "signature",
        lambda _, status: bool(status.valid),
        "fits the signing certificate",
        "the signature does not fit the signing certificate",
    ),
    _Rule(
        "whole file",
        lambda _, status: status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        "the seal covers every byte",
        "something was added after it was sealed",
    ),
    _Rule(
        "profile",
        lambda signatures, _: signatures[0].sig_object.get("/SubFilter") == PADES,
        "PAdES (ETSI EN 319 142-1)",
        "is not sealed as PAdES",
    ),
    _Rule(
        "no change permitted",
        lambda signatures, _: _permission(signatures[0]) == NO_CHANGES,
        "certified, no changes",
        "does not forbid changes after its seal",
    ),
    _Rule(
        "trust",
        lambda _, status: bool(status.trusted),
        "the chain ends in a trust root",
        "the sealing certificate does not lead to a trusted root",
    ),
)


def _checks(signatures: Sequence[Any], status: Any) -> tuple[Check, ...]:
    return tuple(
        Check(name=rule.name, ok=ok, detail=rule.well if ok else rule.ill)
        for rule in RULES
        for ok in [rule.holds(signatures, status)]
    )


def _word(checks: Sequence[Check]) -> VerdictWord:
    wrong = {check.name for check in checks if not check.ok}
    if not wrong:
        return VerdictWord.VALID
    return VerdictWord.UNTRUSTED if wrong == {"trust"} else VerdictWord.ALTERED


def _permission(signature: Any) -> int | None:
    level = signature.docmdp_level
    return None if level is None else int(level.value)


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None else None


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()
