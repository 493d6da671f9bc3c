"""Commands that are told to stop while much is open: they say so at once, then close it all."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STDERR = 2


@contextmanager
def told_to_stop(says: str) -> Iterator[None]:
    """SIGINT and SIGTERM leave the block as exceptions do: what it opened is closed.

    says: is told at once, and again when it is told once more, which hastens nothing.
    SIGTERM ends the command with 143, as a shell calls it.
    """
    told: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        os.write(STDERR, f"{says}\n".encode())  # nothing that a handler may interrupt in itself
        if told:
            return
        told.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    former = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
