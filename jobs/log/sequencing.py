"""The sequencer: appends what is new to the log, a slice a transaction, one of all machines."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from factory.errors import PermanentError
from storage.ledger import care, log_source

if TYPE_CHECKING:
    from storage.ledger import Ledger

logger = structlog.get_logger()

SLICE = 500  #: audit rows in a transaction: some hundredths of a second of the one writer of SQLite
IDLE_SECONDS = 2.0  #: until it looks again, when it was at the end
LEASE = timedelta(seconds=30)
NAME = "sequencer"


class Sequencer:
    """Appends a slice whenever it is called, but looks rarely while there is nothing.

    owner: whose lease it is.
    """

    def __init__(self, ledger: Ledger, owner: str, *, most: int = SLICE) -> None:
        self._ledger, self._owner, self._most = ledger, owner, most
        self._due = 0.0

    def act(self) -> bool:
        """One slice; False: it is not time, another sequencer's to do, or no row can be read.

        What cannot be appended stops no other duty; the log falls behind, which is watched.
        """
        if (now := time.monotonic()) < self._due:
            return False
        self._due = now + IDLE_SECONDS
        try:
            with self._ledger.write(NAME) as tx:
                if not care.take_singleton(tx, NAME, self._owner, lease=LEASE):
                    return False
                _, more = log_source.append_new(tx, self._most)
        except PermanentError as error:
            logger.warning("log waits", reason=error.reason, detail=str(error))
            return False
        if more:
            self._due = now
        return True


def append_all(ledger: Ledger, *, most: int = SLICE) -> int:
    """Everything there is, without a lease, which only spares others the look; how many entries."""
    appended, more = 0, True
    while more:
        with ledger.write(NAME) as tx:
            count, more = log_source.append_new(tx, most)
        appended += count
    return appended
