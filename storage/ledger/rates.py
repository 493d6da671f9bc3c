"""How fast bulk events were worked off lately: what estimates rest on."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import func, select

from factory.estimate import Recorded
from factory.model import BatchId, BatchState, Format, Kind
from storage import tables as t
from storage.ledger import items
from storage.ledger.base import Tx

NEWEST_FILES = 20_000  #: looked through, however many there are
LATELY = timedelta(seconds=60)
LOOKED_AT = 3000  #: orders that are looked at


def recorded(tx: Tx, *, since: datetime, formats: Collection[Format]) -> list[Recorded]:
    """Certificates of bulk events that were made in exactly these formats, chunk by chunk.

    Each event begins with nothing made, when it was confirmed.
    """
    lately = (
        select(t.file.c.id)
        .where(t.file.c.step == 0)
        .order_by(t.file.c.id.desc())
        .limit(NEWEST_FILES)
        .scalar_subquery()
    )
    order = t.production_order.c
    rows = tx.run(
        select(order.batch_id, t.batch.c.confirmed_at, t.file.c.made_at, t.file.c.format,
               func.count())
        .select_from(t.file)
        .join(t.production_order, order.id == t.file.c.order_id)
        .join(t.batch, t.batch.c.id == order.batch_id)
        .where(t.file.c.id.in_(lately), t.file.c.made_at >= since, order.kind == Kind.CERTIFICATE)
        .group_by(order.batch_id, t.batch.c.confirmed_at, t.file.c.made_at, t.file.c.format)
    ).all()  # fmt: skip
    made: dict[tuple[int, datetime], dict[str, int]] = {}
    for batch, _, at, fmt, count in rows:
        made.setdefault((batch, at), {})[fmt] = count
    wanted = {fmt.value for fmt in formats}
    found = [
        Recorded(batch=batch, at=at, items=max(by_format.values()))
        for (batch, at), by_format in made.items()
        if by_format.keys() == wanted
    ]
    begun = {row[0]: row[1] for row in rows if row[1] is not None and row[1] >= since}
    of = {each.batch for each in found}
    return found + [
        Recorded(batch=batch, at=at, items=0) for batch, at in begun.items() if batch in of
    ]


def per_minute(tx: Tx, batch: BatchId) -> float | None:
    """Items a minute that a batch made lately; None: none."""
    o, e = t.production_order.c, t.edition.c
    latest = (
        select(o.edition_id).where(o.batch_id == batch).order_by(o.id.desc()).limit(LOOKED_AT)
    ).subquery()
    wanted = (
        select(func.count(), func.min(e.made_at))
        .select_from(latest)
        .join(t.edition, e.id == latest.c.edition_id)
        .where(e.made_at > tx.now - LATELY)
    )
    made, first = tx.run(wanted).one()
    seconds = max(1.0, (tx.now - first).total_seconds()) if made else 0.0
    return float(made) / seconds * 60 if made else None


def size_bytes(tx: Tx) -> int:
    """Of a file, as the newest are on average; 0: there is none."""
    newest = select(t.file.c.size_bytes).order_by(t.file.c.id.desc()).limit(LOOKED_AT).subquery()
    return round(tx.run(select(func.avg(newest.c.size_bytes))).scalar_one() or 0)


def open_items(tx: Tx) -> int:
    """Items of bulk events that run, neither made nor skipped nor held."""
    item, batch = t.batch_item.c, t.batch.c
    running = select(batch.id).where(batch.state == BatchState.RUNNING)
    wanted = select(func.count()).where(item.batch_id.in_(running), item.state.in_(items.OPEN))
    return int(tx.run(wanted).scalar_one())
