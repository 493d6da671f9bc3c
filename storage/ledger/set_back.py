"""A clock that was set back: what waits for a time of before would wait for as long again.

On SQLite the ledger's clock is the machine's, which somebody may set or which steps when its
network time is back.  Leases and pauses that were written before then lie far ahead.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from storage import tables as t
from storage.ledger.base import Tx

LEAST = timedelta(seconds=2)  #: that is a step; two clocks of one machine never differ by as much

#: what says when something may go on, or that it was rung for
WAITING = (
    (t.chunk, ("run_after", "lease_until", "rung_at")),
    (t.batch, ("rung_at", "paced_until")),
    (t.sealing, ("due_at",)),
    (t.delivery, ("due_at", "lease_until")),
    (t.endpoint, ("due_at",)),
    (t.singleton, ("until",)),
)


def heed(tx: Tx, singleton: str, *, lease: timedelta) -> timedelta | None:
    """Let nothing wait for a time that was; by how much the clock was set back; None: it was not.

    singleton: a lease that somebody renews, which says what time it was when that was done.
    """
    c = t.singleton.c
    until: datetime | None = tx.run(select(c.until).where(c.name == singleton)).scalar()
    if until is None or until - lease - tx.now < LEAST:
        return None
    _let_go_on(tx)
    return until - lease - tx.now


def _let_go_on(tx: Tx) -> None:
    """Whatever waits for later is due: tried too early it waits again, by the clock as it is."""
    for table, columns in WAITING:
        for name in columns:
            column: Any = table.c[name]
            tx.run(update(table).where(column > tx.now).values({name: tx.now}))
