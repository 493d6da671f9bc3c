"""Rates: how fast certificates of bulk events were made, by the ledger's own times."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from factory.model import BatchId
from storage import tables as t
from storage.ledger.base import Tx

WINDOW = timedelta(seconds=60)
LATEST = 3000  #: orders that are looked at


def per_minute(tx: Tx, batch: BatchId) -> float | None:
    """Items a minute that a batch made lately; None: none."""
    o, e = t.production_order.c, t.edition.c
    latest = (
        select(o.edition_id).where(o.batch_id == batch).order_by(o.id.desc()).limit(LATEST)
    ).subquery()
    wanted = (
        select(func.count(), func.min(e.made_at))
        .select_from(latest)
        .join(t.edition, e.id == latest.c.edition_id)
        .where(e.made_at > tx.now - WINDOW)
    )
    made, first = tx.run(wanted).one()
    seconds = max(1.0, (tx.now - first).total_seconds()) if made else 0.0
    return float(made) / seconds * 60 if made else None
