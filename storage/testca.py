"""A test CA: marked as test in every subject, for the embedded default, demos and tests."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from factory.parties import IDENTITY_CODE, ORGANISATION_CODE
from factory.seals.soft import SoftKey

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey

BEFORE = timedelta(days=1)
CA_LIFE = timedelta(days=3650)
LIST_LIFE = timedelta(days=7)
SEAL_LIFE = timedelta(days=1095)
STAMPER_LIFE = CA_LIFE
PARTY_LIFE = CA_LIFE  #: the test CA of parties lies on disk and issues whenever it is asked
#: why a certificate may be revoked (RFC 5280, 5.3.1)
REASONS = tuple(each.value for each in x509.ReasonFlags if each.value != "removeFromCRL")
MARK = "测试 TEST"
RESIDENT_CARD = 0x80  #: [0] of IdentityCode (GM/T 0015-2023, 5.2.4)
PRINTABLE_STRING = 0x13


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A key and its certificate."""

    key: SoftKey
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingCA:
    """A CA that issues to others, and the day it was made."""

    issuing: Issued
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCA(IssuingCA):
    """A CA that issues, below a root."""

    root: Issued


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An entry of a revocation list.

    reason:        as RFC 5280, 5.3.1 spells it; None: none is said.
    invalid_since: when the key was known to somebody else, where that is told.
    """

    serial: int
    at: datetime
    reason: str | None = None
    invalid_since: datetime | None = None

    @property
    def extensions(self) -> tuple[x509.ExtensionType, ...]:
        """Of the entry."""
        reason = None if self.reason is None else x509.CRLReason(x509.ReasonFlags(self.reason))
        since = None if self.invalid_since is None else x509.InvalidityDate(self.invalid_since)
        return tuple(each for each in (reason, since) if each is not None)


def new_key(algorithm: str = "p256") -> SoftKey:
    """A fresh private key, ``p256`` or ``rsa2048``."""
    if algorithm == "rsa2048":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def make_ca(now: datetime, *, name: str = "Certificate Factory") -> TestCA:
    """A root and an issuing CA of that name, both EC P-256."""
    root_key, issuing_key = new_key(), new_key()
    root_name = marked_name(f"{name} Root CA")
    issuing_name = marked_name(f"{name} Issuing CA")
    root = _ca(root_name, root_key, root_name, root_key, now, path_length=1)
    issuing = _ca(issuing_name, issuing_key, root_name, root_key, now, path_length=0)
    return TestCA(
        root=Issued(key=root_key, certificate=root),
        issuing=Issued(key=issuing_key, certificate=issuing),
        now=now,
    )


def issue_seal(ca: IssuingCA, authority: str, *, algorithm: str = "p256") -> Issued:
    """A certificate for an authority's seal: digital signature and content commitment."""
    return _issue(ca, marked_name(authority), SEAL_LIFE, algorithm)


def certify_seal(ca: IssuingCA, authority: str, key: PublicKey) -> x509.Certificate:
    """The same for a key that is elsewhere."""
    return _certified(ca, marked_name(authority), SEAL_LIFE, key)


def issue_stamper(
    ca: TestCA, name: str = "Time Stamping Authority", *, life: timedelta = STAMPER_LIFE
) -> Issued:
    """A certificate for time stamps and nothing else, on P-256, by the root itself: tokens are
    in every document, and each certificate between would be too (RFC 3161, 2.3).
    """
    key = ec.generate_private_key(ec.SECP256R1())
    usage = key_usage(digital_signature=True)
    stamping = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    certificate = (
        _builder(marked_name(name), key.public_key(), ca.root.certificate.subject, ca.now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(stamping, critical=True)
        .add_extension(_issued_by(ca.root.key), critical=False)
        .sign(ca.root.key, hashes.SHA256())
    )
    return Issued(key=key, certificate=certificate)


def issue_person(ca: IssuingCA, name: str, id_number: str, *, algorithm: str = "p256") -> Issued:
    """A person's certificate: the name in CN, the number as GM/T 0015-2023, 5.2.4 has it."""
    subject = _marked((NameOID.COMMON_NAME, name))
    code = x509.UnrecognizedExtension(
        x509.ObjectIdentifier(IDENTITY_CODE), _string(RESIDENT_CARD, id_number)
    )
    return _issue(ca, subject, PARTY_LIFE, algorithm, code)


def issue_enterprise(
    ca: IssuingCA, name: str, credit_code: str, *, algorithm: str = "p256"
) -> Issued:
    """An enterprise's certificate: the name in O and CN, the code in its extension."""
    subject = _marked((NameOID.ORGANIZATION_NAME, name), (NameOID.COMMON_NAME, name))
    code = x509.UnrecognizedExtension(
        x509.ObjectIdentifier(ORGANISATION_CODE), _string(PRINTABLE_STRING, credit_code)
    )
    return _issue(ca, subject, PARTY_LIFE, algorithm, code)


def revocation_list(issuer: Issued, ended: Sequence[Ended], *, now: datetime) -> bytes:
    """A list (CRL) of all that the issuer has revoked, DER (RFC 5280, 5); good for a week."""
    number = x509.CRLNumber(int(now.timestamp()))
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + LIST_LIFE)
        .add_extension(_issued_by(issuer.key), critical=False)
        .add_extension(number, critical=False)
    )
    for each in ended:
        builder = builder.add_revoked_certificate(_entry(each))
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def _entry(ended: Ended) -> x509.RevokedCertificate:
    builder = x509.RevokedCertificateBuilder().serial_number(ended.serial).revocation_date(ended.at)
    for extension in ended.extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.build()


