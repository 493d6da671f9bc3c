"""What is wrong with what was filled in, for whoever did: which field, and which rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.responses import HTMLResponse

from portal import chosen, pages

ASKED = ("/verify", "/v/")  #: whoever asks there fills in the form of `/verify`
FIELDS = {"number": "注册编号", "code": "验证码"}
OF_FILES = ("file", "sha256")
#: what else stands in addresses and forms
PLACES = {
    "token": "网址中的链接",
    "ticket": "网址中的链接",
    "batch": "网址中的批次编号",
    "format": "网址中的文件格式",
}
ELSEWHERE = "提交的内容"
#: by pydantic's kinds of faults
RULES = {
    "missing": "没有填写",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "too_short": "至少 {min_length} 个字符",
    "too_long": "最多 {max_length} 个字符",
    "int_parsing": "应为整数",
    "greater_than_equal": "不能小于 {ge}",
    "less_than_equal": "不能大于 {le}",
    "enum": "没有这一种",
}
BROKEN = "不符合要求"
ADDRESS = ("网址有误", "请检查网址是否完整，或回到原来的系统重新打开。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """field: whose, as the form names it.  said: what to put right, in a sentence."""

    field: str
    said: str


def form(
    faults: Sequence[Fault] = (),
    *,
    number: str = "",
    code: str = "",
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """The page on which anybody asks, what was typed, and what is wrong with it beside each field.

    WCAG 2.1, 3.3.1 and 3.3.3.
    """
    found = {each.field: each.said for each in faults}
    return pages.page(
        "verify.html",
        status=status,
        headers=headers,
        faults=found,
        said={"number": "", "code": "", "file": "", **found},
        number=number,
        code=code,
        most=chosen.MOST_READ_BYTES,
    )


def too_large(headers: Mapping[str, str] | None = None) -> HTMLResponse:
    """The same, of a file that is handed over."""
    large = Fault(field="file", said=chosen.too_large(chosen.MOST_FILE_BYTES))
    return form([large], status=413, headers=headers)


def of_request(path: str, errors: Iterable[Mapping[str, Any]], *, request: str) -> HTMLResponse:
    """A request that does not have the shape of its model; its values are not repeated."""
    found = list(errors)
    faults = [_fault(each) for each in found]
    if path.startswith(ASKED) and all(each.field != ELSEWHERE for each in faults):
        return form(faults, status=422)
    is_address = all(each["loc"][0] in {"path", "query"} for each in found)
    return pages.failure(
        422,
        said=ADDRESS if is_address else None,
        request=request,
        faults=[each.said for each in faults],
    )


def _fault(error: Mapping[str, Any]) -> Fault:
    field = str(error["loc"][-1])
    if field in OF_FILES:
        return Fault(field="file", said=chosen.NONE)
    rule = RULES.get(error["type"], BROKEN).format(**error.get("ctx", {}))
    label = FIELDS.get(field) or PLACES.get(field, ELSEWHERE)
    return Fault(field=field if field in FIELDS else ELSEWHERE, said=f"{label}{rule}")
