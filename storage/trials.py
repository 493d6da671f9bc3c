"""Test certificates for keys that are elsewhere: a token's, a successor's; what a CA does for real.

The test keyring's own CA issues them, for seals for PDF.  Each is marked as a test in its subject
and never leads to a root of a keyring of real seals, which has no such CA.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from factory.errors import SealRefusedError
from factory.seals import keys
from storage import testca, testca_keys
from storage.testca import IssuingCA, PublicKey

NO_KEY = (
    "what is to be certified is no public key, request (PKCS#10) or encrypted key file of RSA or"
    " EC, in PEM or DER; a key file is opened with its passphrase"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCertificate:
    """A test certificate with the CAs above it, the nearest first."""

    __test__ = False

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def issue(
    folder: Path, authority: str, key: bytes, passphrase: bytes | None, *, now: datetime
) -> TestCertificate:
    """A certificate for an authority's seal.

    folder: the keyring's.
    key:    see public_key; passphrase: opens it where it is a key file.
    SettingsError: the keyring holds no test CA that issues.  SealRefusedError: it is no such key.
    """
    found = public_key(key, passphrase)
    issuing = testca_keys.issuing(folder)
    certificate = testca.certify_seal(IssuingCA(issuing=issuing, now=now), authority, found)
    if keys.algorithm_of(certificate) is None:
        raise SealRefusedError(f"the key to be certified {keys.UNFIT}")
    return TestCertificate(certificate=certificate, chain=(issuing.certificate,))


def public_key(data: bytes, passphrase: bytes | None = None) -> PublicKey:
    """The public key in a file: itself, of a request, or of an encrypted key file; PEM or DER.

    SealRefusedError: nothing of these, a request that its own key has not signed, or not RSA or EC.
    """
    for read in _readers(passphrase):
        with suppress(ValueError, TypeError, UnsupportedAlgorithm):
            found = read(data)
            if isinstance(found, x509.CertificateSigningRequest):
                if not found.is_signature_valid:
                    raise SealRefusedError("the request is not signed with the key that it names")
                found = found.public_key()
            if isinstance(found, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
                return found
    raise SealRefusedError(NO_KEY)


def _readers(passphrase: bytes | None) -> Iterable[Callable[[bytes], Any]]:
    yield serialization.load_pem_public_key
    yield serialization.load_der_public_key
    yield x509.load_pem_x509_csr
    yield x509.load_der_x509_csr
    if passphrase is not None:
        yield lambda data: serialization.load_pem_private_key(data, passphrase).public_key()
