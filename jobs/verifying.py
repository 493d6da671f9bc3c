"""Verifying (公众查验): what anybody is told of a certificate who has its code, or its file.

By code alone nothing is told of others: codes have 100 random bits, and what is unknown, mistyped
or not of that number gets one and the same answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from factory.contrast import Side, contrast
from factory.errors import ConflictError, FieldError, SealedDataError, UnreadableRowError
from factory.kinds import certificate
from factory.model import Kind, Order
from factory.numbering import number_key, parse_verification_code
from factory.profile import Profile
from factory.register import local_day
from factory.verification import Stands, Status, Told, changed, told
from factory.verify_verdict import VerdictWord
from jobs import desk
from jobs.laying import made_by
from jobs.log import proving
from jobs.wording import EVENTS
from storage.ledger import Tx, documents, lost, promises, status
from storage.ledger.status import EditionView, RegistrationView

if TYPE_CHECKING:
    from jobs.wiring import Plant

#: What is said of a file that no edition was issued as.
WITHOUT_RECORD = {
    VerdictWord.VALID: Status.UNRECORDED,
    VerdictWord.SIGNED: Status.UNRECORDED,
    VerdictWord.ALTERED: Status.ALTERED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """An edition that came after the one that was asked for: why, and when."""

    number: int
    on: date
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """That an edition is in the log (核查日志), under which head.

    size, root: of the log; root in hex.  at: when the head was signed.
    file:       SHA-256 of one of its files, by which the proof is asked for.
    proof:      docs/proofs.md, version 2.
    """

    size: int
    root: str
    at: datetime
    file: str
    proof: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is told.

    at:       when the register was asked.
    told:     what is printed, masked; None where nothing may be told.
    kind:     of the document; None: none is known.
    is_file:  whether a file was asked for, byte for byte the one that was issued.
    later:    editions after this one, oldest first.
    changed:  what the newest one says otherwise, by the labels on the page.
    until:    from which day on its design counts no longer.
    logged:   that it is in the log; None: it is under no head yet.
    erased:   whether its holder's data has been erased: then nothing of its content is told.
    """

    status: Status
    at: datetime
    told: Told | None = field(default=None, repr=False)
    kind: Kind | None = None
    is_file: bool = False
    later: tuple[Later, ...] = ()
    changed: tuple[str, ...] = ()
    until: date | None = None
    logged: Logged | None = None
    erased: bool = False


def by_code(plant: Plant, code: str, *, number: str | None = None) -> Answer:
    """Of the certificate with that verification code, as somebody typed it.

    number: what they take its registration number to be; None: they have the code alone (扫码).
    """
    with plant.ledger.read() as tx:
        found = _by_code(tx, code)
        if found is None and _is_lost(tx, code, number):
            return Answer(status=Status.UNRECORDED, at=tx.now)
        if found is None or not _is_of(found[0], number):
            return Answer(status=Status.UNKNOWN, at=tx.now)
        return _answer(plant, tx, *found)


def by_digest(plant: Plant, sha256: str) -> Answer:
    """Of the file with that SHA-256, hex: whoever asks keeps the file to themselves."""
    with plant.ledger.read() as tx:
        return _by_digest(plant, tx, sha256.lower()) or Answer(status=Status.UNKNOWN, at=tx.now)


def by_file(plant: Plant, data: bytes) -> Answer:
    """Of a file, judged by its seal too where the register does not know its bytes."""
    with plant.ledger.read() as tx:
        found, now = _by_digest(plant, tx, hashlib.sha256(data).hexdigest()), tx.now
    if found is not None:
        return found
    verdict = desk.judged(plant, data, now)
    if verdict.distrusted_since is not None:
        return Answer(status=Status.UNPROVED, at=now)
    return Answer(status=WITHOUT_RECORD.get(verdict.verdict, Status.UNKNOWN), at=now)


def _by_code(tx: Tx, typed: str) -> tuple[RegistrationView, EditionView] | None:
    try:
        code = parse_verification_code(typed)
    except FieldError:
        return None
    return status.by_code(tx, code)


