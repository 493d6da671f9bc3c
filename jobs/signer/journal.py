"""The journal (签名日志): a line of JSON a call, each with the digest of the line before it.

A line is on the disk before a signature is given out.  One that was being written when the process
died has no end: nothing was given out for it, and the next start takes it away and says so.
Nothing of a person stands here: of what is signed only a digest of all digests.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from factory.errors import SettingsError

FILE = "journal.jsonl"
BEGINNING = "0" * 64  #: in place of the digest of a line before the first
STARTED, SIGNED = "started", "signed"
MOST_LINE = 8192
LOCK_TRIES, LOCK_SECONDS = 10, 0.05

Entry = Mapping[str, Any]


class Journal:
    """The journal of one folder, written by one process at a time; threads may share it.

    SettingsError: another process writes it, or its last line is broken.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = Lock()
        self._file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _is_locked(self._file):
            os.close(self._file)
            raise SettingsError(
                f"another signer process keeps the journal in {folder}: end that one first, or"
                " set FACTORY_DATA_DIR to another folder"
            )
        self._size, whole, self.torn = _whole(self._file)
        last = whole[-1] if whole else b""
        #: the last lines that there were, as far as they can be read
        self.tail: tuple[Entry, ...] = tuple(_readable(whole))
        self.lines, self.last = _number(last), _digest(last) if last else BEGINNING
        os.ftruncate(self._file, self._size)

    def note(self, entry: Entry) -> None:
        """One line more, on the disk when this returns.  OSError: it is not, and never will be."""
        with self._lock:
            line = _line(self.lines + 1, self.last, entry)
            try:
                _write_all(self._file, line + b"\n", self._size)
                os.fdatasync(self._file)
            except OSError:
                os.ftruncate(self._file, self._size)
                raise
            self._size += len(line) + 1
            self.lines, self.last = self.lines + 1, _digest(line)

    def close(self) -> None:
        """Let another process keep it."""
        os.close(self._file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A journal that was read.

    broken: the first line that is not what followed the one before, and why; None: all are.
    torn:   bytes of a last line without its end.
    """

    entries: tuple[Entry, ...]
    digests: tuple[str, ...]  #: of each line; the next one holds it
    broken: tuple[int, str] | None
    torn: int


def is_kept(folder: Path) -> bool:
    """Whether a process keeps the journal of a folder now; one that may not be read is none."""
    try:
        file = os.open(folder / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def read(folder: Path) -> Read:
    """Every line up to the first that is broken, the chain proved.

    SettingsError: there is no journal, or it cannot be read.
    """
    entries: list[Entry] = []
    digests: list[str] = []
    broken, torn = None, 0
    for number, whole in enumerate(_lines(folder / FILE), start=1):
        line = whole.removesuffix(b"\n")
        if line == whole:
            torn = len(line)
            break
        if fault := _fault(line, number, digests[-1] if digests else BEGINNING):
            broken = (number, fault)
            break
        entries.append(json.loads(line))
        digests.append(_digest(line))
    return Read(entries=tuple(entries), digests=tuple(digests), broken=broken, torn=torn)


def _is_locked(file: int) -> bool:
    """Whether the lock is ours now; whoever only looks at it has it for an instant (is_kept)."""
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_SECONDS)
        else:
            return True
    return False


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except OSError as error:
        raise SettingsError(
            f"the signer process's journal {path} cannot be read: {error.strerror}"
        ) from error


def _fault(line: bytes, number: int, before: str) -> str | None:
    """What is wrong with a line; None: nothing."""
    try:
        said = json.loads(line)
        if said["n"] != number:
            return f"is numbered {said['n']}"
        return None if said["before"] == before else "does not follow the line before it"
    except (ValueError, KeyError, TypeError):
        return "is no line of a journal"


def _line(number: int, before: str, entry: Entry) -> bytes:
    at = datetime.now(UTC).isoformat("T", "milliseconds")
    return json.dumps({"n": number, "at": at, **entry, "before": before}).encode("ascii")


def _digest(line: bytes) -> str:
    return sha256(line).hexdigest()


def _whole(file: int) -> tuple[int, list[bytes], int]:
    """Size of all whole lines, the last of them, and the bytes after these.

    The first of those lines may be the end of one.
    """
    size = os.fstat(file).st_size
    tail = os.pread(file, 2 * MOST_LINE, max(0, size - 2 * MOST_LINE))
    end = tail.rfind(b"\n") + 1
    torn = len(tail) - end
    return size - torn, tail[:end].splitlines(), torn


def _readable(lines: Iterable[bytes]) -> Iterator[Entry]:
    for line in lines:
        with suppress(ValueError):
            if isinstance(said := json.loads(line), dict):
                yield said


def _number(last: bytes) -> int:
    if not last:
        return 0
    try:
        return int(json.loads(last)["n"])
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            "the last line of the signer process's journal is broken: see `certfactory signer"
            " journal`, and keep the file apart before a new one is begun"
        ) from error


def _write_all(file: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(file, data, at)
        data, at = data[written:], at + written
