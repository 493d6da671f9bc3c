"""`/verify` and `/v/…`: anybody finds out whether a certificate is genuine and in force (查验).

By the QR code, by number and verification code, or by the file, whose digest the browser works
out.  What is unknown and what is mistyped look alike and take as long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated
from urllib.parse import quote

from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, File, Form, Path, Request, UploadFile
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from factory.errors import FieldError
from factory.numbering import CODE_LENGTH, parse_verification_code
from factory.verification import Status
from jobs import answers, verifying
from jobs.verifying import Answer
from jobs.wiring import Plant
from portal import chosen
from portal.accepting import prefers_json
from portal.asking import ThisPlant
from portal.chosen import Shape
from portal.faults import FIELDS, Fault, form, too_large
from portal.pages import page

router = APIRouter(tags=["verifying"], include_in_schema=False)

NO_CODE = f"验证码是 {CODE_LENGTH} 位字母和数字，没有 U，请对照证书检查"
PEM_FILE = "application/x-pem-file"
LEAST_SECONDS = 0.2  #: that an answer takes, whatever was asked
Digest = Annotated[str, Form(pattern=r"^[0-9a-fA-F]{64}$")]


@dataclass(frozen=True, slots=True)
class Said:
    """A status in words; weight: how it looks: ``good``, ``warn`` or ``bad``."""

    title: str
    meaning: str
    weight: str


SAID: Mapping[Status, Said] = MappingProxyType(
    {
        Status.VALID: Said("有效", "这份证书真实，现在有效。", "good"),
        Status.UNCOLLECTED: Said("未领证", "证书已制作，持证人尚未领取。", "warn"),
        Status.OUTDATED: Said(
            "待换发",
            "证书真实，但所载内容与登记已不一致，请勿再采信；新版本正在制作或等待领取。",
            "warn",
        ),
        Status.SUPERSEDED: Said("已作废", "证书已由新版本取代，这一版本不再有效。", "bad"),
        Status.WITHDRAWN: Said("式样已停用", "这一式样的证书已停止使用，请持证人换领新版。", "bad"),
        Status.SUSPENDED: Said("暂扣", "注册处于暂扣状态，证书暂时不能使用。", "bad"),
        Status.EXPIRED: Said("已过期", "证书上的有效期已经届满。", "bad"),
        Status.CANCELLED: Said("已注销", "注册已经注销，证书不再有效。", "bad"),
        Status.REVOKED: Said("已撤销", "这一版本已被发证机关撤销。", "bad"),
        Status.ERASED: Said(
            "信息已删除",
            "发证机关签发过这份证书，持证人的个人信息已依规定删除，不能再证明所载内容，请勿采信。",
            "bad",
        ),
        Status.ALTERED: Said("文件已被改动", "文件的内容与盖章时不一致，请勿采信。", "bad"),
        Status.UNPROVED: Said(
            "签名证书已失效",
            "文件带有本机关的印章，但签名证书已经撤销或到期，又不能证明文件在此之前签署，请勿采信。",
            "bad",
        ),
        Status.UNRECORDED: Said(
            "登记库中没有这个文件", "文件带有本机关的印章，但登记库没有它的记录，请勿采信。", "bad"
        ),
        Status.UNKNOWN: Said(
            "查无此证", "没有与您提供的内容相符的证书。请核对后重试；仍无结果的，请勿采信。", "bad"
        ),
    }
)
#: the same, of a file
OF_FILES: dict[Status, Said] = {
    **SAID,
    Status.UNKNOWN: Said(
        "不是本机关签发的文件", "文件没有本机关的印章，登记库中也没有它。请勿采信。", "bad"
    ),
}
#: the same, of what is no whole document
OF_SHAPES: Mapping[Shape, Said] = {
    each: Said(*words, "bad") for each, words in chosen.WORDS.items()
}
NO_SUCH_DIGEST = Said(
    "登记库中没有这个文件", "没有任何一份签发过的证书与您的文件逐字节一致。请勿采信。", "bad"
)


@router.get("/", response_model=None)
@router.get("/v", response_model=None)
@router.get("/v/", response_model=None)
async def nowhere_else() -> RedirectResponse:
    """Whoever leaves out the rest of an address can still verify."""
    return RedirectResponse("/verify", status_code=303)


@router.get("/verify/", response_model=None)
@router.get("/trust/", response_model=None)
@router.get("/v/{code}/", response_model=None)
async def one_slash_less(request: Request) -> RedirectResponse:
    """Some programs that read QR codes, and some people, put one at the end."""
    path = quote(request.url.path.rstrip("/"), safe="/")
    return RedirectResponse(path, status_code=308)


@router.get("/verify")
async def ask() -> HTMLResponse:
    """Where number and code are typed, or a file is chosen."""
    return form()


@router.get("/v/{code}", response_model=None)
async def by_qr(
    request: Request, plant: ThisPlant, code: Annotated[str, Path(max_length=64)]
) -> Response:
    """What a QR code leads to; a program that would rather have JSON is given a signed answer."""
    if prefers_json(request.scope):
        answer = await _asked(request, plant, "code", lambda: verifying.by_code(plant, code))
        signed = await run_in_threadpool(answers.signed, plant, answer, code)
        return JSONResponse(signed, headers={"vary": "Accept", "x-robots-tag": "noindex"})
    shown = await _told(request, plant, "code", lambda: verifying.by_code(plant, code))
    shown.headers["vary"] = "Accept"
    return shown


@router.get("/verify/keys.json", response_model=None)
def keys(plant: ThisPlant) -> JSONResponse:
    """What signed answers are checked with."""
    return JSONResponse(answers.keys(plant), media_type="application/jwk-set+json")


@router.get("/verify/log.pem", response_model=None)
def log_certificates(plant: ThisPlant) -> Response:
    """What heads of the log are checked with: its key's certificate, and those before it."""
    found = (each.public_bytes(Encoding.PEM) for each in plant.keyring.log_certificates())
    return Response(b"".join(found), media_type=PEM_FILE, headers=_saved("log.pem"))


