"""The small time-stamping authority (测试时间戳服务): for trials, tests and the embedded default.

It stamps with the test key of the keyring, which is opened once, whatever it is asked for on
this machine (RFC 3161, 3.4).  Its certificate says that it is a test.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from factory.errors import SettingsError
from factory.seals import tsp
from factory.seals.tsp_answer import Stamper
from jobs.servers import LOOPBACK
from storage import tsa

MOST_BODY_BYTES = 4096
MOST_DRAINED_BYTES = 65_536  #: of a body that is too large, so that its sender hears the answer
READ_SECONDS = 60
SERIAL_BITS = 127  #: random: none comes twice, whatever was forgotten


class Desk:
    """Who stamps: the key is opened at the first request, when the keyring has been made."""

    def __init__(self, keyring: Path, name: str = tsa.TEST) -> None:
        self._keyring, self._name = keyring, name
        self._stamper: Stamper | None = None

    def answer(self, request: bytes) -> bytes:
        """TimeStampResp.  SettingsError: there is no test authority in the keyring."""
        stamper = self._stamper = self._stamper or tsa.open_test(self._keyring, self._name)
        serial = secrets.randbits(SERIAL_BITS) | 1
        return stamper.answer(request, now=datetime.now(UTC), serial=serial)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def stamping(port: int, desk: Desk) -> Iterator[ThreadingHTTPServer]:
    """A server on this machine that is ready; port 0 takes a free one.

    SettingsError: the port is somebody else's.
    """
    try:
        server = _Server((LOOPBACK, port), partial(_Handler, desk))
    except OSError as error:
        raise SettingsError(f"port {port} is already in use: choose another one") from error
    with server:
        yield server


class _Handler(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    timeout = READ_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one packet

    def __init__(self, desk: Desk, *connection: Any) -> None:
        self._desk = desk
        super().__init__(*connection)  # answers at once

    def do_POST(self) -> None:
        """One time stamp."""
        status, answer = self._answered()
        self.send_response_only(status)
        self.send_header("content-type", tsp.REPLY_TYPE)
        self.send_header("content-length", str(len(answer)))
        if self.close_connection:  # or it would be asked once more while it closes
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    def _answered(self) -> tuple[HTTPStatus, bytes]:
        size = self.headers.get("content-length", "")
        if not size.isdigit() or int(size) > MOST_BODY_BYTES:
            self.close_connection = True
            self.rfile.read(min(int(size) if size.isdigit() else 0, MOST_DRAINED_BYTES))
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b""
        body = self.rfile.read(int(size))
        if self.headers.get_content_type() != tsp.QUERY_TYPE:
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, b""
        try:
            return HTTPStatus.OK, self._desk.answer(body)
        except SettingsError:
            return HTTPStatus.SERVICE_UNAVAILABLE, b""

    def log_message(self, *_: object) -> None:
        """Nothing: who asks knows."""


if __name__ == "__main__":  # ``python -m jobs.tsa PORT KEYRING``, started beside broker and store
    try:
        with stamping(int(sys.argv[1]), Desk(Path(sys.argv[2]))) as running:
            running.serve_forever()
    except SettingsError as refused:
        sys.stderr.write(f"{refused}\n")
        os._exit(1)
