"""Registering: the ledger is brought to what a person's facts come to.

Numbers are drawn here, editions are ordered where what they rest on has changed, and every
fact that cannot take effect is held with its reason, until the facts it waits for have come.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from factory import numbering, plan, register
from factory.errors import ConflictError
from factory.events import Applied, HolderData
from factory.lifecycle import Turn
from factory.model import EditionState, OrderState, Queue, Standing
from factory.paperwork import Case, case
from factory.profile import Profile
from factory.register import (
    Application,
    Fact,
    Key,
    Person,
    RegistrationState,
    Replay,
)
from factory.versions import Versions
from jobs import ordering, paperwork, taken
from jobs.paperwork import File
from storage.ledger import (
    Tx,
    applications,
    audit,
    facts,
    holds,
    inbox,
    lost,
    orders,
    people,
    record,
    registers,
)
from storage.ledger.facts import FactRow, FactState
from storage.ledger.registers import RegistrationRow

if TYPE_CHECKING:
    from jobs.wiring import Plant

COLLECTION = "collection"
TAKEN_UP = "what it waited for has come"
#: editions that say what the register says, or will


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one fact."""

    registration: RegistrationRow | None
    application: str | None
    hold: int | None


def refold(plant: Plant, tx: Tx, rules: Versions, holder: people.HolderRow, asked: Key) -> Done:
    """Bring the ledger to what the holder's facts come to; what became of the fact asked for.

    ConflictError: it cannot be brought there, and nothing is changed.
    """
    profile = plant.profile(tx, rules.id)
    rows = facts.of_holder(tx, holder.id)
    standing = {row.fact.key for row in rows if row.state is FactState.APPLIED}
    known = registers.load(tx, registers.of_holder(tx, holder.id))
    drawn = {row.origin: row.value.number for row in known.values() if row.origin is not None}
    ended = {row.origin for row in known.values() if row.origin is not None and row.has_ended}
    elsewhere = taken.facts(tx, profile, holder, rows, known)
    free = [row.fact for row in rows if row.fact.key not in elsewhere]
    done = register.replay(free, rules, standing=standing, ended=ended, numbers=drawn)
    done = replace(done, refused={**done.refused, **elsewhere})
    if _unite(tx, profile, holder, done.person):
        return refold(plant, tx, rules, holder, asked)
    if done.person.holder is not None:
        people.describe(tx, holder, done.person.holder)
    changed = _keep_applications(plant, tx, profile, holder, done.person)
    said = {row.fact.key: row for row in rows}
    kept = _keep_registrations(tx, rules, holder, done.person, known, said)
    _keep_documents(tx, rules, holder, changed, kept, said[asked].inbox_id)
    desk = _Desk(plant=plant, tx=tx, rules=rules, asked=asked, said=said, known=known)
    held = [_keep_editions(desk, row_id, state) for row_id, state in kept]
    _take_up(tx, kept, rows, done)
    hold = _hold(tx, profile, rows, done, asked)
    return Done(
        registration=_registration_of(tx, kept, said[asked].fact, done),
        application=acceptance_number(said[asked].fact.data),
        hold=hold or next((each for each in held if each is not None), None),
    )


def _unite(tx: Tx, profile: Profile, holder: people.HolderRow, person: Person) -> bool:
    """The holder is found under today's identity paper; whether that was somebody kept apart.

    ConflictError: the paper is another registered person's.
    """
    if person.holder is None:
        return False
    paper = person.holder.id_type, person.holder.id_number
    other = people.identify(tx, profile.id, holder, *paper)
    if other is None:
        return False
    if registers.of_holder(tx, other.id):
        raise ConflictError(taken.PAPER)
    people.absorb(tx, profile.id, holder, other)
    facts.move(tx, other.id, holder.id)
    people.identify(tx, profile.id, holder, *paper)
    return True


def _keep_applications(
    plant: Plant, tx: Tx, profile: Profile, holder: people.HolderRow, person: Person
) -> list[Application]:
    """Those that are other than they were."""
    before = {row.number: row for row in applications.of_holder(tx, holder.id)}
    changed = [
        each for each in person.applications.values() if _is_new(before.get(each.number), each)
    ]
    applications.put(tx, profile.id, holder, changed)
    if profile.application.filing:
        _file_all(plant, tx, profile, holder, person)
    return changed


def _is_new(row: applications.ApplicationRow | None, application: Application) -> bool:
    if row is None or row.kind is not application.kind or row.state is not application.state:
        return True
    said = row.revision, row.view
    return said != (application.revision, register.application_json(application))


