"""The desk: what people do at the factory: collecting, links, verdicts, holds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from factory import access, verify
from factory.access import Thing
from factory.errors import ConflictError, NotFoundError, StoreUnavailableError
from factory.kinds import KINDS
from factory.model import DocumentState, EditionState, Format, Kind, OrderState, Standing
from factory.register import local_day
from factory.seals.revocation import Source
from factory.verify import Verdict, VerdictWord
from factory.versions import installed_are
from jobs import forms, intake, registering, standing
from jobs.asker import ANYBODY, COUNTER, Asker, about_registration
from jobs.wording import EVENTS
from storage.ledger import (
    Tx,
    applications,
    audit,
    documents,
    facts,
    holds,
    inbox,
    orders,
    personal,
    status,
)
from storage.ledger.documents import DocumentView
from storage.ledger.holds import Held
from storage.ledger.status import EditionView, RegistrationView, StoredFile

if TYPE_CHECKING:
    from jobs.wiring import Plant

EXPIRED = "expired"
RECORDED = "recorded"
SIGNED_SINCE = "signed_since"  #: of a form: another party's signature has been added since
#: why a document is no longer what counts
WHY_NOT_NOW: Mapping[str, tuple[str, ...]] = {
    SIGNED_SINCE: ("another party has signed it since (已加签); that file is the form now",),
    DocumentState.VOID: ("another has taken its place (作废)",),
}
IN_FORCE = frozenset({EditionState.UNCOLLECTED, EditionState.COLLECTED, DocumentState.LIVE})
DISMISSED = "dismissed"
UNSEALED = "the register has a record of exactly these bytes; the authority does not seal them"
RETRIED = "is made now; if its cause is not mended, it is held again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A signed link to one file, and until when it works."""

    url: str
    registration: str
    edition: int
    format: str
    file_name: str
    sha256: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is to be said of a file somebody holds in hand.

    word:  the verdict's, or ``unrecorded`` where seal or signatures are right and the ledger
           knows no such file, or ``recorded`` where it knows it and nobody of ours seals it.
    kind:  of the document; None when the ledger knows neither the file nor what it names.
    state: of the edition or document, or ``expired``, or ``signed_since``.
    on_record: whether these very bytes are on record; else what it only names is told, which a
        forgery can name as well.
    """

    verdict: Verdict
    word: str
    reasons: tuple[str, ...]
    kind: Kind | None = None
    registration: str | None = None
    profile: str | None = None
    edition: int | None = None
    application: str | None = None
    revision: int | None = None
    batch: int | None = None
    state: str | None = None
    on_record: bool = False

    @property
    def genuine(self) -> bool:
        """Whether these are the bytes that were issued."""
        signed = self.word == VerdictWord.SIGNED and self.kind is not None
        return signed or self.word in {VerdictWord.VALID, RECORDED}

    @property
    def in_force(self) -> bool:
        """Whether it is genuine and what the register says today."""
        return self.genuine and self.state in IN_FORCE


def collect(plant: Plant, number: str, *, who: str, asker: Asker = COUNTER) -> EditionView:
    """The holder confirms and takes the current edition (领证); one made on demand is made now.

    NotFoundError: no such registration.  ConflictError: nothing can be collected now, and why.
    ForbiddenError: not by whoever asks; an enterprise cannot collect for its people.
    """
    with plant.ledger.write(who) as tx:
        registration = status.by_number(tx, number, within=asker.within)
        profile = plant.profile(tx, registration.profile)
        asker.may_see(tx, Thing.COLLECTION, about_registration(registration), profile)
        _check_standing(registration, plant.today(tx))
        newest = registration.newest
        if newest is not None and newest.is_waiting:
            registering.release(plant, tx, registration.id)
            status.ask_for(tx, newest)
            return _edition(status.by_ids(tx, [registration.id])[0], newest.number)
        status.collect(tx, _current(registration))
        return _current(status.by_ids(tx, [registration.id])[0])


def link(
    plant: Plant,
    number: str,
    *,
    who: str,
    edition: int | None = None,
    fmt: Format | None = None,
    asker: Asker = COUNTER,
) -> Link:
    """A signed link to the current edition, once collected.

    fmt: as which kind of file; None: as the profile names it first.
    NotFoundError: no such registration, edition or file, or the store has lost it.
    ConflictError: it may not be downloaded, and why.  ForbiddenError: not by whoever asks.
    """
    seconds = plant.settings.link_seconds
    with plant.ledger.write(who) as tx:
        registration = status.by_number(tx, number, within=asker.within)
        profile = plant.profile(tx, registration.profile)
        asker.may_see(tx, Thing.CERTIFICATE_FILE, about_registration(registration), profile)
        _check_standing(registration, plant.today(tx))
        chosen = _downloadable(registration, edition)
        file = _file(chosen, (fmt,) if fmt else (*profile.certificate.formats, *Format))
        _check_stored(plant, chosen, file)
        what = {"format": file.format}
        audit.note(tx, "link given", ("edition", chosen.id), why="asked for", what=what)
    name = f"{profile.certificate.title}_{registration.number}.{file.format}"
    url = plant.links.download_link(
        file.object_key,
        filename=name,
        content_type=file.content_type,
        expires_in=timedelta(seconds=seconds),
    )
    return Link(
        url=url,
        registration=registration.number,
        edition=chosen.number,
        format=Format(file.format),
        file_name=name,
        sha256=file.sha256,
        seconds=seconds,
    )


def _check_standing(registration: RegistrationView, today: date) -> None:
    """ConflictError: suspended, lapsed, expired or erased, so nothing of it is given out."""
    if registration.erased:
        raise ConflictError(f"registration: {personal.ERASED}")
    if registration.state is Standing.SUSPENDED:
        raise ConflictError("registration: is suspended (暂扣)")
    if registration.state is Standing.LAPSED:
        raise ConflictError("registration: has lapsed, another one has followed (过期失效)")
    newest = registration.newest
    waiting = newest if newest is not None and newest.is_waiting else None
    wanted = waiting or registration.current
    if wanted is None or wanted.medium == "paper":
        return
    if standing.is_over(wanted, today):
        raise ConflictError(f"edition {wanted.number}: has expired (已过期)")


def _current(registration: RegistrationView) -> EditionView:
    current = registration.current
    if current is None:
        raise ConflictError(why_none(registration))
    if current.medium == "paper":
        raise ConflictError(f"edition {current.number}: is on paper")
    return current


def _downloadable(registration: RegistrationView, number: int | None) -> EditionView:
    chosen = _edition(registration, number) if number is not None else _current(registration)
    if chosen.state is EditionState.COLLECTED and chosen.medium == "electronic":
        return chosen
    if chosen.state is EditionState.UNCOLLECTED:
        raise ConflictError(
            f"edition {chosen.number}: is not collected yet (未领证); `certfactory collect` first"
        )
    raise ConflictError(why_not(registration, chosen))


def _edition(registration: RegistrationView, number: int) -> EditionView:
    for edition in registration.editions:
        if edition.number == number:
            return edition
    raise NotFoundError(f"edition {number}: the registration has no such edition")


def why_none(registration: RegistrationView) -> str:
    """Why the registration has no current edition."""
    if registration.newest is None:
        return "registration: it had ended before an edition was due"
    return why_not(registration, registration.newest)


def why_not(registration: RegistrationView, edition: EditionView) -> str:
    """Why an edition cannot be downloaded, in words a clerk can pass on."""
    newest = (registration.newest or registration.editions[-1]).number
    why = f": {_cause(registration, edition)}"
    words = {
        EditionState.ORDERED: "is being made (生成中)",
        EditionState.OUTDATED: f"is outdated: edition {newest} replaces it (待换发)" + why,
        EditionState.SUPERSEDED: f"is superseded by edition {newest} (已作废)" + why,
        EditionState.REVOKED: "is revoked (已注销)",
        EditionState.COLLECTED: "is on paper or was issued elsewhere",
        EditionState.UNCOLLECTED: "is not collected yet (未领证)",
    }
    if edition.is_waiting:
        return f"edition {edition.number}: is not collected yet (未领证); it is made when it is"
    if edition.hold is not None:
        return f"edition {edition.number}: is held (需处理), see hold {edition.hold}"
    if edition.state is EditionState.OUTDATED and edition.number == newest:
        return f"edition {edition.number}: is outdated; a newer one is being ordered (待换发)"
    return f"edition {edition.number}: {words[edition.state]}"


def _cause(registration: RegistrationView, edition: EditionView) -> str:
    """Why there is another edition after this one, e.g. 企业更名."""
    later = [each for each in registration.editions if each.number > edition.number]
    cause = later[0].cause if later else ""
    return EVENTS.get(cause, "批准" if later else "登记内容已变")


def _file(edition: EditionView, wanted: Sequence[Format]) -> StoredFile:
    """The first of these formats that it was made in."""
    made = {file.format: file for file in edition.files}
    for each in wanted:
        if each.value in made:
            return made[each.value]
    there, asked = ", ".join(made), ", ".join(wanted)
    raise NotFoundError(f"edition {edition.number}: there is no {asked} of it, but {there}")


def _check_stored(plant: Plant, edition: EditionView, file: StoredFile) -> None:
    """NotFoundError: the store has lost it.  One that gives no answer may do so by the time."""
    with suppress(StoreUnavailableError):
        if plant.store.head(file.object_key) is None:
            raise NotFoundError(
                f"edition {edition.number}: its {file.format} is gone from the store;"
                " run `certfactory recheck`, and see docs/runbooks/recheck.md"
            )


def examine(
    plant: Plant,
    data: bytes,
    *,
    asker: Asker = ANYBODY,
    at: datetime | None = None,
    revocations: Source | None = None,
) -> Finding:
    """Verify a file against the trust roots, and say what the ledger knows of it.

    at:          as of when its certificates are judged, and whether it has expired; what has
                 taken its place is told as of now.  None: now.
    revocations: what is known of revoked certificates; None: what the plant knows.
    ForbiddenError: not to whoever asks.
    """
    access.check(asker.viewer, Thing.VERIFICATION, None, own=False)
    sha256 = hashlib.sha256(data).hexdigest()
    with plant.ledger.read() as tx:
        now, recorded = tx.now, status.recorded_at(tx, sha256)
    # Outside of a transaction: it may have to ask a CA.
    verdict = judged(plant, data, at or now, proved_at=recorded, revocations=revocations)
    with plant.ledger.read() as tx:
        day = plant.today(tx) if at is None else local_day(at)
        return _finding(tx, verdict, sha256, day)


def judged(
    plant: Plant,
    data: bytes,
    now: datetime,
    *,
    proved_at: datetime | None = None,
    revocations: Source | None = None,
) -> Verdict:
    """The verdict on a file by the roots this installation trusts, without the ledger.

    now:       as of when its certificates are judged.
    proved_at: since when the ledger has a record of it, which proves that it was there, as a
               time stamp would.
    """
    keys = plant.keyring
    return verify.verify(
        data,
        keys.trust_roots(),
        forms.all_roots(plant),
        issuers=keys.seal_issuers(),
        now=now,
        time_roots=keys.time_roots(),
        revocations=plant.revocations() if revocations is None else revocations,
        proved_at=proved_at,
    )


def _finding(tx: Tx, verdict: Verdict, sha256: str, day: date) -> Finding:
    document = documents.by_digest(tx, sha256)
    if document is not None:
        return _document_finding(tx, verdict, document, sha256)
    known = status.by_digest(tx, sha256)
    on_record = known is not None
    word, reasons = verdict.verdict.value, verdict.reasons
    if known is None:
        if verdict.verdict in {VerdictWord.VALID, VerdictWord.SIGNED}:
            word = "unrecorded"
            reasons = (*reasons, "the register has no record of a file with these bytes")
        known = status.by_licence(tx, verdict.licence_id) if verdict.licence_id else None
        if known is None:
            return Finding(verdict=verdict, word=word, reasons=reasons)
    registration, edition = known
    return Finding(
        verdict=verdict,
        word=word,
        reasons=reasons + _why_not_current(registration, edition),
        kind=Kind.CERTIFICATE,
        registration=registration.number,
        profile=registration.profile,
        edition=edition.number,
        state=_state(registration, edition, day),
        on_record=on_record,
    )


def _why_not_current(registration: RegistrationView, edition: EditionView) -> tuple[str, ...]:
    """That another edition is, or will be, in its place, and why."""
    if edition.state not in {EditionState.SUPERSEDED, EditionState.OUTDATED}:
        return ()
    return (why_not(registration, edition),)


def _document_finding(tx: Tx, verdict: Verdict, document: DocumentView, sha256: str) -> Finding:
    """Of a form, notice, slip or list; the ledger knows exactly these bytes."""
    is_now = document.file is not None and document.file.sha256 == sha256
    state = document.state.value if is_now or not document.stands else SIGNED_SINCE
    of = document.application_id
    unsealed = verdict.verdict is VerdictWord.UNSIGNED and not KINDS[document.kind].SEALED
    return Finding(
        verdict=verdict,
        word=RECORDED if unsealed else verdict.verdict.value,
        reasons=((UNSEALED,) if unsealed else verdict.reasons) + WHY_NOT_NOW.get(state, ()),
        kind=document.kind,
        profile=document.profile,
        application=applications.numbers(tx, [of])[of] if of is not None else None,
        revision=document.revision or None,
        batch=document.batch_id,
        state=state,
        on_record=True,
    )


def _state(registration: RegistrationView, edition: EditionView, day: date) -> str:
    """Suspended goes by the registration; expired is derived when read."""
    if edition.state not in status.CURRENT:
        return edition.state.value
    if registration.state is Standing.SUSPENDED:
        return Standing.SUSPENDED.value
    return EXPIRED if standing.is_over(edition, day) else edition.state.value


def open_holds(plant: Plant) -> Sequence[Held]:
    """What waits for a person."""
    with plant.ledger.read() as tx:
        return holds.open_holds(tx)


def hold(plant: Plant, hold_id: int) -> Held:
    """One hold.  NotFoundError: there is none."""
    with plant.ledger.read() as tx:
        return holds.get(tx, hold_id)


def grant(plant: Plant, source: str, profile: str, *, who: str) -> None:
    """Let a source submit for a profile.  NotFoundError: no such profile is installed."""
    if profile not in plant.profiles:
        raise NotFoundError(f"profile {profile}: is not installed; {installed_are(plant.profiles)}")
    with plant.ledger.write(who) as tx:
        inbox.grant(tx, source, profile)
        audit.note(tx, "source granted", ("source", source[:64]), why=profile)


def withdraw(plant: Plant, source: str, profile: str, *, who: str) -> None:
    """Let a source submit for a profile no longer; what it handed in stays.

    NotFoundError: it was not granted that.
    """
    with plant.ledger.write(who) as tx:
        if not inbox.withdraw(tx, source, profile):
            raise NotFoundError(f"source: is not granted {profile}; see `certfactory sources list`")
        audit.note(tx, "grant withdrawn", ("source", source[:64]), why=profile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of a hold, and of what it stopped.

    state:  of the event or order now; ``held`` again when its cause is not mended.
    held:   the hold in that case, and ``reason`` why.
    """

    hold: int
    subject_kind: str
    subject_id: int
    state: str
    registration: str | None = None
    batch: int | None = None
    held: int | None = None
    reason: str = ""
    notes: tuple[str, ...] = ()


