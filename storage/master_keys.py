"""Master keys of the sealed columns: master.json of the keyring, read and changed.

    {"current": 1, "keys": {"1": "64 hex digits"}, "lookup": "64 hex digits"}

``current`` wraps new data keys; the others open what they have wrapped.  A version that is higher
than ``current`` is staged: brought to every machine before it is used.  The file is written anew
beside the old one and renamed, so that nobody ever reads half of it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from factory.errors import ConflictError, NotFoundError, SettingsError
from storage import keyfiles
from storage.sealed import KEY_BYTES, MasterKeys

FILE, LOCK, NEXT = "master.json", ".master.lock", ".master.next"


def load(folder: Path) -> MasterKeys:
    """The keys of a keyring.  SettingsError: missing or broken."""
    try:
        data = json.loads(keyfiles.read_secret(folder / FILE))
        return MasterKeys(
            current=data["current"],
            keys={int(version): bytes.fromhex(key) for version, key in data["keys"].items()},
            lookup=bytes.fromhex(data["lookup"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"keyring file {FILE} is not what it should be") from error


def create(folder: Path) -> None:
    """Fresh keys for a keyring that has none."""
    first = MasterKeys(current=1, keys={1: _fresh()}, lookup=_fresh())
    keyfiles.write(folder / FILE, _text(first))


class Masters:
    """The master keys of one keyring, changed by one program at a time.

    SettingsError: the keyring cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def stage(self) -> int:
        """A new key, which nothing is wrapped by yet; its version.  One that is staged stays."""
        with self._locked() as known:
            newest = max(known.keys)
            if newest > known.current:
                return newest
            self._write(replace(known, keys={**known.keys, newest + 1: _fresh()}))
            return newest + 1

    def use(self, version: int) -> None:
        """From now on data keys are wrapped by it; doing so twice changes nothing.

        SettingsError: the keyring has none of that version.
        """
        with self._locked() as known:
            if version not in known.keys:
                raise SettingsError(f"the keyring has no master key {version}")
            if version > known.current:
                self._write(replace(known, current=version))

    def drop(self, version: int) -> None:
        """What is wrapped by it opens no more.

        NotFoundError: it is not there.  ConflictError: it is the current one.
        """
        with self._locked() as known:
            if version not in known.keys:
                raise NotFoundError(not_there(version, known))
            if version == known.current:
                raise ConflictError(f"master key {version}: is the current one")
            kept = {each: key for each, key in known.keys.items() if each != version}
            self._write(replace(known, keys=kept))

    @contextmanager
    def _locked(self) -> Iterator[MasterKeys]:
        try:
            lock = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT, keyfiles.OWNER_ONLY)
        except OSError as error:
            raise SettingsError(f"the keyring cannot be written: {error.strerror}") from error
        with os.fdopen(lock, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield load(self._folder)

    def _write(self, keys: MasterKeys) -> None:
        """On the disk before anybody relies on it: what is wrapped by a lost key is lost."""
        beside, place = self._folder / NEXT, self._folder / FILE
        mode = place.stat().st_mode & 0o777
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, keyfiles.OWNER_ONLY)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_text(keys))
            file.flush()
            os.fsync(descriptor)
        beside.chmod(mode)
        beside.replace(place)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def not_there(version: int, known: MasterKeys) -> str:
    """What is said of a version that a keyring has not."""
    there = ", ".join(map(str, sorted(known.keys)))
    return f"master key {version}: this keyring has none of that number, but {there}"


def _fresh() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def _text(keys: MasterKeys) -> bytes:
    said = {
        "current": keys.current,
        "keys": {str(version): key.hex() for version, key in sorted(keys.keys.items())},
        "lookup": keys.lookup.hex(),
    }
    return json.dumps(said).encode()