def _file_all(
    plant: Plant, tx: Tx, profile: Profile, holder: people.HolderRow, person: Person
) -> None:
    handed_in = {each.number for each in person.applications.values() if each.handed_in}
    for row in applications.of_holder(tx, holder.id):
        if row.filing_number is None and row.number in handed_in:
            _file(plant, tx, profile, row)


def _file(plant: Plant, tx: Tx, profile: Profile, row: applications.ApplicationRow) -> None:
    """What was handed in gets its filing number and query code (办件申报号, 查询密码)."""
    day, prefix = plant.today(tx), profile.application.filing_prefix
    series = f"{profile.authority.credit_code}/filing/{day:%Y%m%d}"
    serial = registers.draw(tx, series, lambda drawn: numbering.is_clear(prefix, day, drawn))
    number = numbering.filing_number(prefix, day, serial)
    code = numbering.query_code(secrets.token_bytes(numbering.QUERY_CODE_BYTES))
    applications.file(tx, row, number, code)


def _keep_documents(
    tx: Tx,
    rules: Versions,
    holder: people.HolderRow,
    changed: Sequence[Application],
    kept: Kept,
    inbox_id: int,
) -> None:
    """Forms, notices and slips of the applications that are other than they were."""
    if not any(each.saved for each in changed):
        return
    rows = {row.number: row for row in applications.of_holder(tx, holder.id)}
    known = registers.load(tx, [row_id for row_id, _ in kept])
    numbers = {state.origin: known[row_id].value.number for row_id, state in kept}
    cases = [(each, _case(rules, each, numbers)) for each in changed]
    files = [File(row=rows[each.number], case=case) for each, case in cases if case is not None]
    paperwork.keep(tx, holder, files, inbox_id=inbox_id)


def _case(rules: Versions, application: Application, numbers: Mapping[Key, str]) -> Case | None:
    about = application.registered
    number = None if about is None else about.number or numbers[about.origin]
    return case(application, rules, number)


# --- registrations ----------------------------------------------------------------------------

Kept = list[tuple[int, RegistrationState]]


def _keep_registrations(
    tx: Tx,
    rules: Versions,
    holder: people.HolderRow,
    person: Person,
    known: Mapping[int, RegistrationRow],
    said: Mapping[Key, FactRow],
) -> Kept:
    """Each registration's row; those that ended come first, so that the next may stand."""
    rows = {row.origin: row for row in known.values()}
    old = [(rows[state.origin], state) for state in person.registrations if state.origin in rows]
    for row, state in sorted(old, key=lambda pair: pair[1].stands):
        registers.change(tx, row.id, state)
        if row.standing is not state.standing:
            action = f"registration {state.standing}"
            audit.note(tx, action, ("registration", row.id), why=state.cause)
    new = [state for state in person.registrations if state.origin not in rows]
    added = []
    for state in new:
        profile = rules.on(state.begun)
        begun = lost.begin(tx, _origin(tx, profile, person, state, said[state.origin]))
        added.append((_add(tx, profile, holder, state, begun), state))
    return [*((row.id, state) for row, state in old), *added]


def _origin(
    tx: Tx, profile: Profile, person: Person, state: RegistrationState, row: FactRow
) -> lost.Origin:
    """How it begins: row is the fact that began it."""
    given = getattr(row.fact.data, "holder", None)
    named = (given.value(),) if isinstance(given, HolderData) else ()
    today = () if person.holder is None else (person.holder,)
    return lost.Origin(
        profile=profile.id,
        authority=profile.authority.credit_code,
        event=inbox.get(tx, row.inbox_id).digest,
        unit=state.unit,
        persons=named + today,
        brought=state.number,
    )


def _add(
    tx: Tx, profile: Profile, holder: people.HolderRow, state: RegistrationState, begun: lost.Begun
) -> int:
    """A registration begins: its number is drawn, or taken over as it was imported.

    profile: the version in force on the day it began.
    begun:   with the number that it was given before its ledger was lost.
    """
    row_id = registers.add(
        tx,
        uid=begun.uid,
        profile=profile.id,
        authority=profile.authority.credit_code,
        occupation=profile.occupation,
        number=state.number or begun.number or _draw_number(tx, profile, state),
        holder_id=holder.id,
        enterprise_id=people.enterprise(tx, profile.id, state.employer).id,
        state=state,
    )
    if state.number is None:
        what = {"profile_version": profile.version}
        how = "number drawn" if begun.number is None else "number given again"
        audit.note(tx, how, ("registration", row_id), why=state.cause, what=what)
    return row_id


