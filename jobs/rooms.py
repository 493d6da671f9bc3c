"""Rooms: who has died before works alone, so that it takes nobody with it.

A worker's threads die together.  A chunk that kills its worker would count a death for every
chunk beside it, each time, until innocent orders are held as poison with it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Rooms:
    """Entered by many at once, or by one alone; whoever wants to be alone goes first."""

    _changed: threading.Condition = field(default_factory=threading.Condition)
    _inside: int = 0
    _waiting: int = 0  #: to be alone
    _alone: bool = False

    def enter(self, *, alone: bool) -> AbstractContextManager[None]:
        """Wait for room, and leave it at the end of the block."""
        return self._single() if alone else self._shared()

    @contextmanager
    def _shared(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def _single(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._alone and not self._inside)
            self._waiting -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
