"""Ordering the next edition of a registration: what approvals and bulk events share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from factory import plan
from factory.kinds import KINDS, certificate
from factory.kinds.stored import twin
from factory.model import ApplicationType, Format, Kind, Registration
from factory.numbering import CODE_BYTES, LicenceId
from factory.plan import Brought, EditionPlan
from factory.profile import Profile
from factory.register import check_pictures
from storage.ledger import Tx, audit, holds, lost, orders, registers, restoring
from storage.ledger.documents import NewDocument
from storage.ledger.lost import Lost
from storage.ledger.registers import RegistrationRow
from storage.ledger.restoring import LostEdition

if TYPE_CHECKING:
    from jobs.wiring import Plant

UID_BYTES = 16
FOUND, RESTORED = "edition found again", "its ledger was restored"
CHANGED = "what lies in the store says something else"
NOTHING: Mapping[str, str] = MappingProxyType({})


def basis(tx: Tx, row: RegistrationRow) -> str:
    """The keyed digest of what an edition of this registration rests on today."""
    return basis_of(tx, row.value)


def basis_of(tx: Tx, registration: Registration) -> str:
    """The same of a registration that is not, or no longer, in the ledger so."""
    return tx.vault.lookup("basis", *plan.basis(registration)).hex()


def new_order(
    plant: Plant,
    tx: Tx,
    row: RegistrationRow,
    *,
    number: int,
    cause: str,
    issued_on: date,
    inbox_id: int,
    brought: Brought | None,
    applied_for: ApplicationType | None = None,
    waits_for: str | None = None,
    collected: bool = False,
    there: Mapping[int, Lost] | None = None,
) -> orders.NewOrder:
    """The order of a registration's next edition, with everything that will be printed.

    number: its own, or the one after those that lie in the store and say something else.
    applied_for: what was applied for, where that is why.
    brought: the edition it was taken over with, whose licence id the next ones continue.
    collected: whether its holder has it as soon as it is made, without asking again.
    there: editions of it, by number, that a restore found; one that is there waits for nobody.
    PictureError: a picture that the certificate prints is not there.
    """
    profile = plant.profile(tx, row.profile)
    check_pictures(row.view, profile)

    def planned(number: int, code: str | None = None) -> EditionPlan:
        return plan.edition(
            profile,
            row.value,
            number=number,
            random_bytes=secrets.token_bytes(CODE_BYTES),
            verify_url=plant.settings.verify_url,
            issued_on=issued_on,
            continues=continued(tx, row, brought, number),
            code=code,
        )

    is_there, edition = _made_before(tx, row, planned, there or {}, number)
    return orders.NewOrder(
        kind=Kind.CERTIFICATE,
        subject=replace(
            _edition(tx, row, edition, cause), applied_for=applied_for, collected=collected
        ),
        profile_version=profile.version,
        inbox_id=inbox_id,
        data_key=row.data_key,
        face=edition.face,
        face_version=edition.face_version,
        pictures=certificate.pictures(edition.face),
        formats=profile.certificate.formats,
        identity=profile.seal.of(Kind.CERTIFICATE),
        signed_at=tx.now.replace(microsecond=0),
        key_stem=f"{row.profile}/{row.uid}/{edition.number:03d}/{Kind.CERTIFICATE}",
        waits_for=None if is_there else waits_for,
    )


def _made_before(
    tx: Tx,
    row: RegistrationRow,
    planned: Callable[..., EditionPlan],
    there: Mapping[int, Lost],
    number: int,
) -> tuple[bool, EditionPlan]:
    """Whether the edition lies in the store already, and the edition.

    Those that lie there and say something else are over, and keep their numbers.
    """
    while (found := there.get(number)) is not None:
        again = planned(number, found.code)
        lost.take(tx, found)
        if lost.says(tx, found, twin(again.face)):
            what = {"number": number}
            audit.note(tx, FOUND, ("registration", row.id), why=RESTORED, what=what)
            return True, again
        restoring.keep_editions(tx, [_over(row, found)], why=CHANGED)
        number += 1
    return False, planned(number)


def _over(row: RegistrationRow, found: Lost) -> LostEdition:
    return LostEdition(
        registration=row.id,
        profile=row.profile,
        number=found.number,
        code=found.code,
        licence_id=found.licence_id,
        valid_until=found.valid_until,
    )


def _edition(
    tx: Tx, row: RegistrationRow, planned: plan.EditionPlan, cause: str
) -> orders.NewEdition:
    return orders.NewEdition(
        registration_id=row.id,
        profile=row.profile,
        number=planned.number,
        licence_id=planned.licence_id,
        code=planned.code,
        cause=cause,
        basis=basis(tx, row),
        valid_until=planned.valid_until,
    )


def respelled(plant: Plant, tx: Tx, row: RegistrationRow) -> RegistrationRow:
    """The registration, its number in the spelling the next edition prints, from now on."""
    rules = plant.profile(tx, row.profile)
    found = respelled_by(rules, row)
    if found is not row:
        authority = rules.authority.credit_code
        registers.respell(tx, row.id, authority, row.value.number, found.value.number)
    return found


def respelled_by(rules: Profile, row: RegistrationRow) -> RegistrationRow:
    """The same, as it would be by these rules."""
    printed = plan.printed_number(rules, row.value.number)
    if printed == row.value.number:
        return row
    return replace(row, value=replace(row.value, number=printed))


def new_document(
    tx: Tx,
    new: NewDocument,
    face: Mapping[str, object],
    profile: Profile,
    *,
    data_key: int,
    inbox_id: int,
    pictures: Mapping[str, str] = NOTHING,
) -> orders.NewOrder:
    """The order of a document that is no certificate, with everything that will be printed.

    profile:  the version it is drawn by.
    data_key: what its face is sealed under.
    """
    kind = KINDS[new.kind]
    return orders.NewOrder(
        kind=new.kind,
        subject=new,
        profile_version=profile.version,
        inbox_id=inbox_id,
        data_key=data_key,
        face=face,
        face_version=kind.FACE_VERSION,
        pictures=pictures,
        formats=(Format.PDF,),
        identity=profile.seal.of(new.kind) if kind.SEALED else None,
        signed_at=tx.now.replace(microsecond=0),
        key_stem=f"{profile.id}/documents/{secrets.token_hex(UID_BYTES)}/{new.kind}",
    )


def continued(
    tx: Tx, row: RegistrationRow, brought: plan.Brought | None, number: int
) -> LicenceId | None:
    """The licence id that goes on; None: there is none, or two certificates claim it."""
    found = plan.continued(brought, number) if brought else None
    return None if found is None or orders.is_shared(tx, found, row.id) else found


def hold_if_doubtful(plant: Plant, tx: Tx, row: RegistrationRow, order_id: int) -> int | None:
    """The hold of an order that would print what breaks a rule its profile insists on."""
    doubts = plan.doubts(row.value.holder, row.value.enterprise, plant.profile(tx, row.profile))
    if not doubts:
        return None
    detail = "; ".join(str(doubt) for doubt in doubts)
    return holds.hold_order(tx, order_id, reason=doubts[0].reason, detail=detail)
