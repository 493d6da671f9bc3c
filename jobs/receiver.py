"""A small receiver of notices, for trying them out: on this machine alone, one after another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from factory.errors import SettingsError
from factory.notices import is_genuine, key_of
from jobs.servers import LOOPBACK

MOST_BODY_BYTES = 64 * 1024
READ_SECONDS = 10


@contextmanager
def receiving(
    port: int,
    secret: str,
    show: Callable[[dict[str, Any]], None],
    refused: Callable[[], None] = lambda: None,
) -> Iterator[HTTPServer]:
    """A server that is ready; `show` is told each notice whose signature is right.

    refused: told of each whose signature is not.

    port: 0 takes a free one.
    FieldError: the secret is none.  SettingsError: the port is somebody else's.
    """
    key = key_of(secret)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = READ_SECONDS

        def do_POST(self) -> None:
            """One notice."""
            self._answer(self._taken())

        def _taken(self) -> HTTPStatus:
            size = self.headers.get("content-length", "")
            if not size.isdigit() or int(size) > MOST_BODY_BYTES:
                self.close_connection = True
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if size else HTTPStatus.LENGTH_REQUIRED
            body = self.rfile.read(int(size))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not is_genuine(key, headers, body, now=datetime.now(UTC)):
                refused()
                return HTTPStatus.UNAUTHORIZED
            show(json.loads(body))
            return HTTPStatus.NO_CONTENT

        def _answer(self, status: HTTPStatus) -> None:
            self.send_response(status)
            if status is not HTTPStatus.NO_CONTENT:
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: what counts is shown."""

    try:
        server = HTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        raise SettingsError(f"port {port} is not to be had here: choose another one") from error
    with server:
        yield server
