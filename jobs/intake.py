"""Intake: one transaction stores the event, what it changes, and every order it causes.

Malformed events are refused and leave nothing; well-formed ones always end in their
documents or in one visible hold.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import structlog

from factory import events, pictures
from factory.errors import (
    BatchRunningError,
    ConflictError,
    DigestMismatchError,
    FieldError,
    InvalidEventError,
    NotFoundError,
    PermanentError,
    PictureError,
)
from factory.events import ApplicationSigned, BulkData, EnterpriseRenamed, Event, InlinePhoto, Photo
from factory.model import BatchId
from factory.register import check_day
from factory.versions import installed_are
from jobs import logs, materials, signatures
from jobs.asker import COUNTER, Asker
from jobs.bulk import beginning
from jobs.entering import Entered, Entry, Pictures, enter
from jobs.registering import COLLECTION, acceptance_number
from jobs.signatures import Finished
from storage.ledger import Tx, audit, facts, holds, inbox, keys, orders, outbox, people

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

CORRELATION_BYTES = 8


class Status(StrEnum):
    """What became of an event that was submitted."""

    ACCEPTED = "accepted"
    HELD = "held"  #: stored, and stopped for a person
    DUPLICATE = "duplicate"  #: accepted before; nothing changed
    REFUSED = "refused"  #: nothing was stored; correct it and submit again


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one event; carries no personal data.

    problems: (field, rule) of a refused event.
    fault:    a closed word for why a signature is not taken, e.g. ``conflict``.
    standing: of the registration now, in Chinese.
    reason:   why it is held.
    notes:    what else there is to say; nothing waits because of it.
    correlation: in each log line and notice of what follows from it.
    """

    status: Status
    source: str = ""
    event: str = ""
    problems: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    registration: str | None = None
    standing: str | None = None
    application: str | None = None
    batch: int | None = None
    hold: int | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()
    correlation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An event, and what was looked at before a transaction begins.

    pictures: normalised, or why there is none.
    signed:   the form with the signature the event brings.
    """

    event: Event
    raw: bytes = field(repr=False)
    pictures: Pictures = field(default_factory=dict, repr=False)
    signed: Finished | None = field(default=None, repr=False)


def submit(plant: Plant, raw: bytes, *, who: str, asker: Asker = COUNTER) -> Outcome:
    """Take one event.

    asker: who hands it in; through an upstream system nothing but that system's own.
    Never raises for what the event says.  StoreUnavailableError: nothing could be stored.
    """
    ready = _ready(plant, raw, asker)
    outcome = ready if isinstance(ready, Outcome) else take(plant, ready, who=who)
    plant.metrics.handed_in(outcome.status)
    return outcome


def take(plant: Plant, ready: Ready, *, who: str) -> Outcome:
    """Take an event whose source was asked already; see ``submit``."""
    correlation = ready.event.correlation_id or secrets.token_hex(CORRELATION_BYTES)
    with logs.course(correlation), plant.ledger.write(who, correlation) as tx:
        return _accept(plant, tx, ready)


def submit_own(plant: Plant, event: Event, raw: bytes, *, who: str) -> Outcome:
    """Take an event that the desk says of itself; see ``submit``."""
    ready = _looked_at(plant, event, raw)
    return ready if isinstance(ready, Outcome) else take(plant, ready, who=who)


def rehearse(plant: Plant, raws: Sequence[bytes], *, who: str) -> list[Outcome]:
    """What submitting these events one after the other would come to; nothing is kept.

    Never raises for what an event says.
    """
    found: list[Outcome] = []
    ready = [_ready(plant, raw) for raw in raws]
    with suppress(_RehearsedError), plant.ledger.write(who) as tx:
        for each in ready:
            found.append(each if isinstance(each, Outcome) else _accept(plant, tx, each))
        raise _RehearsedError
    return found


class _NotTakenError(Exception):
    """A signature is not taken after all: what was written with it is taken back."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome


class _RehearsedError(Exception):
    """The rehearsal is over: what it wrote is taken back."""


def submit_all(
    plant: Plant, lines: Iterable[tuple[int, bytes]], *, who: str
) -> Iterator[tuple[int, bytes, Outcome]]:
    """Take many events, each for itself: (line, raw, outcome)."""
    for line, raw in lines:
        yield line, raw, submit(plant, raw, who=who)


def retry(plant: Plant, hold_id: int, *, who: str, why: str) -> Outcome:
    """Plan a held event again, with today's register, profile and fonts.

    Held again it keeps its hold, with today's reason.

    NotFoundError: no such hold.  ConflictError: it is closed already.
    FieldError: its source may no longer submit for its profile, or that is gone; or its material
    cannot be taken.
    """
    with plant.ledger.read() as tx:
        inbox_id = holds.get(tx, hold_id).subject_id
        correlation = inbox.get(tx, inbox_id).correlation
        event = events.parse(inbox.body(tx, inbox_id))
    _check_source(plant, event)
    materials.check(plant, event)
    given = _pictures(plant, event)
    with logs.course(correlation), plant.ledger.write(who, correlation) as tx:
        holds.try_again(tx, hold_id, why=why)
        outcome = _settle(plant, tx, event, inbox_id, _holder(plant, tx, event), given)
        if outcome.hold != hold_id:
            holds.release_event(tx, inbox_id, why=why)
        return outcome


