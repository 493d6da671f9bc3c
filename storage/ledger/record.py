"""Recording a chunk: one fenced transaction in which editions switch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import case, exists, insert, select, update

from factory.brake import Brake
from factory.errors import FactoryError
from factory.lifecycle import Turn, after, before
from factory.model import BatchId, BatchState, Format, ItemState, OrderId, OrderState
from factory.notices import Type, batch_subject
from storage import tables as t
from storage.ledger import (
    audit,
    batches,
    braking,
    chunks,
    documents,
    holds,
    items,
    notices,
    orders,
    outbox,
    sealings,
    told,
)
from storage.ledger.base import Tx
from storage.ledger.chunks import Claim
from storage.ledger.notices import NewNotice

REPLACED = "a newer edition was made"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFile:
    """A finished file, checked and in the store."""

    order: OrderId
    format: Format
    object_key: str
    sha256: str
    size_bytes: int
    content_type: str
    signing_cert_sha256: str | None  #: None: nobody of ours has sealed it


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder:
    """An order that failed for good, and why."""

    order: OrderId
    error: FactoryError


def record(
    tx: Tx,
    claim: Claim,
    made: Sequence[MadeFile],
    held: Sequence[HeldOrder],
    *,
    brake: Brake,
    again_after: timedelta | None = None,
    rests: bool = False,
) -> bool:
    """Write what became of a chunk; False when the fence is lost and nothing was written.

    brake:       stops the batch of the chunk when too much of it fails.
    again_after: set when some orders were neither made nor held: the chunk is given back.
    rests:       nothing has failed: what is left waits for an answer from outside.
    """
    if not _given_back(tx, claim, again_after, rests=rests):
        return False
    if made:
        _record_made(tx, claim, made)
    wanted = _subjects_of(tx, {item.order for item in held})
    for item in (each for each in held if each.order in wanted):
        holds.hold_order(tx, item.order, reason=item.error.reason, detail=str(item.error))
    if claim.batch is not None:
        if held and braking.pull_if_due(tx, claim.batch, brake):
            return True
        complete_batch(tx, claim.batch)
        batches.ring_next(tx, claim.batch)
    return True


def _given_back(tx: Tx, claim: Claim, again_after: timedelta | None, *, rests: bool) -> bool:
    if again_after is None:
        return chunks.close(tx, claim)
    give_back = chunks.rest if rests else chunks.release
    return give_back(tx, claim, pause=again_after)


def _record_made(tx: Tx, claim: Claim, made: Sequence[MadeFile]) -> None:
    subjects = _subjects_of(tx, {file.order for file in made})
    if not subjects:
        return
    files = [_file_row(tx, file, subjects[file.order]) for file in made if file.order in subjects]
    tx.run(insert(t.file), files)
    tx.run(
        update(t.production_order)
        .where(t.production_order.c.id.in_(subjects))
        .values(state=OrderState.MADE.value, waits_for=None)
    )
    sealings.taken(tx, set(subjects))
    editions = [each.edition for each in subjects.values() if each.edition is not None]
    switch(tx, editions)
    _void_held(tx, editions)
    documents.made(tx, [each.document for each in subjects.values() if each.document is not None])
    tx.run(
        update(t.batch_item)
        .where(t.batch_item.c.order_id.in_(subjects))
        .values(state=ItemState.DONE.value)
    )
    _tell_editions(tx, claim, editions)
    _tell_documents(tx, claim, [each.document for each in subjects.values() if each.document])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What an order makes: an edition or a document."""

    profile: str
    edition: int | None
    document: int | None


def _subjects_of(tx: Tx, order_ids: set[OrderId]) -> dict[OrderId, _Subject]:
    """The orders that are still wanted: one may have become void while it was made."""
    c = t.production_order.c
    rows = tx.run(
        tx.locked(
            select(c.id, c.edition_id, c.document_id, c.profile).where(
                c.id.in_(order_ids), c.state == OrderState.READY
            )
        )
    )
    return {
        row.id: _Subject(profile=row.profile, edition=row.edition_id, document=row.document_id)
        for row in rows
    }


def _file_row(tx: Tx, file: MadeFile, of: _Subject) -> dict[str, object]:
    return {
        "order_id": file.order,
        "edition_id": of.edition,
        "profile": of.profile,
        "format": file.format.value,
        "object_key": file.object_key,
        "sha256": file.sha256,
        "size_bytes": file.size_bytes,
        "content_type": file.content_type,
        "signing_cert_sha256": file.signing_cert_sha256,
        "made_at": tx.now,
    }


