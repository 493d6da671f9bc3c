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
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from factory import access_keys
from factory.access_keys import Caller, Credentials, Signed
from factory.errors import FactoryError, UnrecognisedError
from jobs import callers
from portal.failing import of_failure, refusal, unforeseen
from portal.problems import RETRY_SECONDS
from portal.room import FullError, Room, Turns

if TYPE_CHECKING:
    from jobs.metrics import Metrics
    from jobs.wiring import Plant

log = structlog.get_logger()

GUARDED = "/v1/"
OPEN = ("/v1/openapi.json", "/v1/schemas")
MOST_BYTES = 16 * 1024 * 1024  #: of a request, as of a batch of events
MOST_IGNORED = MOST_BYTES  #: of what comes after that
LAST = {"connection": "close"}
MOST_HEAD_BYTES = 32 * 1024  #: of address and headers together
MOST_OPEN_BYTES = 64 * 1024  #: of one that needs no key
MOST_FILE_BYTES = 4 * 1024 * 1024  #: of one that hands a file over to be verified
FILES = "/verify/file"
SAFE = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


class _NotTakenError(Exception):
    """The body is not taken; says how that is answered."""

    def __init__(self, status: int, said: str, headers: Mapping[str, str] = LAST) -> None:
        super().__init__(said)
        self.status, self.said, self.headers = status, said, headers


class _GoneError(Exception):
    """Whoever asked hears no answer any more."""


class Gate:
    """Stands before the application."""

    def __init__(self, app: ASGIApp, plant: Plant) -> None:
        self._app, self._plant = app, plant
        self._room, self._turns = Room(), Turns()
        self._patience = plant.settings.http_patience_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passing = _Passing(scope, send, self._plant.metrics)
        try:
            with bound_contextvars(request=passing.ident):
                await self._pass(scope, receive, passing)
        except Exception as error:
            passing.failed(error)
            if passing.status is None:
                answer = unforeseen(scope["path"], passing.ident)
                await answer(scope, receive, passing.send)
        finally:
            passing.log()

    async def _pass(self, scope: Scope, receive: Receive, passing: _Passing) -> None:
        with self._room.held_for(_address(scope)) as grow:
            try:
                body = await self._admitted(scope, receive, passing, grow)
                await self._let_in(scope, receive, passing, body)
            except _NotTakenError as error:
                answer = refusal(
                    scope["path"], error.status, error.said,
                    request=passing.ident, headers=error.headers,
                )  # fmt: skip
                await answer(scope, receive, passing.send)
            except FactoryError as error:
                answer = of_failure(scope["path"], error, request=passing.ident)
                await answer(scope, receive, passing.send)
            except _GoneError:
                return

    async def _let_in(self, scope: Scope, receive: Receive, passing: _Passing, body: bytes) -> None:
        """To be worked on, when it is the caller's turn."""
        again = _again(body, receive)
        if passing.caller is None:
            await self._app(scope, again, passing.send)
            return
        async with self._turns.of(passing.caller.key, len(body)) as end_turn:
            passing.on_answer = end_turn
            await self._app(scope, again, passing.send)

    async def _admitted(
        self,
        scope: Scope,
        receive: Receive,
        passing: _Passing,
        grow: Callable[[int], None],
    ) -> bytes:
        """The body, once it is known whose the request is: a whole key tells that before it.

        FactoryError: nobody's.  Whatever `_body` raises.
        """
        _refuse_large_head(scope)
        _refuse_two_lengths(scope)
        if not _is_guarded(scope["path"]):
            return await self._body(scope, receive, grow)
        caller = await run_in_threadpool(self._recognised, scope, None)
        body = await self._body(scope, receive, grow)
        if caller is None:
            caller = await run_in_threadpool(self._recognised, scope, body)
        passing.caller = scope["state"]["caller"] = caller
        return body

    async def _body(self, scope: Scope, receive: Receive, grow: Callable[[int], None]) -> bytes:
        """The whole body.

        _NotTakenError: it is too large, too slow, or one too many.  _GoneError: it broke off.
        """
        most = _most(scope)
        if int(Headers(scope=scope).get("content-length", "0")) > most + _spare(most):
            raise _too_large(most)
        try:
            async with asyncio.timeout(self._patience):
                return await _read(receive, grow, most)
        except TimeoutError:
            said = f"the body must arrive within {self._patience} seconds"
            raise _NotTakenError(408, said) from None

    def _recognised(self, scope: Scope, body: bytes | None) -> Caller | None:
        """Whose request it is; None: it is signed, and its body must be known.

        FactoryError: nobody's, or one too many.
        """
        try:
            credentials = _credentials(scope, body or b"")
            if body is None and isinstance(access_keys.read(credentials), Signed):
                return None
            caller = callers.recognise(self._plant, credentials, now=datetime.now(UTC))
        except UnrecognisedError:
            address = _address(scope)
            self._plant.pacing.admit_address(address)
            self._plant.pacing.failed(address)
            raise
        self._plant.pacing.admit(caller.key)
        return caller


