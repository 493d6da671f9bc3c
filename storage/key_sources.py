"""Where a key of the keyring comes from: the one place that opens an identity's private keys.

Used by whoever holds keys: the signer process, or a worker where there is none.  It needs nothing
of seals, so that the process that holds keys stays small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from factory.seals.signer import Signer
from factory.seals.sm2_soft import Sm2SoftSigner
from factory.seals.soft import SoftSigner
from storage import keyfiles

PDF, OFD = "pdf", "ofd"
OFD_HOME = "ofd"
ABOUT, SIGNING, CHAIN = "identity.toml", "signing.pem", "chain.pem"
KEY, PASSPHRASE = "key.p8", "passphrase"

#: opens the key file in a folder
Passphrase = Callable[[Path], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldKey:
    """A key that was proved to be its certificate's; chain: the issuers, the nearest first."""

    signer: Signer = field(repr=False)
    signing_cert: x509.Certificate
    chain: tuple[x509.Certificate, ...]


def passphrase_of(file: Path | None) -> Passphrase:
    """What opens keys: the given file, which has modes of its own, or the one beside each key."""

    def passphrase(home: Path) -> bytes:
        if file is not None:
            return keyfiles.read(file).strip()
        return keyfiles.read_secret(home / PASSPHRASE).strip()

    return passphrase


def pdf_key(home: Path, passphrase: Passphrase) -> HeldKey:
    """The key in an identity's folder.

    SettingsError: a file is missing or broken, or key and certificate do not match.
    """
    bundle = keyfiles.settings(home / ABOUT).get("pkcs12")
    secret = passphrase(home)
    if bundle is None:
        opened = keyfiles.open_pkcs8(home, secret)
    else:
        opened = keyfiles.open_pkcs12(home / Path(str(bundle)).name, secret)
    signer = SoftSigner(opened.key)
    keyfiles.prove(signer, opened.signing_cert, home.name)
    return HeldKey(signer=signer, signing_cert=opened.signing_cert, chain=opened.chain)


def ofd_signer(
    home: Path, name: str, signing_cert: x509.Certificate, passphrase: Passphrase
) -> Signer:
    """The key in an identity's ``ofd`` folder; SettingsError as above."""
    signer = Sm2SoftSigner(keyfiles.read_secret(home / KEY), passphrase(home))
    keyfiles.prove(signer, signing_cert, name)
    return signer


def ofd_key(home: Path, name: str, passphrase: Passphrase) -> HeldKey:
    """The same with its certificate; the chain is none of its business."""
    signing_cert = keyfiles.certificates(home / SIGNING)[0]
    signer = ofd_signer(home, name, signing_cert, passphrase)
    return HeldKey(signer=signer, signing_cert=signing_cert, chain=())


def is_served(home: Path) -> bool:
    """Whether a seal service holds the key of an ``ofd`` folder."""
    return "service" in keyfiles.settings(home / ABOUT)
