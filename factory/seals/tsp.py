"""Time stamps (时间戳): RFC 3161 requests, the answers to them, and the tokens in those.

What an authority says is somebody else's bytes: a token is taken only when it is granted, in DER,
over what was asked for, with the request's nonce, and signed by a certificate that is for nothing
else.  Whether that certificate is trusted, its keyring says (`storage.tsa`).  RFC 3161, RFC 5816
(SHA-256 in ESSCertIDv2), RFC 5652 (CMS); profile: ETSI EN 319 422.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.x509.oid import ExtendedKeyUsageOID

from factory.errors import SettingsError, TimestampUnavailableError
from factory.parties import Algorithm
from factory.seals import der, keys
from factory.seals.der import DerError, Element
from factory.seals.outside import (
    CONTENT_TYPE,
    DIGESTS,
    MESSAGE_DIGEST,
    SIGNATURES,
    SIGNING_CERTIFICATE,
    SIGNING_CERTIFICATE_V2,
)

QUERY_TYPE = "application/timestamp-query"  #: RFC 3161, 3.4
REPLY_TYPE = "application/timestamp-reply"

SHA256 = "2.16.840.1.101.3.4.2.1"
SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
GRANTED = frozenset({0, 1})  #: granted, and granted with changes that are checked here
REJECTED = 2  #: of the others, the one that asking again does not mend
TRUE = b"\x01\x01\xff"
CERTIFICATES = SIGNED_ATTRIBUTES = der.EXPLICIT_0
KEY_ID = 0x80
BOOLEAN_TAG = 0x01
IMPRINT_BYTES = 32
MOST_TOKEN_BYTES = 32 * 1024
MOST_CERTIFICATES = 16
MOST_NUMBER = 1 << 160  #: of a serial number (RFC 3161, 2.4.2)
#: RFC 3161, 2.4.2: bits of PKIFailureInfo that a change of settings mends, not time
TO_BE_SET = {
    0: "does not take SHA-256",
    2: "does not take requests like ours",
    5: "cannot read our requests",
    15: "does not stamp under the policy that tsa.toml names",
    16: "asks for an extension that we do not send",
    17: "does not give what a request may ask for",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an authority is asked for.

    imprint: SHA-256 of what is stamped, 32 bytes.
    nonce:   drawn at random for this request, 63 bits or more.
    policy:  under which the token must be made, as an OID; None: as the authority likes.
    """

    imprint: bytes
    nonce: int
    policy: str | None = None

    def encoded(self) -> bytes:
        """TimeStampReq in DER (RFC 3161, 2.4.1); the authority's certificate is asked for."""
        policy = b"" if self.policy is None else der.oid(self.policy)
        parts = (_ONE, _imprint(self.imprint), policy, der.integer(self.nonce), TRUE)
        return der.sequence(*parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A time-stamp token (TimeStampToken), whose signature fits the certificate in it.

    encoded:    its DER, which goes into documents.
    imprint:    of what is stamped, by ``digest``: its name as hashlib has it.
    serial:     the authority's number of it; no two of one authority are the same.
    signing_cert, certificates: the authority's, and the others that lie in it.
    """

    encoded: bytes = field(repr=False)
    moment: datetime
    imprint: bytes
    digest: str
    serial: int
    policy: str
    nonce: int | None
    signing_cert: x509.Certificate
    certificates: tuple[x509.Certificate, ...] = field(repr=False)


def imprint_of(value: bytes) -> bytes:
    """What is stamped of a signature: SHA-256 of its value's octets."""
    return hashlib.sha256(value).digest()


def token_of(response: bytes, request: Request) -> Token:
    """The token of an answer to that request.

    response: TimeStampResp in DER (RFC 3161, 2.4.2).
    TimestampUnavailableError: there is none, or it is not what was asked for.
    SettingsError: the authority will never answer such a request.
    """
    with _foreign():
        token = read(_granted(response))
    _refuse_unless(token.digest == "sha256" and token.imprint == request.imprint, _OTHER)
    _refuse_unless(token.nonce == request.nonce, "a token for another request: the nonce differs")
    if request.policy is not None:
        _refuse_unless(token.policy == request.policy, "a token under another policy")
    return token


def read(encoded: bytes) -> Token:
    """A token, proved as far as it goes by itself.

    encoded: ContentInfo in DER, with nothing behind it.
    TimestampUnavailableError: it is none, or is not signed by a time-stamping certificate in it.
    """
    with _foreign():
        return _read(encoded)


def is_over(encoded: bytes, imprint: bytes) -> bool:
    """Whether a token says that imprint: cheap, for tokens that were proved before.

    TimestampUnavailableError: it is no token.
    """
    with _foreign():
        content, _, _ = _signed_data(encoded)
        return _message_imprint(_info(content)[2]) == ("sha256", imprint)


# --- the answer -----------------------------------------------------------------------------------


def _granted(response: bytes) -> bytes:
    """The token's bytes; PKIStatusInfo: RFC 3161, 2.4.2."""
    _refuse_unless(len(response) <= MOST_TOKEN_BYTES, "too large a one")
    status, *tokens = der.read(response).parts()
    said, *more = status.parts()
    number = said.integer()
    if number in GRANTED:
        _refuse_unless(len(tokens) == 1, "one without a token")
        return tokens[0].whole
    for failure in (_failures(each) for each in more if each.tag == der.BIT_STRING):
        for bit in failure:
            if number == REJECTED and bit in TO_BE_SET:
                raise SettingsError(f"the time-stamping authority {TO_BE_SET[bit]}: see tsa.toml")
    raise TimestampUnavailableError(f"does not stamp now (status {number})")


def _failures(bits: Element) -> Iterator[int]:
    """The bits that are set of a named bit list, whose trailing zeros are cut (X.690, 11.2.2)."""
    for place, byte in enumerate(bits.content[1:]):
        yield from (8 * place + bit for bit in range(8) if byte & 0x80 >> bit)


# --- the token ------------------------------------------------------------------------------------


def _read(encoded: bytes) -> Token:
    _refuse_unless(len(encoded) <= MOST_TOKEN_BYTES, "too large a token")
    content, embedded, signer = _signed_data(encoded)
    number, others = _signer_certificate(signer, embedded)
    signing_cert = _loaded(number)
    _refuse_unfit(signing_cert)
    _check_signature(signer, signing_cert, number, content)
    policy, serial, imprint, moment, nonce = _said(_info(content))
    digest, value = _message_imprint(imprint)
    return Token(
        encoded=encoded,
        moment=moment,
        imprint=value,
        digest=digest,
        serial=serial,
        policy=policy,
        nonce=nonce,
        signing_cert=signing_cert,
        certificates=tuple(map(_loaded, others)),
    )


def _signed_data(encoded: bytes) -> tuple[bytes, tuple[bytes, ...], Element]:
    """What is signed, the certificates and the one SignerInfo (RFC 5652, 5.1)."""
    kind, outer = der.read(encoded).parts()
    _refuse_unless(kind.oid() == SIGNED_DATA, "no signed token")
    [inner] = outer.parts()
    _version, _digests, content, *rest = inner.parts()
    certificates = [each for each in rest if each.tag == CERTIFICATES]
    [signers] = [each for each in rest if each.tag == der.SET]
    [signer] = signers.parts()
    what, value = content.parts()
    _refuse_unless(what.oid() == TST_INFO, "no token but something else that is signed")
    [octets] = value.parts()
    embedded = tuple(each.whole for part in certificates for each in part.parts())
    _refuse_unless(len(embedded) <= MOST_CERTIFICATES, "a token with too many certificates")
    return octets.octets(), embedded, signer


def _info(content: bytes) -> tuple[Element, ...]:
    """The fields of a TSTInfo (RFC 3161, 2.4.2)."""
    fields = der.read(content).parts()
    _refuse_unless(fields[0].integer() == 1, "a token of another version")
    return fields


def _said(info: Sequence[Element]) -> tuple[str, int, Element, datetime, int | None]:
    """Policy, number, imprint, time and nonce."""
    _version, policy, imprint, serial, moment, *rest = info
    number = serial.integer()
    _refuse_unless(0 <= number < MOST_NUMBER, "a token with no proper number")
    nonce = next((each.integer() for each in rest if each.tag == der.INTEGER), None)
    return policy.oid(), number, imprint, moment.time(), nonce


def _message_imprint(element: Element) -> tuple[str, bytes]:
    """Digest's name and value."""
    algorithm, value = element.parts()
    return DIGESTS[algorithm.parts()[0].oid()], value.octets()


def _signer_certificate(
    signer: Element, embedded: Sequence[bytes]
) -> tuple[bytes, tuple[bytes, ...]]:
    """The one that the SignerInfo names, and the others (RFC 5652, 5.3)."""
    sid = signer.parts()[1]
    own = [each for each in embedded if _names(sid.whole, each)]
    _refuse_unless(len(own) == 1, "a token without its signer's certificate")
    return own[0], tuple(each for each in embedded if each != own[0])


@lru_cache(maxsize=256)  # an authority's certificate is in all its tokens
def _names(sid: bytes, encoded: bytes) -> bool:
    named, certificate = der.read(sid), _loaded(encoded)
    if named.tag == KEY_ID:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        return named.content == found.value.digest
    issuer, serial = named.parts()
    same_issuer = issuer.whole == certificate.issuer.public_bytes()
    return same_issuer and serial.integer() == certificate.serial_number


@lru_cache(maxsize=256)
def _loaded(encoded: bytes) -> x509.Certificate:
    return keys.certificate_of(encoded)


def _refuse_unfit(certificate: x509.Certificate) -> None:
    _refuse_unless(_is_for_stamping(certificate), "a token whose certificate is for other things")


@lru_cache(maxsize=64)
def _is_for_stamping(certificate: x509.Certificate) -> bool:
    """RFC 3161, 2.3: one purpose and no other, and that critical."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return False
    return found.critical and list(found.value) == [ExtendedKeyUsageOID.TIME_STAMPING]


def _check_signature(
    signer: Element, certificate: x509.Certificate, encoded: bytes, content: bytes
) -> None:
    """RFC 5652, 5.4 to 5.6; RFC 3161, 2.4.2: over the attributes, which stand for the content."""
    _version, _sid, hashed, attributes, algorithm, value, *_unsigned = signer.parts()
    digest = DIGESTS[hashed.parts()[0].oid()]
    _refuse_unless(attributes.tag == SIGNED_ATTRIBUTES, "a token without signed attributes")
    said = _attributes(attributes)
    _refuse_unless(said[CONTENT_TYPE].oid() == TST_INFO, "a token that contradicts itself")
    same = said[MESSAGE_DIGEST].octets() == hashlib.new(digest, content).digest()
    _refuse_unless(same, "a token whose content was changed")
    _check_named(said, encoded)
    _check_algorithm(algorithm.parts()[0].oid(), certificate, digest)
    fits = keys.fits(
        certificate,
        value.octets(),
        bytes((der.SET,)) + attributes.whole[1:],
        digest=digest,
        rsa_padding=padding.PKCS1v15(),
    )
    _refuse_unless(fits, "a token whose signature does not fit its certificate")


def _attributes(attributes: Element) -> dict[str, Element]:
    """The values by type; each attribute is there once and has one."""
    found: dict[str, Element] = {}
    for each in attributes.parts():
        kind, values = each.parts()
        [found[kind.oid()]] = values.parts()
    _refuse_unless(len(found) == len(attributes.parts()), "a token that says something twice")
    return found


def _check_named(said: dict[str, Element], encoded: bytes) -> None:
    """The signer's certificate is signed too (RFC 3161, 2.4.2; RFC 5816)."""
    second, first = said.get(SIGNING_CERTIFICATE_V2), said.get(SIGNING_CERTIFICATE)
    _refuse_unless(second is not None or first is not None, "a token that names no certificate")
    if second is not None:
        named = second.parts()[0].parts()[0].parts()
        digest = "sha256"
        if named[0].tag == der.SEQUENCE:
            digest, named = DIGESTS[named[0].parts()[0].oid()], named[1:]
        same = named[0].octets() == _digest_of(encoded, digest)
    elif first is not None:  # SHA-1 is what RFC 2634 has; the signature does not rest on it
        same = first.parts()[0].parts()[0].parts()[0].octets() == _digest_of(encoded, "sha1")
    _refuse_unless(same, "a token that names another certificate")


@lru_cache(maxsize=64)
def _digest_of(encoded: bytes, digest: str) -> bytes:
    return hashlib.new(digest, encoded).digest()


def _check_algorithm(named: str, certificate: x509.Certificate, digest: str) -> None:
    kind, own_digest = SIGNATURES.get(named, (None, None))
    own = keys.algorithm_of(certificate)
    known = own is not None and kind is own and own_digest in {None, digest}
    fits_digest = (digest == "sm3") is (own is Algorithm.SM2)
    _refuse_unless(known and fits_digest, "a token signed in a way that is not taken")


# --- refusals -------------------------------------------------------------------------------------

_OTHER = "a token over something else than was asked for"
_ONE = der.integer(1)


def _imprint(value: bytes) -> bytes:
    if len(value) != IMPRINT_BYTES:
        raise ValueError("an imprint is a SHA-256 value")
    return der.sequence(der.sequence(der.oid(SHA256), der.NULL), der.octets(value))


def _refuse_unless(holds: object, otherwise: str) -> None:
    if not holds:
        refuse(otherwise)


def refuse(what: str) -> NoReturn:
    """An authority that answers wrongly may answer rightly when it is asked again."""
    raise TimestampUnavailableError(f"gave a wrong answer: {what}")


@contextmanager
def _foreign() -> Iterator[None]:
    """The one edge at which somebody else's bytes are read."""
    try:
        yield
    except (DerError, ValueError, KeyError, IndexError, TypeError, x509.ExtensionNotFound) as error:
        raise TimestampUnavailableError(
            "gave a wrong answer: no time-stamp token in DER (RFC 3161)"
        ) from error