def _is_lost(tx: Tx, typed: str, number: str | None) -> bool:
    """Whether it lies in the store, of a registration that a restored ledger does not know yet."""
    try:
        found = lost.number_of(tx, parse_verification_code(typed))
    except FieldError:
        return False
    return found is not None and (number is None or number_key(number) == number_key(found))


def _is_of(registration: RegistrationView, typed: str | None) -> bool:
    """Whether it has that number, or had it, in either spelling."""
    if typed is None:
        return True
    known = (registration.number, *registration.former_numbers)
    return number_key(typed) in map(number_key, known)


def _by_digest(plant: Plant, tx: Tx, sha256: str) -> Answer | None:
    known = status.by_digest(tx, sha256)
    if known is not None:
        return replace(_answer(plant, tx, *known), is_file=True)
    document = documents.by_digest(tx, sha256)
    if document is None:
        return None
    newest = document.file
    is_now = newest is not None and newest.sha256 == sha256 and document.stands
    erased = newest is not None and newest.erased
    word = Status.SUPERSEDED if not is_now else Status.ERASED if erased else Status.VALID
    return Answer(status=word, at=tx.now, kind=document.kind, is_file=True, erased=erased)


def _answer(plant: Plant, tx: Tx, registration: RegistrationView, edition: EditionView) -> Answer:
    profile, order = plant.profile(tx, registration.profile), _order(tx, edition)
    until = _withdrawn(profile, order)
    stands = Stands(
        registration=registration.state,
        edition=edition.state,
        last_day=date.fromisoformat(edition.valid_until),
        withdrawn=until,
        erased=registration.erased,
    )
    word = stands.status(plant.today(tx))
    if word is Status.UNKNOWN:
        return Answer(status=word, at=tx.now)
    return Answer(
        status=word,
        at=tx.now,
        told=told(profile, order.face) if order else None,
        kind=Kind.CERTIFICATE,
        later=tuple(
            Later(
                number=each.number,
                on=local_day(each.made_at or each.ordered_at),
                cause=EVENTS.get(each.cause, each.cause),
            )
            for each in registration.editions
            if each.number > edition.number
        ),
        changed=_changed(plant, tx, registration.newest, edition, order),
        until=until,
        logged=_logged(tx, edition),
        erased=registration.erased,
    )


def _logged(tx: Tx, edition: EditionView) -> Logged | None:
    """A log that is not what it was proves nothing: `certfactory audit verify` says what of it."""
    try:
        proof = proving.of_edition(tx, edition.id)
    except (ConflictError, UnreadableRowError):
        return None
    if proof is None or not edition.files:
        return None
    return Logged(
        size=proof["size"],
        root=proof["root"],
        at=proving.moment(proof),
        file=edition.files[0].sha256,
        proof=proof,
    )


def _withdrawn(profile: Profile, order: Order | None) -> date | None:
    """From which day on its design counts no longer."""
    design = certificate.read(order.face).design if order else None
    found = (each.since for each in profile.certificate.withdrawn if each.design == design)
    return next(found, None)


def _changed(
    plant: Plant, tx: Tx, newest: EditionView | None, edition: EditionView, order: Order | None
) -> tuple[str, ...]:
    """What the newest edition says otherwise than this one."""
    if newest is None or newest.number <= edition.number:
        return ()
    promised = _order(tx, newest)
    if order is None or promised is None:
        return ()
    now, then = (_side(plant, each) for each in (order, promised))
    return changed(contrast(now, then))


def _side(plant: Plant, order: Order) -> Side:
    return Side(
        profile=made_by(plant, order),
        face=order.face,
        formats=order.formats,
        seal=order.identity,
    )


def _order(tx: Tx, edition: EditionView) -> Order | None:
    """What it was made by; None: it was made elsewhere, or its data has been erased."""
    try:
        return promises.of_edition(tx, edition.id)
    except SealedDataError:
        return None
