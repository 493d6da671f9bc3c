"""Passphrases and PINs: out of a file or an open descriptor, and nothing else.

A descriptor is said as ``fd:N`` or ``/dev/fd/N``.  It may be read as often as one likes, by forked
children too, whatever it was opened on.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from factory.errors import SettingsError

DESCRIPTOR = re.compile(r"(?:/dev/fd/|/proc/self/fd/|fd:)([0-9]{1,4})")
FOLDER = Path("/dev/fd")
MOST_BYTES = 65536


def place(text: str, home: Path | None = None) -> Path:
    """Where a passphrase is; a relative name counts from home, else from where we are."""
    found = DESCRIPTOR.fullmatch(text)
    return FOLDER / found[1] if found else (home or Path.cwd()) / Path(text).expanduser()


def descriptor(path: Path) -> int | None:
    """The number of the descriptor that a place names; None: it names a file."""
    found = DESCRIPTOR.fullmatch(str(path))
    return int(found[1]) if found else None


def read(path: Path, what: str, *, closed: bool = False) -> bytes:
    """The passphrase without the line's end.  SettingsError: it cannot be read, or is empty.

    what:   whose it is, in messages.
    closed: whether a file must be closed to others; a mounted secret has modes of its own.
    """
    number = descriptor(path)
    try:
        said = path.read_bytes() if number is None else _said(number)
    except OSError as error:
        where = "its file" if number is None else f"descriptor {number}"
        raise SettingsError(f"{what}: {where} cannot be read: {error.strerror}") from error
    if closed and number is None and path.stat().st_mode & stat.S_IRWXO:
        raise SettingsError(f"{what}: its file is open to everybody: chmod o= it")
    if not said.strip():
        raise SettingsError(f"{what}: nothing is there")
    return said.strip()


def keep(path: Path | None) -> tuple[int, ...]:
    """The descriptors that a child must inherit to read the passphrase itself."""
    number = None if path is None else descriptor(path)
    if number is None:
        return ()
    with suppress(OSError):  # who wants the passphrase will say so
        _said(number)
        return (number,)
    return ()


def _said(number: int) -> bytes:
    if not stat.S_ISREG(os.fstat(number).st_mode):
        _pour(number)
    return os.pread(number, MOST_BYTES, 0)


def _pour(number: int) -> None:
    """A pipe can be read once: what it says takes its place, in memory alone."""
    with os.fdopen(os.dup(number), "rb") as pipe:
        said = pipe.read(MOST_BYTES)
    kept = os.memfd_create("passphrase")
    try:
        os.write(kept, said)
        os.dup2(kept, number)
    finally:
        os.close(kept)
