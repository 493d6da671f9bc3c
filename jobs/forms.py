"""Forms as they stand to be signed (待签署): whose turn it is, and whose signature counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509

from factory import verify
from factory.access import Thing, Viewer
from factory.errors import ConflictError, ForbiddenError, NotFoundError, SettingsError
from factory.kinds import application_form
from factory.kinds.form_design import FIELDS
from factory.model import Kind, Party
from factory.profile import Profile
from factory.register import check_signing
from factory.seals import outside, party
from factory.seals.outside import Signed
from factory.seals.party import Prepared
from jobs import documents
from jobs.asker import COUNTER, Asker, about_application
from storage.ledger import Tx, applications
from storage.ledger import documents as filed
from storage.ledger.applications import ApplicationRow
from storage.ledger.documents import DocumentView
from storage.ledger.status import StoredFile

if TYPE_CHECKING:
    from jobs.wiring import Plant

#: who signs as which party
PARTY_OF: Mapping[Viewer, Party] = {
    Viewer.HOLDER: Party.APPLICANT,
    Viewer.ENTERPRISE: Party.ENTERPRISE,
}
Face = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form of an application, as it stands to be signed by a party."""

    row: ApplicationRow
    profile: Profile
    document: DocumentView
    file: StoredFile
    signers: tuple[Party, ...]

    @property
    def step(self) -> int:
        """The how manyth signature comes next, from 1."""
        return self.file.step + 1


def form(
    plant: Plant, tx: Tx, number: str, signer: Party, profile: str | None, asker: Asker = COUNTER
) -> Form:
    """The form of an application, that party's turn being next.

    PermanentError: it is not their turn, or there is no such form, and why.
    """
    row = application(tx, number, profile, asker)
    rules = plant.profile(tx, row.profile)
    asker.may_see(tx, Thing.SIGNING, about_application(row), rules)
    if PARTY_OF.get(asker.viewer, signer) is not signer:
        raise ForbiddenError(f"signing: the {asker.viewer} does not sign as the {signer}")
    if row.kind not in rules.documents.application_forms:
        raise ConflictError(f"form: none is made here for {row.kind}, so nobody signs one")
    signers = rules.application.signers_of(row.kind)
    document = filed.standing(tx, row.id, Kind.APPLICATION_FORM)
    _check_not_signed(document, signer, signers)
    check_signing(rules, row.kind, row.state, signer, attached=row.view["materials"].keys())
    file = documents.file_of(document)
    if file.step != signers.index(signer):
        raise ConflictError("form: what has been signed is not what the register has; look at it")
    return Form(row=row, profile=rules, document=document, file=file, signers=signers)


def _check_not_signed(document: DocumentView, signer: Party, signers: tuple[Party, ...]) -> None:
    """ConflictError: that party's signature is in the form."""
    if document.file is not None and signer in signers[: document.file.step]:
        raise ConflictError(f"party: the {signer} has signed revision {document.revision} already")


def application(tx: Tx, number: str, profile: str | None, asker: Asker = COUNTER) -> ApplicationRow:
    """The application of that number.  NotFoundError.  ConflictError: several registers have it."""
    known = applications.by_number(tx, number, within=asker.within)
    found = [row for row in known if profile in {None, row.profile}]
    if not found:
        raise NotFoundError("acceptance number: there is no such application")
    if len(found) > 1:
        raise ConflictError("acceptance number: several registers have it; say which (--profile)")
    return found[0]


def prepared(
    plant: Plant,
    form: Form,
    signer: Party,
    look: bytes,
    now: datetime,
    chain: Sequence[x509.Certificate],
) -> Prepared:
    """The form with that party's field filled but for the signature; again gives the same."""
    return party.prepare(
        plant.store.get(form.file.object_key, sha256=form.file.sha256),
        FIELDS[signer],
        certifies=form.step == 1,
        locks=form.step == len(form.signers),
        look=look,
        now=now,
        chain=chain,
    )


def check_signer(
    plant: Plant,
    signed: Signed,
    profile: Profile,
    signer: Party,
    face: Face,
    moment: datetime,
) -> None:
    """SignatureRefusedError: the certificate is not of that party's CA, or names another."""
    rules = profile.signing.of(signer)
    outside.check_algorithm(signed, rules)
    outside.check_trust(signed, plant.keyring.party_roots(rules.trust), moment)
    name, number = identity(signer, face)
    outside.check_subject(signed.certificate, rules, name=name, number=number)


def identity(signer: Party, face: Face) -> tuple[str, str]:
    """Name and number of a party, as the form prints them."""
    printed = application_form.read(face)
    if signer is Party.APPLICANT:
        return printed.holder.name, printed.holder.id_number
    return printed.enterprise.name, printed.enterprise.credit_code


def roots(plant: Plant, profile: Profile) -> Mapping[str, Sequence[x509.Certificate]]:
    """By field, what the certificates of its party must lead to.  SettingsError: there is none."""
    return {
        name: plant.keyring.party_roots(profile.signing.of(signer).trust)
        for signer, name in FIELDS.items()
        if signer in profile.application.signers
    }


def all_roots(plant: Plant) -> Mapping[str, Sequence[x509.Certificate]]:
    """By field, what the certificates of its party may lead to in any register."""
    found: dict[str, dict[str, x509.Certificate]] = {name: {} for name in FIELDS.values()}
    for rules in plant.profiles.values():
        for profile in rules.all:
            with suppress(SettingsError):
                for name, trusted in roots(plant, profile).items():
                    found[name] |= {verify.fingerprint(each): each for each in trusted}
    return {name: tuple(each.values()) for name, each in found.items()}
