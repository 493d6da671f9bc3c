"""The keyring (密钥环): keys, seals, passphrases, trust roots and master keys in one folder.

master.json                     master keys of the sealed columns
roots/*.pem                     trust roots
identities/<name>/identity.toml width of the seal's picture, whether it is a test seal
                  signing.pem   signing certificate
                  chain.pem     its issuers, the nearest first
                  key.p8        encrypted PKCS#8, opened with
                  passphrase    unless a passphrase file is given
                  seal.png      the seal's picture
parties/<trust>/*.pem           roots of the CAs that issue the parties' certificates
outside/                        of a test keyring: the test CA that plays those CAs

``pkcs12 = "seal.p12"`` in identity.toml names a PKCS#12 file in place of signing.pem, chain.pem
and key.p8.  master.json, keys and passphrases must be closed to others (mode 0600 or 0640).
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from factory.errors import SettingsError
from factory.seals.keys import fingerprint
from factory.seals.signer import SealIdentity
from factory.seals.soft import SoftKey, SoftSigner
from storage import keyfiles, outside, testca
from storage.keyfiles import KeyFile
from storage.sealed import KEY_BYTES, MasterKeys

SEAL_WIDTH_MM = 42.0  #: of a round seal of a government body
WIDEST_MM = 100.0
IDENTITY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
TEST_ROOT = "test-root.pem"
PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentitySummary:
    """What may be shown of a signing identity."""

    name: str
    subject: str
    algorithm: str
    not_after: datetime
    fingerprint: str  #: SHA-256 of the certificate, hex
    test: bool


class Keyring:
    """A folder of keys; each is read once.

    passphrase_file: opens every key.p8, instead of the passphrase beside it.
    """

    def __init__(self, folder: Path, *, passphrase_file: Path | None = None) -> None:
        self._folder, self._passphrase_file = folder, passphrase_file
        self.identity = cache(self._identity)
        self._opened = cache(self._open)

    def _identity(self, name: str) -> SealIdentity:
        """The signing identity, its key proved to belong to its certificate.

        SettingsError: a file is missing or broken, or key and certificate do not match.
        """
        home = self._home(name)
        about, opened = _toml(home / "identity.toml"), self._opened(name)
        signer = SoftSigner(opened.key)
        keyfiles.prove(signer, opened.signing_cert, name)
        keyfiles.prove_chain(opened.signing_cert, opened.chain, name)
        return SealIdentity(
            name=name,
            signing_cert=opened.signing_cert,
            chain=opened.chain,
            picture=keyfiles.read(home / "seal.png"),
            width_mm=_width_mm(about, name),
            signer=signer,
            test=bool(about.get("test", False)),
        )

    def identities(self) -> list[IdentitySummary]:
        """What the keyring has, by name."""
        folder = self._folder / "identities"
        names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        return [self._summary(name) for name in names]

    def trust_roots(self) -> tuple[x509.Certificate, ...]:
        """The certificates a chain must end in.  SettingsError: there is none."""
        files = sorted((self._folder / "roots").glob("*.pem"))
        if not files:
            raise SettingsError("the keyring has no trust root: put one into roots/*.pem")
        return tuple(certificate for file in files for certificate in keyfiles.certificates(file))

    def party_roots(self, trust: str) -> tuple[x509.Certificate, ...]:
        """The certificates that the chain of a party's certificate must end in.

        trust: which party's, as a profile says it.  SettingsError: there is none.
        """
        files = sorted((self._folder / "parties" / trust).glob("*.pem"))
        if not IDENTITY_NAME.fullmatch(trust) or not files:
            raise SettingsError(
                f"the keyring has no root of the CA of {trust}: put its certificate into "
                f"parties/{trust}/*.pem"
            )
        return tuple(each for file in files for each in keyfiles.certificates(file))

    def master_keys(self) -> MasterKeys:
        """The keys of the sealed columns.  SettingsError: missing or broken."""
        try:
            data = json.loads(keyfiles.read_secret(self._folder / "master.json"))
            return MasterKeys(
                current=data["current"],
                keys={int(version): bytes.fromhex(key) for version, key in data["keys"].items()},
                lookup=bytes.fromhex(data["lookup"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError("keyring file master.json is not what it should be") from error

    def _home(self, name: str) -> Path:
        home = self._folder / "identities" / name
        if not IDENTITY_NAME.fullmatch(name) or not home.is_dir():
            raise SettingsError(f"the keyring has no signing identity {name}: install it there")
        return home

    def _open(self, name: str) -> KeyFile:
        home = self._home(name)
        bundle = _toml(home / "identity.toml").get("pkcs12")
        passphrase = self._passphrase(home)
        if bundle is None:
            return keyfiles.open_pkcs8(home, passphrase)
        return keyfiles.open_pkcs12(home / Path(str(bundle)).name, passphrase)

    def _passphrase(self, home: Path) -> bytes:
        """A file given from outside, such as a mounted secret, has modes of its own."""
        if self._passphrase_file is not None:
            return keyfiles.read(self._passphrase_file).strip()
        return keyfiles.read_secret(home / "passphrase").strip()

    def _certificate(self, name: str) -> x509.Certificate:
        """Without opening the key where that is possible."""
        beside = self._home(name) / "signing.pem"
        if beside.exists():
            return keyfiles.certificates(beside)[0]
        return self._opened(name).signing_cert

    def _summary(self, name: str) -> IdentitySummary:
        home = self._home(name)
        certificate = self._certificate(name)
        return IdentitySummary(
            name=name,
            subject=certificate.subject.rfc4514_string(),
            algorithm=_algorithm(certificate),
            not_after=certificate.not_valid_after_utc,
            fingerprint=fingerprint(certificate),
            test=bool(_toml(home / "identity.toml").get("test", False)),
        )


def create_test_keyring(
    folder: Path,
    *,
    identities: Mapping[str, str],
    now: datetime,
    draw_seal: Callable[[str], bytes],
    algorithm: str = "p256",
) -> None:
    """A keyring with a test CA and one test seal an identity, unless the folder exists.

    identities: name -> the authority's name, which goes into the subject and the picture.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _build(building, identities, now, draw_seal, algorithm)
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _build(
    folder: Path,
    identities: Mapping[str, str],
    now: datetime,
    draw_seal: Callable[[str], bytes],
    algorithm: str,
) -> None:
    keyfiles.write(folder / "master.json", _new_master().encode())
    _issue(folder, identities, now, draw_seal, algorithm)
    add_test_parties(folder, now)


