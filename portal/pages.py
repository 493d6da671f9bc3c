"""Pages (网页) for people: templates, and what every page tells the browser.

Nothing of a page comes from elsewhere, nothing runs but our own scripts, nobody frames it, no
search engine keeps it, and no address that leads here goes along to the next one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from factory.errors import FactoryError
from factory.kinds.stored import local
from jobs.tickets import NONE, OVER
from portal import chosen
from portal.problems import status_of

router = APIRouter(prefix="/static", tags=["pages"], include_in_schema=False)

POLICY = "; ".join(
    (
        "default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'",
        "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
    )
)  # fmt: skip
HEADERS = {
    "content-security-policy": POLICY,
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
KEPT = {"cache-control": "public, max-age=31536000, immutable"}  #: their addresses tell versions
TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
OF_PROGRAMS = ("/v1/", "/livez", "/readyz")  #: who asks there reads no pages

SAID: Mapping[int, tuple[str, str]] = {
    400: ("请求有误", "请返回上一页重新操作。"),
    403: ("不能办理", "请从原来的系统打开本页，再在本页上操作。"),
    404: (
        "找不到这个页面",
        "请检查网址是否完整，或回到原来的系统重新打开。要查验证书的，请从下面进入。",
    ),
    405: ("请求有误", "请返回上一页重新操作。"),
    408: ("网络太慢", "内容没有及时传到，请换个网络再试。"),
    413: ("提交的内容太大", "请返回上一页，减少填写的内容后再提交。"),
    422: ("填写有误", "请返回上一页检查填写的内容。"),
    429: (
        "操作过于频繁",
        "为防止有人试探验证码，同一网络一分钟内查验的次数有限。请等{after}再查验，不必反复刷新。",
    ),
    431: ("请求有误", "请重新打开浏览器后再试。"),
    503: ("系统繁忙", "请几分钟后再试，您的办理不受影响。"),
}
LEADING_ON = {404, 429}  #: where a link to the form on which anybody asks is of use
MINUTE = 60
AGAIN = "请回到原来的系统重新获取链接。"
ENDED = ("链接已过期", AGAIN)
FAULT = ("系统故障", "我们已记录这个问题，请稍后再试。")


def page(
    template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> HTMLResponse:
    """A page of that template."""
    text = _environment().get_template(template).render(values)
    return HTMLResponse(text, status_code=status, headers=HEADERS | dict(headers or {}))


def failure(
    status: int,
    *,
    said: tuple[str, str] | None = None,
    request: str = "",
    headers: Mapping[str, str] | None = None,
    faults: Sequence[str] = (),
    back: str = "",
) -> HTMLResponse:
    """What went wrong, and what to do: for whoever reads pages.

    said:   both in other words than that status usually has.
    faults: each in a sentence, where there are several.
    back:   where the page is from which it was asked.
    """
    title, advice = said or SAID.get(status, FAULT)
    return page(
        "failure.html",
        status=status,
        headers=headers,
        title=title,
        advice=advice.format(after=_after(headers or {})),
        request=request,
        faults=faults,
        back=back,
        leads_on=said is None and status in LEADING_ON,
    )


def _after(headers: Mapping[str, str]) -> str:
    """How long to wait, in words (RFC 9110, 10.2.3)."""
    seconds = int(headers.get("Retry-After", MINUTE))
    return f" {seconds} 秒" if seconds <= MINUTE else f" {math.ceil(seconds / MINUTE)} 分钟"


def of_ticket(
    error: FactoryError,
    words: Mapping[int, tuple[str, str]],
    *,
    missing: tuple[str, str] | None = None,
    back: str = "",
) -> HTMLResponse:
    """What went wrong with a page of a link, in the words of whoever has it.

    missing: what is said where the link is good, and what was asked for by it is not there.
    back:    the link's own page; a link that is good leads back there.
    """
    status = status_of(error)
    if str(error) in {NONE, OVER}:
        return failure(status, said=ENDED if str(error) == OVER else words.get(status))
    if missing and status == HTTPStatus.NOT_FOUND:
        return failure(status, said=missing, back=back)
    return failure(status, said=words.get(status), back=back)


def is_page(path: str) -> bool:
    """Whether a person asks there."""
    return not path.startswith(OF_PROGRAMS)


async def _from_here(request: Request) -> None:
    """Whether one of our pages asks, as browsers say (Fetch Metadata); HTTPException: another does.

    With no referrer a browser tells no origin; what is no browser tells neither.
    """
    if request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        raise HTTPException(403)


FROM_HERE = Depends(_from_here)


def answer_head(router: APIRouter) -> None:
    """Its pages answer HEAD as GET (RFC 9110, 9.3.2); the server leaves the body out."""
    for route in router.routes:
        if isinstance(route, APIRoute) and route.methods and is_page(route.path):
            route.methods |= {"HEAD"} if "GET" in route.methods else set()


@router.get("/{name}")
def static(name: str) -> Response:
    """A style sheet or a script."""
    if name not in _static():
        raise HTTPException(404)
    return Response(_static()[name], media_type=TYPES[name.rpartition(".")[2]], headers=KEPT)


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals.update(static=_address, of_files=chosen.words, day=_day, moment=_moment)
    return found


@cache
def _static() -> Mapping[str, bytes]:
    folder = files("portal") / "static"
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def _address(name: str) -> str:
    """Where browsers fetch it; another address where it is another file."""
    return f"/static/{name}?{sha256(_static()[name]).hexdigest()[:12]}"


def _day(day: date) -> str:
    """``2026年01月02日``, as the rows of a certificate spell days."""
    return f"{day.year}年{day.month:02d}月{day.day:02d}日"


def _moment(moment: datetime) -> str:
    """``2026年01月02日 15:36:00``, in China."""
    here = local(moment)
    return f"{_day(here.date())} {here:%H:%M:%S}"
