"""Entering what an event says into the register, and ordering what follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from factory import numbering, plan
from factory.errors import ConflictError, PermanentError, PictureError
from factory.events import EnterpriseRenamed, Event, RegistrationApproved, RegistrationImported
from factory.model import Enterprise, Queue
from factory.profile import Profile
from factory.register import Fact, View
from jobs import ordering
from storage.ledger import Tx, batches, inbox, orders, people, registers

if TYPE_CHECKING:
    from jobs.wiring import Plant

RENAME = "enterprise.renamed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event being entered, in one transaction.

    photo: the normalised picture, or why there is none.
    """

    plant: Plant
    tx: Tx
    event: Event
    inbox_id: int
    holder: people.HolderRow | None
    photo: bytes | PermanentError | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What followed: numbers only."""

    registration: str | None = None
    batch: int | None = None
    hold: int | None = None  #: the order stands, but waits for a person
    notes: tuple[str, ...] = ()


def enter(entry: Entry) -> Entered:
    """Apply the event.  PermanentError: it cannot be, and a person must look at it."""
    data = entry.event.data
    if isinstance(data, EnterpriseRenamed):
        return _rename(entry, data)
    if isinstance(data, RegistrationApproved):
        return _approve(entry, data)
    return _import(entry, data)


def _approve(entry: Entry, data: RegistrationApproved) -> Entered:
    """Initial registration: a number, a registration, and the order of its first edition."""
    profile = entry.plant.profiles[data.profile]
    holder = _free_holder(entry, profile)
    photo = _photo(entry)
    if photo is None:
        raise PictureError("photo: there is none")
    view = plan.approved_view(data, profile, photo=people.add_picture(entry.tx, holder, photo))
    employer, note = _employer(entry.tx, profile, data.enterprise.value())
    number = _draw_number(entry.tx, profile, data)
    row_id = _register(entry, profile, holder, employer, number, view, data.approved_on)
    hold = _order_first(entry, row_id, data.approved_on)
    return Entered(registration=number, hold=hold, notes=note)


def _free_holder(entry: Entry, profile: Profile) -> people.HolderRow:
    """The holder's row, as this event describes the person.

    An event that was held before may have described them otherwise: nothing came of it.
    ConflictError: registered in this occupation already.
    """
    holder, data = entry.holder, entry.event.data
    assert holder is not None  # noqa: S101 - every event but a rename speaks of one
    assert not isinstance(data, EnterpriseRenamed)  # noqa: S101
    standing = registers.in_force(entry.tx, profile.id, holder.id, profile.occupation)
    if standing is not None:
        raise ConflictError(f"holder: is registered already, as {standing}")
    people.describe(entry.tx, holder, data.holder.value())
    return holder


def _photo(entry: Entry) -> bytes | None:
    if isinstance(entry.photo, PermanentError):
        raise entry.photo
    return entry.photo


def _employer(
    tx: Tx, profile: Profile, given: Enterprise
) -> tuple[people.EnterpriseRow, tuple[str, ...]]:
    row = people.enterprise(tx, profile.id, given)
    names = plan.EmployerNames(current=row.name, former=row.former_names)
    if plan.employer(given, names).name == given.name:
        return row, ()
    return row, ("the enterprise was renamed since: its current name is printed",)


def _draw_number(tx: Tx, profile: Profile, data: RegistrationApproved) -> str:
    def number(serial: int) -> str:
        return plan.registration_number(profile, data, serial)

    def free(serial: int) -> bool:
        key = numbering.number_key(number(serial))
        return not registers.taken(tx, profile.authority.credit_code, key)

    series = plan.number_series(profile, data.approved_on.year)
    return number(registers.draw(tx, series, free))


def _register(
    entry: Entry,
    profile: Profile,
    holder: people.HolderRow,
    employer: people.EnterpriseRow,
    number: str,
    view: View,
    effective: date,
) -> int:
    event = entry.event
    fact = Fact(
        effective=effective, source=event.source, event_id=event.id, type=event.type, view=view
    )
    return registers.add(
        entry.tx,
        profile=profile.id,
        authority=profile.authority.credit_code,
        occupation=profile.occupation,
        number=number,
        holder=holder,
        enterprise=employer,
        fact=fact,
        inbox_id=entry.inbox_id,
    )


def _order_first(entry: Entry, row_id: int, issued_on: date) -> int | None:
    """Order the edition; its hold, when a number in it breaks a rule the profile insists on."""
    tx = entry.tx
    row = registers.load(tx, [row_id])[row_id]
    order = ordering.new_order(
        entry.plant,
        tx,
        row,
        number=1,
        cause=ordering.Cause.APPROVED,
        issued_on=issued_on,
        inbox_id=entry.inbox_id,
    )
    [(order_id, _)] = orders.add(tx, [order], queue=Queue.INTERACTIVE)
    return ordering.hold_if_doubtful(entry.plant, tx, row, order_id)


def _import(entry: Entry, data: RegistrationImported) -> Entered:
    """An existing registration with its number: no document, but renames can act on it."""
    tx, profile = entry.tx, entry.plant.profiles[data.profile]
    holder = _free_holder(entry, profile)
    number = data.registration_number
    if registers.taken(tx, profile.authority.credit_code, numbering.number_key(number)):
        raise ConflictError(registers.TAKEN)
    photo = _photo(entry)
    digest = people.add_picture(tx, holder, photo) if photo else None
    view = plan.imported_view(data, profile, photo=digest)
    employer, note = _employer(tx, profile, data.enterprise.value())
    row_id = _register(entry, profile, holder, employer, number, view, data.edition.issued_on)
    orders.add_foreign_edition(
        tx,
        row_id,
        profile.id,
        number=data.edition.number,
        medium=data.edition.medium,
        until=view.valid_until,
    )
    return Entered(registration=number, notes=note)


def _rename(entry: Entry, data: EnterpriseRenamed) -> Entered:
    """A bulk event: a batch over the profiles its source may submit for."""
    tx, subject = entry.tx, data.enterprise
    granted = inbox.grants(tx, entry.event.source)
    profiles = [profile for name, profile in entry.plant.profiles.items() if name in granted]
    given = Enterprise(credit_code=subject.credit_code, name=subject.old_name)
    # Locked first: of two renames at once, the second waits here and then sees the batch.
    rows = [people.enterprise(tx, profile.id, given) for profile in profiles]
    running = batches.under_way(tx, RENAME, "credit_code", subject.credit_code)
    if running is not None:
        raise ConflictError(f"enterprise: batch {running} renames it already; wait for its end")
    if all(row.name == subject.new_name for row in rows):
        return Entered(notes=("the register knows the new name already",))
    if any(row.name not in {subject.old_name, subject.new_name} for row in rows):
        raise ConflictError("enterprise.old_name: the register knows it by another name")
    batch = batches.add(
        tx,
        RENAME,
        inbox_id=entry.inbox_id,
        subject={
            "credit_code": subject.credit_code,
            "old_name": subject.old_name,
            "new_name": subject.new_name,
            "effective_on": data.effective_on.isoformat(),
        },
        profiles=[profile.id for profile in profiles],
    )
    return Entered(batch=batch)
