"""Signing (签署): a form is prepared for a party, who signs it outside.

Nobody of ours has a party's key.  What is prepared is not stored: it is derived again, byte for
byte, when the signature comes back (``signatures``).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from cryptography import x509

from factory.errors import SignatureRefusedError, UnprintableError
from factory.kinds.form_design import box_mm
from factory.kinds.stored import local
from factory.model import Order, Party
from factory.page.fonts import FACES, Style
from factory.seals import keys, stamp
from factory.seals.outside import Signed
from factory.seals.party import Prepared
from jobs import forms
from jobs.asker import COUNTER, Asker
from jobs.forms import Form
from jobs.wiring import font_file
from storage.ledger import audit, people, preparations, promises
from storage.ledger.preparations import NewPreparation

if TYPE_CHECKING:
    from jobs.wiring import Plant

SHOWN = {
    Party.APPLICANT: ("申请人", "已电子签名", stamp.WRITING),
    Party.ENTERPRISE: ("聘用企业", "已电子签章", stamp.STAMPED),
}
KAI = FACES[Style.KAI]


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
        form = forms.form(plant, tx, number, signer, profile, asker)
        order, now = promises.of_document(tx, form.document.id), tx.now.replace(microsecond=0)
    if chain:
        forms.check_signer(plant, _claimed(chain), form.profile, signer, order.face, now)
    look = _look(plant, order, signer, picture, now)
    prepared = forms.prepared(plant, form, signer, look, now, chain)
    new = _preparation(form, signer, prepared, now, chain)
    return Waiting(
        token=_kept(plant, form, new, look, who),
        application=form.row.number,
        profile=new.profile,
        revision=form.document.revision,
        party=signer,
        step=new.step,
        of=len(form.signers),
        digest=prepared.digest.hex(),
        signed_attributes=prepared.signed_attributes,
        content=prepared.content,
        expires_at=new.expires_at,
    )


def _preparation(
    form: Form, signer: Party, prepared: Prepared, now: datetime, chain: Sequence[x509.Certificate]
) -> NewPreparation:
    """What the prepared form can be derived from again, until it expires."""
    return NewPreparation(
        profile=form.row.profile,
        document=form.document.id,
        party=signer,
        step=form.step,
        base_sha256=form.file.sha256,
        document_digest=prepared.document_digest.hex(),
        chain=chain,
        prepared_at=now,
        expires_at=now + timedelta(minutes=form.profile.signing.minutes),
    )


def _kept(plant: Plant, form: Form, new: NewPreparation, look: bytes, who: str) -> str:
    """The token of the preparation, which is kept with its look."""
    with plant.ledger.write(who) as tx:
        holder = people.row(tx, form.row.holder_id)
        picture = people.add_picture(tx, holder, look)
        what = {"party": new.party.value, "step": new.step}
        audit.note(tx, "form prepared", ("document", new.document), why="asked for", what=what)
        return preparations.add(tx, holder, new, picture)


def _claimed(chain: Sequence[x509.Certificate]) -> Signed:
    """What a signature under that certificate will be.  SignatureRefusedError: none that counts."""
    algorithm = keys.algorithm_of(chain[0])
    if algorithm is None:
        raise SignatureRefusedError("the certificate's key is too weak, or of a kind unknown here")
    return Signed(
        certificate=chain[0],
        chain=tuple(chain[1:]),
        algorithm=algorithm,
        digest_algorithm="sha256",
    )


def _look(plant: Plant, order: Order, signer: Party, picture: bytes | None, now: datetime) -> bytes:
    """What the field shows: the picture brought, the application's signature, or words."""
    width, height = map(stamp.pixels, box_mm(signer))
    own = order.pictures.get("signature") if signer is Party.APPLICANT else None
    given = own if picture is None else picture
    if given is not None:
        return stamp.fit(given, width, height)
    name, _ = forms.identity(signer, order.face)
    return _words(plant, signer, name, local(now).strftime("%Y-%m-%d %H:%M"), (width, height))


def _words(plant: Plant, signer: Party, name: str, moment: str, size: tuple[int, int]) -> bytes:
    """That they signed, and when; by their role where no installed face has their name."""
    role, said, ink = SHOWN[signer]
    first, *others = (partial(font_file, plant.settings.font_dirs, each.file) for each in KAI)
    with suppress(UnprintableError):
        return stamp.stamp((name, said, moment), first(), *size, ink=ink)
    with suppress(UnprintableError):
        fallbacks = [each() for each in others]
        return stamp.stamp((name, said, moment), first(), *size, ink=ink, fallbacks=fallbacks)
    return stamp.stamp((role, said, moment), first(), *size, ink=ink)
