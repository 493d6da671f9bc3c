"""Sealed columns: a data key a person, wrapped by the master key, and keyed look-ups.

AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2; section 8.3 allows 2^32 values
a key, far from what one person has or one master key wraps); the context of a value is its
additional authenticated data, so that a ciphertext moved to another column does not open.

    sealed value:  format 01 | nonce 12 | ciphertext | tag 16
    wrapped key:   master key's version 4 | sealed value of 32 bytes
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json

from factory.errors import ErasedError, SealedDataError, SettingsError

FORMAT = b"\x01"
KEY_BYTES = 32
NONCE_BYTES = 12
VERSION_BYTES = 4
WRAPPING = "data_key.wrapped"
OPENED_KEYS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKeys:
    """The keys that wrap data keys, by version, and the key of the look-ups.

    keys:   version -> 32 bytes; old versions stay until nothing is wrapped by them.
    lookup: 32 bytes; must never change, or nobody is found again.
    """

    current: int
    keys: Mapping[int, bytes] = field(repr=False)
    lookup: bytes = field(repr=False)

    def __post_init__(self) -> None:
        lengths = {len(key) for key in (*self.keys.values(), self.lookup)}
        if self.current not in self.keys or lengths != {KEY_BYTES}:
            raise SettingsError("master keys: the current one is missing, or one is not 256 bits")


class DataKey:
    """Seals and opens what belongs to one person."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """29 bytes longer than the text; ``context`` is the place, e.g. ``holder.person``."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return FORMAT + nonce + self._cipher.encrypt(nonce, plaintext, context.encode())

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """What was sealed.  SealedDataError: another key, another column, or altered."""
        if sealed[:1] != FORMAT:
            raise SealedDataError(f"{context}: is sealed in an unknown format")
        nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, body, context.encode())
        except (InvalidTag, ValueError) as error:
            raise SealedDataError(f"{context}: does not open under its key") from error

    def seal_json(self, value: object, *, context: str) -> bytes:
        """The value as UTF-8 JSON in one spelling, sealed."""
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return self.seal(text.encode(), context=context)

    def open_json(self, sealed: bytes, *, context: str) -> Any:
        """The value that was sealed.  SealedDataError: as for ``open``."""
        return from_json(self.open(sealed, context=context))


class Vault:
    """Makes and opens data keys, and turns what must be found again into keyed digests.

    again: reads the master keys anew; asked where a version is met that was not known at the
           start, so that a running process needs no restart when the master key is changed.
    """

    def __init__(self, master: MasterKeys, again: Callable[[], MasterKeys] | None = None) -> None:
        self._again = again
        self._opened = lru_cache(maxsize=OPENED_KEYS)(self._unwrap)
        self._take(master)

    @property
    def current(self) -> int:
        """The version of the master key that wraps."""
        return self._known[0].current

    def new_key(self) -> bytes:
        """A fresh data key, wrapped by the current master key."""
        return self._wrap(secrets.token_bytes(KEY_BYTES))

    def open_key(self, wrapped: bytes | None) -> DataKey:
        """The data key.  None: it was destroyed.

        ErasedError: it was.  SealedDataError: its master key is not here, or it was altered.
        """
        if wrapped is None:
            raise ErasedError("data key: was destroyed, its person's data has been erased")
        return self._opened(bytes(wrapped))

    def rewrap(self, wrapped: bytes) -> bytes:
        """The same data key under the current master key."""
        return self._wrap(self._raw(bytes(wrapped)))

    def reach(self, version: int) -> None:
        """From now on it wraps with that version of the master key, or a later one.

        SettingsError: the keyring has none; it was not brought to this machine.
        """
        if self.current >= version:
            return
        if version not in self._known[1] and self._again is not None:
            self._take(self._again())
        if self.current < version and version in self._known[1]:
            self._take(replace(self._known[0], current=version))
        if self.current < version:
            raise SettingsError(
                f"the ledger is sealed with master key {version} by now: bring master.json of"
                " the keyring to this machine"
            )

    def lookup(self, *parts: str) -> bytes:
        """HMAC-SHA256 over the parts, each with its length, so that no two lists collide."""
        texts = [part.encode() for part in parts]
        message = b"".join(len(text).to_bytes(4, "big") + text for text in texts)
        return hmac.digest(self._known[0].lookup, message, hashlib.sha256)

    def picture_digest(self, content: bytes) -> str:
        """The keyed digest a picture is kept under, 64 hex digits."""
        return hmac.digest(self._known[0].lookup, b"picture" + content, hashlib.sha256).hex()

    def _wrap(self, key: bytes) -> bytes:
        master, wrappers = self._known
        version = master.current
        sealed = wrappers[version].seal(key, context=WRAPPING)
        return version.to_bytes(VERSION_BYTES, "big") + sealed

    def _unwrap(self, wrapped: bytes) -> DataKey:
        return DataKey(self._raw(wrapped))

    def _take(self, master: MasterKeys) -> None:
        wrappers = {version: DataKey(key) for version, key in master.keys.items()}
        self._known = master, wrappers  # together: other threads may be wrapping

    def _raw(self, wrapped: bytes) -> bytes:
        version = version_of(wrapped)
        if version not in self._known[1] and self._again is not None:
            self._take(self._again())
        wrappers = self._known[1]
        if version not in wrappers:
            raise SealedDataError(f"data key: master key {version} is not in the keyring")
        return wrappers[version].open(wrapped[VERSION_BYTES:], context=WRAPPING)


def version_of(wrapped: bytes) -> int:
    """The version of the master key that a data key is wrapped by."""
    return int.from_bytes(wrapped[:VERSION_BYTES], "big")
