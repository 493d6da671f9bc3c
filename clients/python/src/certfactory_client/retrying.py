"""Trying again: how often, after which pauses, and what may pass by itself."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar

from certfactory_client.errors import NoAnswerError, ProblemError

BUSY = frozenset({429, 502, 503, 504})  #: of the factory, or of a proxy before it

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Tries of one request in all, and the pauses between them in seconds.

    first: before the second try; each further pause is twice as long.
    most:  no pause is longer; whoever is told to wait longer (Retry-After) gives up at once.
    """

    tries: int = 6
    first: float = 0.5
    most: float = 60.0

    def call(self, attempt: Callable[[], T]) -> T:
        """What the first try gives that is answered.

        ProblemError, NoAnswerError: of the last try, or of one that cannot pass by itself.
        """
        failed = 0
        while True:
            try:
                return attempt()
            except (ProblemError, NoAnswerError) as error:
                failed += 1
                pause = self._pause(failed, error)
                if pause is None:
                    raise
                time.sleep(pause)

    def _pause(self, failed: int, error: ProblemError | NoAnswerError) -> float | None:
        """Before the next try; None: there is none."""
        if failed >= self.tries:
            return None
        grown = min(self.first * 2.0 ** (failed - 1), self.most) * random.uniform(0.5, 1)  # noqa: S311
        if isinstance(error, NoAnswerError):
            return grown
        asked = error.retry_after or 0.0
        return max(grown, asked) if error.status in BUSY and asked <= self.most else None


def seconds_of(retry_after: str | None) -> float | None:
    """What a header Retry-After says: seconds, or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (until - datetime.now(timezone.utc)).total_seconds()) if until.tzinfo else None
