"""Signatures (签名) that come back: checked, put into the form, stored, and recorded once.

The signed file is stored before it is recorded; recorded it is in the transaction of the event
that brought its signature.  A file nobody recorded has a key of its own and hinders nobody.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from factory import verify
from factory.errors import ConflictError, FieldError, SignatureRefusedError
from factory.events import ApplicationSigned
from factory.kinds.form_design import FIELDS
from factory.model import Format, Order
from factory.notices import Type
from factory.seals import outside, party
from factory.seals.outside import Signed
from factory.seals.selfcheck import container
from factory.verify import VerdictWord
from jobs import forms
from jobs.forms import Form
from storage.blobs import Blob
from storage.ledger import Tx, applications, audit, documents, notices, preparations, promises
from storage.ledger.documents import DocumentView
from storage.ledger.notices import NewNotice
from storage.ledger.preparations import Preparation
from storage.ledger.status import StoredFile

if TYPE_CHECKING:
    from jobs.wiring import Plant

PDF = "application/pdf"
KEY_DIGITS = 16  #: of a signed file's digest in its key: of two signatures, each has its own


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


def finish(plant: Plant, data: ApplicationSigned) -> Finished | None:
    """The form with the signature an event brings, checked and stored; None: it needs none.

    PermanentError: the signature is not taken, and why; nothing is changed.
    """
    with plant.ledger.read() as tx:
        if data.evidence is None:
            _check_needs_none(plant, tx, data)
            return None
        known = preparations.get(tx, data.evidence.preparation)
        document = documents.get(tx, known.document)
        _check_same(tx, data, known, document)
        signature = _signature_of(data)
        if known.signature is not None:
            if preparations.digest(tx, signature) != known.signature:
                raise ConflictError("preparation: was completed by another signature already")
            return Finished(preparation=known, signature=signature, file=None)
        _check_open(tx, known, document)
        form = forms.form(plant, tx, data.acceptance_number, data.party, data.profile)
        order = promises.of_document(tx, known.document)
    done, signed = _completed(plant, form, order, known, data)
    return Finished(
        preparation=known,
        signature=signature,
        file=_stored(plant, order, known.step, done),
        signing_cert_sha256=verify.fingerprint(signed.certificate),
    )


def _stored(plant: Plant, order: Order, step: int, data: bytes) -> StoredFile:
    """The signed form in the store, under a key that only these bytes have."""
    sha256 = hashlib.sha256(data).hexdigest()
    file = StoredFile(
        format=Format.PDF,
        object_key=f"{order.key_stem}.{step}-{sha256[:KEY_DIGITS]}.pdf",
        sha256=sha256,
        size_bytes=len(data),
        content_type=PDF,
        step=step,
    )
    plant.store.put_new(Blob(key=file.object_key, data=data, content_type=PDF, sha256=sha256))
    return file


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
    document = documents.get(tx, known.document, lock=True)
    _check_open(tx, known, document)
    documents.add_signed(tx, document, file, signing_cert_sha256=finished.signing_cert_sha256)
    preparations.complete(tx, known.id, preparations.digest(tx, finished.signature))
    number = applications.numbers(tx, [document.application_id or 0])
    application = number[document.application_id or 0]
    told = NewNotice(
        type=Type.DOCUMENT_SIGNED,
        profile=document.profile,
        subject=application,
        data={
            "kind": document.kind,
            "application": application,
            "revision": document.revision,
            "party": known.party,
            "step": known.step,
        },
    )
    notices.tell(tx, [told])
    what = {"party": known.party.value, "step": known.step, "sha256": file.sha256}
    audit.note(tx, "form signed", ("document", document.id), why="signature taken", what=what)


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


def _signature_of(data: ApplicationSigned) -> bytes:
    assert data.evidence is not None  # noqa: S101 - asked by the caller
    given = data.evidence.value or data.evidence.cms
    assert given is not None  # noqa: S101 - the event's schema
    return given


def _completed(
    plant: Plant, form: Form, order: Order, known: Preparation, data: ApplicationSigned
) -> tuple[bytes, Signed]:
    """The signed form and who signed it.  SignatureRefusedError: not by them, or not this."""
    assert data.evidence is not None  # noqa: S101 - asked by the caller
    prepared = forms.prepared(plant, form, known.party, known.look, known.prepared_at, known.chain)
    if prepared.document_digest.hex() != known.document_digest:
        raise ConflictError("preparation: is of an older version of this system; prepare it again")
    if data.evidence.value is not None:
        done = party.complete(prepared, data.evidence.value)
    else:
        done = party.complete_cms(prepared, _signature_of(data))
    signed = outside.read(container(done, prepared.hole), prepared.content)
    forms.check_signer(plant, signed, form.profile, known.party, order.face, known.prepared_at)
    verdict = verify.verify_pdf(done, (), forms.roots(plant, form.profile))
    if verdict.verdict is not VerdictWord.SIGNED:
        _, _, why = verdict.reasons[0].rpartition(f"{FIELDS[known.party]}: ")
        raise SignatureRefusedError(f"signature: {why}")
    return done, signed
