"""Whom a certificate names: lenient in reading, strict in comparing.

CAs put names and numbers into attributes of the subject (RFC 4519) or into extensions
(GM/T 0015-2023, 5.2.4), the latter in whatever coding.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal

from asn1crypto import parser
from cryptography import x509

from factory.errors import SignatureRefusedError
from factory.parties import PartyRules
from factory.seals.cms import asn1_certificate

UNIVERSAL, CONTEXT = 0, 2  #: classes of tags (X.690, 8.1.2.2)
OCTET_STRING, SEQUENCE, SET = 4, 16, 17
#: string types and how their characters are coded (X.690, 8.23)
CODINGS = {
    12: "utf-8",  # UTF8String
    18: "ascii",  # NumericString
    19: "ascii",  # PrintableString
    20: "latin-1",  # TeletexString
    22: "ascii",  # IA5String
    26: "ascii",  # VisibleString
    28: "utf-32-be",  # UniversalString
    30: "utf-16-be",  # BMPString
}
DEEPEST = 4


def refuse_stranger(
    certificate: x509.Certificate, rules: PartyRules, *, name: str, number: str
) -> None:
    """SignatureRefusedError unless the certificate names who the application says."""
    if "name" in rules.identified_by:
        found = _the_one(certificate, rules.name_in, "name")
        _refuse_unless_same(_plain(found), _plain(name), "name")
    if "number" in rules.identified_by:
        found = _the_one(certificate, rules.number_in, "number")
        _refuse_unless_same(_plain(found).upper(), _plain(number).upper(), "number")


def text(value: bytes) -> str:
    """The characters of an extension's value: of a DER string, wrapped or tagged, or bare.

    ValueError: there are none.
    """
    return _text(value, 0)


def _refuse_unless_same(found: str, expected: str, what: str) -> None:
    if not expected or found != expected:
        raise SignatureRefusedError(
            f"the {what} in the signer's certificate is not the one in the application"
        )


def _plain(value: str) -> str:
    return unicodedata.normalize("NFC", value).strip()


def _the_one(
    certificate: x509.Certificate, oids: Sequence[str], what: Literal["name", "number"]
) -> str:
    """What stands in the first of these places that is there."""
    for oid in oids:
        values = _attributes(certificate, oid) or _extensions(certificate, oid)
        if len(set(values)) > 1:
            raise SignatureRefusedError(f"the signer's certificate gives more than one {what}")
        if values:
            return values[0]
    raise SignatureRefusedError(f"the signer's certificate gives no {what}")


def _attributes(certificate: x509.Certificate, oid: str) -> list[str]:
    subject = asn1_certificate(certificate).subject.chosen
    return [
        text(each["value"].dump())
        for together in subject
        for each in together
        if each["type"].dotted == oid
    ]


def _extensions(certificate: x509.Certificate, oid: str) -> list[str]:
    return [
        text(each.value.public_bytes())
        for each in certificate.extensions
        if each.oid.dotted_string == oid
    ]


def _text(value: bytes, depth: int) -> str:
    """Bytes that are no DER value whole are the characters themselves."""
    try:
        kind, constructed, tag, _, contents, _ = parser.parse(value, strict=True)
    except ValueError:
        return value.decode("utf-8")
    if kind == UNIVERSAL and tag in CODINGS:
        return str(contents.decode(CODINGS[tag]))
    wraps = kind == CONTEXT or (kind == UNIVERSAL and tag in {OCTET_STRING, SEQUENCE, SET})
    if not wraps or depth == DEEPEST:
        raise ValueError("no string")
    if constructed or tag == OCTET_STRING:
        return _text(contents, depth + 1)
    return str(contents.decode("utf-8"))
