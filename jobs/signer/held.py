"""The keys that the signer process holds: opened when they are first asked for, and proved.

A key whose files have changed since is opened anew when a certificate is asked for that it had
not: so a new seal counts as soon as it lies there.  One whose folder has gone, as an identity's
that is retired, is not signed with from the next call on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from cryptography.hazmat.primitives.serialization import Encoding

from factory.errors import NotFoundError, SealRetiredError
from factory.seals.keys import fingerprint
from storage import key_sources, retiring
from storage.key_sources import HEAD, LOG_HOME, OFD, OFD_HOME, PDF, Passphrase

IDENTITY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

Seen = tuple[tuple[str, int, int], ...]  #: of a folder's files: name, size, time of change


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A key, the fingerprint of its certificate, and its files as they were."""

    key: key_sources.Opened
    certificate: str
    seen: Seen

    @property
    def pem(self) -> str:
        """Its certificate and the issuers, the nearest first."""
        certificates = (self.key.signing_cert, *self.key.chain)
        return b"".join(each.public_bytes(Encoding.PEM) for each in certificates).decode("ascii")


class Keys:
    """The keys of a keyring's folder; threads may share them."""

    def __init__(self, folder: Path, passphrase: Passphrase) -> None:
        self._keyring, self._passphrase = folder, passphrase
        self._folder, self._log = folder / "identities", folder / LOG_HOME
        self._opened: dict[str, Opened] = {}
        self._lock = Lock()

    def key(self, name: str, certificate: str | None = None) -> Opened:
        """The key ``IDENTITY:FORMAT``, that of this certificate if the keyring has it by now.

        certificate: SHA-256, hex.
        NotFoundError: there is none.  SealRetiredError: its identity is out of use.
        SettingsError: it cannot be opened.
        """
        try:
            home, fmt = self._home(name)
        except (NotFoundError, SealRetiredError):
            self._opened.pop(name, None)
            raise
        found = self._opened.get(name)
        if found is not None and certificate in (None, found.certificate):
            return found
        with self._lock:
            seen = _seen(home)
            found = self._opened.get(name)
            if found is None or found.seen != seen:
                found = self._opened[name] = self._open(home, fmt, seen)
            return found

    @property
    def opened(self) -> dict[str, str]:
        """The fingerprints of those that are open, by name."""
        opened = sorted(self._opened.items())
        return {name: each.certificate for name, each in opened if self._is_there(name)}

    def _home(self, name: str) -> tuple[Path, str]:
        identity, _, fmt = name.partition(":")
        if (identity, fmt) == (LOG_HOME, HEAD) and self._log.is_dir():
            return self._log, fmt
        if not IDENTITY.fullmatch(identity) or fmt not in (PDF, OFD):
            raise NotFoundError(f"has no key {name[:80]}")
        home = self._folder / identity / OFD_HOME if fmt == OFD else self._folder / identity
        if home.is_dir():
            return home, fmt
        if not (self._folder / identity).is_dir() and retiring.is_retired(self._keyring, identity):
            raise retiring.refusal(identity)
        raise NotFoundError(f"has no key {name}")

    def _is_there(self, name: str) -> bool:
        try:
            return bool(self._home(name))
        except (NotFoundError, SealRetiredError):
            return False

    def _open(self, home: Path, fmt: str, seen: Seen) -> Opened:
        if fmt == OFD:
            if key_sources.is_served(home):
                raise NotFoundError(f"has no key {home.parent.name}:{fmt}")
            key = key_sources.opened_ofd(home, self._passphrase)
        else:
            key = key_sources.opened(home, self._passphrase)
        return Opened(key=key, certificate=fingerprint(key.signing_cert), seen=seen)


def _seen(home: Path) -> Seen:
    return tuple(
        (entry.name, found.st_size, found.st_mtime_ns)
        for entry in sorted(home.iterdir())
        if entry.is_file() and (found := entry.stat())
    )
