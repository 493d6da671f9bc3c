"""When what a keyring holds ends: certificates, seals, CAs, authorities of time, revocation lists
and operators' tokens; no key is opened where its certificate lies beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from cryptography import x509

from factory.ending import Ending, Thing, ending
from factory.errors import RevocationRefusedError, SettingsError
from factory.seals import revocation
from factory.seals.revocation import RevocationList
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
STAMPER = "signing.pem"  #: of a test authority of time, beside its roots


def of_keyring(keyring: Keyring, folder: Path, *, now: datetime) -> list[Ending]:
    """Everything of a keyring that ends, in no order.

    folder: the keyring's.  SettingsError: a file of it is broken.
    """
    return [
        *_identities(keyring, now),
        *_authorities(folder, now),
        *_stampers(folder, now),
        *_lists(folder, now),
        *_tokens(keyring, now),
    ]


def time_stamping(folder: Path) -> Mapping[str, datetime]:
    """Until when the tokens of each authority can be trusted, by its name, as far as is known here.

    folder: the keyring's.  The last of its roots; before that its own certificate, where it is
    beside them, as a test authority's is.  SettingsError: a file is broken.
    """
    found: dict[str, datetime] = {}
    for home in sorted((folder / "tsa").glob("*/")):
        ends = [_ends(file, last=True) for file in sorted((home / "roots").glob("*.pem"))]
        own = [_ends(file) for file in home.glob(STAMPER)]
        if ends:
            found[home.name] = min([max(ends), *own])
    return found


def revocation_lists(folder: Path) -> Mapping[str, datetime]:
    """When each CA's newest list is to be followed by another (nextUpdate), by its file's name.

    folder: the keyring's.  One that says no such time is left out, and so is an older one of the
    same CA: what that revoked it still revokes.  SettingsError: a file cannot be used.
    """
    newest: dict[x509.Name, tuple[datetime, str]] = {}
    for file in sorted((folder / "revocation").glob("*.crl")):
        for each in _read(file):
            if isinstance(each, RevocationList) and each.until is not None:
                said = each.until, file.name
                newest[each.issuer] = max(said, newest.get(each.issuer, said))
    first: dict[str, datetime] = {}
    for until, name in newest.values():
        first[name] = min(until, first.get(name, until))
    return first


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


def _stampers(folder: Path, now: datetime) -> Iterator[Ending]:
    for file in sorted(folder.glob(f"tsa/*/{STAMPER}")):
        yield ending(Thing.TIME_STAMPING, file.parent.name, _ends(file), now=now)


def _lists(folder: Path, now: datetime) -> Iterator[Ending]:
    for name, until in revocation_lists(folder).items():
        yield ending(Thing.REVOCATION_LIST, f"revocation/{name}", until, now=now)


def _read(file: Path) -> tuple[object, ...]:
    try:
        return revocation.read(keyfiles.read(file))
    except RevocationRefusedError as error:
        raise SettingsError(f"keyring file revocation/{file.name}: {error}") from error


def _ends(file: Path, *, last: bool = False) -> datetime:
    """The end of the first to end of a file's certificates; last: of the last."""
    ends = [each.not_valid_after_utc for each in keyfiles.certificates(file)]
    return max(ends) if last else min(ends)


def _certificates(file: Path) -> tuple[x509.Certificate, ...]:
    """A seal's chain is empty where a root issued its signer."""
    return keyfiles.certificates(file) if keyfiles.read(file).strip() else ()


def _tokens(keyring: Keyring, now: datetime) -> Iterator[Ending]:
    """Of operators; a token that was withdrawn or has ended is nothing to mend."""
    for each in keyring.operators.all():
        if each.is_active(now):
            yield ending(Thing.OPERATOR, f"{each.name} {each.ident}", each.expires, now=now)
