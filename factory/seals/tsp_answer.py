"""The other side of RFC 3161: answers of a small time-stamping authority, for trials and tests.

Its tokens hold what the RFC asks for and no more, so that documents stay small.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from factory.seals import der
from factory.seals.der import DerError, Element
from factory.seals.outside import CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_CERTIFICATE_V2
from factory.seals.tsp import BOOLEAN_TAG, IMPRINT_BYTES, SHA256, SIGNED_DATA, TRUE, TST_INFO

BAD_ALGORITHM, BAD_REQUEST, BAD_FORMAT, UNACCEPTED_POLICY, UNACCEPTED_EXTENSION = 0, 2, 5, 15, 16
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
EXTENSIONS = 0xA0
MOST_NONCE_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamper:
    """An authority: its key, which is on P-256, its certificate and the one policy it has."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    signing_cert: x509.Certificate
    policy: str

    def answer(self, request: bytes, *, now: datetime, serial: int) -> bytes:
        """TimeStampResp in DER to a TimeStampReq (RFC 3161, 2.4).

        now:    aware; what the token says, to the second.
        serial: never given before.
        """
        try:
            imprint, nonce, with_certificate = self._asked(request)
        except _RefusedError as error:
            return _rejection(error.failure)
        except (DerError, ValueError, IndexError):
            return _rejection(BAD_FORMAT)
        moment = der.generalized_time(now)
        said = (der.integer(1), der.oid(self.policy), imprint, der.integer(serial), moment, nonce)
        token = self._signed(der.sequence(*said), with_certificate=with_certificate)
        return der.sequence(der.sequence(der.integer(0)), token)

    def _asked(self, request: bytes) -> tuple[bytes, bytes, bool]:
        """Imprint and nonce, both as they were sent, and whether our certificate is wanted."""
        version, imprint, *rest = der.read(request).parts()
        if version.integer() != 1:
            raise _RefusedError(BAD_REQUEST)
        algorithm, value = imprint.parts()
        if algorithm.parts()[0].oid() != SHA256:
            raise _RefusedError(BAD_ALGORITHM)
        if len(value.octets()) != IMPRINT_BYTES:
            raise _RefusedError(BAD_FORMAT)
        self._refuse_unfit(rest)
        nonces = [each.whole for each in rest if each.tag == der.INTEGER]
        wanted = any(each.whole == TRUE for each in rest)
        return imprint.whole, b"".join(nonces), wanted

    def _refuse_unfit(self, rest: list[Element]) -> None:
        """Of what may be left out: each once and in order."""
        tags = [each.tag for each in rest]
        order = [der.OID, der.INTEGER, BOOLEAN_TAG, EXTENSIONS]
        if tags != [tag for tag in order if tag in tags]:
            raise _RefusedError(BAD_FORMAT)
        for each in rest:
            if each.tag == EXTENSIONS:
                raise _RefusedError(UNACCEPTED_EXTENSION)
            if each.tag == der.OID and each.oid() != self.policy:
                raise _RefusedError(UNACCEPTED_POLICY)
            if each.tag == der.INTEGER and len(each.content) > MOST_NONCE_BYTES:
                raise _RefusedError(BAD_REQUEST)

    def _signed(self, content: bytes, *, with_certificate: bool) -> bytes:
        """A ContentInfo around SignedData (RFC 5652, 5; RFC 3161, 2.4.2)."""
        encoded = self.signing_cert.public_bytes(Encoding.DER)
        digests = der.sequence(der.oid(SHA256))
        attributes = der.set_of(
            _attribute(CONTENT_TYPE, der.oid(TST_INFO)),
            _attribute(MESSAGE_DIGEST, der.octets(hashlib.sha256(content).digest())),
            _attribute(SIGNING_CERTIFICATE_V2, _named(encoded)),
        )
        signer = der.sequence(
            der.integer(1),
            der.sequence(
                self.signing_cert.issuer.public_bytes(),
                der.integer(self.signing_cert.serial_number),
            ),
            digests,
            bytes((der.EXPLICIT_0,)) + attributes[1:],
            der.sequence(der.oid(ECDSA_SHA256)),
            der.octets(self.key.sign(attributes, ec.ECDSA(hashes.SHA256()))),
        )
        signed = der.sequence(
            der.integer(3),
            der.set_of(digests),
            der.sequence(der.oid(TST_INFO), _explicit(der.octets(content))),
            _explicit(encoded) if with_certificate else b"",
            der.set_of(signer),
        )
        return der.sequence(der.oid(SIGNED_DATA), _explicit(signed))


class _RefusedError(Exception):
    """A request that is not answered with a token; failure: a bit of PKIFailureInfo."""

    def __init__(self, failure: int) -> None:
        self.failure = failure


def _rejection(failure: int) -> bytes:
    """A TimeStampResp without a token (RFC 3161, 2.4.2); a named bit list ends with a bit set."""
    data = bytearray(failure // 8 + 1)
    data[-1] = 0x80 >> failure % 8
    bits = der.element(der.BIT_STRING, bytes((7 - failure % 8,)) + data)
    return der.sequence(der.sequence(der.integer(2), bits))


def _attribute(kind: str, value: bytes) -> bytes:
    return der.sequence(der.oid(kind), der.set_of(value))


def _named(encoded: bytes) -> bytes:
    """SigningCertificateV2 with an ESSCertIDv2 by SHA-256, its default (RFC 5035, 4)."""
    return der.sequence(der.sequence(der.sequence(der.octets(hashlib.sha256(encoded).digest()))))


def _explicit(value: bytes) -> bytes:
    return der.element(der.EXPLICIT_0, value)