def _ready(plant: Plant, raw: bytes, asker: Asker = COUNTER) -> Ready | Outcome:
    """The event and what comes with it, before a transaction begins; or why it is refused."""
    try:
        event = events.parse(raw)
    except InvalidEventError as error:
        return Outcome(status=Status.REFUSED, problems=error.problems)
    try:
        _check_source(plant, event, asker)
        _check_day(plant, event)
        materials.check_new(plant, event)
    except FieldError as error:
        return _refused(event, error)
    return _looked_at(plant, event, raw)


def _looked_at(plant: Plant, event: Event, raw: bytes) -> Ready | Outcome:
    try:
        signed = _signed(plant, event)
    except PermanentError as error:
        return _not_taken(event, error)
    return Ready(event=event, raw=raw, pictures=_pictures(plant, event), signed=signed)


def _signed(plant: Plant, event: Event) -> Finished | None:
    """The form with the signature an event brings.  PermanentError: it is not taken."""
    return (
        signatures.finish(plant, event.data) if isinstance(event.data, ApplicationSigned) else None
    )


def _check_source(plant: Plant, event: Event, asker: Asker = COUNTER) -> None:
    """FieldError: an unknown profile, or one this source, or whoever asks, may not submit for."""
    if asker.source not in {None, event.source}:
        raise FieldError("source", "access key", "is not the source that the key is for")
    with plant.ledger.read() as tx:
        granted = beginning.granted(plant, tx, event.source)
    if isinstance(event.data, EnterpriseRenamed):
        if not granted:
            raise FieldError("source", "certfactory sources", "may not submit for any profile")
        if not asker.reaches(granted):
            rule = "a rename concerns all registers of its source"
            raise FieldError("source", rule, "the access key is for some of them alone")
        return
    profile = event.data.profile
    if profile not in plant.profiles:
        rule = installed_are(plant.profiles)
        raise FieldError("data.profile", rule, "there is no such profile")
    if profile not in granted:
        raise FieldError("source", "certfactory sources", f"may not submit for {profile}")
    if not asker.reaches([profile]):
        raise FieldError("data.profile", "access key", f"the key is not for {profile}")


def _check_day(plant: Plant, event: Event) -> None:
    """FieldError: it says what happens after tomorrow, or names no version to issue by."""
    with plant.ledger.read() as tx:
        check_day(event, plant.today(tx))
        beginning.check_version(plant, tx, event)


def _refused(event: Event, error: FieldError) -> Outcome:
    return Outcome(
        status=Status.REFUSED,
        source=event.source,
        event=event.id,
        problems=((error.field, f"{error.detail} ({error.rule})"),),
    )


def _not_taken(event: Event, error: PermanentError) -> Outcome:
    """A signature that is not taken leaves nothing: the form can still be signed."""
    if isinstance(error, FieldError):
        return _refused(event, error)
    return Outcome(
        status=Status.REFUSED,
        source=event.source,
        event=event.id,
        problems=(("data.evidence", str(error)),),
        fault=error.reason,
    )


def _pictures(plant: Plant, event: Event) -> Pictures:
    """Normalised pictures by role, or why there is none; read before the transaction begins."""
    return {role: picture(plant, role, one) for role, one in shown(event).items()}


def shown(event: Event) -> Mapping[str, Photo]:
    """The pictures an event brings, by role."""
    given = {role: getattr(event.data, role, None) for role in ("photo", "signature")}
    return {role: one for role, one in given.items() if one is not None}


def picture(plant: Plant, role: str, given: Photo) -> bytes | PermanentError:
    """A picture as it is printed, or why there is none."""
    try:
        raw = (
            given.content
            if isinstance(given, InlinePhoto)
            else plant.intake_store.get(
                given.key, sha256=given.sha256, max_bytes=pictures.MAX_INPUT_BYTES
            )
        )
        return pictures.NORMALISE[role](raw)
    except NotFoundError:
        return PictureError(f"{role}: the intake store has no object of that key")
    except DigestMismatchError:
        return PictureError(f"{role}: the object in the intake store has another SHA-256")
    except FieldError:
        most = pictures.MAX_INPUT_BYTES
        return PictureError(f"{role}: the object in the intake store is larger than {most} bytes")
    except PermanentError as error:
        return error


def _accept(plant: Plant, tx: Tx, ready: Ready) -> Outcome:
    if ready.signed is None:
        return _entered(plant, tx, ready)
    try:
        with tx.conn.begin_nested():
            return _with_signature(plant, tx, ready, ready.signed)
    except _NotTakenError as error:
        return error.outcome


