"""How far the log is behind what it is about, for whoever watches; each question reads little."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select

from factory.log.leaves import Kind
from storage import tables as t
from storage.ledger import log, log_source
from storage.ledger.base import Tx

MOST_COUNTED = 20_000  #: rows that wait; more are not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The log, and what it lacks.

    entries:      that it has; signed: those under its newest head.
    pending:      audit rows that have none yet, up to ``MOST_COUNTED``.
    lag_seconds:  since the oldest of those was written; 0: none waits.
    head_seconds: since the newest head was signed; None: none was.
    """

    entries: int
    signed: int
    pending: int
    lag_seconds: float
    head_seconds: float | None


def standing(tx: Tx) -> Standing:
    """As it is now."""
    head, now = log.newest_head(tx), log_source.cursor(tx)
    a, e = t.audit.c, t.log_entry.c
    has_entry = exists().where(e.kind == Kind.AUDIT.value, e.ref == a.id)
    waits = select(a.id, a.at).where(a.id > now.settled_to, ~has_entry).order_by(a.id)
    waiting = waits.limit(MOST_COUNTED).subquery().c
    pending, since = tx.run(select(func.count(waiting.id), func.min(waiting.at))).one()
    return Standing(
        entries=now.size,
        signed=0 if head is None else head.size,
        pending=pending,
        lag_seconds=0.0 if since is None else max((tx.now - since).total_seconds(), 0.0),
        head_seconds=None if head is None else max((tx.now - head.at).total_seconds(), 0.0),
    )
