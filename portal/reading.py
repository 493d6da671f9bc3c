"""Reading bodies: JSON of one meaning (RFC 8259, I-JSON RFC 7493), or every fault of it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from factory.events.strict_json import NotStrictError, loads

JSON = "application/json"
MOST_BYTES = 4 * 1024 * 1024  #: two pictures in base64 and what is said of them
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Strict(APIRoute):
    """A route whose body, where it has one, is read strictly."""

    def get_route_handler(self) -> Handler:
        """What answers a request."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def strict(request: Request) -> Response:
            body = await request.body()
            if body:  # what is missing the model says
                await _check_whole(request, body)
            return await handle(request)

        return strict


async def _check_whole(request: Request, body: bytes) -> None:
    """HTTPException: of another kind, or too large.  RequestValidationError: no strict JSON."""
    check_kind(request, {JSON})
    if len(body) > MOST_BYTES:
        raise HTTPException(413)
    await run_in_threadpool(_check, body)


def check_kind(request: Request, kinds: set[str]) -> str:
    """The kind of the body.  HTTPException: it is none of these, or not said."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        said = f"Content-Type: is none of {', '.join(sorted(kinds))}"
        raise HTTPException(415, said, headers={"Accept": ", ".join(sorted(kinds))})
    return kind


def _check(body: bytes) -> None:
    """RequestValidationError: the same text could be read in two ways, or in none."""
    try:
        loads(body)
    except NotStrictError as error:
        found = [
            {"type": "not_strict", "loc": ("body", *path), "msg": rule}
            for path, rule in error.faults
        ]
        raise RequestValidationError(found) from None
