"""Visiting (企业办事): an enterprise's pages by link, for a short while and for its own affairs."""

from __future__ import annotations

import json
from base64 import b32decode, b32encode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from factory.access import Thing, Viewer
from factory.model import BatchId, BatchState
from jobs import confirmations, enterprise, tickets
from jobs.asker import COUNTER, Asker, Concerned
from jobs.bulk import confirming, preview, progress
from jobs.bulk.preview import Outline
from jobs.bulk.progress import Progress
from jobs.confirmations import Listed, Which
from jobs.enterprise import EnterpriseView
from jobs.tickets import PageLink
from storage.ledger import audit, batches

if TYPE_CHECKING:
    from jobs.wiring import Plant

PURPOSE = "enterprise link"
WHY = "confirmed on the enterprise's page"
WHO = "enterprise:link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What an enterprise sees; no personal data.

    awaiting:  renames that it may confirm (确认更名), with what they will do.
    running:   its other bulk events that are not over.
    """

    credit_code: str
    view: EnterpriseView
    to_sign: tuple[Listed, ...]
    confirmed: tuple[Listed, ...]
    awaiting: tuple[tuple[Progress, Outline], ...]
    running: tuple[Progress, ...]


def link(plant: Plant, credit_code: str, *, who: str, asker: Asker = COUNTER) -> PageLink:
    """A link to the enterprise's pages, within the registers of whoever asks for it.

    NotFoundError: no register knows it.  ForbiddenError: not for whoever asks.
    """
    enterprise.overview(plant, credit_code, asker=asker)
    seconds = plant.settings.collection_link_seconds
    within = sorted(asker.within if asker.within is not None else plant.profiles)
    about = _packed([credit_code, asker.source or "", within])
    with plant.ledger.write(who) as tx:
        for name in within:
            concerned = Concerned(profile=name, employers=frozenset({credit_code}))
            asker.may_see(tx, Thing.EDITION_LIST, concerned, plant.installed(tx, name))
        what = {"seconds": seconds}
        audit.note(tx, "enterprise link given", ("enterprise", credit_code), why="asked", what=what)
        ticket = tickets.issued(tx, PURPOSE, about, seconds=seconds)
    return PageLink(url=f"{plant.settings.http_public_url}/enterprise/{ticket}", seconds=seconds)


def visit(plant: Plant, ticket: str) -> Visit:
    """What the page of that link shows.

    NotFoundError: nobody gave such a link.  ConflictError: it has ended.
    """
    asker = _asker(plant, ticket)
    assert asker.credit_code is not None  # noqa: S101 - an enterprise's
    code = asker.credit_code
    view = enterprise.overview(plant, code, asker=asker)
    renames = [each.rename.batch for register in view.registers for each in register.renames]
    found = [progress.progress(plant, batch, asker=asker) for batch in dict.fromkeys(renames)]
    return Visit(
        credit_code=code,
        view=view,
        to_sign=tuple(confirmations.listed(plant, code, Which.AWAITING, asker=asker)),
        confirmed=tuple(confirmations.listed(plant, code, Which.CONFIRMED, asker=asker)),
        awaiting=tuple((each, _outline(plant, each)) for each in found if _is_theirs(each)),
        running=tuple(
            each for each in found if not _is_theirs(each) and each.state not in batches.ENDED
        ),
    )


def confirm(plant: Plant, ticket: str, batch: int) -> None:
    """The enterprise lets its rename take effect (确认更名).

    NotFoundError, ConflictError: as `visit`, and as `confirming.confirm`.
    """
    asker = _asker(plant, ticket)
    confirming.confirm(plant, BatchId(batch), who=WHO, why=WHY, asker=asker)


def _is_theirs(batch: Progress) -> bool:
    return batch.state is BatchState.AWAITING and batch.owner == confirming.ENTERPRISE


def _outline(plant: Plant, batch: Progress) -> Outline:
    """In figures; nothing is drawn."""
    return preview.preview(plant, batch.id, Path(), most=0)


def _asker(plant: Plant, ticket: str) -> Asker:
    with plant.ledger.read() as tx:
        code, source, within = _unpacked(tickets.read(tx, PURPOSE, ticket))
    return Asker(viewer=Viewer.ENTERPRISE, credit_code=code).through(source, frozenset(within))


def _packed(about: object) -> str:
    """In small letters and digits."""
    text = json.dumps(about, separators=(",", ":")).encode()
    return b32encode(text).decode().rstrip("=").lower()


def _unpacked(about: str) -> tuple[str, str, list[str]]:
    padded = about.upper() + "=" * (-len(about) % 8)
    code, source, within = json.loads(b32decode(padded))
    return code, source, within
