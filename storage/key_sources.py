"""Where an identity's key is, and who signs with it: a key file, PKCS#12, a token, a service.

Each is said by one thing in identity.toml: ``pkcs12``, ``[pkcs11]``, ``[service]``; none of them
means key.p8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from factory.errors import SettingsError
from factory.seals.signer import Signer
from factory.seals.soft import SoftSigner
from storage import keyfiles, token_key
from storage.token_key import TokenKey

ABOUT, SIGNING, CHAIN = "identity.toml", "signing.pem", "chain.pem"
PKCS12, TOKEN, SERVICE = "pkcs12", token_key.TABLE, "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Who signs, with the certificate and its issuers, the nearest first."""

    signer: Signer
    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def opened(home: Path, passphrase: Callable[[Path], bytes]) -> Opened:
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
    else:
        found = keyfiles.open_pkcs8(home, passphrase(home))
    signer = SoftSigner(found.key)
    keyfiles.prove(signer, found.signing_cert, home.name)
    return Opened(signer=signer, signing_cert=found.signing_cert, chain=found.chain)


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


def held(home: Path) -> str:
    """Where the key is, in words for a list."""
    about = _about(home)
    if TOKEN in about:
        return str(token_key.held(home, about[TOKEN]))
    if SERVICE in about:
        return "seal service"
    return "PKCS#12 file" if PKCS12 in about else "key file"


def _about(home: Path) -> dict[str, object]:
    about = keyfiles.settings(home / ABOUT)
    if len(said := sorted({PKCS12, TOKEN, SERVICE} & about.keys())) > 1:
        where = f"{home.parent.name}/{home.name}/{ABOUT}"
        raise SettingsError(f"{where} says both {' and '.join(said)}: keep one")
    return about