def switch(tx: Tx, edition_ids: Sequence[int]) -> None:
    """Make these editions current and everything older of their registrations superseded.

    An edition that was outdated while it was being made stays outdated: the register has
    moved on, and a newer edition is on its way.
    """
    newer = t.edition.alias("newer")
    concerned = select(newer.c.registration_id).where(newer.c.id.in_(edition_ids))
    replaced = t.edition.c.registration_id.in_(concerned) & exists().where(
        newer.c.id.in_(edition_ids),
        newer.c.registration_id == t.edition.c.registration_id,
        newer.c.number > t.edition.c.number,
    )
    over = t.edition.c.state.in_(before(Turn.REPLACE)) & replaced
    told.editions(tx, Type.CERTIFICATE_SUPERSEDED, over, after(Turn.REPLACE))
    tx.run(update(t.edition).where(over).values(state=after(Turn.REPLACE).value))
    here = t.edition.c.id.in_(edition_ids)
    tx.run(update(t.edition).where(here).values(made_at=tx.now))
    # Made because the holder asked for it (领证): it is collected with that.
    asked = case(
        (t.edition.c.collected_at.is_not(None), after(Turn.MAKE_ASKED).value),
        else_=after(Turn.MAKE).value,
    )
    tx.run(
        update(t.edition).where(here, t.edition.c.state.in_(before(Turn.MAKE))).values(state=asked)
    )


def _void_held(tx: Tx, edition_ids: Sequence[int]) -> None:
    """What is held for an edition that is superseded is over; the reconciler ends its batch."""
    e, o = t.edition.c, t.production_order.c
    here = select(e.registration_id).where(e.id.in_(edition_ids))
    replaced = select(e.id).where(e.registration_id.in_(here), e.state == after(Turn.REPLACE))
    held = o.edition_id.in_(replaced) & (o.state == OrderState.HELD)
    orders.void(tx, held, why=REPLACED)


def _tell_editions(tx: Tx, claim: Claim, ids: Sequence[int]) -> None:
    rows = tx.run(
        select(
            t.edition.c.number,
            t.edition.c.state,
            t.registration.c.number.label("registration"),
            t.registration.c.profile,
            t.edition.c.id,
        )
        .join(t.registration, t.registration.c.id == t.edition.c.registration_id)
        .where(t.edition.c.id.in_(ids))
    ).all()
    notices.tell(
        tx,
        [
            NewNotice(
                type=Type.CERTIFICATE_MADE,
                profile=row.profile,
                subject=row.registration,
                data={
                    "registration": row.registration,
                    "edition": row.number,
                    "state": row.state,
                },
            )
            for row in rows
        ],
    )
    audit.note_all(
        tx,
        "edition made",
        [(("edition", row.id), {"state": row.state, "chunk": claim.id}) for row in rows],
        why="produced",
    )


def _tell_documents(tx: Tx, claim: Claim, ids: Sequence[int]) -> None:
    rows = tx.run(
        select(t.document, t.application.c.acceptance_number)
        .outerjoin(t.application, t.application.c.id == t.document.c.application_id)
        .where(t.document.c.id.in_(ids))
    ).all()
    notices.tell(
        tx,
        [
            NewNotice(
                type=Type.DOCUMENT_MADE,
                profile=row.profile,
                subject=row.acceptance_number or batch_subject(row.batch_id),
                data={
                    "kind": row.kind,
                    "application": row.acceptance_number,
                    "batch": row.batch_id,
                    "revision": row.revision,
                    "state": row.state,
                },
            )
            for row in rows
        ],
    )
    audit.note_all(
        tx,
        "document made",
        [(("document", row.id), {"state": row.state, "chunk": claim.id}) for row in rows],
        why="produced",
    )


def complete_batch(tx: Tx, batch: int) -> None:
    """Close the batch if no item of it is open any more; exactly one caller does."""
    tx.run(tx.locked(select(t.batch.c.id).where(t.batch.c.id == batch)))
    still_open = exists().where(
        t.batch_item.c.batch_id == batch, t.batch_item.c.state.in_(items.OPEN)
    )
    closed = tx.run(
        update(t.batch)
        .where(
            t.batch.c.id == batch,
            t.batch.c.state == BatchState.RUNNING,
            t.batch.c.expanded.is_(True),
            ~still_open,
        )
        .values(state=BatchState.COMPLETED.value, completed_at=tx.now, rung_at=tx.now)
    )
    if closed.rowcount:
        audit.note(tx, "batch completed", ("batch", batch), why="no item is open")
        told.batch(tx, batch)
        outbox.ring_batch(tx, BatchId(batch))  # its result is listed next
