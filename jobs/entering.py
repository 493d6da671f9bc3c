"""Entering what an event says: as a fact of a person, or as a batch over many.

A fact is kept, then the person's facts are folded anew and the ledger is brought to what they
come to: registrations with their numbers, applications, holds with their reasons, and the
editions that are due.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from factory import acceptance, plan
from factory.errors import ConflictError, PermanentError
from factory.events import Applied, BulkData, Event, RegistrationApproved, RegistrationImported
from factory.model import ApplicationType, ProfileId
from factory.profile import Profile
from factory.register import fact_of
from jobs import registering, standing
from jobs.bulk import beginning
from storage.ledger import Tx, applications, facts, people, registers

if TYPE_CHECKING:
    from jobs.wiring import Plant

RENAMED_SINCE = "the enterprise was renamed since: its current name is printed"

Pictures = Mapping[str, bytes | PermanentError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event being entered, in one transaction.

    pictures: role -> the normalised picture, or why there is none.
    """

    plant: Plant
    tx: Tx
    event: Event
    inbox_id: int
    holder: people.HolderRow | None
    pictures: Pictures = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """What followed: numbers only.

    standing: of the registration now, in Chinese.
    """

    registration: str | None = None
    standing: str | None = None
    application: str | None = None
    batch: int | None = None
    hold: int | None = None  #: it stands, but waits for a person
    notes: tuple[str, ...] = ()


def enter(entry: Entry) -> Entered:
    """Apply the event.  PermanentError: it cannot be, and a person must look at it."""
    data = entry.event.data
    if isinstance(data, BulkData):
        batch, note = beginning.begin(entry.plant, entry.tx, entry.event, entry.inbox_id)
        return Entered(batch=batch, notes=(note,) if note else ())
    holder = entry.holder
    assert holder is not None  # noqa: S101 - every event but a rename speaks of one
    rules = entry.plant.profiles[data.profile]
    notes = _check_employer(entry.tx, rules.id, data)
    _check_transfer(entry.tx, rules.id, holder, data)
    _check_acceptance_number(entry.tx, rules.id, holder, data)
    fact = fact_of(entry.event, rules, _kept(entry, holder))
    facts.put(entry.tx, rules.id, holder, fact, entry.inbox_id)
    done = registering.refold(entry.plant, entry.tx, rules, holder, fact.key)
    row = done.registration
    return Entered(
        registration=row.value.number if row else None,
        standing=standing.of_row(row, entry.plant.today(entry.tx)).label if row else None,
        application=done.application,
        hold=done.hold,
        notes=(*notes, *_contradiction(rules.on(fact.day), data)),
    )


def _kept(entry: Entry, holder: people.HolderRow) -> Mapping[str, str]:
    """The pictures' digests, once they are stored.  PictureError: one cannot be used."""
    digests = {}
    for role, picture in entry.pictures.items():
        if isinstance(picture, PermanentError):
            raise picture
        digests[role] = people.add_picture(entry.tx, holder, picture)
    return digests


def _check_employer(tx: Tx, profile: ProfileId, data: object) -> tuple[str, ...]:
    """ConflictError: the register knows the enterprise by another name."""
    if not isinstance(data, Applied | RegistrationImported):
        return ()
    given = data.enterprise.value()
    row = people.enterprise(tx, profile, given)
    names = plan.EmployerNames(current=row.name, former=row.former_names)
    printed = plan.employer(given, names)
    renamed = printed.name != given.name and given.name in row.former_names
    return (RENAMED_SINCE,) if renamed else ()


def _check_transfer(tx: Tx, profile: ProfileId, holder: people.HolderRow, data: object) -> None:
    """BatchRunningError: nobody comes to or leaves an enterprise while it is renamed."""
    if not isinstance(data, RegistrationApproved):
        return
    if data.application.type is not ApplicationType.CHANGE:
        return
    employers = registers.employers_of(tx, holder.id)
    if employers - {data.enterprise.credit_code}:
        beginning.check_transfers(tx, profile, employers | {data.enterprise.credit_code})


def _check_acceptance_number(
    tx: Tx, profile: ProfileId, holder: people.HolderRow, data: object
) -> None:
    """ConflictError: somebody else's application has that number."""
    number = registering.acceptance_number(data)
    owner = applications.holder_of(tx, profile, number) if number else None
    if owner not in {None, holder.id}:
        raise ConflictError(
            "acceptance_number: it is another person's application; compare the identity paper"
        )


def _contradiction(profile: Profile, data: object) -> tuple[str, ...]:
    """What the acceptance number of what was taken says against its type; only ever a note."""
    if not isinstance(data, Applied):
        return ()
    said = data.application
    found = acceptance.contradiction(profile, said.type, said.acceptance_number)
    return (found,) if found else ()