def _with_signature(plant: Plant, tx: Tx, ready: Ready, signed: Finished) -> Outcome:
    """_NotTakenError: the signature is not taken after all."""
    _holder(plant, tx, ready.event)  # locked first, as by every other event of the person
    try:
        if signatures.is_recorded(tx, signed):
            return _signed_before(ready.event)
        signatures.record(tx, signed)
    except PermanentError as error:
        raise _NotTakenError(_not_taken(ready.event, error)) from error
    outcome = _entered(plant, tx, ready)
    is_new = outcome.status in {Status.ACCEPTED, Status.HELD}  # no other event had its id
    if not (is_new and facts.is_applied(tx, ready.event.source, ready.event.id)):
        raise _NotTakenError(_instead(ready.event, outcome))
    return outcome


def _instead(event: Event, outcome: Outcome) -> Outcome:
    """What would be held or is refused: a signature is taken at once or not at all."""
    if outcome.status is not Status.HELD:
        return outcome
    return _not_taken(event, ConflictError(outcome.reason))


def _signed_before(event: Event) -> Outcome:
    number = acceptance_number(event.data)
    return Outcome(status=Status.DUPLICATE, source=event.source, event=event.id, application=number)


def _entered(plant: Plant, tx: Tx, ready: Ready) -> Outcome:
    event = ready.event
    digest = tx.vault.lookup("event", event.canonical.decode()).hex()
    if known := inbox.find(tx, event.source, event.id):
        return _repeated(event, known, digest)
    holder = _holder(plant, tx, event)
    inbox_id = inbox.add(
        tx,
        source=event.source,
        event_id=event.id,
        kind=event.type,
        digest=digest,
        raw=ready.raw,
        data_key=holder.data_key if holder else keys.new(tx),
    )
    if inbox_id is None:  # somebody else was faster by a moment
        return _repeated(event, inbox.expect(tx, event.source, event.id), digest)
    audit.note(tx, "event accepted", ("event", inbox_id), why=event.type)
    return _settle(plant, tx, event, inbox_id, holder, ready.pictures)


def _repeated(event: Event, known: inbox.Received, digest: str) -> Outcome:
    if known.digest != digest:
        rule = "CloudEvents 1.0: source and id name one event"
        return _refused(event, FieldError("id", rule, "was accepted before with other content"))
    return Outcome(
        status=Status.DUPLICATE,
        source=event.source,
        event=event.id,
        registration=known.outcome.get("registration"),
        application=known.outcome.get("application"),
        batch=known.outcome.get("batch"),
        hold=known.outcome.get("hold"),
    )


def _holder(plant: Plant, tx: Tx, event: Event) -> people.HolderRow | None:
    if isinstance(event.data, BulkData):
        return None
    paper = event.data.holder
    profile = plant.profiles[event.data.profile].id
    return people.holder(tx, profile, paper.id_type, paper.id_number)


def _settle(
    plant: Plant,
    tx: Tx,
    event: Event,
    inbox_id: int,
    holder: people.HolderRow | None,
    given: Pictures,
) -> Outcome:
    """Enter the event, or hold it; either way the inbox says what became of it."""
    entry = Entry(plant=plant, tx=tx, event=event, inbox_id=inbox_id, holder=holder, pictures=given)
    try:
        with tx.conn.begin_nested():
            entered = enter(entry)
    except PermanentError as error:
        entered = _hold(entry, error)
    else:
        if _makes_on_collection(plant, tx, event):
            orders.note_collectable(tx, inbox_id)
    status = Status.ACCEPTED if entered.hold is None else Status.HELD
    inbox.settle(tx, inbox_id, status.value, stored(entered))
    held = holds.get(tx, entered.hold) if entered.hold is not None else None
    _tell(inbox_id, status, held)
    return Outcome(
        status=status,
        source=event.source,
        event=event.id,
        registration=entered.registration,
        standing=entered.standing,
        application=entered.application,
        batch=entered.batch,
        hold=entered.hold,
        reason=held.detail if held else "",
        notes=entered.notes,
        correlation=tx.correlation,
    )


def _tell(inbox_id: int, status: Status, held: holds.Held | None) -> None:
    """One line an event; a reason is a closed word."""
    why = {"hold": held.id, "reason": held.reason} if held else {}
    log.info("event entered", inbox=inbox_id, outcome=status.value, **why)


def _makes_on_collection(plant: Plant, tx: Tx, event: Event) -> bool:
    """Whether certificates that it leads to wait for their holders (领证)."""
    if isinstance(event.data, BulkData):
        return False
    return plant.profile(tx, event.data.profile).certificate.generate_on == COLLECTION


def _hold(entry: Entry, error: PermanentError) -> Entered:
    if isinstance(error, BatchRunningError):  # which may have ended by the time this is committed
        outbox.ring_batch(entry.tx, BatchId(error.batch))
    profile = getattr(entry.event.data, "profile", "-")
    hold = holds.hold_event(
        entry.tx, entry.inbox_id, profile, reason=error.reason, detail=str(error)
    )
    number = acceptance_number(entry.event.data)
    return Entered(application=number, hold=hold)


def stored(entered: Entered) -> Mapping[str, object]:
    """What the inbox keeps of what followed."""
    return {
        "registration": entered.registration,
        "application": entered.application,
        "batch": entered.batch,
        "hold": entered.hold,
        "notes": list(entered.notes),
    }
