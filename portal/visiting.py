"""`/enterprise/…`: the page of a short-lived link, for an enterprise's own affairs (企业办事)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from factory.errors import FactoryError
from factory.opinions import TYPES
from factory.profile import Profile
from jobs import standing, visiting
from jobs.enterprise import LABELS, PersonState
from portal import pages
from portal.asking import ThisPlant
from portal.pages import AGAIN, FROM_HERE, page
from portal.paths import BatchNumber, Token, Visible

router = APIRouter(prefix="/enterprise", tags=["visiting"], include_in_schema=False)
ProfileId = Annotated[Visible, Path(min_length=1, max_length=48)]
SAID = {
    403: ("不能在此确认", "这项更名由主管部门确认。"),
    404: ("链接无效", AGAIN),
    409: ("不能确认", "这项更名已经确认或已经取消，请返回查看进度。"),
}
NO_BATCH = ("没有这项更名", "本企业没有这一编号的更名，请返回企业办事页面查看。")


@router.get("/{ticket}")
def look(ticket: Token, plant: ThisPlant) -> HTMLResponse:
    """How its people stand, and what waits for it."""
    try:
        return page(
            "enterprise.html",
            ticket=ticket,
            found=visiting.visit(plant, ticket),
            titles={name: _title(each.all[-1]) for name, each in plant.profiles.items()},
            people=[(state, LABELS[state]) for state in PersonState],
            batches=standing.BATCHES,
            applications=TYPES,
        )
    except FactoryError as error:
        return pages.of_ticket(error, SAID)


def _title(profile: Profile) -> str:
    """Registers of one kind differ by their authorities."""
    return f"{profile.authority.name}：{profile.certificate.title}"


@router.get("/{ticket}/state", response_model=None)
def state(ticket: Token, plant: ThisPlant) -> Response:
    """How far its renames are: for a page that waits."""
    try:
        return JSONResponse({"state": visiting.state(plant, ticket)})
    except FactoryError as error:
        return pages.of_ticket(error, SAID)


@router.get("/{ticket}/batches/{batch}", response_model=None)
def due(ticket: Token, batch: BatchNumber, plant: ThisPlant) -> HTMLResponse:
    """What the enterprise is about to confirm."""
    try:
        rename, outline = visiting.due(plant, ticket, batch)
    except FactoryError as error:
        return pages.of_ticket(error, SAID, missing=NO_BATCH, back=f"/enterprise/{ticket}")
    return page("rename.html", ticket=ticket, batch=rename, outline=outline)


@router.get("/{ticket}/batches/{batch}/samples/{profile}.png", response_model=None)
def sample(ticket: Token, batch: BatchNumber, profile: ProfileId, plant: ThisPlant) -> Response:
    """A certificate with the new name, of nobody."""
    try:
        return Response(visiting.sample(plant, ticket, batch, profile), media_type="image/png")
    except FactoryError as error:
        return pages.of_ticket(error, SAID)


@router.post("/{ticket}/batches/{batch}", response_model=None, dependencies=[FROM_HERE])
def confirm(ticket: Token, batch: BatchNumber, plant: ThisPlant) -> HTMLResponse | RedirectResponse:
    """The enterprise confirms its rename (确认更名), and is led back to the page."""
    try:
        visiting.confirm(plant, ticket, batch)
    except FactoryError as error:
        return pages.of_ticket(error, SAID, missing=NO_BATCH, back=f"/enterprise/{ticket}")
    return RedirectResponse(f"/enterprise/{ticket}", status_code=303)
