"""Enquiries: where an event, an application or a registration stands, for whoever may know."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from factory import access, numbering
from factory.access import Thing, Viewer
from factory.errors import ConflictError, NotFoundError
from factory.events import ApplicationClosed
from factory.profile import Profile
from jobs import standing, watching
from jobs.standing import Stand
from storage.ledger import Tx, applications, batches, facts, holds, inbox, status
from storage.ledger.applications import ApplicationRow
from storage.ledger.batches import Batch
from storage.ledger.facts import FactState
from storage.ledger.holds import Held
from storage.ledger.inbox import Received
from storage.ledger.status import RegistrationView

if TYPE_CHECKING:
    from jobs.wiring import Plant

MAX_MATERIAL_BYTES = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks at the desk: a holder, an enterprise by its credit code, the counter, anybody."""

    viewer: Viewer = Viewer.COUNTER
    credit_code: str | None = None

    def may_see(self, thing: Thing, profile: Profile, *, employer: str | None) -> None:
        """Nothing, if so.  ForbiddenError: why not.

        employer: the credit code of whose people it is about; who the holder is, the door
        that let them in has asked.
        """
        own = self.viewer is not Viewer.ENTERPRISE or self.credit_code == employer
        access.check(self.viewer, thing, profile, own=own)


COUNTER = Asker()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStatus:
    """An event and what followed from it."""

    event: Received
    stand: Stand
    registrations: tuple[RegistrationStatus, ...]
    applications: tuple[ApplicationStatus, ...]
    batch: Batch | None
    batch_stand: Stand | None
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationStatus:
    """A registration, how it stands, and how each of its editions does."""

    registration: RegistrationView
    stand: Stand
    editions: tuple[Stand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldEvent:
    """An event that cannot take effect yet, or its certificate be made: why, and whose turn."""

    event: Received
    hold: Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What was said with a step (意见), e.g. why it was returned; may hold personal data."""

    outcome: str
    by: str
    at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationStatus:
    """An application and how it stands (办理状态).

    held: the events that name it and wait.
    """

    application: ApplicationRow
    stand: Stand
    held: tuple[HeldEvent, ...]
    opinions: tuple[Opinion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedApplication:
    """An acceptance number that only events know that are held."""

    number: str
    profile: str
    stand: Stand
    held: tuple[HeldEvent, ...]


def event_status(plant: Plant, event_id: str) -> list[EventStatus]:
    """The events of that id, whatever their source.  Empty: there is none."""
    with plant.ledger.read() as tx:
        return [_event_status(plant, tx, received) for received in inbox.by_event_id(tx, event_id)]


def _event_status(plant: Plant, tx: Tx, received: Received) -> EventStatus:
    batch, number = received.outcome.get("batch"), received.outcome.get("application")
    found = status.of_event(tx, received.id) if batch is None else []
    asked = applications.by_number(tx, number) if number else []
    held = tuple(holds.of_event(tx, received.id))
    return EventStatus(
        event=received,
        stand=standing.of_event(received.state, held),
        registrations=tuple(_registration_status(plant, tx, each) for each in found),
        applications=tuple(_application_status(tx, each) for each in asked),
        batch=batches.get(tx, batch) if batch is not None else None,
        batch_stand=watching.stand(plant, tx, batch) if batch is not None else None,
        held=held,
    )


def registration_status(plant: Plant, number: str, *, asker: Asker = COUNTER) -> RegistrationStatus:
    """A registration with its editions.

    NotFoundError: there is none.  ForbiddenError: whoever asks may not see it.
    """
    with plant.ledger.read() as tx:
        found = status.by_number(tx, number)
        profile = plant.profile(tx, found.profile)
        asker.may_see(Thing.EDITION_LIST, profile, employer=found.employer)
        return _registration_status(plant, tx, found)


def _registration_status(plant: Plant, tx: Tx, found: RegistrationView) -> RegistrationStatus:
    today = plant.today(tx)
    return RegistrationStatus(
        registration=found,
        stand=standing.of_registration(found, today),
        editions=tuple(standing.of_edition(found, each, today) for each in found.editions),
    )


def application_status(
    plant: Plant, number: str, *, asker: Asker = COUNTER
) -> list[ApplicationStatus]:
    """The applications of that acceptance number, one a profile.  Empty: there is none.

    ForbiddenError: whoever asks may not see it.
    """
    with plant.ledger.read() as tx:
        found = applications.by_number(tx, number)
        for each in found:
            profile = plant.profile(tx, each.profile)
            asker.may_see(Thing.APPLICATION_FORM, profile, employer=each.view["employer"])
        return [_application_status(tx, each) for each in found]


def _application_status(tx: Tx, found: ApplicationRow) -> ApplicationStatus:
    held = _held_of(tx, found.number)
    return ApplicationStatus(
        application=found,
        stand=standing.of_application(found),
        held=tuple(each for each in held if each.hold.profile == found.profile),
        opinions=tuple(_opinions(tx, found)),
    )


def _held_of(tx: Tx, number: str) -> list[HeldEvent]:
    """The events that name the acceptance number and wait, oldest first."""
    found = holds.of_application(tx, number)
    return [HeldEvent(event=inbox.get(tx, event), hold=hold) for hold, event in found]


def _opinions(tx: Tx, found: ApplicationRow) -> Iterator[Opinion]:
    """What was said with its steps; only the sealed facts hold it."""
    if not found.view["steps"]:
        return
    for row in facts.of_holder(tx, found.holder_id):
        data = row.fact.data
        if (
            row.state is FactState.APPLIED
            and isinstance(data, ApplicationClosed)
            and data.acceptance_number == found.number
            and data.opinion is not None
        ):
            yield Opinion(outcome=data.outcome, by=data.by, at=data.at, text=data.opinion)


def awaited(plant: Plant, number: str) -> list[AwaitedApplication]:
    """What is known of an acceptance number only from events that are held, one a profile."""
    with plant.ledger.read() as tx:
        known = {each.profile for each in applications.by_number(tx, number)}
        found = [each for each in _held_of(tx, number) if each.hold.profile not in known]
    profiles = dict.fromkeys(each.hold.profile for each in found)
    return [
        _awaited(number, profile, [each for each in found if each.hold.profile == profile])
        for profile in profiles
    ]


def _awaited(number: str, profile: str, held: Sequence[HeldEvent]) -> AwaitedApplication:
    return AwaitedApplication(
        number=number,
        profile=profile,
        stand=standing.of_held([each.hold for each in held]),
        held=tuple(held),
    )


def progress(plant: Plant, filing_number: str, query_code: str) -> ApplicationStatus:
    """Where a filed application stands (办事进度), for whoever has the slip (申报告知单).

    FieldError: one of both was mistyped.  NotFoundError: no application has both; which of
    them is wrong is not told.
    """
    number = numbering.parse_filing_number(filing_number)
    code = numbering.parse_query_code(query_code)
    with plant.ledger.read() as tx:
        found, right = applications.by_filing(tx, number)
        if not hmac.compare_digest(code, right):
            raise NotFoundError(applications.NOT_FILED)
        return _application_status(tx, found)


def slip(plant: Plant, acceptance_number: str) -> tuple[str, str]:
    """The filing number and query code an application was given, for its slip (申报告知单).

    NotFoundError: no such application.  ConflictError: it was not handed in yet.
    """
    with plant.ledger.read() as tx:
        for found in applications.by_number(tx, acceptance_number):
            if found.filing_number is not None:
                return found.filing_number, applications.by_filing(tx, found.filing_number)[1]
            raise ConflictError("application: has no filing number, it was not handed in")
    raise NotFoundError("acceptance number: there is no such application")


def material(plant: Plant, acceptance_number: str, name: str, *, asker: Asker = COUNTER) -> bytes:
    """An uploaded material (申报材料), as it lies in the intake store.

    NotFoundError: no such application or material.  DigestMismatchError: the store holds
    something else by now.  ForbiddenError: not by whoever asks.
    """
    for found in application_status(plant, acceptance_number, asker=asker):
        file = found.application.view["materials"].get(name)
        if file is not None:
            return plant.intake_store.get(
                file["key"], sha256=file["sha256"], max_bytes=MAX_MATERIAL_BYTES
            )
    raise NotFoundError(f"material {name}: the application has none")
