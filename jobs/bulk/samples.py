"""Samples of a bulk event (样张): one registration's certificate as it is and as it will be.

The same way as the line's, in every format, but for the seal: the new one is drawn, linted and
proofed, marked 样张 and never sealed; its number and codes are drawn and thrown away.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from PIL import Image

from factory import plan
from factory.contrast import Change, Side, Sort, contrast, of_sort
from factory.errors import PermanentError
from factory.kinds import certificate
from factory.making import MAKINGS
from factory.model import EditionState, Format, Kind, Order
from factory.numbering import CODE_BYTES
from factory.page import extract
from factory.page.marks import Placed
from factory.pressing import Laid
from factory.profile import Profile
from factory.register import check_pictures
from jobs import laying, looks, ordering
from storage.ledger import Tx, orders, pictures, promises, status
from storage.ledger.registers import RegistrationRow
from storage.ledger.status import EditionView, StoredFile

if TYPE_CHECKING:
    from jobs.wiring import Plant

SAID = (Sort.PRINTED, Sort.TWIN)  #: what a register knows of a certificate made elsewhere


class Now(StrEnum):
    """Where the picture of the present edition is from."""

    FILE = "file"  #: 存档文件
    FACE = "face"  #: 按制证数据重绘, as its order says
    ORDERED = "ordered"  #: 尚未制作, as its order says
    PAPER = "paper"  #: 纸质证书
    ELSEWHERE = "elsewhere"  #: 其他系统制作
    NONE = "none"  #: 尚无证书


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is read of one registration before anything is drawn.

    profile: by which the next edition is drawn.
    present: the newest edition; None: there is none.
    order:   what that one was made by; None: it was not made here.
    known:   what would be printed now by today's rules; None: it cannot be, or nothing is present.
    file:    its PDF, if it has one.
    """

    profile: Profile
    number: str
    edition: plan.EditionPlan = field(repr=False)
    pictures: Mapping[str, bytes] = field(repr=False)
    at: datetime
    present: EditionView | None
    order: Order | None = field(repr=False)
    known: Side | None = field(repr=False)
    file: StoredFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page to look at.

    picture: None: there is none.
    placed:  its marks; None: not known.
    fixed:   lines that are no slot's, by the field they are told as.
    """

    picture: Image.Image | None = field(default=None, repr=False)
    placed: Placed | None = field(default=None, repr=False)
    fixed: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One registration's certificate, as it is and as it will be.

    known:   where the picture of the present one is from.
    state:   of the present edition.
    seconds: of CPU, what drawing the new one took in all its formats.
    """

    profile: Profile
    number: str
    edition: int
    state: EditionState | None
    formats: tuple[Format, ...]
    known: Now
    changes: tuple[Change, ...]
    now: Page
    then: Page
    seconds: float


def subject(
    plant: Plant, tx: Tx, profile: Profile, row: RegistrationRow, *, now: RegistrationRow
) -> Subject:
    """What a sample of this registration will need.

    profile, row: as they will be once the event has taken effect.
    now:          the registration as it is.
    PictureError: a picture that the certificate prints is not there.  SealedDataError: what is
    stored does not open.  FieldError: a number or identifier cannot be made up.
    """
    check_pictures(row.view, profile)
    due = orders.next_edition(tx, [row.id])[row.id]
    random_bytes = secrets.token_bytes(CODE_BYTES)

    def planned(rules: Profile, row: RegistrationRow) -> plan.EditionPlan:
        return plan.edition(
            rules,
            row.value,
            number=due.number,
            random_bytes=random_bytes,
            verify_url=plant.settings.verify_url,
            issued_on=plant.today(tx),
            continues=ordering.continued(tx, row, due.brought, due.number),
        )

    later = planned(profile, row)
    [view] = status.by_ids(tx, [row.id])
    present, order, known = view.newest, None, None
    if present is not None and present.order_state is not None:
        order = promises.of_edition(tx, present.id)
    if present is not None and order is None:
        known = _known(plant.profile(tx, now.profile), now, planned)
    return Subject(
        profile=profile,
        number=row.value.number,
        edition=later,
        pictures=pictures.of_registration(tx, row, certificate.pictures(later.face)),
        at=tx.now,
        present=present,
        order=order,
        known=known,
        file=_pdf(present),
    )


