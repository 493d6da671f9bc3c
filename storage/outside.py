"""The outside world of demos and tests: persons and enterprises with keys of their own.

Two test CAs in a folder, one of each party, stand for those that real parties go to; their
certificates say that they are a test.  Nothing that makes documents looks in here.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from asn1crypto import keys
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from pyhanko.sign.signers import SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from factory.errors import SettingsError
from factory.model import Party
from factory.seals.cms import asn1_certificate, run_to_end
from factory.seals.soft import SoftKey, SoftSigner
from storage import keyfiles, testca
from storage.testca import BEFORE, Issued, IssuingCA

TRUST = {Party.APPLICANT: "applicants", Party.ENTERPRISE: "enterprises"}
NAMES = {Party.APPLICANT: "Persons", Party.ENTERPRISE: "Enterprises"}
ROOT, ISSUING, KEY = "root.pem", "issuing.pem", "issuing.p8"
PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideParty:
    """A person or an enterprise with their key.

    chain: their certificate, then the CA's that issued it.
    """

    key: SoftKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]

    @property
    def key_pem(self) -> bytes:
        """The key, PKCS #8, not encrypted: it is a test."""
        return _pkcs8(self.key, PEM)

    @property
    def chain_pem(self) -> bytes:
        """The certificates, the party's first."""
        return b"".join(each.public_bytes(PEM) for each in self.chain)

    @property
    def issuer_pem(self) -> bytes:
        """The certificates above the party's."""
        return b"".join(each.public_bytes(PEM) for each in self.chain[1:])

    def sign(self, attributes: bytes) -> bytes:
        """The raw signature over DER signed attributes, as a USB key gives it; with SHA-256."""
        return SoftSigner(self.key).sign_digests([sha256(attributes).digest()])[0]

    def cms(self, content: bytes) -> bytes:
        """A finished detached CMS over the content: PAdES (ETSI EN 319 142-1), as a CA gives it."""
        signer = _pyhanko_signer(self)
        digest = sha256(content).digest()
        signed = run_to_end(signer.async_sign(digest, "sha256", use_pades=True))
        return bytes(signed.dump())


def create(folder: Path, now: datetime) -> None:
    """The two CAs, each in a folder of its own, unless it is there."""
    for party, trust in TRUST.items():
        if not (folder / trust).exists():
            _create_ca(folder / trust, NAMES[party], now)


def roots(folder: Path) -> Mapping[str, x509.Certificate]:
    """The root of each CA, by the name of the trust in it."""
    return {trust: _certificate(folder / trust / ROOT) for trust in TRUST.values()}


def issue(
    folder: Path, party: Party, name: str, number: str, *, algorithm: str = "p256"
) -> OutsideParty:
    """A new key with a certificate that names a party.

    number:    of the identity paper, or the credit code.
    algorithm: ``p256`` or ``rsa2048``.
    """
    ca = _ca(folder / TRUST[party])
    make = testca.issue_person if party is Party.APPLICANT else testca.issue_enterprise
    issued = make(ca, name, number, algorithm=algorithm)
    return OutsideParty(key=issued.key, chain=(issued.certificate, ca.issuing.certificate))


def _create_ca(home: Path, name: str, now: datetime) -> None:
    """Whole or not at all."""
    ca = testca.make_ca(now, name=name)
    home.parent.mkdir(mode=keyfiles.OWNER_FOLDER, parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
    try:
        keyfiles.write(building / ROOT, ca.root.certificate.public_bytes(PEM))
        keyfiles.write(building / ISSUING, ca.issuing.certificate.public_bytes(PEM))
        keyfiles.write(building / KEY, _pkcs8(ca.issuing.key, PEM))
        building.rename(home)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _ca(home: Path) -> IssuingCA:
    certificate = _certificate(home / ISSUING)
    issuing = Issued(key=_key(home / KEY), certificate=certificate)
    return IssuingCA(issuing=issuing, now=certificate.not_valid_before_utc + BEFORE)


def _certificate(path: Path) -> x509.Certificate:
    return keyfiles.certificates(path)[0]


def _key(path: Path) -> SoftKey:
    try:
        key = serialization.load_pem_private_key(keyfiles.read_secret(path), None)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"the key of the test CA, {path.name}, cannot be read") from error
    if not isinstance(key, SoftKey):
        raise SettingsError(f"the key of the test CA, {path.name}, must be RSA or EC")
    return key


def _pkcs8(key: SoftKey, encoding: serialization.Encoding) -> bytes:
    return key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _pyhanko_signer(party: OutsideParty) -> SimpleSigner:
    own, *others = map(asn1_certificate, party.chain)
    store: Any = SimpleCertificateStore
    return SimpleSigner(
        signing_cert=own,
        signing_key=keys.PrivateKeyInfo.load(_pkcs8(party.key, DER)),
        cert_registry=store.from_certs(others),
    )
