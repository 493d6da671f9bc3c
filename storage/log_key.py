"""The key that heads of the log are signed with: ``log/`` in the keyring, like an identity.

log/log.toml       which log it is (origin), for good
    identity.toml  whether it is a test key; a table ``[pkcs11]`` as of other identities
    signing.pem    its certificate, issued by itself: it says the public key
    chain.pem      the same
    key.p8         encrypted PKCS#8, opened with
    passphrase
    former/*.pem   certificates of keys that it had before

P-256.  It seals no document: whoever has it could sign a log that never was, and no certificate.
A certificate of a CA is not needed: who checks a head was given the public key before.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from factory.errors import ConflictError, FieldError, SettingsError
from factory.log.heads import Head
from factory.parties import Algorithm
from factory.seals.keys import algorithm_of, fingerprint
from factory.seals.signer import Purpose, Signer
from storage import key_sources, keyfiles
from storage.key_sources import HEAD, LOG_HOME
from storage.signer_process import SignerProcess

PURPOSE = Purpose(profile=LOG_HOME, kind=HEAD, batch=None)
ABOUT, FORMER = "log.toml", "former"
MARK = "测试 TEST"
NO_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  #: none is known (RFC 5280, 4.1.2.5)
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
PEM = serialization.Encoding.PEM
MISSING = "the keyring has no log/: make it with `certfactory keys create-log`"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """Who signs heads, and of which log."""

    origin: str
    signer: Signer = field(repr=False)
    certificate: x509.Certificate


def create(folder: Path, *, test: bool) -> None:
    """A new key for a new log.  ConflictError: there is one."""
    home = folder / LOG_HOME
    if home.exists():
        raise ConflictError("keyring: log/ is there already; give --replace for another key")
    with keyfiles.building(folder, ".log-") as building:
        word = "test." if test else ""
        origin = f"{word}certificate-factory.log/{secrets.token_hex(8)}"
        keyfiles.write(building / ABOUT, f'origin = "{origin}"\n'.encode())
        _write_key(building, origin, test=test)
        building.rename(home)
    home.chmod(keyfiles.OWNER_FOLDER)


def replace(folder: Path) -> None:
    """Another key for the same log; the certificate of the one before is kept.

    SettingsError: there is none.
    """
    home = folder / LOG_HOME
    origin, [before, *_] = origin_of(folder), certificates(folder)
    test = bool(keyfiles.settings(home / key_sources.ABOUT).get("test", False))
    kept = home / FORMER / f"{fingerprint(before)[:16]}.pem"
    if not kept.exists():
        keyfiles.write(kept, before.public_bytes(PEM))
    with keyfiles.building(folder, ".log-") as building:
        _write_key(building, origin, test=test)
        for file in sorted(building.iterdir()):
            file.replace(home / file.name)


def add_test(folder: Path) -> None:
    """A test key, unless there is one of any kind."""
    if not (folder / LOG_HOME).exists():
        create(folder, test=True)


def load(folder: Path, passphrase: key_sources.Passphrase, process: SignerProcess | None) -> LogKey:
    """The key, opened here or held by the process.  SettingsError: there is none, or not P-256."""
    origin, [certificate, *_] = origin_of(folder), certificates(folder)
    if algorithm_of(certificate) is not Algorithm.ECDSA:
        raise SettingsError("the key of the log must be on P-256")
    if process is not None:
        signer: Signer = process.signer(LOG_HOME, HEAD, certificate).for_purpose(PURPOSE)
    else:
        signer = key_sources.opened(folder / LOG_HOME, passphrase).signer
    return LogKey(origin=origin, signer=signer, certificate=certificate)


def origin_of(folder: Path) -> str:
    """Which log it is.  SettingsError: there is none."""
    if not (folder / LOG_HOME).is_dir():
        raise SettingsError(MISSING)
    origin = str(keyfiles.settings(folder / LOG_HOME / ABOUT).get("origin", ""))
    try:
        return Head(origin=origin, size=0, root=bytes(32), at=BEGINNING).origin
    except FieldError as error:
        raise SettingsError("keyring file log/log.toml names no origin") from error


def certificates(folder: Path) -> tuple[x509.Certificate, ...]:
    """Of the key, and of those before it.  SettingsError: there is none."""
    home = folder / LOG_HOME
    if not home.is_dir():
        raise SettingsError(MISSING)
    files = [home / key_sources.SIGNING, *sorted((home / FORMER).glob("*.pem"))]
    return tuple(keyfiles.certificates(file)[0] for file in files)


def public_key(folder: Path, certificate: str) -> bytes:
    """The public key, PEM, of the log's certificate of that SHA-256, hex.

    SettingsError: the keyring knows none.
    """
    for each in certificates(folder):
        if fingerprint(each) == certificate:
            kind = serialization.PublicFormat.SubjectPublicKeyInfo
            return each.public_key().public_bytes(PEM, kind)
    raise SettingsError("the keyring has no certificate of the log with which that head is signed")


def _write_key(home: Path, origin: str, *, test: bool) -> None:
    key, secret = ec.generate_private_key(ec.SECP256R1()), secrets.token_urlsafe(32).encode()
    certificate = _certificate(key, f"{origin} {MARK}" if test else origin).public_bytes(PEM)
    keyfiles.write(home / key_sources.ABOUT, f"test = {str(test).lower()}\n".encode())
    keyfiles.write(home / key_sources.SIGNING, certificate)
    keyfiles.write(home / key_sources.CHAIN, certificate)
    keyfiles.write(home / key_sources.PASSPHRASE, secret)
    encryption = serialization.BestAvailableEncryption(secret)
    pem = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, encryption)
    keyfiles.write(home / key_sources.KEY, pem)


def _certificate(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINNING)
        .not_valid_after(NO_END)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
