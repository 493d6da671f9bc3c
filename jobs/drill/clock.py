"""A clock that steps (时钟跳变): what a process of the crew takes for now, while it runs.

`watch` makes all Python code of a process read another clock than the machine's: ``datetime.now``,
``datetime.utcnow``, ``time.time`` and ``time.time_ns`` are as many seconds ahead as a file says.
What counts seconds since some beginning (``time.monotonic``) goes on evenly, as it does when a real
clock is set.  Of the products' libraries only the bulk client of the store, which is no Python,
keeps the machine's clock.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

FILE = "clock"  #: in the folder of the drills; holds seconds
NANO = 1_000_000_000


@contextmanager
def stepped(folder: Path, seconds: int) -> Iterator[None]:
    """While the block runs, clocks of watching processes are that far ahead; negative: behind."""
    file = folder / FILE
    new = file.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(file)
    try:
        yield
    finally:
        file.unlink()


def watch(folder: Path) -> None:
    """From now on this process's clock is as the file of that folder says."""
    file = folder / FILE
    machines, nanos, at = time.time, time.time_ns, datetime.fromtimestamp

    def step() -> int:
        try:
            return int(file.read_bytes())
        except FileNotFoundError:
            return 0

    def now(_cls: type[datetime], tz: tzinfo | None = None) -> datetime:
        return at(machines(), tz) + timedelta(seconds=step())

    def utcnow(_cls: type[datetime]) -> datetime:
        return _utc(machines() + step())

    time.time = lambda: machines() + step()
    time.time_ns = lambda: nanos() + step() * NANO
    _put(datetime, now=classmethod(now), utcnow=classmethod(utcnow))


def _utc(seconds: float) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=seconds)  # noqa: DTZ001 - as utcnow is


class _Proxied(ctypes.Structure):
    """How CPython keeps the read-only view of a type's names; what is behind it can be written."""

    _fields_ = (
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.py_object),
        ("names", ctypes.py_object),
    )


def _put(of: type, **names: Any) -> None:
    """Names of a type that was written in C, which `setattr` refuses to change."""
    _names(of).update(names)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(of))


def _names(of: type) -> dict[str, Any]:
    view = of.__dict__
    found: dict[str, Any] = _Proxied.from_address(id(view)).names
    return found
