"""The keys of a test keyring's own CAs, kept so that they can revoke what they issued.

testca/<mark>/issuing.pem  a CA that issued test seals, or a test root; mark: of its fingerprint
             key.p8       its key, encrypted PKCS#8, opened with
             passphrase
revocation/test-<mark>.crl what it has revoked

A real keyring has no such folder: there a CA revokes, and its list is put into revocation/.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import SettingsError
from factory.parties import Algorithm
from factory.seals import keys, pkcs8
from factory.seals.soft import SoftKey
from storage import keyfiles, testca, testca_sm2
from storage.testca import Ended, Issued
from storage.testca_sm2 import IssuedSm2

HOME, LISTS = "testca", "revocation"
ISSUING, KEY, PASSPHRASE = "issuing.pem", "key.p8", "passphrase"
MARK_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A CA whose key is here."""

    mark: str
    issuing: Issued | IssuedSm2 = field(repr=False)

    def listed(self, ended: Sequence[Ended], now: datetime) -> bytes:
        """What it has revoked, DER."""
        if isinstance(self.issuing, IssuedSm2):
            return testca_sm2.revocation_list(self.issuing, ended, now=now)
        return testca.revocation_list(self.issuing, ended, now=now)


def keep(folder: Path, issuing: Issued | IssuedSm2) -> None:
    """Put a test CA's key into a test keyring."""
    home, secret = folder / HOME / _mark(issuing.certificate), secrets.token_urlsafe(32).encode()
    keyfiles.write(home / ISSUING, issuing.certificate.public_bytes(Encoding.PEM))
    keyfiles.write(home / KEY, _encrypted(issuing, secret))
    keyfiles.write(home / PASSPHRASE, secret)


def revoke(folder: Path, certificate: x509.Certificate, ended: Ended, *, now: datetime) -> Path:
    """The list on which a certificate now stands, beside what stood on it before.

    SettingsError: the keyring does not hold the key of the CA that issued it.
    """
    kept = _issuer_of(folder, certificate)
    before = [each for each in _entries(_path(folder, kept)) if each.serial != ended.serial]
    return _write(folder, kept, [*before, ended], now)


def issuing(folder: Path) -> Issued:
    """The newest CA that issues test certificates for PDF.  SettingsError: there is none."""
    found = [
        (certificate.not_valid_before_utc, home.name, home)
        for home in (folder / HOME).glob("*/")
        if _issues(certificate := keyfiles.certificates(home / ISSUING)[0])
    ]
    if not found:
        raise SettingsError("the keyring holds no test CA that issues: only test keyrings have one")
    *_, home = max(found)
    opened = _kept(home, keyfiles.certificates(home / ISSUING)[0]).issuing
    assert isinstance(opened, Issued)  # noqa: S101 - chosen so
    return opened


def _issues(certificate: x509.Certificate) -> bool:
    """Whether it stands below a root and above nobody but signers."""
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    return limits.path_length == 0 and keys.algorithm_of(certificate) is not Algorithm.SM2


def renew(folder: Path, *, now: datetime) -> list[Path]:
    """Lists of all CAs that are kept, in force from now on; what stood on them still does.

    SettingsError: none is.
    """
    paths = []
    if not (folder / HOME).exists():
        raise SettingsError("the keyring holds no test CA: the CAs of its seals issue their lists")
    for home in sorted((folder / HOME).glob("*/")):
        kept = _kept(home, keyfiles.certificates(home / ISSUING)[0])
        paths.append(_write(folder, kept, _entries(_path(folder, kept)), now))
    return paths


def _path(folder: Path, kept: _Kept) -> Path:
    return folder / LISTS / f"test-{kept.mark}.crl"


def _write(folder: Path, kept: _Kept, entries: Iterable[Ended], now: datetime) -> Path:
    path = _path(folder, kept)
    parsed = x509.load_der_x509_crl(kept.listed(list(entries), now))
    _replace(path, parsed.public_bytes(Encoding.PEM))
    return path


def _kept(home: Path, issuing: x509.Certificate) -> _Kept:
    return _Kept(mark=home.name, issuing=_opened(home, issuing))


def _issuer_of(folder: Path, certificate: x509.Certificate) -> _Kept:
    for home in sorted((folder / HOME).glob("*/")):
        issuing = keyfiles.certificates(home / ISSUING)[0]
        if keys.is_issued_by(certificate, issuing):
            return _kept(home, issuing)
    if (folder / HOME).exists():
        raise SettingsError(
            f"no test CA of the keyring issued this certificate, but"
            f" {certificate.issuer.rfc4514_string()}: that one revokes it, and its list is put into"
            f" {LISTS}/"
        )
    raise SettingsError(
        "the keyring does not hold the key of the test CA that issued this certificate: it was"
        " made before test CAs were kept; make a new one to try a revocation"
    )


def _opened(home: Path, certificate: x509.Certificate) -> Issued | IssuedSm2:
    data, secret = keyfiles.read_secret(home / KEY), keyfiles.read_secret(home / PASSPHRASE)
    if keys.algorithm_of(certificate) is Algorithm.SM2:
        return IssuedSm2(secret=pkcs8.opened(data, secret)[0], certificate=certificate)
    try:
        key = serialization.load_pem_private_key(data, secret)
    except (ValueError, TypeError) as error:
        raise SettingsError("the key of the test CA does not open") from error
    if not isinstance(key, SoftKey):
        raise SettingsError("the key of the test CA must be RSA or EC")
    return Issued(key=key, certificate=certificate)


def _entries(path: Path) -> Iterator[Ended]:
    if not path.exists():
        return
    for entry in x509.load_pem_x509_crl(keyfiles.read(path)):
        told = {type(each.value): each.value for each in entry.extensions}
        reason, since = told.get(x509.CRLReason), told.get(x509.InvalidityDate)
        yield Ended(
            serial=entry.serial_number,
            at=entry.revocation_date_utc,
            reason=reason.reason.value if isinstance(reason, x509.CRLReason) else None,
            invalid_since=since.invalidity_date_utc
            if isinstance(since, x509.InvalidityDate)
            else None,
        )


def _replace(path: Path, data: bytes) -> None:
    """Whole or not at all: others read it meanwhile."""
    beside = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    keyfiles.write(beside, data)
    beside.replace(path)


def _encrypted(issuing: Issued | IssuedSm2, passphrase: bytes) -> bytes:
    if isinstance(issuing, IssuedSm2):
        return testca_sm2.encrypted_key(issuing.secret, passphrase)
    return issuing.key.private_bytes(
        Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase),
    )


def _mark(certificate: x509.Certificate) -> str:
    return keys.fingerprint(certificate)[:MARK_DIGITS]
