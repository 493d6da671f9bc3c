"""Time-stamping authorities of tests, and tokens that are not what they should be."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from factory.seals import tsp
from factory.seals.tsp_answer import Stamper
from storage import testca

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
POLICY = "1.3.6.1.4.1.99999.1"


@dataclass(frozen=True)
class Authority:
    """A root and an authority below it."""

    root: x509.Certificate
    stamper: Stamper

    def answer(self, request: tsp.Request, *, now: datetime = NOW) -> bytes:
        return self.stamper.answer(request.encoded(), now=now, serial=secrets.randbits(96))

    def token(self, value: bytes, *, now: datetime = NOW) -> bytes:
        """Over the imprint of a signature's value."""
        request = asked(value)
        return tsp.token_of(self.answer(request, now=now), request).encoded


def authority(now: datetime = NOW) -> Authority:
    ca = testca.make_ca(now, name="Time Stamping")
    issued = testca.issue_stamper(ca)
    assert isinstance(issued.key, ec.EllipticCurvePrivateKey)
    stamper = Stamper(key=issued.key, signing_cert=issued.certificate, policy=POLICY)
    return Authority(ca.root.certificate, stamper)


def asked(value: bytes, policy: str | None = None) -> tsp.Request:
    imprint = tsp.imprint_of(value)
    return tsp.Request(imprint=imprint, nonce=secrets.randbits(64), policy=policy)


def unfit(*, critical: bool, further: bool) -> Authority:
    """Whose certificate is not for time stamps alone, or does not insist on it."""
    ca = testca.make_ca(NOW, name="Time Stamping")
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.TIME_STAMPING]
    purposes += [ExtendedKeyUsageOID.EMAIL_PROTECTION] if further else []
    certificate = (
        x509.CertificateBuilder()
        .subject_name(testca.marked_name("unfit"))
        .issuer_name(ca.root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ca.root.certificate.not_valid_before_utc)
        .not_valid_after(ca.root.certificate.not_valid_after_utc)
        .add_extension(testca.key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
        .sign(ca.root.key, hashes.SHA256())
    )
    stamper = Stamper(key=key, signing_cert=certificate, policy=POLICY)
    return Authority(ca.root.certificate, stamper)
