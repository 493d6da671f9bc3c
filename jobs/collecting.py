"""Collecting (领证) by link: a page for one holder and one registration, for a short while.

The link is a ticket: nothing is stored, nothing in it names anybody, and nothing of it can be
changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from factory.access import Thing
from factory.errors import ConflictError, NotFoundError
from factory.kinds import certificate
from factory.model import ApplicationType, Format
from jobs import desk, documents, laying, looks, standing, tickets
from jobs.asker import COUNTER, Asker, about_registration
from jobs.standing import Stand
from jobs.tickets import PageLink
from storage.ledger import Tx, applications, audit, personal, promises, status
from storage.ledger import documents as filed
from storage.ledger.documents import DocumentView
from storage.ledger.status import EditionView, RegistrationView

if TYPE_CHECKING:
    from jobs.wiring import Plant

PURPOSE = "collection link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A form or notice of one of the holder's own applications, and how it stands."""

    application: str
    type: ApplicationType
    document: DocumentView
    stand: Stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Collectable:
    """What the page tells of a registration.

    rows:    what the holder confirms, labels and lines; personal data.
    stands:  how each edition stands, oldest first.
    papers:  what stands of the holder's applications in this register, the newest first.
    """

    registration: RegistrationView
    title: str
    authority: str
    newest: EditionView | None
    stand: Stand | None
    stands: tuple[Stand, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...] = field(repr=False)
    papers: tuple[Paper, ...] = ()


def link(plant: Plant, number: str, *, who: str, asker: Asker = COUNTER) -> PageLink:
    """A link to the page where the holder of a registration collects it.

    NotFoundError: no such registration.  ForbiddenError: not for whoever asks.
    ConflictError: its holder's data has been erased.
    """
    seconds = plant.settings.collection_link_seconds
    with plant.ledger.write(who) as tx:
        found = _known(status.by_number(tx, number, within=asker.within))
        profile = plant.profile(tx, found.profile)
        asker.may_see(tx, Thing.COLLECTION, about_registration(found), profile)
        what = {"seconds": seconds}
        audit.note(tx, "collection link given", ("registration", found.id), why="asked", what=what)
        token = tickets.issued(tx, PURPOSE, tickets.base36(found.id), seconds=seconds)
    return PageLink(url=f"{plant.settings.http_public_url}/collect/{token}", seconds=seconds)


def find(plant: Plant, token: str) -> Collectable:
    """What the page of that link is about.

    NotFoundError: nobody gave such a link.  ConflictError: it has ended.
    """
    with plant.ledger.read() as tx:
        found = _registration(tx, token)
        newest, today, profile = found.newest, plant.today(tx), plant.profile(tx, found.profile)
        order = promises.of_edition(tx, newest.id) if newest else None
        papers = _papers(tx, found)
    return Collectable(
        registration=found,
        title=profile.certificate.title,
        authority=profile.authority.name,
        newest=newest,
        stand=standing.of_edition(found, newest, today) if newest else None,
        stands=tuple(standing.of_edition(found, each, today) for each in found.editions),
        rows=tuple(certificate.rows(order.face).values()) if order else (),
        papers=papers,
    )


def state(plant: Plant, token: str) -> str:
    """How the newest edition stands, in the words people see.  As `find`."""
    with plant.ledger.read() as tx:
        found = _registration(tx, token)
        newest, today = found.newest, plant.today(tx)
    return standing.of_edition(found, newest, today).label if newest else ""


def picture(plant: Plant, token: str) -> bytes:
    """A PNG of the page that the holder is about to confirm, marked 样张 and without its seal.

    NotFoundError: nobody gave such a link, or there is nothing to be seen.  Others as `find`.
    """
    with plant.ledger.read() as tx:
        newest = _registration(tx, token).newest
        order = promises.of_edition(tx, newest.id) if newest else None
    if order is None:
        raise NotFoundError("certificate: was made elsewhere")
    target = BytesIO()
    looks.specimen(plant, laying.of_order(plant, order)).save(target, "PNG", optimize=True)
    return target.getvalue()


def collect(plant: Plant, token: str) -> None:
    """The holder takes what the link is for; taking it twice changes nothing.

    NotFoundError, ConflictError as `find`, and as `desk.collect`.
    """
    found = find(plant, token).registration
    desk.collect(plant, found.number, who=WHO, asker=_within(found))


def download(plant: Plant, token: str, fmt: Format | None = None) -> str:
    """A signed link to the collected certificate.  NotFoundError, ConflictError: as `find`.

    fmt: as which kind of file; None: as the profile names it first.
    """
    found = find(plant, token).registration
    return desk.link(plant, found.number, who=WHO, fmt=fmt, asker=_within(found)).url


def paper(plant: Plant, token: str, document: int) -> str:
    """A signed link to a form or notice of the holder's own.

    NotFoundError: nobody gave such a link, or the holder has no such paper.
    ConflictError: the link has ended, or the paper is not made yet.
    """
    with plant.ledger.read() as tx:
        found = _registration(tx, token)
        mine = [each for each in _papers(tx, found) if each.document.id == document]
    if not mine:
        raise NotFoundError(f"document {document}: the holder has no such paper")
    [chosen] = mine
    return documents.link(
        plant,
        chosen.application,
        chosen.document.kind,
        who=WHO,
        revision=chosen.document.revision,
        profile=found.profile,
        asker=_within(found),
    ).url


WHO = "holder:collection link"


def _within(found: RegistrationView) -> Asker:
    """Whoever has the link, and that register alone."""
    return COUNTER.through("collection link", frozenset({found.profile}))


def _papers(tx: Tx, found: RegistrationView) -> tuple[Paper, ...]:
    rows = applications.of_holder(tx, found.holder_id)
    mine = {row.id: row for row in rows if row.profile == found.profile}
    return tuple(
        Paper(
            application=mine[each.application_id].number,
            type=mine[each.application_id].kind,
            document=each,
            stand=standing.of_document(each),
        )
        for each in reversed(filed.of_applications(tx, list(mine)))
        if each.stands and each.application_id is not None
    )


def _registration(tx: Tx, token: str) -> RegistrationView:
    return _known(status.by_ids(tx, [int(tickets.read(tx, PURPOSE, token), 36)])[0])


def _known(found: RegistrationView) -> RegistrationView:
    """ConflictError: its holder's data has been erased."""
    if found.erased:
        raise ConflictError(f"registration: {personal.ERASED}")
    return found
