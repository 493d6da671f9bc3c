"""The folder of backups: one folder each, there whole or not at all; 0700, and files 0600."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from factory.errors import ConflictError, DigestMismatchError, NotFoundError, SettingsError
from storage.backup import manifest
from storage.backup.manifest import Manifest
from storage.sealed import MasterKeys

LOCK, TAKING = ".lock", ".taking-"
MOMENT = "%Y%m%dT%H%M%SZ"  #: in UTC, what a backup's name begins with
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
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
    place = beside.parent / f"{at.astimezone(UTC):{MOMENT}}-{suffix}"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A folder that is a backup by its name or by its manifest, and cannot be read as one.

    at:  when it was taken, as its name says, to the second; None: the name does not say.
    why: names it too.
    """

    name: str
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is in a folder of backups.  backups: those that can be read, the oldest first."""

    backups: Sequence[tuple[Path, Manifest]]
    unread: Sequence[Unread]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What became of older backups.

    gone:        what they were called.
    passed_over: of each that was neither counted nor removed, why; names it.
    """

    gone: Sequence[str]
    passed_over: Sequence[str]


def look(folder: Path) -> Shelf:
    """What is in that folder.  NotFoundError: there is no such folder."""
    if not folder.is_dir():
        raise NotFoundError(f"{folder}: there is no such folder")
    found: list[tuple[Path, Manifest]] = []
    unread: list[Unread] = []
    for place in sorted(filter(_is_backup, folder.iterdir())):
        try:
            found.append((place, manifest.read(place)))
        except ConflictError as error:
            unread.append(Unread(name=place.name, at=_moment(place.name), why=str(error)))
    found.sort(key=lambda each: each[1].at)
    return Shelf(backups=found, unread=unread)


def _is_backup(place: Path) -> bool:
    """Whether it was ever one: what is under way, or was killed, has a dot before its name."""
    is_called = NAME.fullmatch(place.name) is not None
    return place.name[0] != "." and (is_called or (place / manifest.FILE).exists())


def _moment(name: str) -> datetime | None:
    try:
        return datetime.strptime(name.partition("-")[0], MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return None


def newest(folder: Path, at: datetime | None) -> tuple[Path, Manifest]:
    """The newest that is not after that moment.

    NotFoundError: there is none.  ConflictError: one that cannot be read may be newer, and an
    older one is never taken for it.
    """
    found = look(folder)
    asked = [each for each in found.backups if at is None or each[1].at <= at]
    chosen = asked[-1] if asked else None
    doubted = [each for each in found.unread if _may_be_newer(each, chosen, at)]
    if doubted:
        raise ConflictError(_doubt(doubted, chosen))
    if chosen is None:
        raise NotFoundError(f"{folder}: no backup{'' if at is None else ' of that time or before'}")
    return chosen


def _may_be_newer(
    each: Unread, chosen: tuple[Path, Manifest] | None, until: datetime | None
) -> bool:
    """Whether it may be the one that is asked for: nothing says that it is older, or too late."""
    if each.at is None:
        return True
    is_asked = until is None or each.at <= until
    return is_asked and (chosen is None or each.at >= chosen[1].at.replace(microsecond=0))


def _doubt(unread: Sequence[Unread], chosen: tuple[Path, Manifest] | None) -> str:
    named = "; ".join(each.why for each in unread)
    said = f"{named}: the newest of that time may be among them, so nothing is restored."
    if chosen is None:
        return f"{said}  Bring it back as it was: there is no other of that time"
    place, made = chosen
    by_time = "" if any(each.at is None for each in unread) else f"--at {made.at.isoformat()}, or "
    older = f"take the older {place.name}: {by_time}move aside what cannot be read"
    return f"{said}  Bring it back as it was, or {older}"


def prune(folder: Path, keep: int, keys: MasterKeys) -> Pruned:
    """All but the newest ones are removed; what is not whole, or not ours, is left alone.

    keep: so many stay of those that are as they were written with these keys.  Nothing is removed
          before as many have been read again, byte for byte.
    """
    found = look(folder)
    kept: list[Path] = []
    older: list[Path] = []
    passed_over = [each.why for each in found.unread]
    for place, made in reversed(found.backups):
        fault = _fault(place, made, keys, read=len(kept) < keep)
        if fault is not None:
            passed_over.append(fault)
        else:
            (kept if len(kept) < keep else older).append(place)
    for place in reversed(older):
        half = place.rename(folder / f"{TAKING}{place.name}")  # first: half of one is none
        shutil.rmtree(half, ignore_errors=True)  # the next one clears away what is left
    return Pruned(gone=sorted(place.name for place in older), passed_over=passed_over)


def _fault(place: Path, made: Manifest, keys: MasterKeys, *, read: bool) -> str | None:
    if not manifest.is_sealed(place, keys):
        return altered(place)
    fault = manifest.lacking(place, made)
    if fault is None and read:
        try:
            manifest.check_files(place, made, keys)
        except DigestMismatchError as error:
            return str(error)
    return fault


def altered(place: Path) -> str:
    """What is said of a backup whose manifest's seal does not fit."""
    return f"{place.name}: its {manifest.FILE} was altered, or made with another keyring"
