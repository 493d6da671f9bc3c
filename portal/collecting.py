"""`/collect/…`: the page of a short-lived link, on which the holder takes the certificate (领证).

Looking changes nothing: programs that look at links ahead of people take nothing.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from factory.errors import FactoryError
from factory.model import EditionState, Format, Standing
from factory.opinions import TYPES
from jobs import collecting
from jobs.collecting import Collectable
from jobs.standing import EXPIRED
from jobs.wording import EVENTS, KINDS
from portal import pages
from portal.asking import ThisPlant
from portal.pages import AGAIN, FROM_HERE, page
from portal.paths import RowNumber, Token

router = APIRouter(prefix="/collect", tags=["collecting"], include_in_schema=False)
HEADINGS = {
    "ready": "您有证书可以领取",
    "confirm": "请确认以下证书信息是否正确",
    "making": "证书正在生成",
    "download": "下载证书",
    "held": "证书暂时无法生成",
    "stopped": "现在不能领取证书",
    "nothing": "没有可以领取的证书",
}
#: why nothing of a registration is given out
STOPPED = {
    Standing.SUSPENDED: "注册处于暂扣状态，暂扣期间证书不能领取和下载。发还后可以继续办理。",
    Standing.LAPSED: "注册已经失效，后来另有注册。请领取后来注册的证书。",
}
OVER = "证书上的有效期已经届满，不能再领取和下载。请按规定申请延续注册或者重新注册。"
SAID = {
    404: ("链接无效", AGAIN),
    409: ("现在不能办理", "证书的状态已经变化，请返回上一页刷新后查看。"),
}


@router.get("/{token}")
def look(token: Token, plant: ThisPlant) -> HTMLResponse:
    """What is to be taken, or how it stands."""
    try:
        return _page(collecting.find(plant, token), token)
    except FactoryError as error:
        return pages.of_ticket(error, SAID, back=f"/collect/{token}")


@router.get("/{token}/confirm", response_model=None)
def confirm(token: Token, plant: ThisPlant) -> HTMLResponse | RedirectResponse:
    """What the certificate says, for the holder to confirm."""
    try:
        found = collecting.find(plant, token)
    except FactoryError as error:
        return pages.of_ticket(error, SAID, back=f"/collect/{token}")
    if _stage(found) != "ready":
        return RedirectResponse(f"/collect/{token}", status_code=303)
    return _page(found, token, stage="confirm")


@router.post("/{token}", response_model=None, dependencies=[FROM_HERE])
def take(token: Token, plant: ThisPlant) -> HTMLResponse | RedirectResponse:
    """The holder confirms (确认领证), and is led back to the page."""
    try:
        collecting.collect(plant, token)
    except FactoryError as error:
        return pages.of_ticket(error, SAID, back=f"/collect/{token}")
    return RedirectResponse(f"/collect/{token}", status_code=303)


@router.get("/{token}/file", response_model=None)
def file(
    token: Token, plant: ThisPlant, fmt: Annotated[Format | None, Query(alias="format")] = None
) -> HTMLResponse | RedirectResponse:
    """The file itself, from the store."""
    try:
        return RedirectResponse(collecting.download(plant, token, fmt), status_code=303)
    except FactoryError as error:
        return pages.of_ticket(error, SAID, back=f"/collect/{token}")


@router.get("/{token}/papers/{document}", response_model=None)
def paper(token: Token, document: RowNumber, plant: ThisPlant) -> HTMLResponse | RedirectResponse:
    """A form or notice of the holder's own, from the store."""
    try:
        return RedirectResponse(collecting.paper(plant, token, document), status_code=303)
    except FactoryError as error:
        return pages.of_ticket(error, SAID, back=f"/collect/{token}")


@router.get("/{token}/page.png", response_model=None)
def picture(token: Token, plant: ThisPlant) -> Response:
    """How its page looks."""
    try:
        return Response(collecting.picture(plant, token), media_type="image/png")
    except FactoryError as error:
        return pages.of_ticket(error, SAID, back=f"/collect/{token}")


@router.get("/{token}/state", response_model=None)
def state(token: Token, plant: ThisPlant) -> Response:
    """How it stands: for a page that waits."""
    try:
        return JSONResponse({"state": collecting.state(plant, token)})
    except FactoryError as error:
        return pages.of_ticket(error, SAID, back=f"/collect/{token}")


def _page(found: Collectable, token: str, *, stage: str | None = None) -> HTMLResponse:
    stage, editions = stage or _stage(found), found.registration.editions
    return page(
        "collect.html",
        stage=stage,
        heading=HEADINGS[stage],
        found=found,
        token=token,
        stand=found.stand.label if found.stand else "",
        replaces=len(editions) > 1,
        formats=[each.format for each in found.newest.files] if found.newest else [],
        history=list(zip(reversed(editions), reversed(found.stands), strict=True)),
        causes=EVENTS,
        stopped=STOPPED.get(found.registration.state, OVER),
        kinds=KINDS,
        applications=TYPES,
    )


def _stage(found: Collectable) -> str:
    """What can be done now."""
    edition = found.newest
    if edition is None:
        return "nothing"
    if found.registration.state in STOPPED or found.stand == EXPIRED:
        return "stopped"
    if edition.state is EditionState.UNCOLLECTED or edition.is_waiting:
        return "ready"
    if edition.state is EditionState.COLLECTED:
        return "download" if edition.files else "nothing"
    if edition.state is not EditionState.ORDERED:
        return "nothing"
    return "making" if edition.hold is None else "held"
