"""Files that a person names, read no further than whatever judges them looks."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TextIO

import click

from factory.errors import NotFoundError


def read_file(path: Path, most_bytes: int) -> bytes:
    """A file's content; of a larger one so much that its reader sees that it is too large.

    NotFoundError: there is none, it cannot be read, or it is a folder or a pipe.
    """
    try:
        _refuse_unless_file(path, path.stat().st_mode)
        with path.open("rb") as file:
            return file.read(most_bytes + 1)
    except OSError as error:
        raise NotFoundError(f"{path}: {error.strerror}") from error


def read_words(file: TextIO, most_chars: int, option: str) -> str:
    """The beginning of a file that an option names.  UsageError: it is no text."""
    try:
        return file.read(most_chars)
    except UnicodeDecodeError:
        raise click.UsageError(f"{option}: {file.name} is not UTF-8 text") from None


def _refuse_unless_file(path: Path, mode: int) -> None:
    """A pipe that nobody writes to would be waited for without end."""
    if stat.S_ISDIR(mode):
        raise NotFoundError(f"{path}: is a folder")
    if not stat.S_ISREG(mode):
        raise NotFoundError(f"{path}: is no regular file")
