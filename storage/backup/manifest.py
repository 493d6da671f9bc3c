"""What a backup says of itself: manifest.json, sealed with the keyring's look-up key.

Whoever can write into the folder of backups, and has not the keyring, can alter nothing unseen.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from factory.errors import ConflictError, DigestMismatchError, SettingsError
from factory.model import SHANGHAI
from storage.sealed import MasterKeys

FILE, FORMAT = "manifest.json", "certfactory-backup/1"
AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """The newest signed head of the log (日志头) that a ledger had.  root: hex."""

    size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A backup.

    at:      the instant of the ledger that it holds, aware.
    rows:    how many each table has.
    masters: digests of the master keys by version; lookup: of the look-up key.
    files:   by their path in the backup's folder.
    """

    program: str
    database: str
    revision: str
    at: datetime
    head: LogHead | None
    rows: Mapping[str, int]
    masters: Mapping[str, str]
    lookup: str
    files: Mapping[str, Part] = field(repr=False)

    def text(self, keys: MasterKeys) -> bytes:
        """As it is written, with its seal."""
        said = self._said()
        return json.dumps(said | {"seal": _seal(said, keys)}, ensure_ascii=False, indent=1).encode()

    def _said(self) -> dict[str, Any]:
        local = self.at.astimezone(SHANGHAI)
        moments = {"at": self.at.isoformat(), "at_china": local.isoformat()}
        return {"format": FORMAT} | asdict(self) | moments


def read(folder: Path) -> Manifest:
    """Of the backup in that folder; its seal is not looked at.

    ConflictError: it is none, or of another version of this program.
    """
    if not (folder / FILE).exists():
        raise ConflictError(f"{folder.name}: it has no {FILE}")
    try:
        return _parsed(json.loads((folder / FILE).read_bytes()), folder.name)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConflictError(f"{folder.name}: its {FILE} cannot be read") from error


def is_sealed(folder: Path, keys: MasterKeys) -> bool:
    """Whether it is as it was written, by a factory with these keys."""
    said = json.loads((folder / FILE).read_bytes())
    seal = str(said.pop("seal", ""))
    return hmac.compare_digest(seal.encode(errors="surrogatepass"), _seal(said, keys).encode())


def _parsed(said: dict[str, Any], name: str) -> Manifest:
    if said["format"] != FORMAT:
        raise ConflictError(f"{name}: is a backup of another format than {FORMAT}")
    head = said["head"]
    return Manifest(
        program=said["program"],
        database=said["database"],
        revision=said["revision"],
        at=_moment(said["at"]),
        head=None if head is None else LogHead(size=head["size"], root=head["root"]),
        rows=dict(said["rows"]),
        masters=dict(said["masters"]),
        lookup=said["lookup"],
        files={path: Part(**part) for path, part in said["files"].items()},
    )


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("without an offset")
    return found


def check_keys(made: Manifest, keys: MasterKeys) -> None:
    """SettingsError: the keyring at hand cannot open what was sealed, or would find nobody."""
    if made.lookup != fingerprint(keys.lookup):
        raise SettingsError(
            "the keyring's look-up key is not the one this ledger was made with: nobody would be"
            " found again; bring back master.json as it was"
        )
    there = {str(version): fingerprint(key) for version, key in keys.keys.items()}
    missing = sorted(each for each, print_ in made.masters.items() if there.get(each) != print_)
    if missing:
        raise SettingsError(
            f"the keyring has not the master key {', '.join(missing)} by which data keys of this"
            " ledger are wrapped; bring back master.json as it was then (master keys that were"
            " dropped since are in the owner's copy)"
        )


def check_files(folder: Path, made: Manifest, keys: MasterKeys) -> None:
    """DigestMismatchError: the manifest or a file is not what was written, or is not there."""
    if not is_sealed(folder, keys):
        raise DigestMismatchError(f"{folder.name}: its manifest has been altered")
    for path, part in made.files.items():
        file = folder / path
        if not file.is_file() or part_of(file) != part:
            raise DigestMismatchError(f"{folder.name}: {path} is not what was written")


def lacking(folder: Path, made: Manifest) -> str | None:
    """What is said of it if a file is not there in its size; None: all are.  No file is read."""
    for path, part in made.files.items():
        file = folder / path
        if not file.is_file():
            return f"{folder.name}: {path} is not there"
        if file.stat().st_size != part.size:
            return f"{folder.name}: {path} is not as long as it was written"
    return None


def part_of(file: Path) -> Part:
    """Size and digest of a file."""
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while data := opened.read(AT_ONCE):
            digest.update(data)
    return Part(size=file.stat().st_size, sha256=digest.hexdigest())


def fingerprint(key: bytes) -> str:
    """By which a random key of 256 bits is known again, and nothing learnt of it."""
    return hashlib.sha256(b"certfactory key " + key).hexdigest()[:32]


def _seal(said: Mapping[str, Any], keys: MasterKeys) -> str:
    text = json.dumps(said, ensure_ascii=False, sort_keys=True).encode(errors="surrogatepass")
    return hmac.digest(keys.lookup, b"backup" + text, hashlib.sha256).hex()