def add_test_parties(folder: Path, now: datetime) -> None:
    """The test CA of persons and enterprises, and trust in it.

    Nothing where trust in a CA is there already, or one of the seals is real.
    """
    if (folder / "parties").exists() or not _all_test(folder):
        return
    outside.create(folder / "outside", now)
    building = Path(tempfile.mkdtemp(prefix=".parties-", dir=folder))
    try:
        for trust, root in outside.roots(folder / "outside").items():
            keyfiles.write(building / trust / TEST_ROOT, root.public_bytes(PEM))
        building.rename(folder / "parties")
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _all_test(folder: Path) -> bool:
    abouts = (folder / "identities").glob("*/identity.toml")
    return all(_toml(about).get("test", False) for about in abouts)


def add_test_identities(
    folder: Path, *, identities: Mapping[str, str], now: datetime, draw_seal: Callable[[str], bytes]
) -> None:
    """Further test seals, under a test CA of their own, for a keyring that has been made.

    identities: name -> the authority's name; none of them is there yet.
    """
    building = Path(tempfile.mkdtemp(prefix=".added-", dir=folder))
    try:
        _issue(building, identities, now, draw_seal, "p256")
        root = building / "roots" / TEST_ROOT
        root.rename(folder / "roots" / f"test-root-{secrets.token_hex(4)}.pem")
        for name in identities:
            (building / "identities" / name).rename(folder / "identities" / name)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _issue(
    folder: Path,
    identities: Mapping[str, str],
    now: datetime,
    draw_seal: Callable[[str], bytes],
    algorithm: str,
) -> None:
    ca = testca.make_ca(now)
    keyfiles.write(folder / "roots" / TEST_ROOT, ca.root.certificate.public_bytes(PEM))
    for name, authority in identities.items():
        issued = testca.issue_seal(ca, authority, algorithm=algorithm)
        home, secret = folder / "identities" / name, secrets.token_urlsafe(32).encode()
        keyfiles.write(
            home / "identity.toml", f"width_mm = {SEAL_WIDTH_MM}\ntest = true\n".encode()
        )
        keyfiles.write(home / "signing.pem", issued.certificate.public_bytes(PEM))
        keyfiles.write(home / "chain.pem", ca.issuing.certificate.public_bytes(PEM))
        keyfiles.write(home / "key.p8", _encrypted(issued.key, secret))
        keyfiles.write(home / "passphrase", secret)
        keyfiles.write(home / "seal.png", draw_seal(authority))


def _new_master() -> str:
    fresh = {"current": 1, "keys": {"1": secrets.token_hex(KEY_BYTES)}}
    return json.dumps(fresh | {"lookup": secrets.token_hex(KEY_BYTES)})


def _encrypted(key: SoftKey, secret: bytes) -> bytes:
    return key.private_bytes(
        PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(secret),
    )


def _width_mm(about: dict[str, object], name: str) -> float:
    width = about.get("width_mm", SEAL_WIDTH_MM)
    if not isinstance(width, int | float) or not 0 < width <= WIDEST_MM:
        raise SettingsError(f"width_mm of {name} must be between 0 and {WIDEST_MM:g}")
    return float(width)


def _algorithm(certificate: x509.Certificate) -> str:
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA-{public.key_size}"
    return public.curve.name if isinstance(public, ec.EllipticCurvePublicKey) else "unknown"


def _toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(keyfiles.read(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"keyring file {path.name} is not TOML") from error
