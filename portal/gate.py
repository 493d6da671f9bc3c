"""The gate: every request is bounded, recognised and logged before anything is done for it.

A body is taken whole, within a size and a time, so that a slow or endless sender holds nothing
but its own connection.  The log tells method, route, outcome and whose key; never an address
with what was in it, and no body.
"""

from __future__ import annotations

import asyncio
import secrets
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from factory.access_keys import Caller, Credentials
from factory.errors import FactoryError, UnrecognisedError
from jobs import callers
from portal.problems import RETRY_SECONDS, of_failure, problem, unforeseen

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

GUARDED = "/v1/"
OPEN = ("/v1/openapi.json", "/v1/schemas")
MOST_BYTES = 16 * 1024 * 1024  #: of a request, as of a batch of events
MOST_HELD = 256 * 1024 * 1024  #: of all bodies at once, in one process
BODY_SECONDS = 30.0
SAFE = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class _TooLargeError(Exception):
    """The body is larger than a request may be."""


class _TwoLengthsError(Exception):
    """The request says in two ways where its body ends."""


class _FullError(Exception):
    """The bodies of all requests together are as large as may be held."""


class Gate:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, plant: Plant) -> None:
        self._app, self._plant = app, plant
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passing = _Passing(scope, send)
        try:
            await self._pass(scope, receive, passing)
        except Exception as error:
            passing.failed(error)
            if passing.status is None:
                await _answer(unforeseen(passing.ident), scope, receive, passing.send)
        finally:
            passing.log()

    async def _pass(self, scope: Scope, receive: Receive, passing: _Passing) -> None:
        try:
            _refuse_two_lengths(scope)
            body = await self._body(scope, receive)
        except _TwoLengthsError:
            said = "Content-Length and Transfer-Encoding: send one of both (RFC 9112, 6.1)"
            answer: Response = problem(400, said, request=passing.ident, headers=LAST)
        except _TooLargeError:
            said = f"a request has at most {MOST_BYTES} bytes"
            answer = problem(413, said, request=passing.ident, headers=LAST)
        except TimeoutError:
            said = f"the body must arrive within {BODY_SECONDS:.0f} seconds"
            answer = problem(408, said, request=passing.ident, headers=LAST)
        except _FullError:
            said = "too much is being handed in at once; try again"
            headers = LAST | {"Retry-After": str(RETRY_SECONDS)}
            answer = problem(503, said, request=passing.ident, headers=headers)
        except ConnectionError:
            return
        else:
            try:
                if _is_guarded(scope["path"]):
                    caller = await run_in_threadpool(self._recognised, scope, body)
                    passing.caller = scope["state"]["caller"] = caller
            except FactoryError as error:
                answer = of_failure(error, request=passing.ident)
            else:
                await self._app(scope, _again(body, receive), passing.send)
                return
        await _answer(answer, scope, receive, passing.send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body.

        _TooLargeError, _FullError, TimeoutError, ConnectionError: it does not come.
        """
        length = Headers(scope=scope).get("content-length", "0")
        if int(length) > MOST_BYTES:
            raise _TooLargeError
        found = bytearray()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await self._read(receive, found)
        finally:
            self._held -= len(found)
        return bytes(found)

    async def _read(self, receive: Receive, found: bytearray) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ConnectionError
            found += message.get("body", b"")
            self._held += len(message.get("body", b""))
            if len(found) > MOST_BYTES:
                raise _TooLargeError
            if self._held > MOST_HELD:
                raise _FullError
            more = message.get("more_body", False)

    def _recognised(self, scope: Scope, body: bytes) -> Caller:
        """Whose request it is.  FactoryError: nobody's, or one too many."""
        pacing = self._plant.pacing
        try:
            caller = callers.recognise(
                self._plant, _credentials(scope, body), now=datetime.now(UTC)
            )
        except UnrecognisedError:
            address = (scope.get("client") or ("", 0))[0]
            pacing.admit_address(address)
            pacing.failed(address)
            raise
        pacing.admit(caller.key)
        return caller


LAST = {"connection": "close"}


class _Passing:
    """One request on its way: who it is of, and what was answered."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.ident = secrets.token_hex(8)
        self.caller: Caller | None = None
        self.status: int | None = None
        self._scope, self._send, self._began = scope, send, time.monotonic()
        scope.setdefault("state", {})["request"] = self.ident

    @property
    def route(self) -> str:
        """The pattern of its address, without what stood in it."""
        return str(getattr(self._scope.get("route"), "path", "-"))

    async def send(self, message: Message) -> None:
        """Pass the answer on, with what every answer says."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.ident
            for name, value in SAFE.items():
                headers.setdefault(name, value)
        await self._send(message)

    def failed(self, error: Exception) -> None:
        """One line of what nobody foresaw: its kind and place; its words could be anybody's."""
        frames = traceback.extract_tb(error.__traceback__)
        log.error(
            "request failed",
            request=self.ident,
            route=self.route,
            error=type(error).__name__,
            where=[f"{Path(each.filename).name}:{each.lineno} {each.name}" for each in frames],
        )

    def log(self) -> None:
        """One line."""
        log.info(
            "request",
            request=self.ident,
            method=self._scope["method"],
            route=self.route,
            status=self.status,
            ms=round((time.monotonic() - self._began) * 1000, 1),
            key=self.caller.key if self.caller else None,
        )


def _refuse_two_lengths(scope: Scope) -> None:
    """_TwoLengthsError: somebody on the way may have gone by the other one (request smuggling)."""
    if {"content-length", "transfer-encoding"} <= set(Headers(scope=scope).keys()):
        raise _TwoLengthsError


def _is_guarded(path: str) -> bool:
    return path.startswith(GUARDED) and not path.startswith(OPEN)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, for the application."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _credentials(scope: Scope, body: bytes) -> Credentials:
    headers = Headers(scope=scope)
    query = scope["query_string"].decode("latin-1")
    path = scope["raw_path"].decode("latin-1").partition("?")[0]
    return Credentials(
        authorization=_one(headers, "Authorization"),
        key=_one(headers, "Factory-Key"),
        ident=_one(headers, "Factory-Id"),
        timestamp=_one(headers, "Factory-Timestamp"),
        signature=_one(headers, "Factory-Signature"),
        method=scope["method"],
        target=f"{path}?{query}" if query else path,
        body=body,
    )


def _one(headers: Headers, name: str) -> str | None:
    """Its value.  UnrecognisedError: there are several, and others could go by another one."""
    found = headers.getlist(name)
    if len(found) > 1:
        raise UnrecognisedError(f"{name}: comes more than once")
    return found[0] if found else None


async def _answer(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    await answer(scope, receive, send)
