"""Room for what is handed in: memory for bodies, and whose turn it is to be worked on.

One address cannot fill the memory, nor one access key keep all threads busy: others are served
meanwhile.  What is small always finds room.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

SMALL = 64 * 1024  #: bytes of a body
MOST_HELD = 128 * 1024 * 1024  #: of all bodies that are not small, in one process
MOST_OF_ONE = MOST_HELD // 2  #: of one address
SMALL_AT_ONCE = 8  #: requests of one access key that are worked on
LARGE_AT_ONCE = 2  #: of all; one of a key


class FullError(Exception):
    """There is no room now."""


class Room:
    """Memory for bodies."""

    def __init__(self) -> None:
        self._held = 0
        self._of: Counter[str] = Counter()

    @contextmanager
    def held_for(self, address: str) -> Iterator[Callable[[int], None]]:
        """Room for one body, which is told how large it has become.

        FullError, when told: there is no more; what it has stays until the end.
        """
        held = 0

        def grow(size: int) -> None:
            nonlocal held
            more = max(0, size - SMALL) - held
            if self._held + more > MOST_HELD or self._of[address] + more > MOST_OF_ONE:
                raise FullError
            self._take(address, more)
            held += more

        try:
            yield grow
        finally:
            self._take(address, -held)

    def _take(self, address: str, more: int) -> None:
        self._held += more
        self._of[address] += more
        if not self._of[address]:
            del self._of[address]


class Turns:
    """Whose request is worked on."""

    def __init__(self) -> None:
        self._small = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(SMALL_AT_ONCE))
        self._large = defaultdict[str, asyncio.Semaphore](lambda: asyncio.Semaphore(1))
        self._all_large = asyncio.Semaphore(LARGE_AT_ONCE)

    @asynccontextmanager
    async def of(self, key: str, size: int) -> AsyncIterator[Callable[[], None]]:
        """The turn of a request with a body of that size; gives what ends it before the block."""
        is_small = size <= SMALL
        wanted = [self._small[key]] if is_small else [self._large[key], self._all_large]
        with ExitStack() as had:
            for each in wanted:
                await each.acquire()
                had.callback(each.release)
            yield had.close
