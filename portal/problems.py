"""Failures as problem details (RFC 9457), in the words the command line uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from factory.errors import (
    AwaitsError,
    ConflictError,
    FactoryError,
    ForbiddenError,
    InvalidEventError,
    NotFoundError,
    SettingsError,
    TooManyError,
    TransientError,
    UnrecognisedError,
)

PROBLEM = "application/problem+json"
STATUS: Sequence[tuple[type[FactoryError], int]] = (
    (UnrecognisedError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (AwaitsError, 409),
    (TooManyError, 429),
    (TransientError, 503),
    (SettingsError, 500),
    (FactoryError, 422),
)
TITLES: Mapping[int, str] = {
    400: "The request cannot be understood",
    401: "The access key is not recognised",
    403: "Not for whoever asks",
    404: "There is no such thing",
    405: "This method is not for this address",
    408: "The request took too long to arrive",
    409: "Its state does not allow this",
    413: "The request is too large",
    415: "The body is of another kind",
    422: "The request breaks a rule",
    429: "Too many requests",
    431: "Address and headers are too large",
    500: "The factory is at fault",
    503: "A neighbour gave no answer; try again",
}
RETRY_SECONDS = 5
MOST_PROBLEMS = 50  #: as of an event


class Fault(BaseModel):
    """One field and the rule it breaks."""

    field: str
    rule: str


class Problem(BaseModel):
    """What went wrong (RFC 9457): which rule, and of which field; never a value."""

    type: str = Field(examples=["urn:certfactory:problem:not_found"])
    title: str
    status: int
    detail: str
    reason: str = Field(description="A closed word, the same as in hold lists and metrics.")
    request: str = Field(description="Stands in the log beside this request.")
    problems: list[Fault] = []


def problem(
    status: int,
    detail: str,
    *,
    request: str,
    reason: str = "request",
    problems: Iterable[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """A failure as it is answered."""
    said = Problem(
        type=f"urn:certfactory:problem:{reason}",
        title=TITLES.get(status, "The request failed"),
        status=status,
        detail=detail,
        reason=reason,
        request=request,
        problems=[Fault(field=field, rule=rule) for field, rule in problems],
    )
    return JSONResponse(
        said.model_dump(), status_code=status, media_type=PROBLEM, headers=dict(headers or {})
    )


def status_of(error: FactoryError) -> int:
    """The status a failure of ours is answered with."""
    return next(code for kind, code in STATUS if isinstance(error, kind))


def of_failure(error: FactoryError, *, request: str) -> JSONResponse:
    """A failure of ours."""
    status = status_of(error)
    return problem(
        status,
        str(error),
        request=request,
        reason=error.reason,
        problems=error.problems if isinstance(error, InvalidEventError) else (),
        headers=headers_of(error, status),
    )


def headers_of(error: FactoryError, status: int) -> Mapping[str, str]:
    """When to come again (RFC 9110, 10.2.3), and how to be recognised (11.6.1)."""
    if isinstance(error, TooManyError):
        return {"Retry-After": str(max(1, round(error.again_after.total_seconds())))}
    if isinstance(error, TransientError):
        return {"Retry-After": str(RETRY_SECONDS)}
    return {"WWW-Authenticate": 'Bearer realm="certfactory"'} if status == 401 else {}  # noqa: PLR2004


CHOICES = frozenset({"certificate", "collection", "enterprise", "holder"})  #: no fields
#: pydantic's words for a wrong discriminator repeat what was sent
TAGS = {"union_tag_invalid": "is none of {expected_tags}", "union_tag_not_found": "is missing"}
#: pydantic's kinds of faults, in the words of the command line
WORDS = {
    "extra_forbidden": "is not a field of this request",
    "missing": "is missing",
    "string_type": "is no text",
    "string_too_short": "has fewer than {min_length} characters",
    "string_too_long": "has more than {max_length} characters",
    "int_type": "is no whole number",
    "int_parsing": "is no whole number",
    "int_parsing_size": "is no whole number that is used here",
    "int_from_float": "is no whole number",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "enum": "is none of {expected}",
    "literal_error": "is none of {expected}",
}


async def invalid(request: Request, error: Exception) -> JSONResponse:
    """A request that does not have the shape of its model; its values are not repeated."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
    found = [(_place(each), _rule(each)) for each in error.errors()[:MOST_PROBLEMS]]
    return problem(
        422,
        "; ".join(f"{field}: {rule}" for field, rule in found),
        request=request.state.request,
        reason="field",
        problems=found,
    )


def unforeseen(request: str) -> JSONResponse:
    """That it is our fault."""
    said = "the factory is at fault; the log has more under this request"
    return problem(500, said, request=request, reason="fault")


def _place(error: Mapping[str, Any]) -> str:
    """Where, as ``on_behalf_of.credit_code``; a name that is none of ours could be anything.

    >>> _place({"type": "missing", "loc": ("body", "reason")})
    'reason'
    """
    where = error["loc"][1:]
    if error["type"] == "json_invalid" or (not where and error["type"] not in TAGS):
        return "body"
    if error["type"] in TAGS:
        where = (*where, error["ctx"]["discriminator"].strip("'"))
    *above, last = where
    above = [each for each in above if each not in CHOICES]
    if error["type"] == "extra_forbidden":
        last = "*"
    known = error["type"] != "not_strict"
    return ".".join(str(e) if known or isinstance(e, int) else "*" for e in (*above, last))


def _rule(error: Mapping[str, Any]) -> str:
    """The rule in words, without the value."""
    kind = error["type"]
    if kind == "json_invalid":
        return f"is no JSON: {error['ctx']['error']}, at character {error['loc'][-1]}"
    if kind == "model_attributes_type" and len(error["loc"]) == 1:
        return "is no JSON object; send one, with Content-Type: application/json"
    if kind in TAGS:
        return TAGS[kind].format(**error["ctx"])
    if kind in WORDS:
        return WORDS[kind].format(**error.get("ctx", {}))
    return str(error["msg"])


async def refused(request: Request, error: Exception) -> JSONResponse:
    """No such address, or no such method for it."""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    return problem(
        error.status_code,
        _said(error),
        request=request.state.request,
        headers=error.headers,
    )


def _said(error: HTTPException) -> str:
    """What the route said; where it said nothing, what the status means and where to look."""
    if error.detail != HTTPStatus(error.status_code).phrase:
        return str(error.detail)
    return f"{TITLES.get(error.status_code, error.detail)}; /v1/openapi.json has all there are"