def retry(plant: Plant, hold_id: int, *, who: str, why: str) -> Moved:
    """Let what was held go on; what it is now.

    NotFoundError: no such hold.  ConflictError: it is closed already.
    """
    with plant.ledger.read() as tx:
        held = holds.get(tx, hold_id)
    if held.subject_kind == "event":
        outcome = intake.retry(plant, hold_id, who=who, why=why)
        return Moved(
            hold=hold_id,
            subject_kind=held.subject_kind,
            subject_id=held.subject_id,
            state=outcome.status.value,
            registration=outcome.registration,
            batch=outcome.batch,
            held=outcome.hold,
            reason=outcome.reason,
            notes=outcome.notes,
        )
    with plant.ledger.write(who) as tx:
        holds.close(tx, hold_id, why=why)
        orders.ready_again(tx, held.subject_id)
    return _moved(held, OrderState.READY.value, RETRIED)


def dismiss(plant: Plant, hold_id: int, *, who: str, why: str) -> Moved:
    """End a held event without its documents: upstream has sent it otherwise.

    NotFoundError: no such hold.  ConflictError: it is closed already, or stops an order, which
    cannot be dismissed; its numbers are drawn.
    """
    with plant.ledger.write(who) as tx:
        held = holds.get(tx, hold_id)
        if held.subject_kind != "event":
            raise ConflictError(f"hold {hold_id}: an order is mended and retried, not dismissed")
        holds.close(tx, hold_id, why=why)
        facts.dismiss(tx, held.subject_id)
        inbox.settle(tx, held.subject_id, DISMISSED, {"hold": hold_id})
    return _moved(held, DISMISSED)


def _moved(held: Held, state: str, *notes: str) -> Moved:
    return Moved(
        hold=held.id,
        subject_kind=held.subject_kind,
        subject_id=held.subject_id,
        state=state,
        notes=notes,
    )
