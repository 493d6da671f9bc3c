"""Trials: the test CA certifies a key that is elsewhere, and a test seal is drawn for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory.seals.picture import draw_test_seal
from jobs import opening

if TYPE_CHECKING:
    from jobs.wiring import Plant


def issue(plant: Plant, authority: str, key: bytes, passphrase: bytes | None) -> dict[str, bytes]:
    """What a CA and a seal's maker hand out, as files by name, for `keys import`.

    key: a public key, a request or an encrypted key file; passphrase: what opens the last.
    SettingsError: the keyring is no test keyring.  SealRefusedError: it is no such key.
    """
    keyring, now = plant.keyring, datetime.now(UTC)
    found = keyring.issue_test_certificate(authority, key, passphrase, now=now)
    return {
        "signing.pem": _pem(found.certificate),
        "chain.pem": b"".join(map(_pem, found.chain)),
        "seal.png": draw_test_seal(authority, opening.test_face(plant)),
    }


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
