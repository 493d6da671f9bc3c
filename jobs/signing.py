"""Signing (签署): a form is prepared for a party, who signs it outside, and the signature is taken.

Nobody of ours has a party's key.  What is prepared is not stored: it is derived again, byte for
byte, when the signature comes back.  The signed file is stored before it is recorded; recorded
it is once, in the transaction of the event that brought its signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509

from factory import verify
from factory.access import Thing, Viewer
from factory.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    SettingsError,
    SignatureRefusedError,
)
from factory.events import ApplicationSigned
from factory.kinds import application_form
from factory.kinds.form_design import FIELDS, box_mm
from factory.model import Kind, Order, Party
from factory.page.fonts import UMING
from factory.profile import Profile
from factory.register import check_signing
from factory.seals import keys, outside, party, stamp
from factory.seals.selfcheck import container
from factory.verify import VerdictWord
from jobs import documents
from jobs.asker import COUNTER, Asker, about_application
from jobs.wiring import font_file
from storage.blobs import Blob
from storage.ledger import Tx, applications, audit, outbox, people, preparations, promises
from storage.ledger import documents as filed
from storage.ledger.applications import ApplicationRow
from storage.ledger.documents import DocumentView
from storage.ledger.preparations import NewPreparation, Preparation
from storage.ledger.status import StoredFile

if TYPE_CHECKING:
    from jobs.wiring import Plant

SIGNED = "application.signed"
PDF = "application/pdf"
KEY_DIGITS = 16  #: of a signed file's digest in its key: of two signatures, each has its own
#: who signs as which party
PARTY_OF: Mapping[Viewer, Party] = {
    Viewer.HOLDER: Party.APPLICANT,
    Viewer.ENTERPRISE: Party.ENTERPRISE,
}
SHOWN = {
    Party.APPLICANT: ("申请人", "已电子签名"),
    Party.ENTERPRISE: ("聘用企业", "已电子签章"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A form that waits for a party's signature, until a moment.

    step, of:          the how manyth signature of how many.
    digest:            what is signed, SHA-256, hex: of signed_attributes, or, where no
                       certificate was given, of content.
    signed_attributes: DER, what a raw signature is over; None: only a finished CMS is taken.
    content:           the bytes a detached CMS is over.
    """

    token: str
    application: str
    profile: str
    revision: int
    party: Party
    step: int
    of: int
    digest: str
    signed_attributes: bytes | None = field(repr=False)
    content: bytes = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A form with a party's signature: checked, in the store, and not recorded yet.

    signature: what completed it.
    file:      None: it was completed by the same signature before.
    """

    preparation: Preparation = field(repr=False)
    signature: bytes = field(repr=False)
    file: StoredFile | None
    signing_cert_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
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


def prepare(
    plant: Plant,
    number: str,
    signer: Party,
    *,
    who: str,
    chain: Sequence[x509.Certificate] = (),
    picture: bytes | None = None,
    profile: str | None = None,
    asker: Asker = COUNTER,
) -> Waiting:
    """The form of an application, prepared for a party's signature.

    number:  the acceptance number (受理编号).
    chain:   the signer's certificate, then those that issued it; none: a finished CMS is needed.
    picture: hand-written signature or enterprise seal, JPEG or PNG; None: the application's own,
             or words that say that it was signed.
    profile: of which register, where several have that number.
    NotFoundError: no such application.  ConflictError, AwaitsError: it cannot be signed now, and
    why.  SignatureRefusedError: the certificate is not that party's.  PictureError.
    ForbiddenError: not for whoever asks.
    """
    with plant.ledger.read() as tx:
        form = _form(plant, tx, number, signer, profile, asker)
        order, now = promises.of_document(tx, form.document.id), tx.now.replace(microsecond=0)
    if chain:
        _check_signer(plant, _claimed(chain), form.profile, signer, order.face, now)
    look = _look(plant, order, signer, picture, now)
    prepared = party.prepare(
        plant.store.get(form.file.object_key, sha256=form.file.sha256),
        FIELDS[signer],
        certifies=form.step == 1,
        locks=form.step == len(form.signers),
        look=look,
        now=now,
        chain=chain,
    )
    expires_at = now + timedelta(minutes=form.profile.signing.minutes)
    with plant.ledger.write(who) as tx:
        holder = people.row(tx, form.row.holder_id)
        token = preparations.add(
            tx,
            holder,
            NewPreparation(
                profile=form.row.profile,
                document=form.document.id,
                party=signer,
                step=form.step,
                base_sha256=form.file.sha256,
                document_digest=prepared.document_digest.hex(),
                picture=people.add_picture(tx, holder, look),
                chain=chain,
                prepared_at=now,
                expires_at=expires_at,
            ),
        )
        what = {"party": signer.value, "step": form.step}
        audit.note(tx, "form prepared", ("document", form.document.id), why="asked for", what=what)
    return Waiting(
        token=token,
        application=form.row.number,
        profile=form.row.profile,
        revision=form.document.revision,
        party=signer,
        step=form.step,
        of=len(form.signers),
        digest=prepared.digest.hex(),
        signed_attributes=prepared.signed_attributes,
        content=prepared.content,
        expires_at=expires_at,
    )


def finish(plant: Plant, data: ApplicationSigned) -> Finished | None:
    """The form with the signature an event brings, checked and stored; None: it needs none.

    PermanentError: the signature is not taken, and why; nothing is changed.
    """
    with plant.ledger.read() as tx:
        if data.evidence is None:
            _check_needs_none(plant, tx, data)
            return None
        known = preparations.get(tx, data.evidence.preparation)
        signature = _signature_of(data)
        if known.signature is not None:
            if preparations.digest(tx, signature) != known.signature:
                raise ConflictError("preparation: was completed by another signature already")
            return Finished(preparation=known, signature=signature, file=None)
        document = filed.get(tx, known.document)
        _check_same(tx, data, known, document)
        _check_open(tx, known, document)
        form = _form(plant, tx, data.acceptance_number, data.party, data.profile, COUNTER)
        order = promises.of_document(tx, known.document)
    signed_form, signed = _completed(plant, form, order, known, data)
    sha256 = hashlib.sha256(signed_form).hexdigest()
    file = StoredFile(
        format="pdf",
        object_key=f"{order.key_stem}.{known.step}-{sha256[:KEY_DIGITS]}.pdf",
        sha256=sha256,
        size_bytes=len(signed_form),
        content_type=PDF,
        step=known.step,
    )
    plant.store.put_new(
        Blob(key=file.object_key, data=signed_form, content_type=PDF, sha256=sha256)
    )
    return Finished(
        preparation=known,
        signature=signature,
        file=file,
        signing_cert_sha256=verify.fingerprint(signed.certificate),
    )


def is_recorded(tx: Tx, finished: Finished) -> bool:
    """Whether the same signature has completed it; nobody else completes it meanwhile.

    ConflictError: another signature has.
    """
    done = preparations.completed_by(tx, finished.preparation.token)
    if done is None:
        return False
    if done != preparations.digest(tx, finished.signature):
        raise ConflictError("preparation: was completed by another signature already")
    return True


def record(tx: Tx, finished: Finished) -> None:
    """The signed file is the form's from now on; the earlier ones stay.

    ConflictError: something has happened to the form since.
    """
    known, file = finished.preparation, finished.file
    assert file is not None  # noqa: S101 - else it is recorded already
    document = filed.get(tx, known.document)
    _check_open(tx, known, document)
    filed.add_signed(tx, document, file, signing_cert_sha256=finished.signing_cert_sha256)
    preparations.complete(tx, known.id, preparations.digest(tx, finished.signature))
    number = applications.numbers(tx, [document.application_id or 0])
    outbox.notify(
        tx,
        [
            {
                "type": "document.signed",
                "profile": document.profile,
                "kind": document.kind,
                "application": number[document.application_id or 0],
                "revision": document.revision,
                "party": known.party,
                "step": known.step,
            }
        ],
    )
    what = {"party": known.party.value, "step": known.step, "sha256": file.sha256}
    audit.note(tx, "form signed", ("document", document.id), why="signature taken", what=what)


# --- the form ---------------------------------------------------------------------------------


def _form(
    plant: Plant, tx: Tx, number: str, signer: Party, profile: str | None, asker: Asker
) -> _Form:
    """The form as it stands, its turn being that party's."""
    row = application(tx, number, profile)
    rules = plant.profile(tx, row.profile)
    asker.may_see(tx, Thing.SIGNING, about_application(row), rules)
    if PARTY_OF.get(asker.viewer, signer) is not signer:
        raise ForbiddenError(f"signing: the {asker.viewer} does not sign as the {signer}")
    if row.kind not in rules.documents.application_forms:
        raise ConflictError(f"form: none is made here for {row.kind}, so nobody signs one")
    check_signing(rules, row.kind, row.state, signer, attached=row.view["materials"].keys())
    document = filed.standing(tx, row.id, Kind.APPLICATION_FORM)
    file, signers = documents.file_of(document), rules.application.signers_of(row.kind)
    if file.step != signers.index(signer):
        raise ConflictError("form: what has been signed is not what the register has; look at it")
    return _Form(row=row, profile=rules, document=document, file=file, signers=signers)


