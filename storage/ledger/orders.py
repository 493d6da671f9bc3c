"""Editions and production orders: the stored intent, with everything that will be printed."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import date, datetime
from functools import cache

from sqlalchemy import ColumnElement, bindparam, case, func, insert, literal, select, update
from sqlalchemy.sql.base import Executable

from factory.errors import ConflictError
from factory.lifecycle import Turn, after, before
from factory.model import (
    BatchId,
    ChunkId,
    EditionState,
    Format,
    ItemState,
    Kind,
    OrderState,
    ProfileId,
    Queue,
)
from factory.notices import Type
from factory.numbering import LicenceId
from factory.plan import Brought
from storage import tables as t
from storage.ledger import audit, batches, documents, holds, keys, outbox, sealings, told
from storage.ledger.base import Tx
from storage.ledger.documents import NewDocument
from storage.ledger.watching import Waited
from storage.sealed import DataKey

FACE = "production_order.face"
TOLD = {Turn.OUTDATE: Type.CERTIFICATE_OUTDATED, Turn.REVOKE: Type.CERTIFICATE_REVOKED}
NOT_MADE = (OrderState.WAITING, OrderState.READY, OrderState.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEdition:
    """An edition about to be ordered."""

    registration_id: int
    profile: ProfileId
    number: int
    licence_id: str | None
    code: str | None
    cause: str
    basis: str
    valid_until: date
    collected: bool = False  #: as soon as it is made: its holder need not ask for it again


@dataclass(frozen=True, slots=True)
class ForeignEdition:
    """An edition made elsewhere that is, or was, in the holder's hands."""

    edition: NewEdition
    _: KW_ONLY
    medium: str
    turn: Turn = Turn.TAKE_OVER  #: what has become of it


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order about to be written; the face is sealed under the holder's key.

    subject:  what it makes: an edition of a certificate, or another document.
    identity: whose seal it gets; None: nobody's of ours.
    """

    kind: Kind
    subject: NewEdition | NewDocument
    profile_version: str
    inbox_id: int
    data_key: int
    face: Mapping[str, object]
    face_version: int
    pictures: Mapping[str, str]
    formats: Sequence[Format]
    identity: str | None
    signed_at: datetime
    key_stem: str
    waits_for: str | None = None  #: what it waits for, e.g. ``collection``


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """An order that was written, with the row of what it makes."""

    order: int
    edition: int | None = None
    document: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest edition of a registration, as the next one is decided by it.

    One that was given up before it was made is passed over.

    last:            the highest number that any edition has.
    profile_version: by which it was made; None: elsewhere.
    """

    id: int
    number: int
    last: int
    medium: str
    state: EditionState
    basis: str | None
    valid_until: str
    order: int | None
    order_state: OrderState | None
    profile_version: str | None

    @property
    def stands(self) -> bool:
        """Whether it is, or is about to be, what the register says."""
        return self.state in before(Turn.OUTDATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """The edition a registration gets next.

    number:  from 1.
    brought: the edition it was taken over with, whose licence id goes on.
    """

    number: int
    brought: Brought | None


def face_context(key_stem: str) -> str:
    """What a face is sealed for: it does not open for another order."""
    return f"{FACE}:{key_stem}"


def next_edition(tx: Tx, registration_ids: Sequence[int]) -> Mapping[int, Next]:
    """What each registration gets next."""
    rows = tx.run(
        select(t.edition.c.registration_id, func.max(t.edition.c.number))
        .where(t.edition.c.registration_id.in_(registration_ids))
        .group_by(t.edition.c.registration_id)
    )
    latest, continued = {row[0]: row[1] for row in rows}, brought(tx, registration_ids)
    return {
        ident: Next(number=latest.get(ident, 0) + 1, brought=continued.get(ident))
        for ident in registration_ids
    }


def brought(tx: Tx, registration_ids: Sequence[int]) -> Mapping[int, Brought]:
    """The editions with a licence id that registrations were taken over with."""
    c = t.edition.c
    rows = tx.run(
        select(c.registration_id, c.number, c.licence_id).where(
            c.registration_id.in_(registration_ids), c.code.is_(None), c.licence_id.is_not(None)
        )
    )
    return {row[0]: Brought(number=row[1], licence_id=row[2]) for row in rows}


def is_shared(tx: Tx, licence: LicenceId, registration_id: int) -> bool:
    """Whether another registration has an edition under the same type, issuer and serial."""
    stem = licence.certificate
    given = {"first": f"{stem}.000", "last": f"{stem}.999.Z", "own": registration_id}
    return any(found.startswith(f"{stem}.") for found in tx.run(_sharing(), given).scalars())


@cache
def _sharing() -> Executable:
    c = t.edition.c
    return select(c.licence_id).where(
        c.licence_id.between(bindparam("first"), bindparam("last")),
        c.registration_id != bindparam("own"),
    )


def newest(tx: Tx, registration_id: int) -> Newest | None:
    """The newest edition of a registration; None: there is none yet."""
    return newest_of(tx, [registration_id]).get(registration_id)


def newest_of(tx: Tx, registration_ids: Sequence[int]) -> Mapping[int, Newest]:
    """The newest edition of each of these registrations that has one."""
    e, o = t.edition.c, t.production_order.c
    given_up = after(Turn.GIVE_UP)
    rows = tx.run(
        select(
            t.edition,
            o.id.label("order_id"),
            o.state.label("order_state"),
            o.profile_version,
        )
        .outerjoin(t.production_order, o.edition_id == e.id)
        .where(e.registration_id.in_(registration_ids))
        .order_by(e.registration_id, e.number)
    ).all()
    last = {row.registration_id: row.number for row in rows}
    return {
        row.registration_id: Newest(
            id=row.id,
            number=row.number,
            last=last[row.registration_id],
            medium=row.medium,
            state=EditionState(row.state),
            basis=row.basis,
            valid_until=row.valid_until,
            order=row.order_id,
            order_state=OrderState(row.order_state) if row.order_state else None,
            profile_version=row.profile_version,
        )
        for row in rows
        if row.state != given_up
    }


def last_made(tx: Tx, registration_ids: Sequence[int]) -> Mapping[int, int]:
    """The row of the last edition that was made here, of each registration that has one."""
    c = t.edition.c
    wanted = (
        select(c.registration_id, func.max(c.id))
        .where(c.registration_id.in_(registration_ids), c.made_at.is_not(None))
        .group_by(c.registration_id)
    )
    return {row[0]: row[1] for row in tx.run(wanted)}


def is_licence_taken(tx: Tx, licence_id: str) -> bool:
    """Whether any edition has that licence id (证照标识)."""
    wanted = select(t.edition.c.id).where(t.edition.c.licence_id == licence_id)
    return tx.run(wanted).first() is not None


def add_foreign_edition(tx: Tx, edition: NewEdition, *, medium: str) -> None:
    """An edition made elsewhere, on paper or electronic: in the holder's hands already.

    ConflictError: another edition has its licence id.
    """
    if edition.licence_id is not None and licensed(tx, [edition.licence_id]):
        raise ConflictError("edition.licence_id: another certificate has it (GB/T 36904-2018)")
    add_foreign_editions(tx, [ForeignEdition(edition, medium=medium)])


def add_foreign_editions(tx: Tx, editions: Iterable[ForeignEdition]) -> None:
    """The same of many, nobody else having their licence ids."""
    rows = [
        _edition_row(tx, each.edition)
        | {"medium": each.medium, "state": after(each.turn).value, "collected_at": tx.now}
        for each in editions
    ]
    if rows:
        tx.run(insert(t.edition), rows)


def licensed(tx: Tx, licence_ids: Collection[str]) -> frozenset[str]:
    """Those of the licence ids that an edition has."""
    wanted = select(t.edition.c.licence_id).where(t.edition.c.licence_id.in_(licence_ids))
    return frozenset(tx.run(wanted).scalars())


def add(
    tx: Tx,
    orders: Sequence[NewOrder],
    *,
    queue: Queue,
    batch: BatchId | None = None,
    canary: bool = False,
) -> list[Added]:
    """Write one chunk: what is to be made, orders, the chunk itself and its bell.

    Orders that wait (all of them or none) get their chunk when they are released.

    canary: these are the first certificates of a batch.
    """
    waits = {order.waits_for is not None for order in orders} == {True}
    chunk = None if waits else add_chunk(tx, queue, batch, canary=canary)
    subjects = _add_subjects(tx, [order.subject for order in orders])
    opened = keys.load_all(tx, (order.data_key for order in orders))
    rows = [
        _order_row(tx, order, subject, chunk, batch, opened[order.data_key])
        for order, subject in zip(orders, subjects, strict=True)
    ]
    made = tx.run(
        insert(t.production_order).returning(t.production_order.c.id, sort_by_parameter_order=True),
        rows,
    )
    if chunk is not None:
        outbox.ring_chunks(tx, queue, [chunk])
    return [
        Added(order=ident, edition=subject["edition_id"], document=subject["document_id"])
        for ident, subject in zip(made.scalars(), subjects, strict=True)
    ]


def add_chunk(
    tx: Tx,
    queue: Queue,
    batch: BatchId | None,
    *,
    canary: bool = False,
    correlation: str | None = None,
) -> ChunkId:
    """An empty chunk, ready at once and counted as rung: its bell is in this transaction.

    correlation: of the course it is of; None: the transaction's.
    """
    result = tx.run(
        insert(t.chunk).values(
            queue=queue.value,
            batch_id=batch,
            canary=canary,
            state="ready",
            run_after=tx.now,
            rung_at=tx.now,
            created_at=tx.now,
            correlation_id=correlation or tx.correlation,
        )
    )
    return ChunkId(result.inserted_primary_key[0])


def _add_subjects(
    tx: Tx, subjects: Sequence[NewEdition | NewDocument]
) -> list[dict[str, int | None]]:
    """Rows of what is to be made, as the columns of an order that point to them."""
    editions = [each for each in subjects if isinstance(each, NewEdition)]
    ids = iter(_add_editions(tx, editions) if editions else ())
    return [
        {"registration_id": each.registration_id, "edition_id": next(ids), "document_id": None}
        if isinstance(each, NewEdition)
        else {
            "registration_id": None,
            "edition_id": None,
            "document_id": documents.add(tx, each),
        }
        for each in subjects
    ]


def _add_editions(tx: Tx, editions: Sequence[NewEdition]) -> list[int]:
    rows = [_edition_row(tx, edition) for edition in editions]
    inserted = tx.run(
        insert(t.edition).returning(t.edition.c.id, sort_by_parameter_order=True), rows
    )
    return list(inserted.scalars())


def _edition_row(tx: Tx, edition: NewEdition) -> dict[str, object]:
    return {
        "registration_id": edition.registration_id,
        "profile": edition.profile,
        "number": edition.number,
        "medium": "electronic",
        "licence_id": edition.licence_id,
        "code": edition.code,
        "state": after(Turn.ORDER).value,
        "cause": edition.cause,
        "basis": edition.basis,
        "valid_until": edition.valid_until.isoformat(),
        "ordered_at": tx.now,
        "collected_at": tx.now if edition.collected else None,
    }


def _order_row(
    tx: Tx,
    order: NewOrder,
    subject: Mapping[str, int | None],
    chunk: ChunkId | None,
    batch: BatchId | None,
    key: DataKey,
) -> dict[str, object]:
    waits = order.waits_for is not None
    return {
        "kind": order.kind.value,
        "profile": order.subject.profile,
        "profile_version": order.profile_version,
        **subject,
        "inbox_id": order.inbox_id,
        "batch_id": batch,
        "chunk_id": chunk,
        "data_key_id": order.data_key,
        "state": (OrderState.WAITING if waits else OrderState.READY).value,
        "waits_for": order.waits_for,
        **_printed(order, key),
        "key_stem": order.key_stem,
        "created_at": tx.now,
        "correlation_id": tx.correlation,
    }


def _printed(order: NewOrder, key: DataKey) -> dict[str, object]:
    face = json.dumps(order.face, ensure_ascii=False, separators=(",", ":")).encode()
    return {
        "profile_version": order.profile_version,
        "face": key.seal(face, context=face_context(order.key_stem)),
        "face_version": order.face_version,
        "pictures": dict(order.pictures),
        "formats": [fmt.value for fmt in order.formats],
        "identity": order.identity,
        "signed_at": order.signed_at,
    }


def promised(tx: Tx, order_id: int) -> tuple[str, int, date]:
    """Why an order exists: the event type, the event's row, and the day of issue it prints."""
    row = tx.run(
        select(t.production_order, t.edition.c.cause)
        .join(t.edition, t.edition.c.id == t.production_order.c.edition_id)
        .where(t.production_order.c.id == order_id)
    ).one()
    key = keys.load(tx, row.data_key_id)
    face = json.loads(key.open(row.face, context=face_context(row.key_stem)))
    return row.cause, row.inbox_id, date.fromisoformat(face["issued_on"])


def replan(tx: Tx, order_id: int, order: NewOrder) -> None:
    """A waiting order prints something else from now on; its edition keeps its number."""
    edition, key = order.subject, keys.load(tx, order.data_key)
    assert isinstance(edition, NewEdition)  # noqa: S101 - nothing else waits
    tx.run(
        update(t.production_order)
        .where(t.production_order.c.id == order_id)
        .values(inbox_id=order.inbox_id, **_printed(order, key))
    )
    tx.run(
        update(t.edition)
        .where(t.edition.c.registration_id == edition.registration_id)
        .where(t.edition.c.number == edition.number)
        .values(
            licence_id=edition.licence_id,
            code=edition.code,
            cause=edition.cause,
            basis=edition.basis,
            valid_until=edition.valid_until.isoformat(),
        )
    )


def release(tx: Tx, order_id: int) -> None:
    """A waiting order goes to work, in the course of its own event."""
    queue, c = Queue.INTERACTIVE, t.production_order.c
    course = tx.run(select(c.correlation_id).where(c.id == order_id)).scalar_one()
    chunk = add_chunk(tx, queue, None, correlation=course)
    tx.run(
        update(t.production_order)
        .where(t.production_order.c.id == order_id)
        .values(state=OrderState.READY.value, waits_for=None, chunk_id=chunk)
    )
    outbox.ring_chunks(tx, queue, [chunk], correlation=course)


def note_collectable(tx: Tx, inbox_id: int) -> None:
    """What that event ordered is made when its holder collects it (领证): it can be from now on."""
    c, i = t.production_order.c, t.inbox.c
    rows = tx.run(
        select(c.profile, i.received_at)
        .join(t.inbox, i.id == c.inbox_id)
        .where(c.inbox_id == inbox_id, c.state == OrderState.WAITING)
    )
    tx.waited.extend(Waited(profile=row.profile, since=row.received_at) for row in rows)


def void_open(tx: Tx, registration_id: int, *, why: str) -> set[BatchId]:
    """Orders of a registration that are not made never will be; the batches they were of.

    Holds on them end, and their items are skipped for that reason.
    """
    return void(tx, t.production_order.c.registration_id == registration_id, why=why)


def void_documents(tx: Tx, ids: Collection[int], *, why: str) -> None:
    """Documents are void (作废); what was not made of them never will be."""
    documents.void(tx, ids)
    void(tx, t.production_order.c.document_id.in_(ids), why=why)


def void(tx: Tx, whose: ColumnElement[bool], *, why: str) -> set[BatchId]:
    """Those of these orders that are not made never will be; the batches they were of."""
    c = t.production_order.c
    rows = tx.run(
        update(t.production_order)
        .where(whose, c.state.in_(NOT_MADE))
        .values(state=OrderState.VOID.value, waits_for=None)
        .returning(c.id, c.batch_id)
    ).all()
    ids = [row.id for row in rows]
    if not ids:
        return set()
    sealings.unwant(tx, ids)
    holds.close_orders(tx, ids, why=why)
    tx.run(
        update(t.batch_item)
        .where(t.batch_item.c.order_id.in_(ids))
        .values(state=ItemState.SKIPPED.value, reason=why)
    )
    audit.note_all(tx, "order void", [(("order", ident), {}) for ident in ids], why=why)
    return {BatchId(row.batch_id) for row in rows if row.batch_id is not None}


def turn_all(tx: Tx, registration_id: int, turn: Turn) -> None:
    """All editions of a registration that can be are outdated, or revoked."""
    e = t.edition.c
    those = (e.registration_id == registration_id) & e.state.in_(before(turn))
    told.editions(tx, TOLD[turn], those, after(turn))
    tx.run(update(t.edition).where(those).values(state=after(turn).value))


def give_up(tx: Tx, batch: BatchId, *, why: str) -> None:
    """What is ordered of a batch and not made never will be; nor its editions."""
    c = t.production_order.c
    wanted = select(c.edition_id).where(c.batch_id == batch, c.state.in_(NOT_MADE))
    tx.run(
        update(t.edition)
        .where(t.edition.c.id.in_(wanted), t.edition.c.state.in_(before(Turn.GIVE_UP)))
        .values(state=after(Turn.GIVE_UP).value)
    )
    void(tx, c.batch_id == batch, why=why)


def ready_again(tx: Tx, order_id: int) -> ChunkId:
    """A held order goes back to work in a chunk of its own; its batch is not at an end.

    What we seal is sealed as of now: a seal that was renewed meanwhile is not valid before.
    But what somebody outside was asked to seal is asked for as it was.
    """
    c = t.production_order.c
    row = tx.run(select(c.batch_id, c.correlation_id).where(c.id == order_id)).one()
    queue, course = Queue.INTERACTIVE, row.correlation_id
    return _ready_again(tx, [order_id], queue, row.batch_id, correlation=course)


def all_ready_again(tx: Tx, order_ids: Sequence[int], batch: BatchId, *, why: str) -> ChunkId:
    """The same of many held orders of a batch, in one chunk; the holds on them end."""
    holds.close_orders(tx, order_ids, why=why)
    audit.note_all(tx, "tried again", [(("order", each), {}) for each in order_ids], why=why)
    return _ready_again(tx, order_ids, Queue.BULK, batch)


def _ready_again(
    tx: Tx,
    order_ids: Sequence[int],
    queue: Queue,
    batch: BatchId | None,
    *,
    correlation: str | None = None,
) -> ChunkId:
    c = t.production_order.c
    chunk = add_chunk(tx, queue, batch, correlation=correlation)
    now = tx.now.replace(microsecond=0)
    as_before = [ident for ident in order_ids if sealings.go_on(tx, ident)]
    sealed_anew = c.identity.is_not(None) & c.id.not_in(as_before)
    tx.run(
        update(t.production_order)
        .where(c.id.in_(order_ids))
        .values(
            state=OrderState.READY.value,
            chunk_id=chunk,
            signed_at=case((sealed_anew, literal(now, c.signed_at.type)), else_=c.signed_at),
        )
    )
    if batch is not None:
        _reopen(tx, BatchId(batch), order_ids)
    outbox.ring_chunks(tx, queue, [chunk], correlation=correlation)
    return chunk


def _reopen(tx: Tx, batch: BatchId, order_ids: Sequence[int]) -> None:
    """The items are open again, so a batch that was complete no longer is."""
    tx.run(
        update(t.batch_item)
        .where(t.batch_item.c.batch_id == batch, t.batch_item.c.order_id.in_(order_ids))
        .values(state=ItemState.ORDERED.value, reason=None)
    )
    batches.reopen(tx, batch, why="a held order is made now")
