"""Running: the first certificates, then the rest in chunks, no more at work than a window holds.

A batch is never far ahead of the workers.  So pause and rate take effect within a chunk, and
batches share the workers chunk by chunk, whichever is the largest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from factory.errors import PermanentError
from factory.model import BatchState, EditionState, ItemState, Queue
from factory.plan import Brought
from factory.register import local_day
from jobs import ordering
from jobs.bulk import scopes
from jobs.bulk.scopes import Item
from storage.ledger import Tx, batches, braking, items, lost, orders, record, registers
from storage.ledger.batches import CANARY_ORDERED, CANARY_PASSED, Batch
from storage.ledger.items import Ordered
from storage.ledger.lost import Lost
from storage.ledger.orders import Newest
from storage.ledger.registers import RegistrationRow

if TYPE_CHECKING:
    from jobs.wiring import Plant

WHO = "factory"
LEAST_ITEMS = 10  #: in a chunk, where a small batch is shared among the workers
PACED_SECONDS = 5  #: how much a batch with a rate orders at once


def run(plant: Plant, batch: Batch) -> bool:
    """Order the next chunk, if there is room for it; whether there was."""
    with plant.ledger.write(WHO, batch.correlation) as tx:
        now = batches.get(tx, batch.id, lock=True)
        if now.state is not BatchState.RUNNING:
            return False
        if now.expanded:  # it was halted while its last chunk was made
            record.complete_batch(tx, now.id)
            return False
        if now.canary != CANARY_PASSED:
            return _send_canary(plant, tx, now)
        return _order_next(plant, tx, now)


def _send_canary(plant: Plant, tx: Tx, batch: Batch) -> bool:
    """One certificate of each register first, judged as an outsider would judge it.

    Where one turned out to need nothing, the next one of its register is tried.
    """
    if items.has(tx, batch.id, ItemState.ORDERED):
        return False
    chosen = items.canaries(tx, batch.id, batch.profiles)
    if chosen and _order(plant, tx, batch, chosen, canary=True):
        batches.set_canary(tx, batch.id, CANARY_ORDERED)
        return False
    if not chosen:  # they are made; or there is none that could be tried
        batches.set_canary(tx, batch.id, CANARY_PASSED)
    return not braking.pull_if_due(tx, batch.id, plant.brake)


def _order_next(plant: Plant, tx: Tx, batch: Batch) -> bool:
    if batches.open_chunks(tx, batch.id) >= window(plant) or batches.is_outranked(tx, batch):
        return False
    if batch.paced_until and batch.paced_until > tx.now:
        return False
    rate = rate_of(plant, tx, batch)
    chosen = items.pending(tx, batch.id, limit=_chunk_items(plant, tx, batch, rate))
    if not chosen:
        batches.expanded(tx, batch.id)
        record.complete_batch(tx, batch.id)
        return False
    made = _order(plant, tx, batch, chosen)
    if rate:
        since = max(batch.paced_until or tx.now, tx.now)
        batches.pace(tx, batch.id, since + timedelta(minutes=made / rate))
    return not braking.pull_if_due(tx, batch.id, plant.brake)


def window(plant: Plant) -> int:
    """How many chunks of a batch are at work or wait for a worker."""
    return 2 * max(1, plant.settings.bulk_workers) + 1


def rate_of(plant: Plant, tx: Tx, batch: Batch) -> float | None:
    """Items a minute at most: as was asked for, and as the signers allow to each batch."""
    limits = [float(batch.rate)] if batch.rate else []
    if plant.settings.signer_per_second:
        limits.append(plant.settings.signer_per_second * 60 / max(1, batches.running(tx)))
    return min(limits, default=None)


def _chunk_items(plant: Plant, tx: Tx, batch: Batch, rate: float | None) -> int:
    """A chunk's size: a small batch is cut so that all workers have some of it."""
    most = plant.settings.chunk_items
    shares = window(plant)
    left = items.pending_count(tx, batch.id, most=most * shares)
    size = min(most, max(LEAST_ITEMS, -(-left // shares)))
    return min(size, max(1, int(rate * PACED_SECONDS / 60))) if rate else size


def _order(
    plant: Plant, tx: Tx, batch: Batch, chosen: Mapping[int, int | None], *, canary: bool = False
) -> int:
    """Items get their orders, planned from today's register, in one chunk; how many.

    chosen: registrations, each with the edition the batch expects to replace.
    """
    ids = list(chosen)
    rows, newest = registers.load(tx, ids), orders.newest_of(tx, ids)
    all_items = {
        ident: Item(row=rows[ident], newest=newest.get(ident), expected=expected)
        for ident, expected in chosen.items()
        if ident in rows
    }
    skipped = {ident: scopes.ERASED for ident in ids if ident not in rows} | {
        ident: reason
        for ident, item in all_items.items()
        if (reason := scopes.why_skip(plant, tx, batch, item))
    }
    items.skip(tx, batch.id, skipped)
    due = [rows[ident] for ident in ids if ident not in skipped]
    return _order_due(plant, tx, batch, due, newest, canary=canary)


def _order_due(
    plant: Plant,
    tx: Tx,
    batch: Batch,
    due: Sequence[RegistrationRow],
    newest: Mapping[int, Newest],
    *,
    canary: bool,
) -> int:
    """What cannot be ordered is held alone, and what is doubtful with its order."""
    made = orders.last_made(tx, [row.id for row in due])
    planned = _planned(plant, tx, batch, due, newest)
    if not planned:
        return 0
    added = orders.add(
        tx, [new for _, new in planned], queue=Queue.BULK, batch=batch.id, canary=canary
    )
    pairs = [(row, each.order) for (row, _), each in zip(planned, added, strict=True)]
    ordered = [
        Ordered(
            registration_id=row.id,
            order_id=order,
            number=row.value.number,
            replaces=made.get(row.id),
        )
        for row, order in pairs
    ]
    items.set_ordered(tx, batch.id, ordered)
    for row, order in pairs:
        if row.id not in made:
            ordering.hold_if_doubtful(plant, tx, row, order)
    return len(planned)


def _planned(
    plant: Plant,
    tx: Tx,
    batch: Batch,
    due: Sequence[RegistrationRow],
    newest: Mapping[int, Newest],
) -> list[tuple[RegistrationRow, orders.NewOrder]]:
    """The next edition of each; what cannot be ordered is held."""
    brought = orders.brought(tx, [row.id for row in due])
    there = lost.editions(tx, [row.uid for row in due])
    planned, failed = [], {}
    for row in due:
        spelled = ordering.respelled(plant, tx, row)
        before = newest.get(row.id), brought.get(row.id), there.get(row.uid)
        try:
            planned.append((spelled, _new_order(plant, tx, batch, spelled, *before)))
        except PermanentError as error:
            failed[row.id] = error.reason
    items.hold(tx, batch.id, failed)
    return planned


def _new_order(
    plant: Plant,
    tx: Tx,
    batch: Batch,
    row: RegistrationRow,
    newest: Newest | None,
    brought: Brought | None,
    there: Mapping[int, Lost] | None,
) -> orders.NewOrder:
    again = scopes.scope_of(batch).collects_again(plant.profile(tx, row.profile))
    has_it = newest is not None and newest.state is EditionState.COLLECTED
    return ordering.new_order(
        plant,
        tx,
        row,
        number=newest.last + 1 if newest else 1,
        cause=batch.kind,
        issued_on=_effective(tx, batch),
        inbox_id=batch.inbox_id,
        brought=brought,
        collected=has_it and not again,
        there=there,
    )


def _effective(tx: Tx, batch: Batch) -> date:
    """The day printed as the day of issue: the day of confirmation, as a calendar in China."""
    return local_day(batch.confirmed_at or tx.now)
