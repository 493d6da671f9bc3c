"""The check every finished document passes before it leaves: cheap, and on the bytes alone.

It shares no code with what made the document.  ISO 32000-2, 12.8.1; RFC 5652, 5.4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from asn1crypto import cms, core
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from factory.errors import SelfCheckError

HEX_STRING = re.compile(rb"<(?:[0-9A-Fa-f]{2})+>")
BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


Hole = tuple[int, int]


def self_check(data: bytes, certificate: x509.Certificate) -> None:
    """The check every finished document passes before it is stored; no chain is built.

    SelfCheckError: the range does not cover the whole file, the digest or the signature does
    not fit, another certificate signed, or a time stamp in it is over something else.
    """
    start, end = hole = _hole(data)
    try:
        info = cms.ContentInfo.load(container(data, hole))
        [signer] = info["content"]["signer_infos"]
        attributes = signer["signed_attrs"]
        digest = _message_digest(attributes)
        serial = signer["sid"].chosen["serial_number"].native
        stamps = _stamps(signer)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise SelfCheckError("signature container: cannot be read") from error
    if digest != sha256(data[:start] + data[end:]).digest():
        raise SelfCheckError("document digest: is not the signed one")
    if serial != certificate.serial_number:
        raise SelfCheckError("signing certificate: is another one")
    if not _fits(certificate, signer["signature"].native, attributes.untag().dump()):
        raise SelfCheckError("signature: does not fit the signing certificate's key")
    if any(each != sha256(signer["signature"].native).digest() for each in stamps):
        raise SelfCheckError("time stamp: is over another signature")


def sole_hole(data: bytes, byte_range: Sequence[int]) -> Hole | None:
    """The only part the byte range leaves out: one hex string; None if it is anything else."""
    if len(byte_range) != 4:  # noqa: PLR2004 - two pairs
        return None
    begin, first, second, length = byte_range
    if begin != 0 or second + length != len(data) or not 0 < first < second:
        return None
    return (first, second) if HEX_STRING.fullmatch(data, first, second) else None


def container(data: bytes, hole: Hole) -> bytes:
    """What stands in the hole, with its padding."""
    return bytes.fromhex(data[hole[0] + 1 : hole[1] - 1].decode("ascii"))


def _hole(data: bytes) -> Hole:
    found = BYTE_RANGE.findall(data)
    if len(found) != 1:
        raise SelfCheckError("byte range: there must be exactly one")
    hole = sole_hole(data, [int(number) for number in found[0]])
    if hole is None:
        raise SelfCheckError("byte range: does not cover the whole file but the signature")
    return hole


def _message_digest(attributes: Any) -> bytes:
    for attribute in attributes:
        if attribute["type"].native == "message_digest":
            return bytes(attribute["values"][0].native)
    raise KeyError("message_digest")


def _stamps(signer: Any) -> list[bytes]:
    """What the time-stamp tokens beside a signature are over (ETSI EN 319 122-1, 5.3)."""
    if isinstance(signer["unsigned_attrs"], core.Void):
        return []
    tokens = [
        token["content"]["encap_content_info"]["content"].parsed
        for attribute in signer["unsigned_attrs"]
        if attribute["type"].native == "signature_time_stamp_token"
        for token in attribute["values"]
    ]
    return [bytes(each["message_imprint"]["hashed_message"].native) for each in tokens]


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
