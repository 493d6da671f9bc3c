"""A test CA of SM2: marked as test in every subject, for the embedded default, demos and tests.

A root, a CA that issues, a seal maker (制章者) and, by these, electronic seals with the keys of
those who sign with them.  Certificates as GB/T 20518-2018 has them, signed with SM2 and SM3.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory.seals import der, pkcs8, ses, sm2
from factory.seals.sm2_soft import Sm2SoftSigner
from storage.testca import (
    BEFORE,
    CA_LIFE,
    LIST_LIFE,
    SEAL_LIFE,
    Ended,
    key_usage,
    marked_name,
)

SECRETS = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54121  #: 1 .. n - 2
VERSION_3, EXTENSIONS = 0xA0, 0xA3  #: [0] and [3] of TBSCertificate (RFC 5280, 4.1)
CRITICAL = bytes((0x01, 0x01, 0xFF))
VENDOR = "TEST"
SEAL_CODE_DIGITS = 12
SALT_BYTES = 16
ROUNDS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedSm2:
    """An SM2 key and its certificate."""

    secret: bytes = field(repr=False)
    certificate: x509.Certificate

    @property
    def signer(self) -> Sm2SoftSigner:
        """The key, ready to sign."""
        return Sm2SoftSigner.of(self.secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sm2TestCA:
    """A CA that issues below a root, a seal maker, and the day they were made."""

    root: IssuedSm2
    issuing: IssuedSm2
    maker: IssuedSm2
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSeal:
    """A test seal as a keyring keeps one.

    key:   encrypted PKCS#8 in PEM.
    chain: issuing CA certificates, leaf's issuer first.
    esl:   the seal itself, DER.
    """

    __test__ = False

    key: bytes = field(repr=False)
    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    esl: bytes = field(repr=False)


def make_ca(now: datetime, *, name: str = "Certificate Factory") -> Sm2TestCA:
    """A root, an issuing CA and a seal maker of that name."""
    root = _ca(marked_name(f"{name} SM2 Root CA"), None, now, path_length=1)
    issuing = _ca(marked_name(f"{name} SM2 Issuing CA"), root, now, path_length=0)
    maker = _issue(issuing, marked_name(f"{name} Seal Maker"), now, CA_LIFE)
    return Sm2TestCA(root=root, issuing=issuing, maker=maker, now=now)


def issue_test_seal(
    ca: Sm2TestCA,
    authority: str,
    picture: bytes,
    *,
    width_mm: int,
    height_mm: int | None = None,
    now: datetime,
    passphrase: bytes,
) -> TestSeal:
    """An electronic seal for an authority, with the key that signs with it.

    picture:   PNG.
    height_mm: None: as high as it is wide.
    """
    signing = _issue(ca.issuing, marked_name(authority), now, SEAL_LIFE)
    esl = ses.make_seal(
        code=f"99{secrets.randbelow(10**SEAL_CODE_DIGITS):0{SEAL_CODE_DIGITS}}",
        name=authority,
        picture=picture,
        picture_type="PNG",
        width_mm=width_mm,
        height_mm=width_mm if height_mm is None else height_mm,
        certificates=(_der(signing.certificate),),
        valid_from=now - BEFORE,
        valid_until=now + SEAL_LIFE,
        vendor=VENDOR,
        maker=_der(ca.maker.certificate),
        maker_signer=ca.maker.signer,
    )
    return TestSeal(
        key=encrypted_key(signing.secret, passphrase),
        signing_cert=signing.certificate,
        chain=(ca.issuing.certificate,),
        esl=esl,
    )


def revocation_list(issuer: IssuedSm2, ended: Sequence[Ended], *, now: datetime) -> bytes:
    """A list (CRL) of all that the issuer has revoked, DER; see testca.revocation_list."""
    point = issuer.signer.point
    algorithm = der.sequence(der.oid(sm2.SM2_WITH_SM3))
    entries = der.sequence(*map(_entry, ended)) if ended else b""  # absent where there is none
    extensions = der.sequence(
        _extension(x509.AuthorityKeyIdentifier(_key_id(point), None, None)),
        _extension(x509.CRLNumber(int(now.timestamp()))),
    )
    to_sign = der.sequence(
        der.integer(1),
        algorithm,
        issuer.certificate.subject.public_bytes(),
        _utc_time(now),
        _utc_time(now + LIST_LIFE),
        entries,
        der.element(der.EXPLICIT_0, extensions),
    )
    [signature] = issuer.signer.sign_digests([sm2.message_digest(point, to_sign)])
    return der.sequence(to_sign, algorithm, der.bits(signature))


def _entry(ended: Ended) -> bytes:
    """One of revokedCertificates (RFC 5280, 5.1)."""
    told = der.sequence(*map(_extension, ended.extensions)) if ended.extensions else b""
    return der.sequence(der.integer(ended.serial), _utc_time(ended.at), told)


def encrypted_key(secret: bytes, passphrase: bytes) -> bytes:
    """The key file of a private key: encrypted PKCS#8 in PEM.

    With few rounds: a test keyring's passphrase is drawn, nobody can guess it.
    """
    return pkcs8.encrypted(
        pkcs8.private_key_info(secret, sm2.public_of(secret)),
        passphrase,
        salt=os.urandom(SALT_BYTES),
        iv=os.urandom(SALT_BYTES),
        iterations=ROUNDS,
    )


def _ca(name: x509.Name, issuer: IssuedSm2 | None, now: datetime, *, path_length: int) -> IssuedSm2:
    """Without an issuer it issues itself."""
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    usage = key_usage(key_cert_sign=True, crl_sign=True)
    return _certified(name, issuer, (now - BEFORE, now + CA_LIFE), constraints, usage)


def _issue(issuer: IssuedSm2, name: x509.Name, now: datetime, life: timedelta) -> IssuedSm2:
    """A certificate for signing: of a CA's two (签名, 加密) the one that seals ask for."""
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    usage = key_usage(digital_signature=True, content_commitment=True)
    return _certified(name, issuer, (now - BEFORE, now + life), constraints, usage)


