"""Holds (挂起): what is stopped for a person, why, and whose turn it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, insert, select, update
from sqlalchemy.sql.selectable import Select

from factory.errors import ConflictError, NotFoundError
from factory.model import ItemState, OrderState
from factory.notices import Type
from storage import tables as t
from storage.ledger import audit, told
from storage.ledger.base import Tx

UPSTREAM_REASONS = frozenset({"awaits", "character", "field", "picture", "conflict", "not_found"})
BY_ITSELF = frozenset({"batch_running"})
AUTHORITY_REASONS = frozenset({"seal_declined", "seal_overdue"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One open hold.

    about: the registration number, or else the acceptance number (受理编号) or the batch that the
           subject is of; None: it is not known yet.
    """

    id: int
    profile: str
    subject_kind: str  #: ``event`` or ``order``
    subject_id: int
    about: str | None
    reason: str
    detail: str
    owner: str  #: upstream sends something else, operations mend, or the authority seals
    opened_at: datetime


def hold_event(tx: Tx, inbox_id: int, profile: str, *, reason: str, detail: str) -> int:
    """Stop an event for a person; one that is stopped already has this reason from now on."""
    known = _on_event(tx, inbox_id)
    if known is None:
        return _open(tx, "event", inbox_id, profile, reason, detail)
    if (known.reason, known.detail) != (reason, detail):
        tx.run(
            update(t.hold)
            .where(t.hold.c.id == known.id)
            .values(reason=reason, detail=detail, owner=_owner(reason))
        )
    return int(known.id)


def release_event(tx: Tx, inbox_id: int, *, why: str) -> bool:
    """The event goes on; whether it was held."""
    known = _on_event(tx, inbox_id)
    if known is None:
        return False
    close(tx, known.id, why=why)
    return True


def _on_event(tx: Tx, inbox_id: int) -> Row[Any] | None:
    c = t.hold.c
    found: Row[Any] | None = tx.run(
        select(t.hold).where(
            c.subject_kind == "event", c.subject_id == inbox_id, c.closed_at.is_(None)
        )
    ).one_or_none()
    return found


def hold_order(tx: Tx, order_id: int, *, reason: str, detail: str) -> int:
    """Stop an order for a person; its item, if it has one, says so too."""
    profile = tx.run(
        update(t.production_order)
        .where(t.production_order.c.id == order_id)
        .values(state=OrderState.HELD.value)
        .returning(t.production_order.c.profile)
    ).scalar_one()
    tx.run(
        update(t.batch_item)
        .where(t.batch_item.c.order_id == order_id)
        .values(state=ItemState.HELD.value, reason=reason)
    )
    return _open(tx, "order", order_id, profile, reason, detail)


def _open(tx: Tx, kind: str, ident: int, profile: str, reason: str, detail: str) -> int:
    opened = tx.run(
        insert(t.hold)
        .values(
            profile=profile,
            subject_kind=kind,
            subject_id=ident,
            reason=reason,
            detail=detail,
            owner=_owner(reason),
            opened_at=tx.now,
        )
        .returning(t.hold)
    ).one()
    told.holds(tx, Type.EVENT_HELD, [opened])
    audit.note(tx, "held", (kind, ident), why=reason)
    return int(opened.id)


def _owner(reason: str) -> str:
    if reason in BY_ITSELF:
        return "factory"
    if reason in AUTHORITY_REASONS:
        return "authority"
    return "upstream" if reason in UPSTREAM_REASONS else "operations"


def close(tx: Tx, hold_id: int, *, why: str) -> Held:
    """End a hold; what it stopped is the caller's to move on.

    NotFoundError: no such hold.  ConflictError: it is closed already.
    """
    held = get(tx, hold_id)
    closed = tx.run(
        update(t.hold)
        .where(t.hold.c.id == hold_id, t.hold.c.closed_at.is_(None))
        .values(closed_at=tx.now, closed_by=tx.who, close_reason=why)
        .returning(t.hold)
    ).one_or_none()
    if closed is None:
        raise ConflictError(f"hold {hold_id}: closed already")
    told.holds(tx, Type.EVENT_RELEASED, [closed])
    audit.note(tx, "hold closed", (held.subject_kind, held.subject_id), why=why)
    return held