def application(tx: Tx, number: str, profile: str | None) -> ApplicationRow:
    """The application of that number.  NotFoundError.  ConflictError: several registers have it."""
    found = [row for row in applications.by_number(tx, number) if profile in {None, row.profile}]
    if not found:
        raise NotFoundError("acceptance number: there is no such application")
    if len(found) > 1:
        raise ConflictError("acceptance number: several registers have it; say which (--profile)")
    return found[0]


def _check_needs_none(plant: Plant, tx: Tx, data: ApplicationSigned) -> None:
    """FieldError: the factory makes the form, so its signature has to come with the event."""
    known = applications.by_number(tx, data.acceptance_number)
    kinds = {row.kind for row in known if row.profile == data.profile}
    forms = set(plant.profile(tx, data.profile).documents.application_forms)
    if forms and (not kinds or kinds & forms):
        raise FieldError(
            "data.evidence",
            f"profile {data.profile}",
            "is missing: the form is made here; prepare it, let the party sign, send the signature",
        )


def _check_same(
    tx: Tx, data: ApplicationSigned, known: Preparation, document: DocumentView
) -> None:
    """ConflictError: the preparation is of something else than the event speaks of."""
    number = applications.numbers(tx, [document.application_id or 0])
    said = (data.profile, data.acceptance_number, data.revision, data.party)
    if said != (
        document.profile,
        number[document.application_id or 0],
        document.revision,
        known.party,
    ):
        raise ConflictError(
            "preparation: is of another application, revision or party than the event says"
        )


