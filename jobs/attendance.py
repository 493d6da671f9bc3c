"""Attendance: whether anybody works, told from the ledger and so for all machines at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from factory.errors import SettingsError
from storage.ledger import attendance as ledger
from storage.ledger import status
from storage.ledger.attendance import Attendance

if TYPE_CHECKING:
    from factory.model import Queue
    from jobs.wiring import Plant

WHILE_SECONDS = 30.0  #: a chunk that may be claimed is claimed at once by a worker that is free
MINUTES, DAYS = 120, 2 * 86400  #: from how many seconds on they are told so
START = "start `certfactory up`, or `certfactory work` on a machine of the factory"


def absence(plant: Plant) -> str | None:
    """Why what waits does not move, and what to do: nobody works; None: somebody seems to."""
    with plant.ledger.read() as tx:
        found, now = ledger.attendance(tx), tx.now
    grace = timedelta(seconds=2 * plant.settings.reconcile_seconds)  #: until another takes over
    if found.steward_until is None:
        return f"no worker has ever been at work here: {START}"
    if found.steward_until + grace < now and not found.in_hand:
        seen = found.steward_until - timedelta(seconds=3 * plant.settings.reconcile_seconds)
        ago = _ago((now - seen).total_seconds())
        return f"no worker is at work; the last was seen {ago}: {START}"
    if idle := [queue for queue in found.waiting if _is_forsaken(found, queue)]:
        told = ", ".join(f"{queue} for {found.waiting[queue]:.0f} s" for queue in sorted(idle))
        return f"work waits and no worker takes it ({told}): {START}"
    return None


def workers(plant: Plant) -> str:
    """Who is at work, for the doctor.  SettingsError: nobody, though work waits."""
    why = absence(plant)
    with plant.ledger.read() as tx:
        found, open_ = ledger.attendance(tx), status.open_work(tx)
    if why and open_:
        raise SettingsError(f"{why}; {open_} chunk(s) and steps are open")
    if why:
        return f"none at work, and nothing waits for them; {START}"
    hands = ", ".join(f"{count} of {queue}" for queue, count in sorted(found.in_hand.items()))
    return f"at work; chunks in hand: {hands or 'none'}; open: {open_}"


def _is_forsaken(found: Attendance, queue: Queue) -> bool:
    """Nobody holds a chunk of it, and nothing at all was made meanwhile."""
    idle = found.made is None or found.made > WHILE_SECONDS
    return idle and queue not in found.in_hand and found.waiting[queue] > WHILE_SECONDS


def _ago(seconds: float) -> str:
    """A while as people say it.

    >>> _ago(40), _ago(4000), _ago(400_000)
    ('40 s ago', '67 min ago', '4.6 days ago')
    """
    if seconds < MINUTES:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < DAYS else f"{seconds / 86400:.1f} days ago"
