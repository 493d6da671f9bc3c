"""The folder of backups: one folder each, there whole or not at all; 0700, and files 0600."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from factory.errors import ConflictError, NotFoundError, SettingsError
from storage.backup import manifest
from storage.backup.manifest import Manifest

LOCK, TAKING = ".lock", ".taking-"
OWNER_ONLY, OWNER_FOLDER = 0o600, 0o700


@contextmanager
def taking(folder: Path) -> Iterator[Path]:
    """A folder in which a backup is taken; whatever a killed one has left is gone.

    SettingsError: it cannot be written.  ConflictError: another backup is being taken.
    """
    with _locked(folder):
        for left in folder.glob(f"{TAKING}*"):
            shutil.rmtree(left)
        beside = folder / f"{TAKING}{secrets.token_hex(4)}"
        beside.mkdir(mode=OWNER_FOLDER)
        try:
            yield beside
        finally:
            shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=OWNER_FOLDER)
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"{folder}: another backup is being taken into it") from None
        yield


def publish(beside: Path, at: datetime) -> Path:
    """Everything in it is on the disk, and then it has its name: when it was taken, in UTC."""
    for each in sorted(beside.rglob("*"), reverse=True):
        each.chmod(OWNER_ONLY if each.is_file() else OWNER_FOLDER)
        sync(each)
    sync(beside)
    suffix = beside.name.removeprefix(TAKING)
    place = beside.parent / f"{at:%Y%m%dT%H%M%SZ}-{suffix}"
    beside.rename(place)
    sync(beside.parent)
    return place


def sync(path: Path) -> None:
    """What was written to it outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def backups(folder: Path) -> list[tuple[Path, Manifest]]:
    """All that are whole, the oldest first."""
    places = [
        each.parent for each in folder.glob(f"*/{manifest.FILE}") if each.parent.name[0] != "."
    ]
    found = [(place, manifest.read(place)) for place in places]
    return sorted(found, key=lambda each: each[1].at)


def newest(folder: Path, at: datetime | None) -> tuple[Path, Manifest]:
    """The newest that is not after that moment.  NotFoundError: there is none."""
    found = [each for each in backups(folder) if at is None or each[1].at <= at]
    if not found:
        raise NotFoundError(f"{folder}: no backup{'' if at is None else ' of that time or before'}")
    return found[-1]


def prune(folder: Path, keep: int) -> list[str]:
    """All but the newest ones are removed; what they were called."""
    gone = [place for place, _ in backups(folder)[:-keep]]
    for place in gone:
        (place / manifest.FILE).unlink()  # first: half of one is none
        shutil.rmtree(place)
    return [place.name for place in gone]
