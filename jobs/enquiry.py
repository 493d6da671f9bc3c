"""Enquiries: where an event, an application or a registration stands, for whoever may know."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from factory import acceptance, access, numbering
from factory.access import Thing
from factory.errors import ConflictError, ErasedError, ForbiddenError, NotFoundError
from factory.events import ApplicationClosed
from factory.model import ApplicationType
from factory.profile import MOST_MATERIAL_BYTES
from jobs import standing
from jobs.asker import (
    ANYBODY,
    COUNTER,
    Asker,
    Concerned,
    about_application,
    about_event,
    about_registration,
)
from jobs.bulk.progress import stand as batch_stand
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

NOBODY = Concerned()


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

    held:  the events that name it and wait.
    notes: what its number says against its type, where that can be seen.
    """

    application: ApplicationRow
    stand: Stand
    held: tuple[HeldEvent, ...]
    opinions: tuple[Opinion, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressStep:
    """A step of the procedure that was taken, with what was said; may hold personal data."""

    outcome: str
    by: str
    at: datetime
    opinion: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What the slip promises (办事进度): the state, whose turn it is, and the steps.

    Whoever has both its numbers reads this, so nothing of how the factory works is in it: no
    holds, no events, no materials.
    """

    kind: ApplicationType
    stand: Stand
    steps: tuple[ProgressStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedApplication:
    """An acceptance number that only events know that are held."""

    number: str
    profile: str
    stand: Stand
    held: tuple[HeldEvent, ...]


def event_status(plant: Plant, event_id: str, *, asker: Asker = COUNTER) -> list[EventStatus]:
    """The events of that id that the asker may see, whatever their source.  Empty: there is none.

    ForbiddenError: there are some, and they may see none of them.
    """
    with plant.ledger.read() as tx:
        said = inbox.by_event_id(tx, event_id, source=asker.source)
        found = _visible(plant, tx, said, asker)
        return [_event_status(plant, tx, received, asker) for received in found]


def _visible(plant: Plant, tx: Tx, found: Sequence[Received], asker: Asker) -> list[Received]:
    """Those the asker may see.  ForbiddenError: none of them, though there are some."""
    seen, refusal = [], None
    for received in found:
        is_narrow = asker.is_bound or asker.within is not None
        about = about_event(tx, received) if is_narrow else NOBODY
        if not _reaches(tx, asker, received, about):
            continue
        try:
            asker.may_see(tx, Thing.EVENT, about, plant.installed(tx, about.profile))
        except ForbiddenError as error:
            refusal = error
        else:
            seen.append(received)
    if refusal is not None and not seen:
        raise refusal
    return seen


def _reaches(tx: Tx, asker: Asker, received: Received, about: Concerned) -> bool:
    """Whether it lies in the registers they see: in its own, or a rename in all of its source."""
    if asker.within is None:
        return True
    return asker.reaches([about.profile] if about.profile else inbox.grants(tx, received.source))


def _event_status(plant: Plant, tx: Tx, received: Received, asker: Asker) -> EventStatus:
    batch, number = received.outcome.get("batch"), received.outcome.get("application")
    found = status.of_event(tx, received.id) if batch is None else []
    asked = applications.by_number(tx, number) if number else []
    held = tuple(holds.of_event(tx, received.id))
    return EventStatus(
        event=received,
        stand=standing.of_event(received.state, held),
        registrations=tuple(
            _registration_status(plant, tx, each, asker)
            for each in found
            if asker.sees(
                tx, Thing.EDITION_LIST, about_registration(each), plant.installed(tx, each.profile)
            )
        ),
        applications=tuple(
            _application_status(plant, tx, each)
            for each in asked
            if asker.sees(
                tx,
                Thing.APPLICATION_FORM,
                about_application(each),
                plant.installed(tx, each.profile),
            )
        ),
        batch=batches.get(tx, batch) if batch is not None else None,
        batch_stand=batch_stand(plant, tx, batch) if batch is not None else None,
        held=held,
    )


def registration_status(plant: Plant, number: str, *, asker: Asker = COUNTER) -> RegistrationStatus:
    """A registration with its editions; their files for those alone who may have one.

    NotFoundError: there is none.  ForbiddenError: whoever asks may not see it.
    """
    with plant.ledger.read() as tx:
        found = status.by_number(tx, number, within=asker.within)
        profile = plant.profile(tx, found.profile)
        asker.may_see(tx, Thing.EDITION_LIST, about_registration(found), profile)
        return _registration_status(plant, tx, found, asker)


def _registration_status(
    plant: Plant, tx: Tx, found: RegistrationView, asker: Asker
) -> RegistrationStatus:
    today, profile = plant.today(tx), plant.installed(tx, found.profile)
    stands = tuple(standing.of_edition(found, each, today) for each in found.editions)
    if not asker.sees(tx, Thing.CERTIFICATE_FILE, about_registration(found), profile):
        found = replace(found, editions=tuple(replace(each, files=()) for each in found.editions))
    return RegistrationStatus(
        registration=found, stand=standing.of_registration(found, today), editions=stands
    )


def application_status(
    plant: Plant, number: str, *, asker: Asker = COUNTER
) -> list[ApplicationStatus]:
    """The applications of that acceptance number, one a profile.  Empty: there is none.

    ForbiddenError: whoever asks may not see it.
    """
    with plant.ledger.read() as tx:
        found = _applications(plant, tx, number, Thing.APPLICATION_FORM, asker)
        return [_application_status(plant, tx, each) for each in found]


def _applications(
    plant: Plant, tx: Tx, number: str, thing: Thing, asker: Asker
) -> list[ApplicationRow]:
    """The applications of that number.  ForbiddenError: the asker may not see this of one."""
    found = applications.by_number(tx, number, within=asker.within)
    for each in found:
        asker.may_see(tx, thing, about_application(each), plant.profile(tx, each.profile))
    return found


def _application_status(plant: Plant, tx: Tx, found: ApplicationRow) -> ApplicationStatus:
    held = _held_of(tx, found.number)
    profile = plant.installed(tx, found.profile)
    note = acceptance.contradiction(profile, found.kind, found.number) if profile else None
    return ApplicationStatus(
        application=found,
        stand=standing.of_application(found),
        held=tuple(each for each in held if each.hold.profile == found.profile),
        opinions=tuple(_opinions(tx, found)),
        notes=(note,) if note else (),
    )


def _held_of(tx: Tx, number: str) -> list[HeldEvent]:
    """The events that name the acceptance number and wait, oldest first."""
    found = holds.of_application(tx, number)
    return [HeldEvent(event=inbox.get(tx, event), hold=hold) for hold, event in found]


def _opinions(tx: Tx, found: ApplicationRow) -> Iterator[Opinion]:
    """What was said with its steps; only the sealed facts hold it."""
    if not found.view["steps"]:
        return
    with suppress(ErasedError):
        yield from _said(tx, found)


def _said(tx: Tx, found: ApplicationRow) -> Iterator[Opinion]:
    """ErasedError: what was said has been erased."""
    for row in facts.of_holder(tx, found.holder_id):
        data = row.fact.data
        if (
            row.state is FactState.APPLIED
            and isinstance(data, ApplicationClosed)
            and data.acceptance_number == found.number
            and data.opinion is not None
        ):
            yield Opinion(outcome=data.outcome, by=data.by, at=data.at, text=data.opinion)


def awaited(plant: Plant, number: str, *, asker: Asker = COUNTER) -> list[AwaitedApplication]:
    """What is known of an acceptance number only from events that are held, one a profile.

    ForbiddenError: whoever asks may see none of those events.
    """
    with plant.ledger.read() as tx:
        known = {each.profile for each in applications.by_number(tx, number)}
        found = [
            each
            for each in _held_of(tx, number)
            if each.hold.profile not in known and asker.reaches([each.hold.profile])
        ]
        seen = {each.id for each in _visible(plant, tx, [each.event for each in found], asker)}
        found = [each for each in found if each.event.id in seen]
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


def progress(
    plant: Plant, filing_number: str, query_code: str, *, asker: Asker = ANYBODY
) -> Progress:
    """Where a filed application stands (办事进度), for whoever has the slip (申报告知单).

    FieldError: one of both was mistyped.  NotFoundError: no application has both; which of
    them is wrong is not told.
    """
    access.check(asker.viewer, Thing.PROGRESS, None, own=False)
    number = numbering.parse_filing_number(filing_number)
    code = numbering.parse_query_code(query_code)
    with plant.ledger.read() as tx:
        found, right = applications.by_filing(tx, number)
        if not hmac.compare_digest(code, right):
            raise NotFoundError(applications.NOT_FILED)
        return Progress(
            kind=found.kind,
            stand=standing.of_application(found),
            steps=tuple(_steps(found, tuple(_opinions(tx, found)))),
        )


def _steps(found: ApplicationRow, opinions: Sequence[Opinion]) -> Iterator[ProgressStep]:
    said = {(each.outcome, each.at): each.text for each in opinions}
    for step in found.view["steps"]:
        at = datetime.fromisoformat(step["at"])
        opinion = said.get((step["outcome"], at))
        yield ProgressStep(outcome=step["outcome"], by=step["by"], at=at, opinion=opinion)


def slip(plant: Plant, acceptance_number: str, *, asker: Asker = COUNTER) -> tuple[str, str]:
    """The filing number and query code an application was given, for its slip (申报告知单).

    NotFoundError: no such application.  ConflictError: it was not handed in yet.
    ForbiddenError: not to whoever asks.
    """
    with plant.ledger.read() as tx:
        for found in _applications(plant, tx, acceptance_number, Thing.FILING_SLIP, asker):
            if found.filing_number is not None:
                return found.filing_number, applications.by_filing(tx, found.filing_number)[1]
            raise ConflictError("application: has no filing number, it was not handed in")
    raise NotFoundError("acceptance number: there is no such application")


def material(plant: Plant, acceptance_number: str, name: str, *, asker: Asker = COUNTER) -> bytes:
    """An uploaded material (申报材料), as it lies in the intake store.

    NotFoundError: no such application or material.  DigestMismatchError: the store holds
    something else by now.  ForbiddenError: not by whoever asks.
    """
    with plant.ledger.read() as tx:
        rows = _applications(plant, tx, acceptance_number, Thing.MATERIAL, asker)
    for found in rows:
        file = found.view["materials"].get(name)
        if file is not None:
            return plant.intake_store.get(
                file["key"], sha256=file["sha256"], max_bytes=MOST_MATERIAL_BYTES
            )
    raise NotFoundError(f"material {name}: the application has none")
