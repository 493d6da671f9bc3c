"""What upstream is told of editions, holds and bulk events, in the transaction of the work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Insert, Row, bindparam, insert, literal, or_, select

from factory.model import EditionState
from factory.notices import Type, batch_subject, event_subject
from storage import tables as t
from storage.ledger import notices
from storage.ledger.base import Tx
from storage.ledger.notices import NewNotice
from storage.ledger.spelling import json_object


def editions(tx: Tx, kind: Type, which: ColumnElement[bool], state: EditionState) -> None:
    """What is about to become of these editions, however many, in one statement.

    Called before they change, and locks them.  One that was never made was never told of.

    state: in which they will be.
    """
    tx.run(telling(kind, which, literal(state.value)), tx.stamp)


def telling(kind: Type, which: ColumnElement[bool], state: ColumnElement[str]) -> Insert:
    """The statement of ``editions``, to be run with the transaction's stamp."""
    e, r = t.edition.c, t.registration.c
    body = json_object({"registration": r.number, "edition": e.number, "state": state})
    now = bindparam("now", type_=t.notice.c.created_at.type)
    correlation = bindparam("correlation", type_=t.notice.c.correlation_id.type)
    wanted = (
        select(e.profile, r.number, literal(kind.value), body, now, correlation)
        .join(t.registration, r.id == e.registration_id)
        .where(which, or_(e.made_at.is_not(None), e.code.is_(None)))
        .order_by(e.id)
        .with_for_update(of=t.edition)  # which SQLite does not need, and leaves out
    )
    columns = ["profile", "subject", "type", "body", "created_at", "correlation_id"]
    return insert(t.notice).from_select(columns, wanted)


def batch(tx: Tx, ident: int) -> None:
    """The state of a bulk event, in each of its registers."""
    c = t.batch.c
    row = tx.run(select(c.kind, c.state, c.profiles).where(c.id == ident)).one()
    notices.tell(
        tx,
        [
            NewNotice(
                type=Type(f"batch.{row.state}"),
                profile=profile,
                subject=batch_subject(ident),
                data={"batch": ident, "kind": row.kind, "state": row.state},
            )
            for profile in row.profiles
        ],
    )


def holds(tx: Tx, kind: Type, held: Sequence[Row[Any]]) -> None:
    """That these holds were opened, or that they have ended.

    held: rows of the table of holds.
    """
    events = _events(tx, (row.subject_id for row in held if row.subject_kind == "event"))
    orders = _orders(tx, (row.subject_id for row in held if row.subject_kind == "order"))
    found = {"event": events, "order": orders}
    notices.tell(tx, [_of_hold(kind, row, found[row.subject_kind][row.subject_id]) for row in held])


def _of_hold(kind: Type, hold: Row[Any], of: Row[Any]) -> NewNotice:
    why = {"reason": hold.reason, "owner": hold.owner, "detail": hold.detail}
    return NewNotice(
        type=kind,
        profile=hold.profile,
        subject=_subject(hold, of),
        data={
            "hold": hold.id,
            "source": of.source,
            "event": of.event_id,
            **({"registration": of.number} if getattr(of, "number", None) else {}),
            **(why if kind is Type.EVENT_HELD else {}),
        },
    )


def _subject(hold: Row[Any], of: Row[Any]) -> str:
    if hold.subject_kind == "event":
        return event_subject(of.event_id)
    return of.number or of.acceptance_number or batch_subject(of.batch_id)


def _events(tx: Tx, ids: Iterable[int]) -> dict[int, Row[Any]]:
    c, wanted = t.inbox.c, list(ids)
    if not wanted:
        return {}
    rows = tx.run(select(c.id, c.source, c.event_id).where(c.id.in_(wanted)))
    return {row.id: row for row in rows}


def _orders(tx: Tx, ids: Iterable[int]) -> dict[int, Row[Any]]:
    """Orders with the events they are of, and what they make a document for."""
    o, wanted = t.production_order.c, list(ids)
    if not wanted:
        return {}
    rows = tx.run(
        select(
            o.id, o.batch_id, t.inbox.c.source, t.inbox.c.event_id,
            t.registration.c.number, t.application.c.acceptance_number,
        )
        .join(t.inbox, t.inbox.c.id == o.inbox_id)
        .outerjoin(t.registration, t.registration.c.id == o.registration_id)
        .outerjoin(t.document, t.document.c.id == o.document_id)
        .outerjoin(t.application, t.application.c.id == t.document.c.application_id)
        .where(o.id.in_(wanted))
    )  # fmt: skip
    return {row.id: row for row in rows}
