"""How far the log is behind what it is about, for whoever watches; each question reads little."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select

from factory.log.leaves import Kind
from storage import tables as t
from storage.ledger import log, log_source
from storage.ledger.base import Tx
from storage.ledger.unreadable import reading

MOST_COUNTED = 20_000  #: rows that wait; more are not counted
MOST_LOOKED_AT = 500  #: rows behind the last head, nearly in the order of their time


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The log, and what it lacks.

    entries:      that it has; signed: those under its newest head.
    pending:      audit rows that have none yet, up to ``MOST_COUNTED``.
    lag_seconds:  since the oldest of those was written; 0: none waits.
    head_seconds: since the newest head was signed; None: none was.
    open_seconds: since the oldest audit row was written that has an entry and no head; 0: none.
    """

    entries: int
    signed: int
    pending: int
    lag_seconds: float
    head_seconds: float | None
    open_seconds: float


def standing(tx: Tx) -> Standing:
    """As it is now.  UnreadableRowError: a head, the cursor or a time is none."""
    with reading("audit"):
        return _standing(tx)


def _standing(tx: Tx) -> Standing:
    head, now = log.newest_head(tx), log_source.cursor(tx)
    a, e = t.audit.c, t.log_entry.c
    has_entry = exists().where(e.kind == Kind.AUDIT.value, e.ref == a.id)
    waits = select(a.id, a.at).where(a.id > now.settled_to, ~has_entry).order_by(a.id)
    waiting = waits.limit(MOST_COUNTED).subquery().c
    pending, since = tx.run(select(func.count(waiting.id), func.min(waiting.at))).one()
    signed = 0 if head is None else head.size
    return Standing(
        entries=now.size,
        signed=signed,
        pending=pending,
        lag_seconds=_ago(tx, since),
        head_seconds=None if head is None else _ago(tx, head.at),
        open_seconds=_ago(tx, _first_open(tx, signed)),
    )


def _first_open(tx: Tx, signed: int) -> datetime | None:
    """When the oldest of the next audit rows behind the last head was written."""
    a, e = t.audit.c, t.log_entry.c
    behind = select(a.at).join(t.log_entry, e.ref == a.id)
    behind = behind.where(e.kind == Kind.AUDIT.value, e.seq >= signed).order_by(e.seq)
    first = behind.limit(MOST_LOOKED_AT).subquery().c
    found: datetime | None = tx.run(select(func.min(first.at))).scalar_one()
    return found


def _ago(tx: Tx, at: datetime | None) -> float:
    return 0.0 if at is None else max((tx.now - at).total_seconds(), 0.0)