def _check_open(tx: Tx, known: Preparation, document: DocumentView) -> None:
    """ConflictError: too late, or something has happened to the form since."""
    if not document.stands:
        raise ConflictError(
            f"form: revision {document.revision} is void (作废), another was saved since"
        )
    if document.file is None or document.file.sha256 != known.base_sha256:
        raise ConflictError("form: was signed meanwhile; prepare it again")
    if tx.now > known.expires_at:
        raise ConflictError("preparation: has expired (已过期); prepare the form again")


# --- the signature ----------------------------------------------------------------------------


def _signature_of(data: ApplicationSigned) -> bytes:
    assert data.evidence is not None  # noqa: S101 - asked by the caller
    given = data.evidence.value or data.evidence.cms
    assert given is not None  # noqa: S101 - the event's schema
    return given


def _completed(
    plant: Plant, form: _Form, order: Order, known: Preparation, data: ApplicationSigned
) -> tuple[bytes, outside.Signed]:
    """The signed form and who signed it.  SignatureRefusedError: not by them, or not this."""
    assert data.evidence is not None  # noqa: S101 - asked by the caller
    prepared = party.prepare(
        plant.store.get(form.file.object_key, sha256=form.file.sha256),
        FIELDS[known.party],
        certifies=known.step == 1,
        locks=known.step == len(form.signers),
        look=known.look,
        now=known.prepared_at,
        chain=known.chain,
    )
    if prepared.document_digest.hex() != known.document_digest:
        raise ConflictError("preparation: is of an older version of this system; prepare it again")
    if data.evidence.value is not None:
        done = party.complete(prepared, data.evidence.value)
    else:
        done = party.complete_cms(prepared, _signature_of(data))
    signed = outside.read(container(done, prepared.hole), prepared.content)
    _check_signer(plant, signed, form.profile, known.party, order.face, known.prepared_at)
    verdict = verify.verify_pdf(done, (), roots(plant, form.profile))
    if verdict.verdict is not VerdictWord.SIGNED:
        raise SignatureRefusedError(f"signature: {verdict.reasons[0]}")
    return done, signed


