"""Editions and production orders: the stored intent, with everything that will be printed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, insert, select, update

from factory.model import (
    BatchId,
    BatchState,
    ChunkId,
    EditionState,
    Format,
    ItemState,
    Kind,
    OrderState,
    ProfileId,
    Queue,
)
from storage import tables as t
from storage.ledger import audit, keys, outbox
from storage.ledger.base import Tx
from storage.sealed import DataKey

FACE = "production_order.face"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEdition:
    """An edition about to be ordered."""

    registration_id: int
    profile: ProfileId
    number: int
    licence_id: str
    code: str
    cause: str
    valid_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order about to be written; the face is sealed under the holder's key."""

    kind: Kind
    edition: NewEdition
    profile_version: str
    inbox_id: int
    data_key: int
    face: Mapping[str, object]
    face_version: int
    pictures: Mapping[str, str]
    formats: Sequence[Format]
    identity: str
    signed_at: datetime
    key_stem: str


def face_context(key_stem: str) -> str:
    """What a face is sealed for: it does not open for another order."""
    return f"{FACE}:{key_stem}"


def next_edition(tx: Tx, registration_ids: Sequence[int]) -> Mapping[int, int]:
    """The edition number each registration gets next, from 1."""
    rows = tx.run(
        select(t.edition.c.registration_id, func.max(t.edition.c.number))
        .where(t.edition.c.registration_id.in_(registration_ids))
        .group_by(t.edition.c.registration_id)
    )
    latest = {row[0]: row[1] for row in rows}
    return {ident: latest.get(ident, 0) + 1 for ident in registration_ids}


def ever_made(tx: Tx, registration_ids: Sequence[int]) -> frozenset[int]:
    """The registrations of which an edition was made here: somebody has looked at them."""
    c = t.edition.c
    wanted = select(c.registration_id).where(
        c.registration_id.in_(registration_ids), c.made_at.is_not(None)
    )
    return frozenset(tx.run(wanted).scalars())


def add_foreign_edition(
    tx: Tx, registration_id: int, profile: ProfileId, *, number: int, medium: str, until: date
) -> int:
    """An edition made elsewhere, on paper or electronic: in the holder's hands already."""
    row = _edition_row(tx, profile, registration_id, number, "registration.imported", until)
    row |= {"medium": medium, "state": EditionState.COLLECTED.value, "collected_at": tx.now}
    return int(tx.run(insert(t.edition).values(row)).inserted_primary_key[0])


def add(
    tx: Tx, orders: Sequence[NewOrder], *, queue: Queue, batch: BatchId | None = None
) -> list[tuple[int, int]]:
    """Write one chunk: editions, orders, the chunk itself and its bell; (order, edition) ids."""
    chunk = add_chunk(tx, queue, batch)
    edition_ids = _add_editions(tx, [order.edition for order in orders])
    opened = keys.load_all(tx, (order.data_key for order in orders))
    rows = [
        _order_row(tx, order, edition_id, chunk, batch, opened[order.data_key])
        for order, edition_id in zip(orders, edition_ids, strict=True)
    ]
    made = tx.run(
        insert(t.production_order).returning(t.production_order.c.id, sort_by_parameter_order=True),
        rows,
    )
    outbox.ring_chunks(tx, queue, [chunk])
    return list(zip(made.scalars(), edition_ids, strict=True))


def add_chunk(tx: Tx, queue: Queue, batch: BatchId | None) -> ChunkId:
    """An empty chunk, ready at once and counted as rung: its bell is in this transaction."""
    result = tx.run(
        insert(t.chunk).values(
            queue=queue.value,
            batch_id=batch,
            state="ready",
            run_after=tx.now,
            rung_at=tx.now,
            created_at=tx.now,
            correlation_id=tx.correlation,
        )
    )
    return ChunkId(result.inserted_primary_key[0])


def _add_editions(tx: Tx, editions: Sequence[NewEdition]) -> list[int]:
    rows = [
        _edition_row(tx, e.profile, e.registration_id, e.number, e.cause, e.valid_until)
        | {"licence_id": e.licence_id, "code": e.code}
        for e in editions
    ]
    inserted = tx.run(
        insert(t.edition).returning(t.edition.c.id, sort_by_parameter_order=True), rows
    )
    return list(inserted.scalars())


def _edition_row(
    tx: Tx, profile: ProfileId, registration_id: int, number: int, cause: str, until: date
) -> dict[str, object]:
    return {
        "registration_id": registration_id,
        "profile": profile,
        "number": number,
        "medium": "electronic",
        "state": EditionState.ORDERED.value,
        "cause": cause,
        "valid_until": until.isoformat(),
        "ordered_at": tx.now,
    }


def _order_row(
    tx: Tx,
    order: NewOrder,
    edition_id: int,
    chunk: ChunkId,
    batch: BatchId | None,
    key: DataKey,
) -> dict[str, object]:
    face = json.dumps(order.face, ensure_ascii=False, separators=(",", ":")).encode()
    return {
        "kind": order.kind.value,
        "profile": order.edition.profile,
        "profile_version": order.profile_version,
        "registration_id": order.edition.registration_id,
        "edition_id": edition_id,
        "inbox_id": order.inbox_id,
        "batch_id": batch,
        "chunk_id": chunk,
        "data_key_id": order.data_key,
        "state": OrderState.READY.value,
        "face": key.seal(face, context=face_context(order.key_stem)),
        "face_version": order.face_version,
        "pictures": dict(order.pictures),
        "formats": [fmt.value for fmt in order.formats],
        "identity": order.identity,
        "signed_at": order.signed_at,
        "key_stem": order.key_stem,
        "created_at": tx.now,
        "correlation_id": tx.correlation,
    }


def ready_again(tx: Tx, order_id: int) -> ChunkId:
    """A held order goes back to work in a chunk of its own; its batch is not at an end."""
    batch = tx.run(
        select(t.production_order.c.batch_id).where(t.production_order.c.id == order_id)
    ).scalar_one()
    queue = Queue.INTERACTIVE
    chunk = add_chunk(tx, queue, batch)
    tx.run(
        update(t.production_order)
        .where(t.production_order.c.id == order_id)
        .values(state=OrderState.READY.value, chunk_id=chunk)
    )
    if batch is not None:
        _reopen(tx, BatchId(batch), order_id)
    outbox.ring_chunks(tx, queue, [chunk])
    return chunk


def _reopen(tx: Tx, batch: BatchId, order_id: int) -> None:
    """The item is open again, so a batch that was complete no longer is."""
    tx.run(
        update(t.batch_item)
        .where(t.batch_item.c.batch_id == batch, t.batch_item.c.order_id == order_id)
        .values(state=ItemState.ORDERED.value, reason=None)
    )
    reopened = tx.run(
        update(t.batch)
        .where(t.batch.c.id == batch, t.batch.c.state == BatchState.COMPLETED)
        .values(state=BatchState.RUNNING.value, completed_at=None)
    )
    if reopened.rowcount:
        audit.note(tx, "batch reopened", ("batch", batch), why="a held order is made now")
