"""What the ledger must keep at every instant of any history: I1 to I4 and I8, asked of its rows."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Row, select

from factory import register
from factory.errors import ConflictError
from factory.events import EVENT_TYPES, BulkData
from factory.model import ApplicationState, EditionState, ItemState, OrderState, Standing
from factory.numbering import number_key
from factory.profile import Profile
from factory.register import Person, RegistrationState
from factory.versions import Versions
from jobs import desk, ordering
from jobs.recheck import running
from jobs.recheck.wanted import Order, Share
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import Tx, facts, people, registers
from storage.ledger.facts import FactState
from storage.ledger.people import HolderRow
from storage.ledger.registers import RegistrationRow
from storage.recheck.scope import Scope

CURRENT = {EditionState.UNCOLLECTED, EditionState.COLLECTED}
OPEN = {OrderState.WAITING, OrderState.READY, OrderState.HELD}
OVER = {EditionState.REVOKED, EditionState.SUPERSEDED}
FORMATS = re.compile("lacks a file|has 1 files instead of")
#: types that say nothing of one person
ABOUT_NOBODY = {kind for kind, data in EVENT_TYPES.items() if issubclass(data, BulkData)}


@dataclass(slots=True)
class Memory:
    """What was true before and can never become otherwise."""

    numbers: dict[int, str] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    over: set[int] = field(default_factory=set)


def assert_now(plant: Plant, memory: Memory) -> None:
    """What is true at every instant, also between two events."""
    with plant.ledger.read() as tx:
        rows = _registrations(tx)
        editions = defaultdict(list)
        for edition in tx.run(select(t.edition).order_by(t.edition.c.number)):
            editions[edition.registration_id].append(edition)
        orders = {row.edition_id: row for row in tx.run(select(t.production_order))}
        made = set(tx.run(select(t.file.c.edition_id)).scalars())
        for row in rows.values():
            _editions_agree(tx, row, editions[row.id], orders, made)
        _nothing_returns(rows, [each for many in editions.values() for each in many], memory)
        _events_end_once(tx)


def assert_at_rest(plant: Plant, profile: Profile) -> None:
    """What is true besides once all work is done."""
    with plant.ledger.read() as tx:
        rows = _registrations(tx)
        assert_numbers_are_used_once(tx, rows)
        _what_stands_is_current(tx, profile, rows)
        for holder in tx.run(select(t.holder)).all():
            key = HolderRow(id=holder.id, data_key=holder.data_key_id)
            _register_is_the_fold(tx, plant.profiles[profile.id], key, rows)
    for row in rows.values():
        if row.standing in {Standing.SUSPENDED, Standing.CANCELLED}:
            with pytest.raises(ConflictError):
                desk.link(plant, row.value.number, who="test")
    assert not (found := _rechecked(plant)), "; ".join(found)


def _rechecked(plant: Plant) -> list[str]:
    """What the re-checker finds in the ledger, by rules that it states for itself.

    Of the formats that are ordered, tests make one.
    """
    none = Share(part=0.0, seed="none")
    order = Order(scope=Scope(), files=none, render=none)
    found = running.run(plant, order, tell=lambda *_: None).findings
    return [
        f"{each.rule} {each.kind} {each.id}: {each.sentence}"
        for each in found
        if not FORMATS.search(each.sentence)
    ]


def digest(plant: Plant) -> str:
    """Of every row but the audit's: equal digests, equal ledgers."""
    told = hashlib.sha256()
    with plant.ledger.read() as tx:
        for table in t.metadata.sorted_tables:
            if table is not t.audit:
                rows = tx.conn.exec_driver_sql(f'SELECT * FROM "{table.name}"')  # noqa: S608
                told.update(repr(sorted(map(repr, rows))).encode())
    return told.hexdigest()


def _registrations(tx: Tx) -> Mapping[int, RegistrationRow]:
    return registers.load(tx, tx.run(select(t.registration.c.id)).scalars())


# --- editions ---------------------------------------------------------------------------------