def _draw_number(tx: Tx, profile: Profile, state: RegistrationState) -> str:
    def number(serial: int) -> str:
        return plan.registration_number(profile, state, serial)

    def free(serial: int) -> bool:
        key = numbering.number_key(number(serial))
        return not registers.taken(tx, profile.authority.credit_code, key)

    return number(registers.draw(tx, plan.number_series(profile, state.begun.year), free))


def _number_of(tx: Tx, kept: Kept, fact: Fact, done: Replay) -> str | None:
    found = _registration_of(tx, kept, fact, done)
    return found.value.number if found else None


def _registration_of(tx: Tx, kept: Kept, fact: Fact, done: Replay) -> RegistrationRow | None:
    """The registration the fact is about, as it is now that the fact took effect."""
    if fact.key not in done.applied:
        return None
    about = [row_id for row_id, state in kept if state.origin == fact.key] or [
        row_id for row_id, state in kept if _concerns(fact, state)
    ]
    found = registers.load(tx, about[-1:])
    return next(iter(found.values()), None)


def _concerns(fact: Fact, state: RegistrationState) -> bool:
    if isinstance(fact.data, Applied):
        names = {each.name for each in fact.data.professions}
        return not state.unit or state.unit in names
    profession = getattr(fact.data, "profession", None)
    return not state.unit or profession in {None, state.unit}


def acceptance_number(data: object) -> str | None:
    """The application (受理编号) that an event's data names; None: it names none."""
    if isinstance(data, Applied):
        return data.application.acceptance_number
    return getattr(data, "acceptance_number", None)


