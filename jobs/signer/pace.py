"""The pace: how many signatures a second one bulk event is given."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from storage.signature_protocol import MOST_DIGESTS

#: a chunk in both formats, which is made whole or not at all
AHEAD = 2 * MOST_DIGESTS
MOST_BATCHES, MOST_REQUESTS = 1_000, 10_000  #: that are remembered


class Pace:
    """Each batch may be some signatures ahead; one that is waits until it no longer is.

    What is asked for again, since it was lost or its chunk has to wait, is paid for already:
    otherwise the first half of a chunk would take the place of the second, again and again.

    rate: signatures a second; 0: as many as they like.
    """

    def __init__(self, rate: int) -> None:
        self._rate, self._lock = rate, Lock()
        self._free_at = dict[str, float]()
        self._paid = OrderedDict[str, None]()

    def wait(self, batch: str | None, request: str, count: int, now: float) -> float:
        """Seconds until the batch may ask again; 0: it is given these now.

        request: what is asked for.  now: of a clock that never goes back.
        """
        if not self._rate or batch is None:
            return 0.0
        with self._lock:
            if request in self._paid:
                return 0.0
            free_at = max(now, self._free_at.get(batch, now))
            if (free_at - now) * self._rate >= AHEAD:
                return free_at - now
            self._take(batch, request, free_at + count / self._rate, now)
            return 0.0

    def _take(self, batch: str, request: str, free_at: float, now: float) -> None:
        if len(self._free_at) >= MOST_BATCHES:
            self._free_at = {key: at for key, at in self._free_at.items() if at > now}
        self._free_at[batch] = free_at
        self._paid[request] = None
        if len(self._paid) > MOST_REQUESTS:
            self._paid.popitem(last=False)
