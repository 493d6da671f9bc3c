"""The brake (制动): when a bulk event stops itself.

Failures that were foreseen in the preview do not count: they were confirmed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: Failures of ours, names that the preview found printable, another seal: one is enough.
AT_ONCE = frozenset(
    {
        "self_check",
        "second_reading",
        "lint",
        "unprintable",
        "character",
        "digest_mismatch",
        "seal_changed",
        "seal_retired",
        "seal_revoked",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brake:
    """How many failures are too many.

    percent: of what was tried; more than that stops the batch.
    minimum: failures that there must be at least, so that one among three does not.
    """

    percent: int
    minimum: int

    def why_stop(
        self,
        failures: Mapping[str, int],
        *,
        forgiven: Mapping[str, int],
        done: Callable[[], int],
        canary: bool = False,
    ) -> str | None:
        """Why the batch must stop; None: it may go on.

        failures: so far, by reason; forgiven: those of them that a person has let pass.
        done:     how many were made, counted only when it matters.
        canary:   its first certificates are not all made: any failure stops it.
        """
        new = {why: n - forgiven.get(why, 0) for why, n in failures.items()}
        new = {why: n for why, n in sorted(new.items()) if n > 0}
        if not new:
            return None
        total = sum(new.values())
        told = ", ".join(f"{n} {why}" for why, n in new.items())
        if canary:
            return f"the first certificates failed: {told}"
        if AT_ONCE & new.keys():
            return f"{told}: this must not happen after the preview"
        tried = total + done() if total >= self.minimum else 0
        if tried and total * 100 > self.percent * tried:
            return f"{told}: {total} of {tried} failed, more than {self.percent} in a hundred"
        return None
