"""Visiting (企业办事): an enterprise's pages by link, for a short while and for its own affairs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from factory.access import Thing, Viewer
from factory.errors import ConflictError, NotFoundError
from factory.kinds import application_form
from factory.model import BatchId, BatchState, Kind
from jobs import confirmations, enterprise, looks, tickets
from jobs.asker import COUNTER, Asker, Concerned
from jobs.bulk import confirming, preview, progress
from jobs.bulk.preview import Outline
from jobs.bulk.progress import Progress
from jobs.confirmations import Listed, Which
from jobs.enterprise import EnterpriseView
from jobs.preview import Studio
from jobs.tickets import PageLink
from storage.ledger import Tx, audit, batches, promises
from storage.ledger import documents as filed

if TYPE_CHECKING:
    from jobs.wiring import Plant

PURPOSE = "enterprise link"
WHY = "confirmed on the enterprise's page"
WHO = "enterprise:link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What an enterprise sees.

    names:     of those who wait for its signature, by the row of the application.
    awaiting:  renames that it may confirm (确认更名), with what they will do.
    running:   its other renames that are not over.
    finished:  those that took effect, the newest first.
    state:     how far they are, as `state`.
    """

    credit_code: str
    view: EnterpriseView
    to_sign: tuple[Listed, ...]
    confirmed: tuple[Listed, ...]
    names: Mapping[int, str] = field(repr=False)
    awaiting: tuple[tuple[Progress, Outline], ...]
    running: tuple[Progress, ...]
    finished: tuple[Progress, ...]
    state: str


def link(plant: Plant, credit_code: str, *, who: str, asker: Asker = COUNTER) -> PageLink:
    """A link to the enterprise's pages, within the registers of whoever asks for it.

    NotFoundError: no register knows it.  ForbiddenError: not for whoever asks.
    """
    enterprise.overview(plant, credit_code, asker=asker)
    seconds = plant.settings.collection_link_seconds
    within = sorted(asker.within if asker.within is not None else plant.profiles)
    with plant.ledger.write(who) as tx:
        for name in within:
            concerned = Concerned(profile=name, employers=frozenset({credit_code}))
            asker.may_see(tx, Thing.EDITION_LIST, concerned, plant.installed(tx, name))
        given = audit.noted(
            tx,
            "enterprise link given",
            ("enterprise", credit_code),
            why="asked",
            what={"seconds": seconds, "source": asker.source or "", "within": within},
        )
        ticket = tickets.issued(tx, PURPOSE, tickets.base36(given), seconds=seconds)
    return PageLink(url=f"{plant.settings.http_public_url}/enterprise/{ticket}", seconds=seconds)


def visit(plant: Plant, ticket: str) -> Visit:
    """What the page of that link shows.

    NotFoundError: nobody gave such a link.  ConflictError: it has ended.
    """
    asker = _asker(plant, ticket)
    code = _code(asker)
    view = enterprise.overview(plant, code, asker=asker)
    found = _renames(plant, view, asker)
    to_sign = tuple(confirmations.listed(plant, code, Which.AWAITING, asker=asker))
    with plant.ledger.read() as tx:
        names = dict(_applicants(tx, to_sign))
    return Visit(
        credit_code=code,
        view=view,
        to_sign=to_sign,
        names=names,
        confirmed=tuple(confirmations.listed(plant, code, Which.CONFIRMED, asker=asker)),
        awaiting=tuple((each, _outline(plant, each)) for each in found if _is_theirs(each)),
        running=tuple(
            each for each in found if not _is_theirs(each) and each.state not in batches.ENDED
        ),
        finished=tuple(each for each in reversed(found) if each.state is BatchState.COMPLETED),
        state=_progress(found),
    )


def due(plant: Plant, ticket: str, batch: int) -> tuple[Progress, Outline]:
    """The rename that is about to be confirmed, and what it will do.

    NotFoundError, ConflictError: as `visit`, or it does not wait for the enterprise.
    """
    found = _waiting(plant, batch, _asker(plant, ticket))
    return found, _outline(plant, found)


def state(plant: Plant, ticket: str) -> str:
    """How far its renames are, in a word that changes when they get further.  As `visit`."""
    asker = _asker(plant, ticket)
    view = enterprise.overview(plant, _code(asker), asker=asker)
    return _progress(_renames(plant, view, asker))


