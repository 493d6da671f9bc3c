"""The key that answers of the verification pages are signed with: ``answers.p8`` in the keyring.

P-256 in PKCS#8, closed to others.  It seals no document: whoever has it could forge an answer, and
no certificate.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from factory.errors import ConflictError, SettingsError
from storage import keyfiles

FILE = "answers.p8"


def create(folder: Path) -> None:
    """A new one.  ConflictError: there is one, which somebody may trust."""
    if (folder / FILE).exists():
        raise ConflictError(f"keyring: {FILE} is there already; remove it to make another one")
    keyfiles.write(
        folder / FILE,
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def load(folder: Path) -> ec.EllipticCurvePrivateKey:
    """The key.  SettingsError: there is none, or another kind of file."""
    if not (folder / FILE).exists():
        raise SettingsError(
            f"the keyring has no {FILE}: make it with `certfactory keys create-answers`"
        )
    try:
        key = serialization.load_pem_private_key(keyfiles.read_secret(folder / FILE), password=None)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"keyring file {FILE} is not what it should be") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise SettingsError(f"keyring file {FILE} is not what it should be")
    return key
