"""What bulk events must keep at every instant of any history, and once all work is done."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Row, select

from factory import register
from factory.errors import BatchRunningError, ConflictError, NotFoundError
from factory.model import (
    BatchState,
    ChunkState,
    EditionState,
    ItemState,
    OrderState,
    Standing,
)
from jobs import desk, ordering
from jobs.bulk import progress
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import Tx, batches, orders, registers
from storage.ledger.orders import Newest
from storage.ledger.registers import RegistrationRow
from tests.jobs import promises

OPEN_ITEMS = {ItemState.PENDING, ItemState.ORDERED}
#: of the order of an item in each state; None: it has none
ORDERS: dict[str, set[str | None]] = {
    ItemState.PENDING: {None},
    ItemState.ORDERED: {OrderState.READY},
    ItemState.DONE: {OrderState.MADE},
    ItemState.HELD: {None, OrderState.HELD},
    ItemState.SKIPPED: {None, OrderState.VOID},
}


@dataclass(slots=True)
class Memory:
    """What was true before and can never become otherwise."""

    register: promises.Memory = field(default_factory=promises.Memory)
    items: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    done: set[tuple[int, int]] = field(default_factory=set)
    asked: int = 0


def assert_now(plant: Plant, memory: Memory) -> None:
    """What is true at every instant, also between two steps."""
    promises.assert_now(plant, memory.register)
    with plant.ledger.read() as tx:
        rows = registers.load(tx, tx.run(select(t.registration.c.id)).scalars())
        promises.assert_numbers_are_used_once(tx, rows)
        found = _items(tx)
        for batch in batches.all_batches(tx):
            _items_agree(batch.id, batch.state, found[batch.id], memory)
        _no_order_is_lost(tx)
        _one_rename_at_a_time(tx)
    memory.asked += 1
    told = sorted(found)[memory.asked % len(found) :][:1] if found else []
    for batch_id in told:
        _counts_add_up(plant, batch_id, found[batch_id])


def assert_only_what_is_current_is_given_out(plant: Plant, row: RegistrationRow) -> None:
    """I4: a link is of an edition in force that says what the register says."""
    with plant.ledger.read() as tx:
        right = ordering.basis(tx, row)
        known = tx.run(select(t.edition).where(t.edition.c.registration_id == row.id)).all()
    try:
        link = desk.link(plant, row.value.number, who="test")
    except (ConflictError, NotFoundError):  # NotFound: it was issued elsewhere
        return
    [given] = [each for each in known if each.number == link.edition]
    assert given.state == EditionState.COLLECTED, f"edition {given.id} is {given.state}"
    assert row.standing is Standing.ACTIVE, f"registration {row.id} is {row.standing}"
    assert given.basis == right, f"edition {given.id} says something else"
    for each in known:
        if each.number != given.number:
            with pytest.raises((ConflictError, NotFoundError)):
                desk.link(plant, row.value.number, who="test", edition=each.number)


def left_by_cancelled(plant: Plant) -> dict[str, list[str]]:
    """By register, numbers whose certificate a cancelled bulk event left outdated, and says so."""
    found = defaultdict(list)
    with plant.ledger.read() as tx:
        for row, newest in _in_force(plant, tx):
            if (
                newest is None
                or newest.state is not EditionState.OUTDATED
                or _lacks(plant, tx, row)
            ):
                continue
            items = _items_of(tx, row.id)
            if any(batch == BatchState.CANCELLED and item.reason for item, batch in items):
                found[row.profile].append(row.value.number)
    return found


def assert_at_rest(plant: Plant) -> None:
    """All work is done: nothing is open, and everybody in force has what the register says."""
    with plant.ledger.read() as tx:
        for batch in batches.all_batches(tx):
            assert batch.state in batches.ENDED, f"batch {batch.id} is {batch.state}"
            assert batch.listed, f"batch {batch.id} is not listed"
            assert batch.completed_at is not None, f"batch {batch.id} has ended at no time"
        open_chunks = select(t.chunk.c.id).where(t.chunk.c.state != ChunkState.CLOSED)
        assert not tx.run(open_chunks).all()
        c = t.batch_item.c
        assert not tx.run(select(c.registration_id).where(c.state.in_(OPEN_ITEMS))).all()
        ready = select(t.production_order.c.id).where(t.production_order.c.state == "ready")
        assert not tx.run(ready).all()
        _nobody_waits_for_a_batch(tx)
        _nothing_superseded_is_held(tx)
        for row, newest in _in_force(plant, tx):
            _has_what_the_register_says(plant, tx, row, newest)


def items_of_batch(plant: Plant, batch: int) -> set[int]:
    """The registrations that are items of a batch."""
    c = t.batch_item.c
    with plant.ledger.read() as tx:
        return set(tx.run(select(c.registration_id).where(c.batch_id == batch)).scalars())


# --- items ------------------------------------------------------------------------------------


def _items(tx: Tx) -> dict[int, list[Row[Any]]]:
    o, h = t.production_order.c, t.hold.c
    wanted = (
        select(t.batch_item, o.state.label("order_state"), h.reason.label("hold_reason"))
        .outerjoin(t.production_order, o.id == t.batch_item.c.order_id)
        .outerjoin(
            t.hold, (h.subject_kind == "order") & (h.subject_id == o.id) & h.closed_at.is_(None)
        )
    )
    found = defaultdict(list)
    for row in tx.run(wanted):
        found[row.batch_id].append(row)
    return found


def _items_agree(batch: int, state: BatchState, found: list[Row[Any]], memory: Memory) -> None:
    """I6: no item is lost or comes twice, and each is what its order is."""
    ids = {each.registration_id for each in found}
    assert len(ids) == len(found), f"batch {batch} has an item twice"
    assert memory.items[batch] <= ids, f"batch {batch} lost {memory.items[batch] - ids}"
    memory.items[batch] = ids
    for each in found:
        where = f"item {batch}/{each.registration_id} is {each.state}, its order {each.order_state}"
        assert each.order_state in ORDERS[each.state], where
        if each.state == ItemState.HELD and each.order_state == OrderState.HELD:
            assert each.hold_reason == each.reason, f"{where}, held for {each.hold_reason}"
        if each.state in {ItemState.HELD, ItemState.SKIPPED}:
            assert each.reason, f"{where} for no reason"
        if each.state == ItemState.DONE:
            memory.done.add((batch, each.registration_id))
        else:
            assert (batch, each.registration_id) not in memory.done, f"{where}, and was done"
        if state in batches.ENDED:
            assert each.state not in OPEN_ITEMS, f"{where} of a batch that is {state}"


def _counts_add_up(plant: Plant, batch: int, found: list[Row[Any]]) -> None:
    told = progress.progress(plant, batch)  # type: ignore[arg-type]
    parts = (told.pending, told.ordered, told.done, told.skipped, told.held)
    assert sum(parts) == told.total == len(found), f"batch {batch}: {parts} of {told.total}"


def _no_order_is_lost(tx: Tx) -> None:
    """I5: what is to be made lies in a chunk that is open, and what is held can be seen."""
    o, h = t.production_order.c, t.hold.c
    wanted = (
        select(o.id, o.state, t.chunk.c.state.label("chunk"), h.id.label("hold"))
        .outerjoin(t.chunk, t.chunk.c.id == o.chunk_id)
        .outerjoin(
            t.hold, (h.subject_kind == "order") & (h.subject_id == o.id) & h.closed_at.is_(None)
        )
        .where(o.state.in_((OrderState.READY, OrderState.HELD)))
    )
    for row in tx.run(wanted):
        if row.state == OrderState.READY:
            assert row.chunk in {ChunkState.READY, ChunkState.LEASED}, f"order {row.id} is lost"
        else:
            assert row.hold is not None, f"order {row.id} is held for nothing"


def _one_rename_at_a_time(tx: Tx) -> None:
    """Two renames of one enterprise never wait for confirmation together."""
    waiting = [
        (name, batch.subject["credit_code"])
        for batch in batches.not_ended(tx, "enterprise.renamed")
        if batch.confirmed_at is None
        for name in batch.profiles
    ]
    assert len(set(waiting)) == len(waiting), waiting


# --- at rest ----------------------------------------------------------------------------------


def _nobody_waits_for_a_batch(tx: Tx) -> None:
    reason = BatchRunningError("").reason
    wanted = select(t.hold.c.id).where(t.hold.c.closed_at.is_(None), t.hold.c.reason == reason)
    assert not tx.run(wanted).all(), "an event still waits for a batch"


def _nothing_superseded_is_held(tx: Tx) -> None:
    o, e = t.production_order.c, t.edition.c
    wanted = (
        select(o.id)
        .join(t.edition, e.id == o.edition_id)
        .where(o.state == OrderState.HELD, e.state.in_(promises.OVER))
    )
    assert not tx.run(wanted).all(), "an order is held for an edition that is over"


def _in_force(plant: Plant, tx: Tx) -> list[tuple[RegistrationRow, Newest | None]]:
    """Registrations in force that have not expired, each with its newest edition."""
    rows = registers.load(tx, tx.run(select(t.registration.c.id)).scalars())
    alive = [
        row for row in rows.values() if row.in_force and row.view.valid_until >= plant.today(tx)
    ]
    newest = orders.newest_of(tx, [row.id for row in alive])
    return [(row, newest.get(row.id)) for row in alive]


def _items_of(tx: Tx, registration: int) -> list[tuple[Row[Any], str]]:
    wanted = (
        select(t.batch_item, t.batch.c.state.label("batch"))
        .join(t.batch, t.batch.c.id == t.batch_item.c.batch_id)
        .where(t.batch_item.c.registration_id == registration)
    )
    return [(row, row.batch) for row in tx.run(wanted)]


def _lacks(plant: Plant, tx: Tx, row: RegistrationRow) -> bool:
    return register.lacks_picture(row.view, plant.profile(tx, row.profile))


def _has_what_the_register_says(
    plant: Plant, tx: Tx, row: RegistrationRow, newest: Newest | None
) -> None:
    where = f"registration {row.id}"
    assert newest is not None, f"{where} has no edition"
    if newest.order_state is OrderState.WAITING:
        return
    if newest.state is EditionState.OUTDATED:
        held = [item for item, _ in _items_of(tx, row.id) if item.state == ItemState.HELD]
        assert any(item.reason for item in held), f"{where} is outdated, and nobody says why"
        return
    assert newest.basis == ordering.basis(tx, row), (
        f"{where} says something else, waits for nothing"
    )
    if newest.order_state is OrderState.HELD:
        return
    current = {EditionState.UNCOLLECTED, EditionState.COLLECTED}
    assert newest.state in current, f"{where}: its newest edition is {newest.state}"