def _known(
    rules: Profile,
    row: RegistrationRow,
    planned: Callable[[Profile, RegistrationRow], plan.EditionPlan],
) -> Side | None:
    """What the register knows of one that was made elsewhere, as it would be printed now."""
    with suppress(PermanentError):
        return Side(profile=rules, face=planned(rules, row).face, formats=(), seal=None)
    return None


def _pdf(present: EditionView | None) -> StoredFile | None:
    files = present.files if present else ()
    return next((each for each in files if each.format == Format.PDF), None)


def sample(plant: Plant, given: Subject) -> Sample:
    """The two pages beside each other, and what differs; no transaction is open meanwhile.

    UnprintableError, LintError: why the new one cannot be drawn.
    DigestMismatchError, StoreUnavailableError: the store's answer about the present one.
    """
    laid, _ = _tried(plant, given)  # the first drawing also reads faces and draws up the design
    laid, seconds = _tried(plant, given)
    known, now = _present(plant, given)
    return Sample(
        profile=given.profile,
        number=given.number,
        edition=given.edition.number,
        state=given.present.state if given.present else None,
        formats=given.profile.certificate.formats,
        known=known,
        changes=_changes(plant, given),
        now=now,
        then=_specimen(plant, laid, given.edition.face),
        seconds=seconds,
    )


def _tried(plant: Plant, given: Subject) -> tuple[Laid, float]:
    """The new one with every mark in its place, once it has been written in every format.

    The files are thrown away.
    """
    begun = time.thread_time()
    laid = laying.laid(
        plant,
        Kind.CERTIFICATE,
        given.profile,
        given.edition.face,
        given.pictures,
        given.at.replace(microsecond=0),
    )
    for fmt in given.profile.certificate.formats:
        MAKINGS[fmt].unsealed(laid)
    return laid, time.thread_time() - begun


def _specimen(plant: Plant, laid: Laid, face: Mapping[str, object]) -> Page:
    """The page marked 样张, as it looks; every format has the same marks in the same places."""
    return _page(looks.specimen(plant, laid), laid, face)


def _page(picture: Image.Image, laid: Laid, face: Mapping[str, object]) -> Page:
    printed = certificate.read(face)
    fixed = {
        "title": (printed.title,),
        "authority": printed.authority.lines,
        "employer_label": (printed.employer_label,),
    }
    return Page(picture=picture, placed=laid.placed, fixed=fixed)


# --- the present edition ----------------------------------------------------------------------


def _present(plant: Plant, given: Subject) -> tuple[Now, Page]:
    """Its file as it looks; without a PDF, drawn as its order says."""
    if given.present is None:
        return Now.NONE, Page()
    if given.order is None:
        paper = given.present.medium == "paper"
        return Now.PAPER if paper else Now.ELSEWHERE, Page()
    laid = laying.of_order(plant, given.order)
    if given.file is None:
        known = Now.FACE if given.present.made_at else Now.ORDERED
        return known, _page(looks.drawn(laid), laid, given.order.face)
    data = plant.store.get(given.file.object_key, sha256=given.file.sha256)
    return Now.FILE, _page(extract.pictures(data, looks.DPI)[0], laid, given.order.face)


def _changes(plant: Plant, given: Subject) -> tuple[Change, ...]:
    """What differs; of one made elsewhere, of what the register knows it to say."""
    profile, order = given.profile, given.order
    then = Side(
        profile=profile,
        face=given.edition.face,
        formats=profile.certificate.formats,
        seal=profile.seal.of(Kind.CERTIFICATE),
    )
    if order is None:
        return of_sort(contrast(given.known, then), *SAID) if given.known else ()
    now = Side(
        profile=laying.made_by(plant, order),
        face=order.face,
        formats=order.formats,
        seal=order.identity,
    )
    return contrast(now, then)