def all_roots(plant: Plant) -> Mapping[str, Sequence[x509.Certificate]]:
    """By field, what the certificates of its party may lead to in any register."""
    found: dict[str, dict[str, x509.Certificate]] = {name: {} for name in FIELDS.values()}
    for rules in plant.profiles.values():
        for profile in rules.all:
            with suppress(SettingsError):
                for name, trusted in roots(plant, profile).items():
                    found[name] |= {verify.fingerprint(each): each for each in trusted}
    return {name: tuple(each.values()) for name, each in found.items()}


def roots(plant: Plant, profile: Profile) -> Mapping[str, Sequence[x509.Certificate]]:
    """By field, what the certificates of its party must lead to.  SettingsError: there is none."""
    return {
        name: plant.keyring.party_roots(profile.signing.of(signer).trust)
        for signer, name in FIELDS.items()
        if signer in profile.application.signers
    }


def _claimed(chain: Sequence[x509.Certificate]) -> outside.Signed:
    """What a signature under that certificate will be."""
    return outside.Signed(
        certificate=chain[0],
        chain=tuple(chain[1:]),
        algorithm=keys.algorithm_of(chain[0]),
        digest_algorithm="sha256",
    )


def _check_signer(
    plant: Plant,
    signed: outside.Signed,
    profile: Profile,
    signer: Party,
    face: Mapping[str, object],
    moment: datetime,
) -> None:
    """SignatureRefusedError: the certificate is not of that party's CA, or names another."""
    rules = profile.signing.of(signer)
    outside.check_algorithm(signed, rules)
    outside.check_trust(signed, plant.keyring.party_roots(rules.trust), moment)
    name, number = identity(signer, face)
    outside.check_subject(signed.certificate, rules, name=name, number=number)


def identity(signer: Party, face: Mapping[str, object]) -> tuple[str, str]:
    """Name and number of a party, as the form prints them."""
    printed = application_form.read(face)
    if signer is Party.APPLICANT:
        return printed.holder.name, printed.holder.id_number
    return printed.enterprise.name, printed.enterprise.credit_code


def _look(plant: Plant, order: Order, signer: Party, picture: bytes | None, now: datetime) -> bytes:
    """What the field shows: the picture brought, the application's signature, or words."""
    width, height = box_mm(signer)
    own = order.pictures.get("signature") if signer is Party.APPLICANT else None
    given = picture or own
    if given is not None:
        return stamp.fit(given, width_mm=width, height_mm=height)
    face = font_file(plant.settings.font_dirs, UMING.file)
    return stamp.stamp(SHOWN[signer], now, face, width_mm=width, height_mm=height)