def _certified(
    name: x509.Name,
    issuer: IssuedSm2 | None,
    validity: tuple[datetime, datetime],
    constraints: x509.BasicConstraints,
    usage: x509.KeyUsage,
) -> IssuedSm2:
    secret = (secrets.randbelow(SECRETS) + 1).to_bytes(sm2.KEY_BYTES, "big")
    signer = issuer.signer if issuer else Sm2SoftSigner.of(secret)
    to_sign = _to_be_signed(
        name,
        issuer.certificate.subject if issuer else name,
        validity,
        sm2.public_of(secret),
        _extensions(sm2.public_of(secret), signer.point, constraints, usage),
    )
    [signature] = signer.sign_digests([sm2.message_digest(signer.point, to_sign)])
    algorithm = der.sequence(der.oid(sm2.SM2_WITH_SM3))
    data = der.sequence(to_sign, algorithm, der.bits(signature))
    return IssuedSm2(secret=secret, certificate=x509.load_der_x509_certificate(data))


def _to_be_signed(
    subject: x509.Name,
    issuer: x509.Name,
    validity: tuple[datetime, datetime],
    point: bytes,
    extensions: bytes,
) -> bytes:
    """TBSCertificate (RFC 5280, 4.1)."""
    return der.sequence(
        der.element(VERSION_3, der.integer(2)),
        der.integer(x509.random_serial_number()),
        der.sequence(der.oid(sm2.SM2_WITH_SM3)),
        issuer.public_bytes(),
        der.sequence(*map(_utc_time, validity)),
        subject.public_bytes(),
        pkcs8.public_key_info(point),
        der.element(EXTENSIONS, extensions),
    )


def _extensions(
    point: bytes,
    issuer_point: bytes,
    constraints: x509.BasicConstraints,
    usage: x509.KeyUsage,
) -> bytes:
    issuer = x509.AuthorityKeyIdentifier(_key_id(issuer_point), None, None)
    return der.sequence(
        _extension(x509.SubjectKeyIdentifier(_key_id(point))),
        _extension(issuer),
        _extension(constraints, CRITICAL),
        _extension(usage, CRITICAL),
    )


def _extension(value: x509.ExtensionType, critical: bytes = b"") -> bytes:
    return der.sequence(
        der.oid(value.oid.dotted_string), critical, der.octets(value.public_bytes())
    )


def _key_id(point: bytes) -> bytes:
    """RFC 7093, 2: any digest will do; 160 bits of SM3."""
    return sm2.sm3(point)[:20]


def _utc_time(moment: datetime) -> bytes:
    """RFC 5280, 4.1.2.5: through 2049."""
    return der.element(der.UTC_TIME, f"{moment.astimezone(UTC):%y%m%d%H%M%SZ}".encode())


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
