"""The pace: how many signatures a second one bulk event is given."""

from __future__ import annotations

from threading import Lock

MOST_BATCHES = 1_000  #: that are remembered; those that have caught up are forgotten first


class Pace:
    """Each batch may run into debt by one call, and waits until it is paid.

    rate: signatures a second; 0: as many as they like.
    """

    def __init__(self, rate: int) -> None:
        self._rate, self._free_at, self._lock = rate, dict[str, float](), Lock()

    def wait(self, batch: str | None, count: int, now: float) -> float:
        """Seconds until the batch may ask again; 0: it is given these now.

        now: of a clock that never goes back.
        """
        if not self._rate or batch is None:
            return 0.0
        with self._lock:
            free_at = self._free_at.get(batch, now)
            if free_at > now:
                return free_at - now
            if len(self._free_at) >= MOST_BATCHES:
                self._free_at = {key: at for key, at in self._free_at.items() if at > now}
            self._free_at[batch] = now + count / self._rate
            return 0.0
