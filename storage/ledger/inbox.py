"""Accepted events (inbox), once each, and which source may speak for which profile."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, select, true, update

from factory.errors import NotFoundError
from storage import tables as t
from storage.ledger import keys
from storage.ledger.base import Tx
from storage.sealed import DataKey

BODY = "inbox.body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An event the factory has: what it was and what became of it."""

    id: int
    source: str
    event_id: str
    type: str
    digest: str
    state: str
    outcome: Mapping[str, Any]
    correlation: str


def find(tx: Tx, source: str, event_id: str) -> Received | None:
    """The event of that source and id, if it was accepted before."""
    row = tx.run(
        select(t.inbox).where(t.inbox.c.source == source, t.inbox.c.event_id == event_id)
    ).one_or_none()
    return _received(row) if row else None


def expect(tx: Tx, source: str, event_id: str) -> Received:
    """The event of that source and id, which is known to be there."""
    received = find(tx, source, event_id)
    if received is None:
        raise NotFoundError("event: there is no such event")
    return received


def digests(tx: Tx, source: str, event_ids: Iterable[str]) -> Mapping[str, str]:
    """The digests of the events of a source that were accepted before, by event id."""
    c = t.inbox.c
    rows = tx.run(
        select(c.event_id, c.digest).where(c.source == source, c.event_id.in_(list(event_ids)))
    )
    return {row.event_id: row.digest for row in rows}


def get(tx: Tx, inbox_id: int) -> Received:
    """An accepted event by its row."""
    return _received(tx.run(select(t.inbox).where(t.inbox.c.id == inbox_id)).one())


def by_event_id(tx: Tx, event_id: str, *, source: str | None = None) -> list[Received]:
    """The events of that id, one a source.

    source: of this one alone; None: of all.
    """
    c = t.inbox.c
    said = true() if source is None else c.source == source
    rows = tx.run(select(t.inbox).where(said, c.event_id == event_id).order_by(c.id))
    return [_received(row) for row in rows]


def body(tx: Tx, inbox_id: int) -> bytes:
    """The event as it came, opened."""
    row = tx.run(select(t.inbox).where(t.inbox.c.id == inbox_id)).one()
    key = keys.load(tx, row.data_key_id)
    return key.open(row.body, context=body_context(row.source, row.event_id))


def bodies(tx: Tx, key_ids: Collection[int]) -> Iterator[bytes]:
    """The events that are sealed under these keys, opened, oldest first."""
    opened, c = keys.load_all(tx, key_ids), t.inbox.c
    for row in tx.run(select(t.inbox).where(c.data_key_id.in_(key_ids)).order_by(c.id)).all():
        yield opened[row.data_key_id].open(row.body, context=body_context(row.source, row.event_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An event that is stored together with what became of it.

    data_key:    of the person it speaks of, with its row.
    correlation: its own; None: the transaction's.
    """

    source: str
    event_id: str
    kind: str
    digest: str
    raw: bytes = field(repr=False)
    data_key: tuple[int, DataKey] = field(repr=False)
    outcome: Mapping[str, object]
    correlation: str | None


def add_settled(tx: Tx, events: Sequence[Settled]) -> list[int]:
    """Store accepted events and their outcomes; the rows' ids, in the same order."""
    rows = [
        _row(tx, each.source, each.event_id, each.kind)
        | {
            "digest": each.digest,
            "data_key_id": each.data_key[0],
            "body": each.data_key[1].seal(
                each.raw, context=body_context(each.source, each.event_id)
            ),
            "outcome": dict(each.outcome),
            "correlation_id": each.correlation or tx.correlation,
        }
        for each in events
    ]
    returning = tx.insert(t.inbox).returning(t.inbox.c.id, sort_by_parameter_order=True)
    return list(tx.run(returning, rows).scalars())


def _row(tx: Tx, source: str, event_id: str, kind: str) -> dict[str, object]:
    return {
        "source": source,
        "event_id": event_id,
        "type": kind,
        "received_at": tx.now,
        "submitted_by": tx.who,
        "state": "accepted",
        "outcome": {},
        "correlation_id": tx.correlation,
    }


def add(
    tx: Tx, *, source: str, event_id: str, kind: str, digest: str, raw: bytes, data_key: int
) -> int | None:
    """Store an event under the data key of the person it speaks of; the row's id.

    None: another transaction stored the same (source, id) meanwhile.
    """
    sealed = keys.load(tx, data_key).seal(raw, context=body_context(source, event_id))
    result = tx.run(
        tx.insert(t.inbox)
        .values(
            _row(tx, source, event_id, kind)
            | {"digest": digest, "data_key_id": data_key, "body": sealed}
        )
        .on_conflict_do_nothing()
        .returning(t.inbox.c.id)
    )
    stored: int | None = result.scalar_one_or_none()
    return stored


def settle(tx: Tx, inbox_id: int, state: str, outcome: Mapping[str, object]) -> None:
    """What became of it: ``accepted`` with its numbers, or ``held``."""
    tx.run(
        update(t.inbox).where(t.inbox.c.id == inbox_id).values(state=state, outcome=dict(outcome))
    )


def grants(tx: Tx, source: str) -> frozenset[str]:
    """The profiles this source may submit for."""
    rows = tx.run(select(t.source_grant.c.profile).where(t.source_grant.c.source == source))
    return frozenset(rows.scalars())


def grant(tx: Tx, source: str, profile: str) -> None:
    """Let a source submit for a profile; doing so twice changes nothing."""
    tx.run(
        tx.insert(t.source_grant).values(source=source, profile=profile).on_conflict_do_nothing()
    )


def withdraw(tx: Tx, source: str, profile: str) -> bool:
    """Let a source submit for a profile no longer; whether it was."""
    c = t.source_grant.c
    gone = delete(t.source_grant).where(c.source == source, c.profile == profile)
    return bool(tx.run(gone).rowcount)


def all_grants(tx: Tx) -> list[tuple[str, str]]:
    """Every (source, profile) pair."""
    wanted = select(t.source_grant.c.source, t.source_grant.c.profile).order_by(
        t.source_grant.c.source, t.source_grant.c.profile
    )
    return [(row.source, row.profile) for row in tx.run(wanted)]


def body_context(source: str, event_id: str) -> str:
    """What an event is sealed for: it does not open as another."""
    return f"{BODY}:{source} {event_id}"


def _received(row: Any) -> Received:
    return Received(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        type=row.type,
        digest=row.digest,
        state=row.state,
        outcome=row.outcome,
        correlation=row.correlation_id,
    )
