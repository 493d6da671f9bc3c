"""Recording a chunk: one fenced transaction in which editions switch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from sqlalchemy import bindparam, case, exists, insert, literal, select, update
from sqlalchemy.sql.base import Executable

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
from storage.ledger.spelling import among, given_rows
from storage.ledger.watching import Waited

REPLACED = "a newer edition was made"
#: columns of a file that are fields of `MadeFile` too
OF_FILE = (
    "format", "object_key", "sha256", "size_bytes", "content_type", "signing_cert_sha256",
    "awaits", "proved_until",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeFile:
    """A finished file, checked and in the store.

    awaits:       ``stamp``: it was released without the one that its profile asks for.
    proved_until: the day (UTC) on which the certificate of its time stamp's authority ends.
    """

    order: OrderId
    format: Format
    object_key: str
    sha256: str
    size_bytes: int
    content_type: str
    signing_cert_sha256: str | None  #: None: nobody of ours has sealed it
    awaits: str | None = None
    proved_until: str | None = None


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
    because: FactoryError | None = None,
) -> bool:
    """Write what became of a chunk; False when the fence is lost and nothing was written.

    brake:       stops the batch of the chunk when too much of it fails.
    again_after: set when some orders were neither made nor held: the chunk is given back.
    rests:       nothing has failed: what is left waits for an answer from outside.
    because:     what they wait for, which is told until the chunk is recorded again.
    """
    if not _given_back(tx, claim, again_after, rests=rests, because=because):
        return False
    if made:
        _record_made(tx, claim, made)
    if held:
        _record_held(tx, held)
    if claim.batch is not None:
        if held and braking.pull_if_due(tx, claim.batch, brake):
            return True
        _go_on(tx, claim.batch)
    return True


def _given_back(
    tx: Tx,
    claim: Claim,
    again_after: timedelta | None,
    *,
    rests: bool,
    because: FactoryError | None,
) -> bool:
    if again_after is None:
        return chunks.close(tx, claim)
    give_back = chunks.rest if rests else chunks.release
    return give_back(tx, claim, pause=again_after, because=because)


def _record_made(tx: Tx, claim: Claim, made: Sequence[MadeFile]) -> None:
    rows = tx.run(_making(), {"orders": [file.order for file in made]}).all()
    if not rows:
        return
    ids = [row.id for row in rows]
    if claim.batch is None:
        found = tx.run(_waiting(), {"orders": ids})
        tx.waited.extend(Waited(profile=row.profile, since=row.received_at) for row in found)
    _add_files(tx, made, frozenset(ids))
    sealings.taken(tx, ids)
    editions = [row.edition_id for row in rows if row.edition_id is not None]
    if editions:
        switch(tx, editions)
        _void_held(tx, editions)
    of_documents = [row.document_id for row in rows if row.document_id is not None]
    if of_documents:
        documents.made(tx, of_documents)
    tx.run(_doing_items(), {"orders": ids})
    if editions:
        _tell_editions(tx, claim, editions)
    if of_documents:
        _tell_documents(tx, claim, of_documents)


@cache
def _making() -> Executable:
    """Those that are still wanted: one may have become void while it was made."""
    c = t.production_order.c
    return (
        update(t.production_order)
        .where(among(c.id, "orders"), c.state == OrderState.READY)
        .values(state=OrderState.MADE.value, waits_for=None)
        .returning(c.id, c.edition_id, c.document_id)
    )


@cache
def _waiting() -> Executable:
    """Of orders that were just made, the register and when its event was taken over.

    Only those of certificates that somebody waits for: not of bulk events, nor out of date by
    now, nor made because their holders collect them (领证), and could before.
    """
    o, e = t.production_order.c, t.edition.c
    return (
        select(o.profile, t.inbox.c.received_at)
        .join(t.edition, e.id == o.edition_id)
        .join(t.inbox, t.inbox.c.id == o.inbox_id)
        .where(among(o.id, "orders"), o.batch_id.is_(None))
        .where(e.state.in_(before(Turn.MAKE)), e.collected_at.is_(None))
    )


def _add_files(tx: Tx, made: Iterable[MadeFile], wanted: Collection[OrderId]) -> None:
    files = [
        (each.order, *(getattr(each, name) for name in OF_FILE))
        for each in made
        if each.order in wanted
    ]
    tx.run(_adding_files(), {"files": files, "now": tx.now})


@cache
def _adding_files() -> Executable:
    f, o = t.file.c, t.production_order.c
    files, (order, *values) = given_rows("files", [f.order_id, *(f[name] for name in OF_FILE)])
    now = bindparam("now", type_=f.made_at.type)
    # Not before it was ordered, though the clock was set back: it says itself when that was.
    made_at = case((o.signed_at > now, o.signed_at), else_=now)
    wanted = (
        select(o.id, o.edition_id, o.profile, *values, made_at)
        .select_from(files)
        .join(t.production_order, o.id == order)
    )
    columns = ["order_id", "edition_id", "profile", *OF_FILE, "made_at"]
    return insert(t.file).from_select(columns, wanted)


@cache
def _doing_items() -> Executable:
    item = t.batch_item
    return update(item).where(among(item.c.order_id, "orders")).values(state=ItemState.DONE.value)


def switch(tx: Tx, edition_ids: Sequence[int]) -> None:
    """Make these editions current and everything older of their registrations superseded.

    An edition that was outdated while it was being made stays outdated: the register has
    moved on, and a newer edition is on its way.
    """
    telling, superseding, making = _switching()
    tx.run(telling, {**tx.stamp, "editions": edition_ids})
    tx.run(superseding, {"editions": edition_ids})
    tx.run(making, {"now": tx.now, "editions": edition_ids})


@cache
def _switching() -> tuple[Executable, Executable, Executable]:
    e, newer, older = t.edition.c, t.edition.alias("newer"), t.edition.alias("older")
    replaced = (
        select(older.c.id)
        .join(newer, newer.c.registration_id == older.c.registration_id)
        .where(among(newer.c.id, "editions"), newer.c.number > older.c.number)
    )
    over = e.state.in_(before(Turn.REPLACE)) & e.id.in_(replaced)
    superseded = after(Turn.REPLACE).value
    is_asked = e.state.in_(before(Turn.MAKE)) & e.collected_at.is_not(None)
    made = case(
        # Made because the holder asked for it (领证): it is collected with that.
        (is_asked, after(Turn.MAKE_ASKED).value),
        (e.state.in_(before(Turn.MAKE)), after(Turn.MAKE).value),
        else_=e.state,
    )
    return (
        told.telling(Type.CERTIFICATE_SUPERSEDED, over, literal(superseded)),
        update(t.edition).where(over).values(state=superseded),
        update(t.edition)
        .where(among(e.id, "editions"))
        .values(made_at=bindparam("now"), state=made),
    )


def _void_held(tx: Tx, edition_ids: Sequence[int]) -> None:
    """What is held for an edition that is superseded is over; the reconciler ends its batch."""
    held = tx.run(_held_for_nothing(), {"editions": edition_ids}).scalars().all()
    if held:
        c = t.production_order.c
        orders.void(tx, c.id.in_(held) & (c.state == OrderState.HELD), why=REPLACED)


@cache
def _held_for_nothing() -> Executable:
    e, o, newer = t.edition.c, t.production_order.c, t.edition.alias("newer")
    return (
        select(o.id)
        .join(t.edition, e.id == o.edition_id)
        .join(newer, newer.c.registration_id == e.registration_id)
        .where(among(newer.c.id, "editions"))
        .where(e.state == after(Turn.REPLACE), o.state == OrderState.HELD)
    )


def _tell_editions(tx: Tx, claim: Claim, ids: Sequence[int]) -> None:
    telling, noting = _telling_editions()
    tx.run(telling, {**tx.stamp, "editions": ids})
    tx.run(noting, {**tx.stamp, "editions": ids, "by_chunk": claim.id})


@cache
def _telling_editions() -> tuple[Executable, Executable]:
    e = t.edition.c
    here = among(e.id, "editions")
    chunk = bindparam("by_chunk", type_=t.chunk.c.id.type)
    return (
        told.telling(Type.CERTIFICATE_MADE, here, e.state),
        audit.noting(
            "edition made",
            ("edition", e.id),
            why="produced",
            what={"state": e.state, "chunk": chunk},
            which=here,
        ),
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


def _record_held(tx: Tx, held: Sequence[HeldOrder]) -> None:
    wanted = _ready(tx, {each.order for each in held})
    for each in held:
        if each.order in wanted:
            holds.hold_order(tx, each.order, reason=each.error.reason, detail=str(each.error))


def _ready(tx: Tx, order_ids: Collection[OrderId]) -> frozenset[OrderId]:
    """The orders that are still wanted: one may have become void while it was made."""
    c = t.production_order.c
    wanted = select(c.id).where(c.id.in_(order_ids), c.state == OrderState.READY)
    return frozenset(tx.run(tx.locked(wanted)).scalars())


def _go_on(tx: Tx, batch: BatchId) -> None:
    """A chunk of the batch has ended: so has the batch, or there is room for its next chunk."""
    if batches.is_hungry(tx, batch):
        batches.ring_next(tx, batch)
    else:
        complete_batch(tx, batch)


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
        .values(state=BatchState.COMPLETED.value, completed_at=batches.ended_at(tx), rung_at=tx.now)
    )
    if closed.rowcount:
        audit.note(tx, "batch completed", ("batch", batch), why="no item is open")
        told.batch(tx, batch)
        outbox.ring_batch(tx, BatchId(batch))  # its result is listed next