def revocation_answer(
    issuer: Issued,
    certificate: x509.Certificate,
    ended: Ended | None,
    *,
    now: datetime,
    by: Issued | None = None,
) -> bytes:
    """An answer (OCSP response) about a certificate, DER (RFC 6960); None: it is good.

    by: who signs it; None: the issuer itself.
    """
    signer = by or issuer
    reason = None if ended is None or ended.reason is None else x509.ReasonFlags(ended.reason)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=certificate,
            issuer=issuer.certificate,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.REVOKED if ended else ocsp.OCSPCertStatus.GOOD,
            this_update=now,
            next_update=now + LIST_LIFE,
            revocation_time=ended.at if ended else None,
            revocation_reason=reason,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    )
    if by is not None:
        builder = builder.certificates([by.certificate])
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def issue_for_one_use(
    ca: IssuingCA,
    name: str,
    use: x509.ObjectIdentifier,
    *,
    algorithm: str = "p256",
    life: timedelta = SEAL_LIFE,
) -> Issued:
    """A certificate for one use alone: time stamps, or answers about revoked certificates."""
    alone = x509.ExtendedKeyUsage([use])
    return _issue(ca, marked_name(name), life, algorithm, alone)


def _issue(
    ca: IssuingCA,
    subject: x509.Name,
    life: timedelta,
    algorithm: str,
    *further: x509.ExtensionType,
) -> Issued:
    key = new_key(algorithm)
    certificate = _certified(ca, subject, life, key.public_key(), *further)
    return Issued(key=key, certificate=certificate)


def _certified(
    ca: IssuingCA,
    subject: x509.Name,
    life: timedelta,
    key: PublicKey,
    *further: x509.ExtensionType,
) -> x509.Certificate:
    issuer = ca.issuing
    usage = key_usage(digital_signature=True, content_commitment=True)
    builder = (
        _builder(subject, key, issuer.certificate.subject, ca.now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_issued_by(issuer.key), critical=False)
    )
    for extension in further:
        critical = isinstance(extension, x509.ExtendedKeyUsage)  # RFC 3161, 2.3
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key, hashes.SHA256())


def _string(tag: int, value: str) -> bytes:
    """DER of a short string: no number of a paper has 128 characters."""
    data = value.encode("ascii")
    return bytes((tag, len(data))) + data


def _ca(
    name: x509.Name,
    key: SoftKey,
    issuer: x509.Name,
    issuer_key: SoftKey,
    now: datetime,
    *,
    path_length: int,
) -> x509.Certificate:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return (
        _builder(name, key.public_key(), issuer, now, CA_LIFE)
        .add_extension(constraints, critical=True)
        .add_extension(key_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(_issued_by(issuer_key), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    name: x509.Name, key: PublicKey, issuer: x509.Name, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def marked_name(common_name: str) -> x509.Name:
    """A subject that says it is for tests."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{MARK} Certificate Factory"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{common_name} {MARK}"),
        ]
    )


def _marked(*named: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """The mark stands beside the names: CN and O must be the parties' own."""
    given = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, MARK),
        *named,
    )
    with warnings.catch_warnings():  # the library counts bytes, RFC 5280, A.1 64 characters
        warnings.simplefilter("ignore", UserWarning)
        return x509.Name([x509.NameAttribute(*each, _validate=False) for each in given])


def _issued_by(key: SoftKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def key_usage(**on: bool) -> x509.KeyUsage:
    """The uses that are named, and no other (RFC 5280, 4.2.1.3)."""
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: on.get(name, False) for name in names})
