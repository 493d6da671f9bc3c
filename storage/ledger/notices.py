"""Notices (通知) to upstream: written with the work, numbered once committed, given to endpoints.

A number is drawn under one lock and after the notice's own commit, in the order of the rows: so
whoever has read up to a number has missed nothing below it, and notices of one subject, whose
transactions wait for each other's rows, keep their order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, literal, select, update

from factory.deliveries import DeliveryState, EndpointState
from factory.notices import Notice, Type
from storage import tables as t
from storage.ledger.base import Tx

SERIES = "notice"
AT_ONCE = 2000  #: notices numbered in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A notice about to be written; see `factory.notices.Notice`."""

    type: Type
    profile: str
    subject: str
    data: Mapping[str, object] = field(default_factory=dict)


def tell(tx: Tx, notices: Sequence[NewNotice]) -> None:
    """Tell upstream; data carries numbers and states, never personal data."""
    rows = [
        {
            "profile": each.profile,
            "subject": each.subject,
            "type": each.type.value,
            "body": dict(each.data),
            "created_at": tx.now,
            "correlation_id": tx.correlation,
        }
        for each in notices
    ]
    if rows:
        tx.run(insert(t.notice), rows)


def are_unnumbered(tx: Tx) -> bool:
    """Whether any notice has no number yet."""
    return (
        tx.run(select(t.notice.c.id).where(t.notice.c.number.is_(None)).limit(1)).first()
        is not None
    )


def number_new(tx: Tx) -> int:
    """Number the oldest notices that have none, and give them to the endpoints; how many."""
    first = _locked_next(tx)
    n, c = _in_order(), t.notice.c
    numbered = tx.run(
        update(t.notice).where(c.id == n.c.id).values(number=first - 1 + n.c.place)
    ).rowcount
    if numbered:
        s = t.number_series
        tx.run(update(s).where(s.c.series == SERIES).values(next=first + numbered))
        _give(tx, first)
    return int(numbered)


def _locked_next(tx: Tx) -> int:
    """The next number; nobody else numbers until this transaction ends."""
    s = t.number_series
    started = tx.insert(s).values(series=SERIES, next=1)
    locked = started.on_conflict_do_update(index_elements=[s.c.series], set_={"next": s.c.next})
    return int(tx.run(locked.returning(s.c.next)).scalar_one())


def _in_order() -> Any:
    c = t.notice.c
    oldest = select(c.id).where(c.number.is_(None)).order_by(c.id).limit(AT_ONCE).subquery()
    return select(
        oldest.c.id, func.row_number().over(order_by=oldest.c.id).label("place")
    ).subquery()


def _give(tx: Tx, first: int) -> None:
    c = t.endpoint.c
    wanted = select(c.id, c.source, c.types).where(c.state != EndpointState.OFF)
    for endpoint in tx.run(wanted).all():
        give(tx, endpoint, first)


def give(tx: Tx, endpoint: Any, first: int) -> int:
    """Every numbered notice from there on that the endpoint wants and has not; how many.

    It wants those of the profiles that its source is granted, of its types if it names any.
    """
    n, d = t.notice.c, t.delivery.c
    granted = select(t.source_grant.c.profile).where(t.source_grant.c.source == endpoint.source)
    has = select(d.number).where(d.endpoint_id == endpoint.id, d.number >= first)
    wanted = select(
        literal(endpoint.id), n.id, n.number, n.subject,
        literal(DeliveryState.PENDING.value), literal(tx.now, t.delivery.c.due_at.type),
    ).where(n.number >= first, n.profile.in_(granted), n.number.not_in(has))  # fmt: skip
    if endpoint.types:
        wanted = wanted.where(n.type.in_(endpoint.types))
    columns = ["endpoint_id", "notice_id", "number", "subject", "state", "due_at"]
    added = insert(t.delivery).from_select(columns, wanted.order_by(n.number))
    return int(tx.run(added.execution_options(preserve_rowcount=True)).rowcount)


def feed(tx: Tx, profiles: Collection[str], *, after: int, limit: int) -> list[Notice]:
    """The numbered notices of these profiles after a number, in order."""
    c = t.notice.c
    wanted = select(t.notice).where(c.number > after, c.profile.in_(profiles))
    return [notice(row) for row in tx.run(wanted.order_by(c.number).limit(limit))]


def newest(tx: Tx) -> int:
    """The number drawn last; 0: none was."""
    s = t.number_series.c
    found = tx.run(select(s.next).where(s.series == SERIES)).scalar_one_or_none()
    return int(found or 1) - 1


def notice(row: Row[Any]) -> Notice:
    """A row of the table of notices that has its number."""
    created: datetime = row.created_at
    return Notice(
        cursor=row.number,
        type=Type(row.type),
        profile=row.profile,
        subject=row.subject,
        data=row.body,
        at=created,
        correlation=row.correlation_id,
    )
