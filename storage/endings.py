"""When what a keyring holds ends: certificates, seals, CAs and operators' tokens; no key is opened
where its certificate lies beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from cryptography import x509

from factory.ending import Ending, Thing, ending
from storage import keyfiles
from storage.key_sources import PDF
from storage.keyring import Keyring

#: where CAs lie in a keyring
AUTHORITIES = {
    "roots/*.pem": Thing.TRUST_ROOT,
    "issuers/*.pem": Thing.ISSUER,
    "identities/*/chain.pem": Thing.ISSUER,
    "identities/*/ofd/chain.pem": Thing.ISSUER,
    "parties/*/*.pem": Thing.PARTY_ROOT,
    "tsa/*/roots/*.pem": Thing.TRUST_ROOT,
}


def of_keyring(keyring: Keyring, folder: Path, *, now: datetime) -> list[Ending]:
    """Everything of a keyring that ends, in no order.

    folder: the keyring's.  SettingsError: a file of it is broken.
    """
    return [*_identities(keyring, now), *_authorities(folder, now), *_tokens(keyring, now)]


def _identities(keyring: Keyring, now: datetime) -> Iterator[Ending]:
    for each in keyring.identities():
        thing = Thing.SIGNING_CERTIFICATE if each.format == PDF else Thing.SEAL
        yield ending(thing, f"{each.name} ({each.format})", each.not_after, now=now)


def _authorities(folder: Path, now: datetime) -> Iterator[Ending]:
    """By the file they lie in; of several in one file, the first to end."""
    for pattern, thing in AUTHORITIES.items():
        for file in sorted(folder.glob(pattern)):
            ends = [each.not_valid_after_utc for each in _certificates(file)]
            if ends:
                yield ending(thing, str(file.relative_to(folder)), min(ends), now=now)


def _certificates(file: Path) -> tuple[x509.Certificate, ...]:
    """A seal's chain is empty where a root issued its signer."""
    return keyfiles.certificates(file) if keyfiles.read(file).strip() else ()


def _tokens(keyring: Keyring, now: datetime) -> Iterator[Ending]:
    """Of operators; a token that was withdrawn or has ended is nothing to mend."""
    for each in keyring.operators.all():
        if each.is_active(now):
            yield ending(Thing.OPERATOR, f"{each.name} {each.ident}", each.expires, now=now)