def _editions_agree(
    tx: Tx,
    row: RegistrationRow,
    editions: list[Row[Any]],
    orders: Mapping[int, Row[Any]],
    made: set[int],
) -> None:
    """I2, I4: one at most is current, it has its file and says what the register says."""
    current = [each for each in editions if each.state in CURRENT]
    open_ = [each for each in editions if each.id in orders and orders[each.id].state in OPEN]
    assert len(current) <= 1, f"registration {row.id}: {[each.state for each in editions]}"
    # A bulk event orders the next one while another is being made: it may yet be cancelled.
    alone = [each for each in open_ if orders[each.id].batch_id is None]
    wanted = [each for each in alone if each.state != EditionState.OUTDATED]
    assert len(wanted) <= 1, f"registration {row.id}: {len(wanted)} orders are open"
    for each in current:
        if each.id in orders:
            assert orders[each.id].state == OrderState.MADE, f"edition {each.id}"
            assert each.id in made, f"edition {each.id} is current without a file"
        else:
            assert each.code is None, f"edition {each.id} is current without an order"
    if row.standing is Standing.CANCELLED:
        left = [each.state for each in editions if each.state not in OVER]
        assert not left, f"registration {row.id} is cancelled, its editions are {left}"
        assert not open_, f"registration {row.id} is cancelled and an order is open"
    if row.standing is Standing.ACTIVE:
        today = ordering.basis(tx, row)
        for each in current:
            assert each.basis == today, f"edition {each.id} is current and says something else"


def _nothing_returns(
    rows: Mapping[int, RegistrationRow], editions: list[Row[Any]], memory: Memory
) -> None:
    """What has ended stays so, and a number stays with its registration."""
    for ident, row in rows.items():
        number = number_key(row.value.number)
        assert memory.numbers.setdefault(ident, number) == number, f"registration {ident}"
    ended = {ident for ident, row in rows.items() if row.has_ended}
    assert memory.ended <= ended, f"registrations {memory.ended - ended} are back"
    memory.ended |= ended
    over = {each.id for each in editions if each.state in OVER}
    assert memory.over <= over, f"editions {memory.over - over} are back"
    memory.over |= over


def _what_stands_is_current(tx: Tx, profile: Profile, rows: Mapping[int, RegistrationRow]) -> None:
    """I4 at rest: whatever is in force has its newest edition, or one that waits or is held.

    A bulk event that cannot plan an edition, for want of a picture, holds its item instead.
    """
    pending = _with_item(tx, ItemState.PENDING)
    unplanned = _with_item(tx, ItemState.HELD)
    for row in rows.values():
        if row.standing is not Standing.ACTIVE:
            continue
        newest = tx.run(
            select(t.edition, t.production_order.c.state.label("order_state"))
            .outerjoin(t.production_order, t.production_order.c.edition_id == t.edition.c.id)
            .where(t.edition.c.registration_id == row.id)
            .order_by(t.edition.c.number.desc())
        ).first()
        assert newest is not None, f"registration {row.id} has no edition"
        if newest.order_state == OrderState.WAITING or row.id in pending:
            continue
        if row.id in unplanned and newest.state == EditionState.OUTDATED:
            assert register.lacks_picture(row.view, profile), f"registration {row.id} lacks nothing"
            continue
        assert newest.basis == ordering.basis(tx, row), f"registration {row.id} waits for nothing"
        expected = {EditionState.ORDERED} if newest.order_state == OrderState.HELD else CURRENT
        assert newest.state in expected, f"registration {row.id}: its newest is {newest.state}"


def _with_item(tx: Tx, state: ItemState) -> set[int]:
    """The registrations with an item of a bulk event that stands so, and has no order."""
    c = t.batch_item.c
    wanted = select(c.registration_id).where(c.state == state, c.order_id.is_(None))
    return set(tx.run(wanted).scalars())


# --- numbers ----------------------------------------------------------------------------------


