"""Seals for PDF taken into the keyring: certificate, issuers, picture, and where the key is.

What lies in the keyring afterwards is described in keyring.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import SealRefusedError, SettingsError, SignatureRefusedError
from factory.parties import Algorithm
from factory.seals import chain, keys, pades
from factory.seals.appearance import seal_image
from storage import key_sources, keyfiles, ofd_seals, token_key
from storage.key_sources import ABOUT, CHAIN, KEY, PASSPHRASE, PKCS12, SIGNING, Opened, Passphrase
from storage.ofd_seals import KeyFileGiven, Trust
from storage.token_key import TokenGiven

PICTURE, BUNDLE = "seal.png", "seal.p12"
PEM = Encoding.PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkcs12Given:
    """A PKCS#12 file (RFC 7292) with key, certificate and issuers, and what opens it."""

    bundle: bytes = field(repr=False)
    passphrase: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is handed in to be installed.

    certificates: the signing certificate, then its issuers in any order, which may be left out
                  where that is a root of the keyring; none with PKCS#12.
    picture:      PNG, drawn width_mm wide.
    test:         whether it is to be marked as a test seal.
    """

    certificates: tuple[x509.Certificate, ...]
    picture: bytes = field(repr=False)
    width_mm: float
    key: KeyFileGiven | Pkcs12Given | TokenGiven
    test: bool = False


def install(
    home: Path, given: Given, trust: Trust, passphrase: Passphrase, *, now: datetime
) -> Opened:
    """Put a seal into the keyring, whole or not at all, once everything of it is proved.

    home: the identity's folder, which may be missing; its seal for OFD stays as it is.
    SealRefusedError: it cannot be used.  SettingsError: its key does not open, or is another's.
    """
    seal_image(given.picture)
    with keyfiles.building(home.parent.parent, ".import-") as building:
        built = building / home.name
        _write(built, given, trust)
        key_sources.log_in(built)
        opened = key_sources.opened(built, passphrase)
        keyfiles.prove_chain(opened.signing_cert, opened.chain, home.name)
        _refuse_unfit(opened, trust, now)
        if isinstance(given.key, Pkcs12Given):
            key_sources.publish(built, opened)
        _put(built, home)
    return opened


def _refuse_unfit(opened: Opened, trust: Trust, now: datetime) -> None:
    """SealRefusedError unless it may seal today and its chain ends in a root."""
    if keys.algorithm_of(opened.signing_cert) not in (Algorithm.RSA, Algorithm.ECDSA):
        raise SealRefusedError(f"the signing certificate {keys.UNFIT}; SM2 seals OFD alone")
    pades.refuse_unfit(opened.signing_cert, now)
    try:
        chain.refuse_unfit_signer(opened.signing_cert, now)
        chain.refuse_untrusted(opened.signing_cert, opened.chain, trust.roots, now)
    except SignatureRefusedError as error:
        raise SealRefusedError(
            f"the seal is not trusted: {error}; {ofd_seals.WHAT_TO_DO}"
        ) from error


def _write(built: Path, given: Given, trust: Trust) -> None:
    files = {ABOUT: _about(given), PICTURE: given.picture, **_key_files(given.key)}
    if given.certificates:
        signing_cert, *others = given.certificates
        files[SIGNING] = signing_cert.public_bytes(PEM)
        files[CHAIN] = _chain(signing_cert, others, trust)
    for name, data in files.items():
        keyfiles.write(built / name, data)


def _chain(
    signing_cert: x509.Certificate, others: Sequence[x509.Certificate], trust: Trust
) -> bytes:
    """The issuers, the nearest first, without the root where that leaves any.

    others: none where a root of the keyring has issued the certificate itself.
    """
    issuers = keyfiles.in_order(signing_cert, others or trust.roots)
    if not issuers and not others:
        raise SettingsError(
            "no root of the keyring issued the signing certificate: give the CAs above it as"
            " the chain"
        )
    if not issuers:
        raise SettingsError("none of the chain issued the signing certificate: give its issuers")
    between = [each for each in issuers if each not in trust.roots]
    return b"".join(each.public_bytes(PEM) for each in between or issuers)


def _about(given: Given) -> bytes:
    lines = [f"width_mm = {given.width_mm}", f"test = {str(given.test).lower()}"]
    if isinstance(given.key, Pkcs12Given):
        lines += [f'{PKCS12} = "{BUNDLE}"']
    if isinstance(given.key, TokenGiven):
        lines += token_key.written(given.key)
    return "\n".join((*lines, "")).encode()


def _key_files(key: KeyFileGiven | Pkcs12Given | TokenGiven) -> dict[str, bytes]:
    if isinstance(key, KeyFileGiven):
        return {KEY: key.key, PASSPHRASE: key.passphrase}
    if isinstance(key, Pkcs12Given):
        return {BUNDLE: key.bundle, PASSPHRASE: key.passphrase}
    return {token_key.PIN: key.pin} if key.pin is not None else {}


def _put(built: Path, home: Path) -> None:
    """The new folder in the place of the old one, which comes back if that fails."""
    ofd = home / ofd_seals.HOME
    if ofd.exists():
        shutil.copytree(ofd, built / ofd_seals.HOME)
    keyfiles.make_folder(home.parent)
    if not home.exists():
        built.rename(home)
        return
    old = built.parent / "replaced"
    home.rename(old)
    try:
        built.rename(home)
    except OSError:
        old.rename(home)
        raise