async def _read(receive: Receive, grow: Callable[[int], None], most: int) -> bytes:
    """What is not taken is read on a little, and not kept: its sender hears why.

    _NotTakenError, _GoneError.
    """
    found, size, refusal = bytearray(), 0, None
    while size <= most + _spare(most):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        part = message.get("body", b"")
        size += len(part)
        refusal = refusal or _refusal(size, grow, most)
        if refusal:
            found.clear()
        else:
            found += part
        if not message.get("more_body", False):
            break
    if refusal:
        raise refusal
    return bytes(found)


def _refusal(size: int, grow: Callable[[int], None], most: int) -> _NotTakenError | None:
    """Why a body that has become so large is not taken."""
    if size > most:
        return _too_large(most)
    try:
        grow(size)
    except FullError:
        headers = LAST | {"Retry-After": str(RETRY_SECONDS)}
        return _NotTakenError(503, "too much is being handed in at once; try again", headers)
    return None


def _too_large(most: int) -> _NotTakenError:
    return _NotTakenError(413, f"a request has at most {most} bytes here")


class _Passing:
    """One request on its way: who it is of, and what was answered."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self._metrics = metrics
        self.ident = secrets.token_hex(8)
        self.caller: Caller | None = None
        self.status: int | None = None
        self.on_answer: Callable[[], None] = _nothing
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
            self.on_answer()
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
        """One line, and one figure."""
        method, lasted = self._scope["method"], time.monotonic() - self._began
        self._metrics.answered(self.route, method, self.status, lasted)
        log.info(
            "request",
            request=self.ident,
            method=method,
            route=self.route,
            status=self.status,
            ms=round(lasted * 1000, 1),
            key=self.caller.key if self.caller else None,
        )


def _refuse_large_head(scope: Scope) -> None:
    """_NotTakenError: uvicorn bounds a head only where it comes in pieces."""
    size = len(scope["raw_path"]) + len(scope["query_string"])
    size += sum(len(name) + len(value) for name, value in scope["headers"])
    if size > MOST_HEAD_BYTES:
        said = f"address and headers have at most {MOST_HEAD_BYTES} bytes"
        raise _NotTakenError(431, said)


def _refuse_two_lengths(scope: Scope) -> None:
    """_NotTakenError: somebody on the way may have gone by the other one (request smuggling)."""
    if {"content-length", "transfer-encoding"} <= set(Headers(scope=scope).keys()):
        said = "Content-Length and Transfer-Encoding: send one of both (RFC 9112, 6.1)"
        raise _NotTakenError(400, said)


def _nothing() -> None:
    """Nobody waits for the answer."""


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("", 0))[0])


def _is_guarded(path: str) -> bool:
    return path.startswith(GUARDED) and not path.startswith(OPEN)


def _most(scope: Scope) -> int:
    """How many bytes its body may have."""
    if scope["path"] == FILES:
        return MOST_FILE_BYTES
    return MOST_BYTES if _is_guarded(scope["path"]) else MOST_OPEN_BYTES


def _spare(most: int) -> int:
    """How much more is read, and not kept, so that its sender hears why; of strangers nothing."""
    return MOST_IGNORED if most == MOST_BYTES else 0


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