def close_orders(tx: Tx, order_ids: Collection[int], *, why: str) -> None:
    """End the holds on these orders, if there are any."""
    c = t.hold.c
    closed = tx.run(
        update(t.hold)
        .where(c.subject_kind == "order", c.subject_id.in_(order_ids), c.closed_at.is_(None))
        .values(closed_at=tx.now, closed_by=tx.who, close_reason=why)
        .returning(t.hold)
    ).all()
    told.holds(tx, Type.EVENT_RELEASED, closed)


def try_again(tx: Tx, hold_id: int, *, why: str) -> None:
    """Note that somebody lets it go on; it stays open until it has, and nobody else can meanwhile.

    NotFoundError: no such hold.  ConflictError: it is closed already.
    """
    held = get(tx, hold_id)
    locked = tx.run(
        update(t.hold)
        .where(t.hold.c.id == hold_id, t.hold.c.closed_at.is_(None))
        .values(owner=held.owner)
    )
    if not locked.rowcount:
        raise ConflictError(f"hold {hold_id}: closed already")
    audit.note(tx, "tried again", (held.subject_kind, held.subject_id), why=why)


def get(tx: Tx, hold_id: int) -> Held:
    """One hold.  NotFoundError: no such hold."""
    row = tx.run(_holds().where(t.hold.c.id == hold_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"hold {hold_id}: there is none")
    return _held(row)


def open_holds(tx: Tx, limit: int = 1000) -> Sequence[Held]:
    """What waits for a person, oldest first."""
    rows = tx.run(_holds().where(t.hold.c.closed_at.is_(None)).order_by(t.hold.c.id).limit(limit))
    return [_held(row) for row in rows]


def events_held_for(tx: Tx, reason: str) -> list[int]:
    """Open holds on events for that reason, oldest first."""
    c = t.hold.c
    wanted = select(c.id).where(
        c.closed_at.is_(None), c.subject_kind == "event", c.reason == reason
    )
    return list(tx.run(wanted.order_by(c.id)).scalars())


def of_event(tx: Tx, inbox_id: int) -> list[Held]:
    """Open holds on an event or on the orders it caused."""
    orders = select(t.production_order.c.id).where(t.production_order.c.inbox_id == inbox_id)
    c = t.hold.c
    rows = tx.run(
        _holds()
        .where(
            c.closed_at.is_(None),
            ((c.subject_kind == "event") & (c.subject_id == inbox_id))
            | ((c.subject_kind == "order") & c.subject_id.in_(orders)),
        )
        .order_by(c.id)
    )
    return [_held(row) for row in rows]


def of_application(tx: Tx, number: str) -> list[tuple[Held, int]]:
    """Open holds on events that name this acceptance number, or on orders they caused.

    Each with the row of its event, whether the register knows the application or not.
    """
    c = t.hold.c
    rows = tx.run(
        _holds()
        .where(c.closed_at.is_(None), t.inbox.c.outcome["application"].as_string() == number)
        .order_by(c.id)
    )
    return [(_held(row), int(row.event)) for row in rows]


def _holds() -> Select[Any]:
    """Holds, each with its event and whatever is known of what it is about."""
    c, order = t.hold.c, t.production_order.c
    of_order = (c.subject_kind == "order") & (order.id == c.subject_id)
    event = case((c.subject_kind == "event", c.subject_id), else_=order.inbox_id)
    said = t.inbox.c.outcome
    return (
        select(
            t.hold,
            t.inbox.c.id.label("event"),
            func.coalesce(
                t.registration.c.number,
                t.application.c.acceptance_number,
                said["registration"].as_string(),
                said["application"].as_string(),
            ).label("about"),
            t.document.c.batch_id,
        )
        .outerjoin(t.production_order, of_order)
        .outerjoin(t.registration, t.registration.c.id == order.registration_id)
        .outerjoin(t.document, t.document.c.id == order.document_id)
        .outerjoin(t.application, t.application.c.id == t.document.c.application_id)
        .join(t.inbox, t.inbox.c.id == event)
    )


def counts(tx: Tx) -> dict[tuple[str, str], int]:
    """Open holds by (profile, reason)."""
    rows = tx.run(
        select(t.hold.c.profile, t.hold.c.reason, func.count())
        .where(t.hold.c.closed_at.is_(None))
        .group_by(t.hold.c.profile, t.hold.c.reason)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _held(row: Row[Any]) -> Held:
    return Held(
        id=row.id,
        profile=row.profile,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        about=f"batch {row.batch_id}" if row.batch_id else row.about,
        reason=row.reason,
        detail=row.detail,
        owner=row.owner,
        opened_at=row.opened_at,
    )