def _progress(renames: Iterable[Progress]) -> str:
    """Of renames that are not over."""
    running = [each for each in renames if each.state not in batches.ENDED]
    return " ".join(f"{each.id}:{each.state}:{each.done}" for each in running)


def sample(plant: Plant, ticket: str, batch: int, profile: str) -> bytes:
    """A PNG of a register's certificate with the name that the enterprise is going to have.

    Everybody else on it is synthetic, so it shows the enterprise nothing of its people.
    NotFoundError: nobody gave such a link, or it has no such rename.
    ConflictError: the link has ended, or the rename does not wait for the enterprise.
    """
    asker = _asker(plant, ticket)
    found = _waiting(plant, batch, asker)
    with plant.ledger.read() as tx:
        batches_profiles, today = batches.get(tx, found.id).profiles, plant.today(tx)
    if profile not in batches_profiles:
        raise NotFoundError(f"batch {batch}: does not concern that register")
    studio = Studio(
        fontbook=plant.typefaces.book,
        installed=plant.profiles,
        verify_url=plant.settings.verify_url,
        today=today,
    )
    firm = {"credit_code": _code(asker), "name": found.subject["new_name"]}
    rules = plant.profiles[profile].on(today)
    seen = studio.specimen(Kind.CERTIFICATE, rules, None, firm=firm)
    target = BytesIO()
    looks.specimen(plant, studio.draw(Kind.CERTIFICATE, seen).laid).save(target, "PNG")
    return target.getvalue()


def confirm(plant: Plant, ticket: str, batch: int) -> None:
    """The enterprise lets its rename take effect (确认更名).

    NotFoundError, ConflictError: as `visit`, and as `confirming.confirm`.
    """
    asker = _asker(plant, ticket)
    _its_rename(plant, batch, asker)
    confirming.confirm(plant, BatchId(batch), who=WHO, why=WHY, asker=asker)


def _is_theirs(batch: Progress) -> bool:
    return batch.state is BatchState.AWAITING and batch.owner == confirming.ENTERPRISE


def _applicants(tx: Tx, waiting: Iterable[Listed]) -> Iterator[tuple[int, str]]:
    """Who applies, as the forms print it that the enterprise is to sign."""
    for each in waiting:
        with suppress(NotFoundError):  # a register without forms
            form = filed.standing(tx, each.id, Kind.APPLICATION_FORM)
            printed = application_form.read(promises.of_document(tx, form.id).face)
            yield each.id, printed.holder.name


def _its_rename(plant: Plant, batch: int, asker: Asker) -> Progress:
    """NotFoundError: there is no such batch, or it is no rename of this enterprise."""
    found = progress.progress(plant, BatchId(batch), asker=asker)
    if found.subject.get("credit_code") != asker.credit_code:
        raise batches.none(found.id)
    return found


def _waiting(plant: Plant, batch: int, asker: Asker) -> Progress:
    """ConflictError: it does not wait for the enterprise.  Others as `_its_rename`."""
    found = _its_rename(plant, batch, asker)
    if not _is_theirs(found):
        raise ConflictError(f"batch {batch}: does not wait for the enterprise")
    return found


def _outline(plant: Plant, batch: Progress) -> Outline:
    """In figures; nothing is drawn."""
    return preview.preview(plant, batch.id, Path(), most=0)


def _renames(plant: Plant, view: EnterpriseView, asker: Asker) -> list[Progress]:
    """How far each of its renames is, the oldest first."""
    known = [each.rename.batch for register in view.registers for each in register.renames]
    return [progress.progress(plant, batch, asker=asker) for batch in sorted(set(known))]


def _asker(plant: Plant, ticket: str) -> Asker:
    """The enterprise that the link was given for, as its entry in the audit log says."""
    with plant.ledger.read() as tx:
        given = int(tickets.read(tx, PURPOSE, ticket), 36)
        code, what = audit.subject_of(tx, given)
    within = frozenset(what["within"])
    return Asker(viewer=Viewer.ENTERPRISE, credit_code=code).through(what["source"], within)


def _code(asker: Asker) -> str:
    assert asker.credit_code is not None  # noqa: S101 - an enterprise's
    return asker.credit_code