# --- editions ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """What keeping the editions of one person needs.

    asked: the fact that all of it follows from.
    said:  all facts of the person.
    known: the registrations as they were before.
    """

    plant: Plant
    tx: Tx
    rules: Versions
    asked: Key
    said: Mapping[Key, FactRow]
    known: Mapping[int, RegistrationRow]

    @property
    def profile(self) -> Profile:
        """The version in force today: editions are made by it, whatever they are due to."""
        return self.plant.profile(self.tx, self.rules.id)


def _keep_editions(desk: _Desk, row_id: int, state: RegistrationState) -> int | None:
    """Order the next edition if one is due, revoke all if the registration has ended.

    The hold of the order, when it would print what breaks a rule the profile insists on.
    """
    newest = orders.newest(desk.tx, row_id)
    if newest is None and state.foreign is not None:
        _take_over(desk, row_id, state)
        newest = orders.newest(desk.tx, row_id)
    if state.standing is Standing.CANCELLED:
        _void(desk.tx, row_id, "registration cancelled")
        orders.turn_all(desk.tx, row_id, Turn.REVOKE)
        return None
    if state.standing is not Standing.ACTIVE:
        return None
    row = registers.load(desk.tx, [row_id])[row_id]
    if newest is not None and not _is_due(desk, row, state, newest):
        return None
    if newest is not None and _is_held_with_its_item(desk, row, newest):
        return None
    return _order_next(desk, ordering.respelled(desk.plant, desk.tx, row), state, newest)


def _is_due(
    desk: _Desk, row: RegistrationRow, state: RegistrationState, newest: orders.Newest
) -> bool:
    """Whether the register says something else than what the newest edition rests on."""
    if newest.medium == "paper" and not state.on_paper:
        return True  # exchanged (换领): the same, but electronic
    before = desk.known.get(row.id)
    if newest.state is EditionState.OUTDATED and before is not None and not before.in_force:
        return True  # given back (暂扣发还): no bulk event issues it anew
    rests_on = newest.basis or (ordering.basis(desk.tx, before) if before else None)
    return rests_on != ordering.basis(desk.tx, row)


def _is_held_with_its_item(desk: _Desk, row: RegistrationRow, newest: orders.Newest) -> bool:
    """Whether a bulk event outdated what this fact leaves as it was, and a picture is missing.

    The item of the bulk event says so; whatever else the person is granted does not wait for it.
    """
    before = desk.known.get(row.id)
    if newest.state is not EditionState.OUTDATED or before is None or not before.in_force:
        return False
    if ordering.basis(desk.tx, before) != ordering.basis(desk.tx, row):
        return False
    return register.lacks_picture(row.view, desk.profile)


def _order_next(
    desk: _Desk, row: RegistrationRow, state: RegistrationState, newest: orders.Newest | None
) -> int | None:
    tx = desk.tx
    waits = newest is not None and newest.order_state is OrderState.WAITING
    number = newest.last + (0 if waits else 1) if newest else 1
    lazy = desk.profile.certificate.generate_on == COLLECTION
    order = ordering.new_order(
        desk.plant,
        tx,
        row,
        number=number,
        cause=state.cause,
        applied_for=state.applied_for,
        issued_on=state.changed_on,
        inbox_id=desk.said[desk.asked].inbox_id,
        brought=orders.brought(tx, [row.id]).get(row.id),
        waits_for=COLLECTION if lazy else None,
        there=lost.editions(tx, [row.uid]).get(row.uid),
    )
    if newest is not None and newest.order is not None and waits:
        orders.replan(tx, newest.order, order)  # nobody has seen it yet
        return None
    _void(tx, row.id, "a newer edition is ordered")
    orders.turn_all(tx, row.id, Turn.OUTDATE)
    [added] = orders.add(tx, [order], queue=Queue.INTERACTIVE)
    return None if order.waits_for else ordering.hold_if_doubtful(desk.plant, tx, row, added.order)


def release(plant: Plant, tx: Tx, registration_id: int) -> int | None:
    """An edition that waited for its holder is made now, from what the register says today.

    The hold of its order, as when it is ordered.  ConflictError: nothing waits.
    """
    newest = orders.newest(tx, registration_id)
    if newest is None or newest.order is None or newest.order_state is not OrderState.WAITING:
        raise ConflictError("edition: nothing waits to be made")
    row = registers.load(tx, [registration_id])[registration_id]
    promised = orders.promised(tx, newest.order)
    order = ordering.new_order(
        plant,
        tx,
        row,
        number=newest.number,
        cause=promised.cause,
        applied_for=promised.applied_for,
        issued_on=promised.issued_on,
        inbox_id=promised.inbox_id,
        brought=orders.brought(tx, [row.id]).get(row.id),
    )
    orders.replan(tx, newest.order, order)
    orders.release(tx, newest.order)
    return ordering.hold_if_doubtful(plant, tx, row, newest.order)


def _void(tx: Tx, row_id: int, why: str) -> None:
    for batch in orders.void_open(tx, row_id, why=why):
        record.complete_batch(tx, batch)


def _take_over(desk: _Desk, row_id: int, state: RegistrationState) -> None:
    """The edition it was imported with is in the holder's hands; it says what was imported."""
    assert state.foreign is not None  # noqa: S101 - asked by the caller
    row = registers.load(desk.tx, [row_id])[row_id]
    fact = desk.said[state.origin].fact
    value = plan.as_imported(row.value, fact, desk.rules.on(fact.day))
    edition = orders.NewEdition(
        registration_id=row_id,
        profile=row.profile,
        number=state.foreign.number,
        licence_id=state.foreign.licence_id,
        code=None,
        cause="registration.imported",
        basis=ordering.basis_of(desk.tx, value),
        valid_until=max(each.validity.last for each in value.professions),
    )
    orders.add_foreign_edition(desk.tx, edition, medium=state.foreign.medium)


# --- facts ------------------------------------------------------------------------------------


def _take_up(tx: Tx, kept: Kept, rows: Sequence[FactRow], done: Replay) -> None:
    """Facts that took effect now are settled; holds on them end by themselves."""
    taken_up = [
        row for row in rows if row.fact.key in done.applied and row.state is FactState.WAITING
    ]
    facts.settle(tx, [row.inbox_id for row in taken_up], FactState.APPLIED)
    for row in taken_up:
        if holds.release_event(tx, row.inbox_id, why=TAKEN_UP):
            outcome = {
                "registration": _number_of(tx, kept, row.fact, done),
                "application": acceptance_number(row.fact.data),
            }
            inbox.settle(tx, row.inbox_id, "accepted", outcome)


def _hold(
    tx: Tx, profile: Profile, rows: Sequence[FactRow], done: Replay, asked: Key
) -> int | None:
    """Facts that cannot take effect are held, each with its reason; the hold of the one asked."""
    hold = None
    for row in rows:
        error = done.refused.get(row.fact.key)
        if error is None:
            continue
        ident = holds.hold_event(
            tx, row.inbox_id, profile.id, reason=error.reason, detail=str(error)
        )
        hold = ident if row.fact.key == asked else hold
    return hold
