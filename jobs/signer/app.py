"""The signer process's HTTP: docs/signer.md has the table of its answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jobs.signer.calls import Answer, Calls
from storage.signature_protocol import KEYS_PATH, PATH, STATUS_PATH

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

HEALTH_PATH = "/healthz"
MOST_BYTES = 32 * 1024  #: of a request
METHOD_NOT_ALLOWED = HTTPStatus.METHOD_NOT_ALLOWED

App = Callable[["Scope", "ASGIReceiveCallable", "ASGISendCallable"], Any]


def app_of(calls: Calls, threads: Executor) -> App:
    """The application; what waits for a key or a disk does so in one of the threads."""

    async def app(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        assert scope["type"] == "http"  # noqa: S101 - nothing else is switched on
        body = await _body(receive)
        asked = _asked(calls, scope["method"], scope["path"], body, _caller(scope["client"]))
        if isinstance(asked, Answer):
            await _send(send, asked)
        else:
            loop = asyncio.get_running_loop()
            await _send(send, await loop.run_in_executor(threads, asked))

    return app


def _asked(
    calls: Calls, method: str, path: str, body: bytes | None, caller: str
) -> Callable[[], Answer] | Answer:
    """What is asked for, or what is said of a request for nothing that there is."""
    if body is None:
        return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if path == PATH:
        is_post = method == "POST"
        return partial(calls.sign, body, caller) if is_post else _error(METHOD_NOT_ALLOWED)
    if method != "GET":
        return _error(METHOD_NOT_ALLOWED)
    return _looked_up(calls, path)


def _looked_up(calls: Calls, path: str) -> Callable[[], Answer] | Answer:
    if path == HEALTH_PATH:
        return Answer(status=HTTPStatus.OK, said={"status": "ok"})
    if path == STATUS_PATH:
        return calls.status
    if path.startswith(KEYS_PATH):
        return partial(calls.key, path.removeprefix(KEYS_PATH))
    return _error(HTTPStatus.NOT_FOUND)


def _error(status: HTTPStatus) -> Answer:
    return Answer(status=status, said={"error": status.phrase})


def _caller(client: tuple[str, int] | None) -> str:
    """Who asks, as the connection knows it; see process.Protocol."""
    return client[0] if client else "unknown"


async def _body(receive: ASGIReceiveCallable) -> bytes | None:
    """None: it is too large."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message["body"]
        if len(body) > MOST_BYTES:
            return None
        if not message["more_body"]:
            return body


async def _send(send: ASGISendCallable, answer: Answer) -> None:
    body = json.dumps(answer.said).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if answer.again_after is not None:
        headers.append((b"retry-after", str(answer.again_after).encode()))
    await send(
        {
            "type": "http.response.start",
            "status": answer.status.value,
            "headers": headers,
            "trailers": False,
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
