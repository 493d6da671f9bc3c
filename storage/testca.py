"""A test CA: marked as test in every subject, for the embedded default, demos and tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from factory.seals.soft import SoftKey

BEFORE = timedelta(days=1)
CA_LIFE = timedelta(days=3650)
SEAL_LIFE = timedelta(days=1095)
MARK = "测试 TEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A key and its certificate."""

    key: SoftKey
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCA:
    """A root, the CA below it that issues, and the day it was made."""

    root: Issued
    issuing: Issued
    now: datetime


def new_key(algorithm: str = "p256") -> SoftKey:
    """A fresh private key, ``p256`` or ``rsa2048``."""
    if algorithm == "rsa2048":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def make_ca(now: datetime) -> TestCA:
    """A root and an issuing CA, both EC P-256."""
    root_key, issuing_key = new_key(), new_key()
    root_name = _name("Certificate Factory Root CA")
    issuing_name = _name("Certificate Factory Issuing CA")
    root = _ca(root_name, root_key, root_name, root_key, now, path_length=1)
    issuing = _ca(issuing_name, issuing_key, root_name, root_key, now, path_length=0)
    return TestCA(
        root=Issued(key=root_key, certificate=root),
        issuing=Issued(key=issuing_key, certificate=issuing),
        now=now,
    )


def issue_seal(ca: TestCA, authority: str, *, algorithm: str = "p256") -> Issued:
    """A certificate for an authority's seal: digital signature and content commitment."""
    key = new_key(algorithm)
    usage = _usage(digital_signature=True, content_commitment=True)
    issuer = ca.issuing
    builder = _builder(_name(authority), key, issuer.certificate.subject, ca.now, SEAL_LIFE)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_issued_by(issuer.key), critical=False)
        .sign(issuer.key, hashes.SHA256())
    )
    return Issued(key=key, certificate=certificate)


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
        _builder(name, key, issuer, now, CA_LIFE)
        .add_extension(constraints, critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(_issued_by(issuer_key), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def _builder(
    name: x509.Name, key: SoftKey, issuer: x509.Name, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{MARK} Certificate Factory"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{common_name} {MARK}"),
        ]
    )


def _issued_by(key: SoftKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _usage(**on: bool) -> x509.KeyUsage:
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
