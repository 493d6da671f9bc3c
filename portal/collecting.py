"""`/collect/…`: the page of a short-lived link, on which the holder takes the certificate (领证).

Looking changes nothing: programs that look at links ahead of people take nothing.
"""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse, RedirectResponse

from factory.errors import FactoryError
from factory.model import EditionState
from jobs import collecting
from jobs.collecting import Collectable
from jobs.wiring import Plant
from portal.asking import plant_of
from portal.paths import Token
from portal.problems import status_of

router = APIRouter(prefix="/collect", tags=["collecting"], include_in_schema=False)
POLICY = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
}
PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}
<title>{title}</title>
<style>
body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;
color:#111}}
h1{{font-size:1.5rem}} dt{{color:#555}} dd{{margin:0 0 .8rem}}
button,a.b{{font:inherit;background:#0a5c36;color:#fff;border:0;padding:.6rem 1.4rem;
text-decoration:none;display:inline-block}}
</style></head>
<body><main><h1>{title}</h1>{body}</main></body></html>
"""
CONFIRM = """<p>请确认后领取电子证书。领取后，本证书的上一版本即不再有效。</p>
<form method="post"><button>确认领证</button></form>"""
DOWNLOAD = '<p><a class="b" href="{path}/file">下载证书</a></p>'
WAIT = "<p>证书正在生成，本页将自动更新。</p>"
REFRESH = '<meta http-equiv="refresh" content="2">'


@router.get("/{token}")
def look(token: Token, plant: Annotated[Plant, Depends(plant_of)]) -> HTMLResponse:
    """What is to be taken, or how it stands."""
    try:
        return _page(collecting.find(plant, token), token)
    except FactoryError as error:
        return _failure(error)


@router.post("/{token}", response_model=None)
def take(
    token: Token, plant: Annotated[Plant, Depends(plant_of)]
) -> HTMLResponse | RedirectResponse:
    """The holder confirms (确认领证), and is led back to the page."""
    try:
        collecting.collect(plant, token)
    except FactoryError as error:
        return _failure(error)
    return RedirectResponse(f"/collect/{token}", status_code=303)


@router.get("/{token}/file", response_model=None)
def file(
    token: Token, plant: Annotated[Plant, Depends(plant_of)]
) -> HTMLResponse | RedirectResponse:
    """The file itself, from the store."""
    try:
        return RedirectResponse(collecting.download(plant, token), status_code=303)
    except FactoryError as error:
        return _failure(error)


def _page(found: Collectable, token: str) -> HTMLResponse:
    edition, stand = found.newest, found.stand
    facts = [("注册编号", found.registration.number), ("状态", stand.label if stand else "无证书")]
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    making = edition is not None and edition.state is EditionState.ORDERED
    action = ""
    if edition is not None and (edition.state is EditionState.UNCOLLECTED or edition.is_waiting):
        action = CONFIRM
    elif edition is not None and edition.state is EditionState.COLLECTED:
        action = DOWNLOAD.format(path=f"/collect/{escape(token)}")
    elif making:
        action = WAIT
    refresh = REFRESH if action == WAIT else ""
    return _html(found.title, f"<dl>{rows}</dl>{action}", refresh=refresh)


def _failure(error: FactoryError) -> HTMLResponse:
    said = f"<p>{escape(str(error))}</p>"
    return _html("无法领证", said, status=status_of(error))


def _html(title: str, body: str, *, status: int = 200, refresh: str = "") -> HTMLResponse:
    page = PAGE.format(title=escape(title), body=body, refresh=refresh)
    return HTMLResponse(page, status_code=status, headers=POLICY)
