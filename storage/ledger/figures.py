"""Figures: what is asked of the ledger again and again to watch it; each question reads little.

Counts of what is open are bounded by what is open; whatever else grows with the years is looked
at only at its newest end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, or_, select

from factory.deliveries import DeliveryState, EndpointState
from factory.model import BatchId, BatchState, ItemState
from storage import tables as t
from storage.ledger import batches, items, rates
from storage.ledger.base import Tx
from storage.ledger.outbox import Topic
from storage.ledger.sealings import SealingState

MOST_BATCHES = 20
SHOWN_AFTER = timedelta(hours=1)  #: so long a batch is shown that has ended
NEWEST_DELIVERIES = 20_000
NEWEST_ORDERS = 3_000
ENDED_LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFigures:
    """How one bulk event goes.

    rate:         items a second, lately; 0 where it does not run.
    average:      the same since it was confirmed.
    idle_seconds: since an item of it was recorded last, or it was confirmed; 0 unless it runs.
    """

    id: BatchId
    kind: str
    state: BatchState
    counts: Mapping[ItemState, int]
    rate: float
    average: float
    idle_seconds: float

    @property
    def progress(self) -> float:
        """The part of its items that are no longer open, from 0 to 1."""
        total = sum(self.counts.values())
        if not total:
            return 1.0 if self.state in batches.ENDED else 0.0
        return 1.0 - self.left / total

    @property
    def left(self) -> int:
        """Items that are open."""
        return sum(self.counts[state] for state in items.OPEN)

    @property
    def eta_seconds(self) -> float | None:
        """Until its last item at that rate, or at the average; None: nothing tells."""
        rate = self.rate or self.average
        return self.left / rate if rate else None


def batch_counts(tx: Tx) -> dict[tuple[str, str], int]:
    """Batches by (kind, state), over everything."""
    c = t.batch.c
    rows = tx.run(select(c.kind, c.state, func.count()).group_by(c.kind, c.state))
    return {(row[0], row[1]): row[2] for row in rows}


def batches_now(tx: Tx) -> list[BatchFigures]:
    """The newest batches that have not ended, or ended within the hour."""
    c = t.batch.c
    shown = or_(c.state.not_in(batches.ENDED), c.completed_at > tx.now - SHOWN_AFTER)
    rows = tx.run(
        select(c.id, c.kind, c.state, c.confirmed_at)
        .where(shown)
        .order_by(c.id.desc())
        .limit(MOST_BATCHES)
    )
    return [_batch(tx, row) for row in rows.all()]


def _batch(tx: Tx, row: Row[Any]) -> BatchFigures:
    ident, state = BatchId(row.id), BatchState(row.state)
    runs, counts = state is BatchState.RUNNING, items.counts(tx, ident)
    return BatchFigures(
        id=ident,
        kind=row.kind,
        state=state,
        counts=counts,
        rate=(rates.per_minute(tx, ident) or 0.0) / 60 if runs else 0.0,
        average=_average(tx, row.confirmed_at, counts[ItemState.DONE]) if runs else 0.0,
        idle_seconds=_idle_seconds(tx, ident, row.confirmed_at) if runs else 0.0,
    )


def _average(tx: Tx, confirmed: datetime, done: int) -> float:
    """Items a second since then."""
    return done / max(1.0, (tx.now - confirmed).total_seconds())


def _idle_seconds(tx: Tx, batch: int, confirmed: datetime) -> float:
    """Of its newest orders the one that was made, or held, last."""
    o, e, h = t.production_order.c, t.edition.c, t.hold.c
    newest = (
        select(o.id, o.edition_id)
        .where(o.batch_id == batch)
        .order_by(o.id.desc())
        .limit(NEWEST_ORDERS)
    ).subquery()
    made = select(func.max(e.made_at)).join(newest, newest.c.edition_id == e.id)
    held = select(func.max(h.opened_at)).where(
        h.closed_at.is_(None), h.subject_kind == "order", h.subject_id.in_(select(newest.c.id))
    )
    said = (confirmed, *(tx.run(each).scalar_one() for each in (made, held)))
    latest: datetime = max(each for each in said if each is not None)
    return (tx.now - latest).total_seconds()


def unsent_bells(tx: Tx) -> int:
    """Bells that wait for the relay."""
    c = t.outbox.c
    wanted = select(func.count()).where(c.sent_at.is_(None), c.topic.in_(list(Topic)))
    return int(tx.run(wanted).scalar_one())


def pending_seals(tx: Tx) -> int:
    """Signatures that seal services were asked for and have not given."""
    wanted = select(func.count()).where(t.sealing.c.state == SealingState.ASKED)
    return int(tx.run(wanted).scalar_one())


def failed_notices(tx: Tx) -> int:
    """Of the newest deliveries those given up, of endpoints that are not removed."""
    d, e = t.delivery.c, t.endpoint.c
    newest = (
        select(d.endpoint_id, d.state).order_by(d.id.desc()).limit(NEWEST_DELIVERIES)
    ).subquery()
    wanted = (
        select(func.count())
        .select_from(newest)
        .join(t.endpoint, e.id == newest.c.endpoint_id)
        .where(newest.c.state == DeliveryState.FAILED, e.state != EndpointState.OFF)
    )
    return int(tx.run(wanted).scalar_one())


def key_ends(tx: Tx) -> dict[str, datetime]:
    """When the last access key of each source and label ends, those that ended lately too."""
    c = t.access_key.c
    rows = tx.run(
        select(c.source, c.label, func.max(c.expires_at))
        .where(c.revoked_at.is_(None), c.expires_at > tx.now - ENDED_LATELY)
        .group_by(c.source, c.label)
    )
    return {f"{row[0]} {row[1]}": row[2] for row in rows}