def assert_numbers_are_used_once(tx: Tx, rows: Mapping[int, RegistrationRow]) -> None:
    """I1: no registration has another's number, nor one that another person had; no licence id
    and no code is used twice."""
    now = Counter(number_key(row.value.number) for row in rows.values())
    assert set(now.values()) <= {1}, f"numbers used twice: {now}"
    owners: dict[str, set[int]] = defaultdict(set)
    for row in rows.values():
        owners[number_key(row.value.number)].add(row.holder_id)
    for former in tx.run(select(t.former_number)):
        owners[former.number_key].add(rows[former.registration_id].holder_id)
    twice = {key: ids for key, ids in owners.items() if len(ids) > 1}
    assert not twice, f"numbers of two people: {twice}"
    editions = tx.run(select(t.edition)).all()
    for name in ("licence_id", "code"):
        given = Counter(getattr(each, name) for each in editions if getattr(each, name))
        assert set(given.values()) <= {1}, f"{name} used twice"
    assert set(Counter((e.registration_id, e.number) for e in editions).values()) <= {1}


# --- events -----------------------------------------------------------------------------------


def _events_end_once(tx: Tx) -> None:
    """I3: every event took effect, or has one open hold with reason and owner, or was dismissed."""
    held = Counter()
    for hold in tx.run(select(t.hold).where(t.hold.c.closed_at.is_(None))):
        assert hold.reason and hold.detail and hold.owner, f"hold {hold.id} says nothing"
        held[hold.subject_kind, hold.subject_id] += 1
    assert set(held.values()) <= {1}
    said = {row.inbox_id: row.state for row in tx.run(select(t.fact.c.inbox_id, t.fact.c.state))}
    for event in tx.run(select(t.inbox.c.id, t.inbox.c.type, t.inbox.c.state)):
        stopped = held["event", event.id]
        state = said.get(event.id)
        where = f"event {event.id} ({event.type}) is {event.state}, its fact {state}"
        if event.state == "accepted":
            assert not stopped, f"{where}, and held"
            assert state == FactState.APPLIED or event.type in ABOUT_NOBODY, where
        elif event.state == "dismissed":
            assert not stopped and state in {None, FactState.DISMISSED}, where
        else:
            assert stopped == (state != FactState.APPLIED), f"{where}, {stopped} open holds"


# --- the register -----------------------------------------------------------------------------


def _register_is_the_fold(
    tx: Tx, rules: Versions, holder: HolderRow, rows: Mapping[int, RegistrationRow]
) -> None:
    """The rows are what the facts that took effect come to, and no fact waits needlessly."""
    known = facts.of_holder(tx, holder.id)
    mine = {row.origin: row for row in rows.values() if row.holder_id == holder.id}
    applied = {each.fact.key for each in known if each.state is FactState.APPLIED}
    numbers = {origin: row.value.number for origin, row in mine.items() if origin}
    alone = register.replay(
        [each.fact for each in known if each.state is FactState.APPLIED],
        rules,
        standing=applied,
        numbers=numbers,
    ).person
    assert {each.origin for each in alone.registrations} == set(mine)
    for state in alone.registrations:
        _row_is(mine[state.origin], state, alone)
    _applications_are(tx, holder, alone)
    if alone.holder is not None:
        paper = alone.holder.id_type, alone.holder.id_number
        assert people.find(tx, rules.id, *paper) == holder


def _row_is(row: RegistrationRow, state: RegistrationState, person: Person) -> None:
    assert (row.standing, row.view) == (state.standing, state.view), f"registration {row.id}"
    assert row.value.enterprise.credit_code == state.employer.credit_code
    assert row.value.holder == person.holder
    assert number_key(row.value.number) == number_key(state.number or row.value.number)


def _applications_are(tx: Tx, holder: HolderRow, person: Person) -> None:
    found = tx.run(select(t.application).where(t.application.c.holder_id == holder.id)).all()
    assert {row.acceptance_number for row in found} == set(person.applications)
    for row in found:
        told = person.applications[row.acceptance_number]
        assert (row.type, row.state, row.revision) == (told.kind, told.state, told.revision)
        assert row.view == register.application_json(told)
        filed = row.filing_number is not None
        assert filed <= (row.state != ApplicationState.DRAFT)