@router.get("/verify/proof/{sha256}.json", response_model=None)
async def proof(
    request: Request, plant: ThisPlant, sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
) -> JSONResponse:
    """That the edition with that file is in the log; to be checked offline (docs/proofs.md)."""
    answer = await _asked(request, plant, "digest", lambda: verifying.by_digest(plant, sha256))
    if answer.logged is None:
        raise HTTPException(404)
    return JSONResponse(dict(answer.logged.proof), headers=_saved("proof.json"))


def _saved(name: str) -> dict[str, str]:
    """It is kept as a file of that name."""
    return {
        "content-disposition": f'attachment; filename="{name}"',
        "x-robots-tag": "noindex",
    }


@router.post("/verify")
async def by_number(
    request: Request,
    plant: ThisPlant,
    number: Annotated[str, Form(max_length=64)] = "",
    code: Annotated[str, Form(max_length=64)] = "",
) -> HTMLResponse:
    """Both as they were typed."""
    typed = {"number": number, "code": code}
    missing = [name for name, text in typed.items() if not text.strip()]
    faults = [Fault(field=name, said=f"请填写{FIELDS[name]}") for name in missing]
    if code.strip() and not _is_code(code):
        faults.append(Fault(field="code", said=NO_CODE))
    if faults:
        return form(faults, number=number, code=code, status=422)
    return await _told(
        request, plant, "number", lambda: verifying.by_code(plant, code, number=number)
    )


def _is_code(text: str) -> bool:
    """Whether it could be one; that says nothing of whether there is such a one."""
    try:
        parse_verification_code(text)
    except FieldError:
        return False
    return True


@router.post("/verify/digest")
async def by_digest(request: Request, plant: ThisPlant, sha256: Digest) -> HTMLResponse:
    """Of a file that stays where it is."""
    said = {**OF_FILES, Status.UNKNOWN: NO_SUCH_DIGEST}
    return await _told(request, plant, "digest", lambda: verifying.by_digest(plant, sha256), said)


@router.post("/verify/file")
async def by_file(
    request: Request, plant: ThisPlant, file: Annotated[UploadFile | None, File()] = None
) -> HTMLResponse:
    """Of a file that the visitor hands over for the full check; it is not kept."""
    data = await file.read() if file else b""
    if file is None or not data:
        said = chosen.EMPTY if file and file.filename else chosen.NONE
        return form([Fault(field="file", said=said)], status=422)
    if len(data) > chosen.MOST_FILE_BYTES:
        return too_large()
    words = OF_FILES | {Status.UNKNOWN: _not_ours(data)}
    return await _told(request, plant, "file", lambda: verifying.by_file(plant, data), words)


def _not_ours(data: bytes) -> Said:
    shape = chosen.shape(data)
    return OF_SHAPES[shape] if shape else OF_FILES[Status.UNKNOWN]


async def _told(
    request: Request,
    plant: Plant,
    by: str,
    find: Callable[[], Answer],
    words: Mapping[Status, Said] = SAID,
) -> HTMLResponse:
    answer = await _asked(request, plant, by, find)
    return page(
        "verified.html",
        answer=answer,
        said=words[answer.status],
        may_send=words[answer.status] is NO_SUCH_DIGEST,
        most=chosen.MOST_FILE_BYTES,
        address=f"{plant.settings.http_public_url}/verify",
    )


async def _asked(request: Request, plant: Plant, by: str, find: Callable[[], Answer]) -> Answer:
    """TooManyError: so many asked from there.

    by: as which kind of question it counts.
    """
    begun = time.monotonic()
    address = request.client.host if request.client else ""
    await run_in_threadpool(plant.pacing.visit, address)
    answer = await run_in_threadpool(find)
    plant.metrics.verified(by, answer.status)
    await asyncio.sleep(max(0.0, begun + LEAST_SECONDS - time.monotonic()))
    return answer
