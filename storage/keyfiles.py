"""Key files of the keyring: encrypted PKCS#8 or PKCS#12, closed to others, and proved.

Failures are SettingsError that name the file and what to do; never a key or a passphrase.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from factory.errors import SettingsError
from factory.seals import keys
from factory.seals.signer import Signer
from factory.seals.soft import SoftKey

OWNER_ONLY, OWNER_FOLDER = 0o600, 0o700
SELF_TEST = b"\x5a" * 32
PRIVATE, ENCRYPTED = b" PRIVATE KEY-----", b"ENCRYPTED"  #: in PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFile:
    """A signing key with its certificate and the issuers, the nearest first."""

    key: SoftKey = field(repr=False)
    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def read(path: Path) -> bytes:
    """The file's bytes."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"keyring file {_where(path)} cannot be read: {error.strerror}"
        ) from error


def read_secret(path: Path) -> bytes:
    """The bytes of a file that everybody else must not read."""
    data = read(path)
    if path.stat().st_mode & stat.S_IRWXO:
        raise SettingsError(f"keyring file {_where(path)} is open to everybody: chmod o= it")
    return data


def write(path: Path, data: bytes) -> None:
    """A new file that its owner alone can read, in a folder of the same kind."""
    make_folder(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def make_folder(path: Path) -> None:
    """A folder that its owner alone can look into, unless it is there."""
    path.mkdir(mode=OWNER_FOLDER, parents=True, exist_ok=True)
    path.chmod(OWNER_FOLDER)


@contextmanager
def building(folder: Path, prefix: str) -> Iterator[Path]:
    """A folder beside its goal, to be filled and renamed; what is left of it goes away."""
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def settings(path: Path) -> dict[str, object]:
    """What a TOML file says."""
    try:
        return tomllib.loads(read(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"keyring file {_where(path)} is not TOML") from error


def certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """All certificates of a PEM file."""
    try:
        return tuple(keys.certificates_of(read(path)))
    except (ValueError, x509.InvalidVersion) as error:
        raise SettingsError(f"keyring file {_where(path)} is not PEM of certificates") from error


def open_pkcs8(home: Path, passphrase: bytes) -> KeyFile:
    """signing.pem, chain.pem and key.p8."""
    data = read_secret(home / "key.p8")
    if PRIVATE in data and ENCRYPTED not in data:
        raise SettingsError(
            f"the key of {home.name} is not encrypted, and must be: PKCS#8 under a passphrase, as"
            " `openssl pkcs8 -topk8` writes it"
        )
    try:
        key = serialization.load_pem_private_key(data, passphrase)
    except (ValueError, TypeError) as error:
        raise _closed(home) from error
    return KeyFile(
        key=_usable(key, home),
        signing_cert=certificates(home / "signing.pem")[0],
        chain=certificates(home / "chain.pem"),
    )


def open_pkcs12(path: Path, passphrase: bytes) -> KeyFile:
    """A PKCS#12 file (RFC 7292), as a CA hands it out; it holds all three."""
    data = read_secret(path)
    try:
        key, signing_cert, others = pkcs12.load_key_and_certificates(data, passphrase)
    except (ValueError, TypeError) as error:
        raise _closed(path.parent) from error
    if signing_cert is None:
        raise SettingsError(f"keyring file {_where(path)} holds no signing certificate")
    return KeyFile(
        key=_usable(key, path.parent),
        signing_cert=signing_cert,
        chain=in_order(signing_cert, others),
    )


def prove(signer: Signer, certificate: x509.Certificate, name: str) -> None:
    """Sign once and check with the certificate: a swapped key is found before it is used."""
    [signature] = signer.sign_digests([SELF_TEST])
    if not keys.fits_digest(certificate, signature, SELF_TEST):
        raise SettingsError(f"key and certificate of {name} do not belong together")


def prove_chain(
    signing_cert: x509.Certificate, chain: Sequence[x509.Certificate], name: str
) -> None:
    """Each certificate issued the one before it: otherwise nobody could verify a seal."""
    issued = signing_cert
    for issuer in chain:
        if not keys.is_issued_by(issued, issuer):
            raise SettingsError(
                f"the chain of {name} is broken: give the signing certificate's issuers, "
                "the nearest first"
            )
        issued = issuer


def in_order(
    signing_cert: x509.Certificate, others: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """The issuers from the nearest on; a PKCS#12 file holds them in any order."""
    chain: list[x509.Certificate] = []
    issued, left = signing_cert, list(others)
    while issuers := [each for each in left if each != issued and keys.is_issued_by(issued, each)]:
        issued = issuers[0]
        left.remove(issued)
        chain.append(issued)
    return tuple(chain)


def _usable(key: object, home: Path) -> SoftKey:
    if not isinstance(key, SoftKey):
        raise SettingsError(f"the key of {home.name} must be RSA or EC")
    return key


def _closed(home: Path) -> SettingsError:
    return SettingsError(f"the key of {home.name} does not open: check its passphrase")


def _where(path: Path) -> str:
    return "/".join(path.parts[-3:])
