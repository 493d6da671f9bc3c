"""Bulk events: prepare items by cursor, wait for confirmation, then order slice by slice.

Every step is one transaction that moves a stored high-water mark and rings for the next, so
a crash anywhere repeats one step and changes nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import structlog

from factory.errors import ConflictError, PermanentError
from factory.model import BatchId, BatchState, Queue
from factory.register import local_day
from jobs import ordering, renaming
from storage.ledger import Tx, batches, orders, people, record, registers
from storage.ledger.batches import Batch

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

WHO = "factory"
AUTOMATIC = "upstream reported the new name; this register confirms by itself"


def advance(plant: Plant, batch_id: BatchId) -> None:
    """Take the batch's next step, if it has one; ringing twice does no harm."""
    with plant.ledger.read() as tx:
        correlation = batches.get(tx, batch_id).correlation
    with plant.ledger.write(WHO, correlation) as tx:
        batch = batches.get(tx, batch_id, lock=True)
        if batch.state is BatchState.PREPARING:
            _prepare(plant, tx, batch)
        elif batch.state is BatchState.RUNNING and not batch.expanded:
            _expand(plant, tx, batch)
        elif batch.state is BatchState.COMPLETED and not batch.listed:
            renaming.list_result(plant, tx, batch)


def confirm(plant: Plant, batch_id: BatchId, *, who: str, why: str) -> Batch:
    """The rename takes effect: one transaction, and every standing edition is outdated.

    NotFoundError: no such batch.  ConflictError: it does not wait for this, or the register
    meanwhile knows the enterprise by another name.
    """
    with plant.ledger.read() as tx:
        correlation = batches.get(tx, batch_id).correlation
    with plant.ledger.write(who, correlation) as tx:
        _take_effect(tx, batches.get(tx, batch_id, lock=True), why=why)
        return batches.get(tx, batch_id)


def _take_effect(tx: Tx, batch: Batch, *, why: str) -> None:
    batches.start(tx, batch.id, why=why)
    for row in batches.enterprises(tx, batch):
        _rename(tx, batch, row)
    batches.add_late_items(tx, batch)
    outdated = batches.outdate(tx, batch.id)
    log.info("batch confirmed", batch=batch.id, correlation=tx.correlation, outdated=outdated)


def _rename(tx: Tx, batch: Batch, row: people.EnterpriseRow) -> None:
    old, new = batch.subject["old_name"], batch.subject["new_name"]
    if row.name == new:
        return
    if row.name != old:
        raise ConflictError(f"batch {batch.id}: the register knows the enterprise by another name")
    people.rename(tx, row, new, inbox_id=batch.inbox_id)


def _prepare(plant: Plant, tx: Tx, batch: Batch) -> None:
    """The next slice of the affected set becomes items."""
    limit = plant.settings.slice_items
    seen, cursor = batches.add_items(tx, batch, after=batch.cursor, limit=limit)
    if seen == limit:
        batches.move(tx, batch.id, cursor=cursor, ring=True)
        return
    batches.prepared(tx, batch.id)
    who_confirms = {plant.profile(tx, name).policy.rename_confirmation for name in batch.profiles}
    if who_confirms == {"automatic"}:
        _take_effect(tx, batch, why=AUTOMATIC)


def _expand(plant: Plant, tx: Tx, batch: Batch) -> None:
    """The next slice of items gets its orders, in chunks, planned from today's register."""
    limit = plant.settings.slice_items
    ids = batches.pending_items(tx, batch.id, after=batch.cursor, limit=limit)
    rows = registers.load(tx, ids)
    following = orders.next_edition(tx, ids)
    right = orders.resting_on(tx, {ident: ordering.basis(tx, rows[ident]) for ident in ids})
    waiting = orders.waiting(tx, ids)
    skipped = {
        ident: reason
        for ident in ids
        if (reason := _why_skip(rows[ident], right=ident in right, waits=ident in waiting))
    }
    for ident, reason in skipped.items():
        batches.skip_item(tx, batch.id, ident, reason)
    due = [ident for ident in ids if ident not in skipped]
    for part in _parts(due, plant.settings.chunk_items):
        _order(plant, tx, batch, [rows[ident] for ident in part], following)
    if len(ids) < limit:
        batches.expanded(tx, batch.id)
        record.complete_batch(tx, batch.id)
    else:
        batches.move(tx, batch.id, cursor=ids[-1], ring=True)


def _why_skip(row: registers.RegistrationRow, *, right: bool, waits: bool) -> str | None:
    """Why there is nothing to order; None: there is."""
    if not row.in_force:
        return "no longer in force"
    if waits:
        return "made when it is collected, with the new name"
    return "its newest edition is right already" if right else None


def _order(
    plant: Plant,
    tx: Tx,
    batch: Batch,
    rows: Sequence[registers.RegistrationRow],
    following: Mapping[int, orders.Next],
) -> None:
    """One chunk; what cannot be ordered is held alone, and what is doubtful with its order."""
    planned = [
        (row, new) for row in rows if (new := _new_order(plant, tx, batch, row, following[row.id]))
    ]
    if not planned:
        return
    made = orders.add(tx, [new for _, new in planned], queue=Queue.BULK, batch=batch.id)
    pairs = [(row, added.order) for (row, _), added in zip(planned, made, strict=True)]
    batches.set_ordered(tx, batch.id, [(row.id, order_id) for row, order_id in pairs])
    looked_at = orders.ever_made(tx, [row.id for row, _ in pairs])
    for row, order_id in pairs:
        if row.id not in looked_at:
            ordering.hold_if_doubtful(plant, tx, row, order_id)


def _new_order(
    plant: Plant, tx: Tx, batch: Batch, row: registers.RegistrationRow, due: orders.Next
) -> orders.NewOrder | None:
    try:
        return ordering.new_order(
            plant,
            tx,
            row,
            number=due.number,
            cause=ordering.RENAMED,
            issued_on=_effective(tx, batch),
            inbox_id=batch.inbox_id,
            brought=due.brought,
        )
    except PermanentError as error:
        batches.hold_item(tx, batch.id, row.id, error.reason)
        return None


def _effective(tx: Tx, batch: Batch) -> date:
    """The day printed as the day of issue: the day of confirmation, as a calendar in China."""
    return local_day(batch.confirmed_at or tx.now)


def _parts(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
