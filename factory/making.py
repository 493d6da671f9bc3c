"""The formats of a document: how each is drawn, sealed or left open, and checked.

A format meets kinds and seals here and nowhere else: all get the same placed marks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from factory.model import Format
from factory.ofd.package import Member, opened, packed
from factory.ofd.proof import proof as ofd_proof
from factory.page.proof import proof as pdf_proof
from factory.parties import Algorithm
from factory.pressing import Awaiting, Laid, Press
from factory.seals import fields, ofd_selfcheck, pades, selfcheck
from factory.seals import ofd as ofd_seal
from factory.seals.signer import SealIdentity, SesIdentity
from factory.writers import ofd_laid, ofd_press, pdf, pdf_press

Identity = SealIdentity | SesIdentity
I = TypeVar("I", SealIdentity, SesIdentity)  # noqa: E741


@dataclass(frozen=True, slots=True, kw_only=True)
class Making(Generic[I]):
    """How files of one format come about.

    sealed:     drawn and proofed, with all of the authority's seal but its signature.
    unsealed:   drawn and proofed; nobody of ours seals it.
    self_check: what every sealed file passes before it is stored; SelfCheckError.
    proof:      what a reader finds in a sealed file is what was placed; LintError.
    press:      compiled from some documents of one design that are to be sealed alike;
                PressUnableError: there can be none.
    takes_stamps: documents that wait for a signature take a time-stamp token with it.
    takes_archive_stamps: a stamp over all of it may be put behind a sealed file.
    """

    content_type: str
    sealed: Callable[[Laid, I], Awaiting]
    unsealed: Callable[[Laid], bytes]
    self_check: Callable[[bytes, I], None]
    proof: Callable[[bytes, Laid], None]
    press: Callable[[Sequence[Laid], I], Press]
    takes_stamps: bool = False
    takes_archive_stamps: bool = False


def _pdf_document(laid: Laid) -> bytes:
    document = pdf.draw(
        laid.placed,
        laid.pictures,
        title=laid.title,
        created=laid.created,
        twin=laid.twin,
        licence_id=laid.licence_id,
    )
    pdf_proof(document, laid.placed, laid.values)
    return document


def _sealed_pdf(laid: Laid, identity: SealIdentity) -> Awaiting:
    prepared = pades.prepare(
        _pdf_document(laid),
        laid.seal_box,
        identity,
        now=laid.created,
        token_room=laid.token_room if laid.stamped else 0,
        material=laid.material,
    )
    return Awaiting(digest=prepared.digest, finish=partial(pades.complete, prepared))


def _unsealed_pdf(laid: Laid) -> bytes:
    """With an empty field for each party that signs it, in their order."""
    takes_sm2 = laid.profile.signing.takes(Algorithm.SM2)
    seed = fields.ANY_DIGEST if takes_sm2 else fields.SHA_2
    boxes = laid.placed.signatures
    return fields.with_fields(_pdf_document(laid), boxes, now=laid.created, seed=seed)


def _checked_pdf(data: bytes, identity: SealIdentity) -> None:
    selfcheck.self_check(data, identity.signing_cert)


def _proofed_pdf(data: bytes, laid: Laid) -> None:
    pdf_proof(data, laid.placed, laid.values, is_sealed=True)


def _proofed_ofd(data: bytes, laid: Laid) -> None:
    members = [Member(name=name, data=content) for name, content in opened(data).items()]
    ofd_proof(members, laid.placed)


def _sealed_ofd(laid: Laid, identity: SesIdentity) -> Awaiting:
    prepared = ofd_seal.prepare(ofd_laid.drawn(laid), laid.seal_box, identity, now=laid.created)
    return Awaiting(digest=prepared.digest, finish=partial(ofd_seal.complete, prepared))


def _unsealed_ofd(laid: Laid) -> bytes:
    return packed(ofd_laid.drawn(laid))


MAKINGS: Mapping[Format, Making[Any]] = {
    Format.PDF: Making(
        content_type="application/pdf",
        sealed=_sealed_pdf,
        unsealed=_unsealed_pdf,
        self_check=_checked_pdf,
        proof=_proofed_pdf,
        press=pdf_press.compiled,
        takes_stamps=True,
        takes_archive_stamps=True,
    ),
    Format.OFD: Making(
        content_type="application/ofd",
        sealed=_sealed_ofd,
        unsealed=_unsealed_ofd,
        self_check=ofd_selfcheck.self_check,
        proof=_proofed_ofd,
        press=ofd_press.compiled,
        takes_stamps=True,
    ),
}
