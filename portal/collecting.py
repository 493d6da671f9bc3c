"""`/collect/…`: the page of a short-lived link, on which the holder takes the certificate (领证).

Looking changes nothing: programs that look at links ahead of people take nothing.
"""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, RedirectResponse

from factory.errors import FactoryError
from factory.model import EditionState, Format
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
body{{font:1.1rem/1.7 system-ui,sans-serif;margin:0;background:#f3f5f4;color:#111}}
main{{max-width:32rem;margin:2rem auto;padding:1.5rem;background:#fff;
border-top:.3rem solid #0a5c36}}
h1{{font-size:1.4rem;line-height:1.4;margin:0 0 1.2rem}} dt{{color:#555}}
dd{{margin:0 0 .8rem;overflow-wrap:anywhere}}
button,a.b{{font:inherit;box-sizing:border-box;display:block;width:100%;margin:1rem 0 0;
padding:.7rem 1rem;text-align:center;text-decoration:none;background:#0a5c36;color:#fff;border:0}}
:focus-visible{{outline:.2rem solid #e0a800;outline-offset:.15rem}}
@media(max-width:35rem){{main{{margin:0;min-height:100vh;box-sizing:border-box}}}}
</style></head>
<body><main><h1>{title}</h1>{body}</main></body></html>
"""
ASKED = "<p>请核对后确认领取电子证书。</p>"
REPLACES = "<p>领取新版本后，上一版本即作废（已作废）。</p>"
CONFIRM = """<form method="post"><button>确认领证</button></form>"""
DOWNLOAD = '<a class="b" href="{path}/file?format={format}">下载证书（{name}）</a>'
WAIT = "<p>证书正在生成，本页将自动更新。</p>"
HELD = "<p>证书暂时无法生成，工作人员正在处理，请稍后再来。</p>"
NOTHING = "<p>目前没有可以领取的证书。</p>"
REFRESH = '<meta http-equiv="refresh" content="2">'
AGAIN = "请回到原来的系统重新获取链接。"
SAID = {
    404: f"链接无效。{AGAIN}",
    409: "证书目前的状态不允许此操作。",
    503: "系统繁忙，请稍后再试。",
}
ENDED, FAULT = f"链接已过期。{AGAIN}", "系统故障，请稍后再试。"


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
    token: Token,
    plant: Annotated[Plant, Depends(plant_of)],
    fmt: Annotated[Format | None, Query(alias="format")] = None,
) -> HTMLResponse | RedirectResponse:
    """The file itself, from the store."""
    try:
        return RedirectResponse(collecting.download(plant, token, fmt), status_code=303)
    except FactoryError as error:
        return _failure(error)


def _page(found: Collectable, token: str) -> HTMLResponse:
    stand = found.stand
    facts = [("注册编号", found.registration.number), ("状态", stand.label if stand else "无证书")]
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    action = _action(found, token)
    refresh = REFRESH if action == WAIT else ""
    return _html(found.title, f"<dl>{rows}</dl>{action}", refresh=refresh)


def _action(found: Collectable, token: str) -> str:
    """What can be done now."""
    edition = found.newest
    if edition is None:
        return NOTHING
    if edition.state is EditionState.UNCOLLECTED or edition.is_waiting:
        replaces = REPLACES if len(found.registration.editions) > 1 else ""
        return ASKED + replaces + CONFIRM
    if edition.state is EditionState.COLLECTED:
        formats = [each.format for each in edition.files]
        path = f"/collect/{escape(token)}"
        return "".join(DOWNLOAD.format(path=path, format=e, name=e.upper()) for e in formats)
    if edition.state is not EditionState.ORDERED:
        return NOTHING
    return WAIT if edition.hold is None else HELD


def _failure(error: FactoryError) -> HTMLResponse:
    """In the holder's words; the registration's state is on the page itself."""
    status = status_of(error)
    said = ENDED if str(error) == collecting.OVER else SAID.get(status, FAULT)
    return _html("无法领证", f"<p>{said}</p>", status=status)


def _html(title: str, body: str, *, status: int = 200, refresh: str = "") -> HTMLResponse:
    page = PAGE.format(title=escape(title), body=body, refresh=refresh)
    return HTMLResponse(page, status_code=status, headers=POLICY)
