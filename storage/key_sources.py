"""Where an identity's key is, and who signs with it: the one place that opens private keys.

A key file, PKCS#12, a token, a service: each is said by one thing in identity.toml, ``pkcs12``,
``[pkcs11]``, ``[service]``; none of them means key.p8.  Used by whoever holds keys: the signer
process, or a worker where there is none.  It needs nothing of seals, so that the process that
holds keys stays small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import SettingsError
from factory.seals.signer import Signer
from factory.seals.sm2_soft import Sm2SoftSigner
from factory.seals.soft import SoftSigner
from storage import keyfiles, passphrases, token_key
from storage.token_key import TokenKey

PDF, OFD = "pdf", "ofd"
OFD_HOME = "ofd"
HEAD, LOG_HOME = "head", "log"  #: what the log's key signs, and the folder that it is in
ABOUT, SIGNING, CHAIN = "identity.toml", "signing.pem", "chain.pem"
KEY, PASSPHRASE = "key.p8", "passphrase"
HERE = "key file", KEY
PKCS12, TOKEN, SERVICE = "pkcs12", token_key.TABLE, "service"

#: opens the key file in a folder
Passphrase = Callable[[Path], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Who signs, with the certificate and its issuers, the nearest first."""

    signer: Signer = field(repr=False)
    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def passphrase_of(file: Path | None) -> Passphrase:
    """What opens keys: the file beside each, or the given file or descriptor where there is none.

    A file given from outside, such as a mounted secret, has modes of its own.
    """

    def passphrase(home: Path) -> bytes:
        if file is not None and not (home / PASSPHRASE).exists():
            return passphrases.read(file, "FACTORY_KEY_PASSPHRASE_FILE")
        return keyfiles.read_secret(home / PASSPHRASE).strip()

    return passphrase


def opened(home: Path, passphrase: Passphrase) -> Opened:
    """The key of a seal for PDF, proved to be the certificate's.

    home: the identity's folder.  SettingsError: what is wrong with which file or token.
    """
    about = _about(home)
    if TOKEN in about:
        certs = keyfiles.certificates
        signing_cert, chain = certs(home / SIGNING)[0], certs(home / CHAIN)
        signer: Signer = in_token(home, about, signing_cert)
        return Opened(signer=signer, signing_cert=signing_cert, chain=chain)
    if PKCS12 in about:
        found = keyfiles.open_pkcs12(home / Path(str(about[PKCS12])).name, passphrase(home))
        _refuse_other(home, found.signing_cert)
    else:
        found = keyfiles.open_pkcs8(home, passphrase(home))
    signer = SoftSigner(found.key)
    keyfiles.prove(signer, found.signing_cert, home.name)
    return Opened(signer=signer, signing_cert=found.signing_cert, chain=found.chain)


def published(home: Path) -> tuple[x509.Certificate, ...]:
    """The certificate of a seal for PDF and its issuers, without opening anything.

    None of them: a PKCS#12 file has them, and they were not put beside it.
    SettingsError: a file is broken.
    """
    if not (home / SIGNING).exists():
        return ()
    # A root may have issued what is in a PKCS#12 file: then there is nothing between.
    alone = PKCS12 in _about(home) and not (home / CHAIN).exists()
    return (
        keyfiles.certificates(home / SIGNING)[0],
        *(() if alone else keyfiles.certificates(home / CHAIN)),
    )


def publish(home: Path, found: Opened) -> None:
    """Put the certificates of a PKCS#12 file beside it, for those who cannot open it."""
    pem = Encoding.PEM
    if found.chain:
        issuers = b"".join(each.public_bytes(pem) for each in found.chain)
        keyfiles.write(home / CHAIN, issuers)
    keyfiles.write(home / SIGNING, found.signing_cert.public_bytes(pem))


def opened_ofd(home: Path, passphrase: Passphrase) -> Opened:
    """The key in an identity's ``ofd`` folder; the chain is none of its business."""
    signing_cert = keyfiles.certificates(home / SIGNING)[0]
    signer = ofd_signer(home, home.parent.name, signing_cert, passphrase)
    return Opened(signer=signer, signing_cert=signing_cert, chain=())


def ofd_signer(
    home: Path, name: str, signing_cert: x509.Certificate, passphrase: Passphrase
) -> Signer:
    """Who signs with the key of an ``ofd`` folder, proved to be the certificate's.

    SettingsError: what is wrong with which file or token.
    """
    about = _about(home)
    if TOKEN in about:
        return in_token(home, about, signing_cert)
    signer = Sm2SoftSigner(keyfiles.read_secret(home / KEY), passphrase(home))
    keyfiles.prove(signer, signing_cert, name)
    return signer


def in_token(home: Path, about: Mapping[str, object], signing_cert: x509.Certificate) -> Signer:
    """The signer that ``[pkcs11]`` names, proved.  For its errors see Pkcs11Signer."""
    from storage.pkcs11 import Pkcs11Signer  # noqa: PLC0415 - loaded where a token is used

    signer = Pkcs11Signer(token_key.held(home, about[TOKEN]), signing_cert)
    signer.prove()
    return signer


def token(home: Path) -> TokenKey | None:
    """Which key of which token an identity signs with; None: no token holds it."""
    about = _about(home)
    return token_key.held(home, about[TOKEN]) if TOKEN in about else None


def log_in(home: Path) -> TokenKey | None:
    """Log in at an identity's token as a person does, once; None: no token holds its key.

    SettingsError: the PIN is refused.
    """
    from storage import pkcs11  # noqa: PLC0415 - loaded where a token is used

    key = token(home)
    if key is not None:
        pkcs11.log_in(key)
    return key


def is_served(home: Path) -> bool:
    """Whether a seal service holds the key of an ``ofd`` folder."""
    return SERVICE in _about(home)


def held(home: Path) -> str:
    """Where the key is, in words for a list."""
    about = _about(home)
    if TOKEN in about:
        return str(token_key.held(home, about[TOKEN]))
    if SERVICE in about:
        return "seal service"
    what, name = ("PKCS#12 file", Path(str(about[PKCS12])).name) if PKCS12 in about else HERE
    return what if (home / name).exists() else f"{what}, not here"


def _refuse_other(home: Path, signing_cert: x509.Certificate) -> None:
    """SettingsError: beside a PKCS#12 file lies another certificate, which others go by."""
    if (home / SIGNING).exists() and keyfiles.certificates(home / SIGNING)[0] != signing_cert:
        raise SettingsError(
            f"{home.name}: {SIGNING} beside the PKCS#12 file is another certificate than the one"
            " in it: import the file again with `certfactory keys import --replace`"
        )


def _about(home: Path) -> dict[str, object]:
    about = keyfiles.settings(home / ABOUT)
    if len(said := sorted({PKCS12, TOKEN, SERVICE} & about.keys())) > 1:
        where = f"{home.parent.name}/{home.name}/{ABOUT}"
        raise SettingsError(f"{where} says both {' and '.join(said)}: keep one")
    return about
