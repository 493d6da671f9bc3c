"""A small receiver of notices, for trying them out: on this machine alone, one after another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
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

    port:    0 takes a free one.
    refused: told of each whose signature is not.
    FieldError: the secret is none.  SettingsError: the port is somebody else's.
    """
    handler = partial(_Handler, key_of(secret), show, refused)
    try:
        server = HTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise SettingsError(f"port {port} is not to be had here: choose another one") from error
    with server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    """One connection's notices."""

    protocol_version = "HTTP/1.1"
    timeout = READ_SECONDS

    def __init__(
        self,
        key: bytes,
        show: Callable[[dict[str, Any]], None],
        refused: Callable[[], None],
        *connection: Any,
    ) -> None:
        self._key, self._show, self._refused = key, show, refused
        super().__init__(*connection)  # answers at once

    def do_POST(self) -> None:
        """One notice."""
        status = self._taken()
        self.send_response(status)
        if status is not HTTPStatus.NO_CONTENT:
            self.send_header("content-length", "0")
        self.end_headers()

    def _taken(self) -> HTTPStatus:
        size = self.headers.get("content-length", "")
        if not size.isdigit() or int(size) > MOST_BODY_BYTES:
            self.close_connection = True
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE if size else HTTPStatus.LENGTH_REQUIRED
        body = self.rfile.read(int(size))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not is_genuine(self._key, headers, body, now=datetime.now(UTC)):
            self._refused()
            return HTTPStatus.UNAUTHORIZED
        self._show(json.loads(body))
        return HTTPStatus.NO_CONTENT

    def log_message(self, *_: object) -> None:
        """Nothing: what counts is shown."""
