"""Facts of persons: kept sealed, and read whole to be folded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, exists, insert, select, update

from factory import events, register
from factory.events import RegistrationApproved
from factory.model import ApplicationState
from factory.register import Application, Fact, Key
from storage import tables as t
from storage.ledger import applications, inbox, keys
from storage.ledger.base import Tx
from storage.ledger.people import HolderRow
from storage.sealed import DataKey

CONTENT = "fact.content"


class FactState(StrEnum):
    """Of a fact."""

    APPLIED = "applied"
    WAITING = "waiting"  #: held, with its reason
    DISMISSED = "dismissed"  #: a person decided that it does not count


@dataclass(frozen=True, slots=True, kw_only=True)
class FactRow:
    """A fact, the event it came with, and whether it has taken effect."""

    fact: Fact
    inbox_id: int
    state: FactState


def put(tx: Tx, profile: str, holder: HolderRow, fact: Fact, inbox_id: int) -> None:
    """Keep a fact that has not taken effect yet; one that waits is replaced by what it is now."""
    key = keys.load(tx, holder.data_key)
    row = _row(profile, holder, key, fact, inbox_id) | {"state": FactState.WAITING.value}
    tx.run(
        tx.insert(t.fact)
        .values(row)
        .on_conflict_do_update(
            index_elements=[t.fact.c.source, t.fact.c.event_id],
            set_=row,
            where=t.fact.c.state == FactState.WAITING,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A fact that is kept and takes effect at once."""

    profile: str
    holder: HolderRow
    key: DataKey = field(repr=False)
    fact: Fact
    inbox_id: int


def put_applied(tx: Tx, applied: Iterable[Applied]) -> None:
    """Keep many facts that have taken effect."""
    rows = [
        _row(each.profile, each.holder, each.key, each.fact, each.inbox_id)
        | {"state": FactState.APPLIED.value}
        for each in applied
    ]
    tx.run(insert(t.fact), rows)


def _row(
    profile: str, holder: HolderRow, key: DataKey, fact: Fact, inbox_id: int
) -> dict[str, object]:
    return {
        "profile": profile,
        "holder_id": holder.id,
        "inbox_id": inbox_id,
        "data_key_id": holder.data_key,
        "effective": text(fact.effective),
        "source": fact.source,
        "event_id": fact.event_id,
        "type": fact.type,
        "content": key.seal(register.to_json(fact), context=content_context(fact.key)),
    }


def of_holder(tx: Tx, holder_id: int) -> list[FactRow]:
    """The facts of a person that count, opened."""
    c = t.fact.c
    rows = tx.run(
        select(t.fact)
        .where(c.holder_id == holder_id, c.state != FactState.DISMISSED)
        .order_by(c.effective, c.source, c.event_id)
    ).all()
    opened = keys.load_all(tx, (row.data_key_id for row in rows))
    return [
        FactRow(
            fact=register.from_json(
                row.source,
                row.event_id,
                row.type,
                opened[row.data_key_id].open(
                    row.content, context=content_context((row.source, row.event_id))
                ),
            ),
            inbox_id=row.inbox_id,
            state=FactState(row.state),
        )
        for row in rows
    ]


def settle(tx: Tx, inbox_ids: Iterable[int], state: FactState) -> None:
    """What has become of the facts of these events."""
    tx.run(update(t.fact).where(t.fact.c.inbox_id.in_(list(inbox_ids))).values(state=state.value))


def is_applied(tx: Tx, source: str, event_id: str) -> bool:
    """Whether the fact of that event has taken effect."""
    c = t.fact.c
    wanted = select(c.id).where(
        c.source == source, c.event_id == event_id, c.state == FactState.APPLIED
    )
    return tx.run(wanted).first() is not None


def dismiss(tx: Tx, inbox_id: int) -> None:
    """The fact of that event, if it has one and waits, counts no more."""
    tx.run(
        update(t.fact)
        .where(t.fact.c.inbox_id == inbox_id, t.fact.c.state == FactState.WAITING)
        .values(state=FactState.DISMISSED.value)
    )


def move(tx: Tx, from_holder: int, to_holder: int) -> None:
    """Two descriptions turn out to be one person: the facts of one become the other's."""
    tx.run(update(t.fact).where(t.fact.c.holder_id == from_holder).values(holder_id=to_holder))


def text(instant: datetime) -> str:
    """The instant as fixed-width text that sorts."""
    return instant.isoformat(timespec="microseconds")


def content_context(key: Key) -> str:
    """What a fact is sealed for: it does not open as another."""
    return f"{CONTENT}:{key[0]} {key[1]}"


def adopt(tx: Tx, *, limit: int) -> int:
    """Facts of what an older version wrote as a registration's event, oldest first; how many.

    Nothing else changes: a registration keeps its number, its editions and how it stands.
    """
    known = exists().where(
        t.fact.c.source == t.registration_event.c.source,
        t.fact.c.event_id == t.registration_event.c.event_id,
    )
    rows = tx.run(
        select(
            t.registration_event.c.inbox_id,
            t.registration_event.c.registration_id,
            t.registration.c.profile,
            t.registration.c.view,
            t.registration.c.holder_id,
            t.holder.c.data_key_id,
        )
        .join(t.registration, t.registration.c.id == t.registration_event.c.registration_id)
        .join(t.holder, t.holder.c.id == t.registration.c.holder_id)
        .where(~known)
        .order_by(t.registration_event.c.id)
        .limit(limit)
    ).all()
    for row in rows:
        _adopt(tx, row)
    return len(rows)


def _adopt(tx: Tx, row: Row[Any]) -> None:
    event = events.parse(inbox.body(tx, row.inbox_id))
    photo = row.view["photo"]
    fact = Fact(
        source=event.source,
        event_id=event.id,
        type=event.type,
        data=event.data,  # type: ignore[arg-type] # renames were never a registration's event
        pictures={"photo": photo} if photo else {},
    )
    holder = HolderRow(id=row.holder_id, data_key=row.data_key_id)
    put(tx, row.profile, holder, fact, row.inbox_id)
    settle(tx, [row.inbox_id], FactState.APPLIED)
    tx.run(
        update(t.registration)
        .where(t.registration.c.id == row.registration_id)
        .values(origin_source=event.source, origin_event=event.id)
    )
    if isinstance(event.data, RegistrationApproved):
        _adopt_application(tx, row.profile, holder, fact, event.data)


def _adopt_application(
    tx: Tx, profile: str, holder: HolderRow, fact: Fact, data: RegistrationApproved
) -> None:
    """What was approved had been applied for; a number two people have stays with the first."""
    number = data.application.acceptance_number
    if applications.holder_of(tx, profile, number) is not None:
        return
    ended = Application(
        number=number,
        kind=data.kind,
        state=ApplicationState.COMPLETED,
        opened=fact.effective,
        touched=fact.effective,
        handed_in=fact.effective,
        ended=fact.effective,
        approved=fact,
    )
    applications.put(tx, profile, holder, [ended])
