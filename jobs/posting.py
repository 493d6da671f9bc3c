"""Posting one notice: no proxy, no redirect, no retry, and never longer than a few seconds.

Of the answer the status counts; of its body no more than a kilobyte is read, and thrown away.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from jobs.notices import Destination

CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 3.0, 10.0, 15.0
MOST_ANSWER_BYTES = 1024
FAILURES = (HTTPError, HTTPException, OSError, ValueError)
AGENT = "certfactory"
NO_HTTP, TOO_SLOW = "no connection or no HTTP", "too slow"
#: the first that fits: a connection that was refused is a timeout to urllib3, too
WORDS: Sequence[tuple[tuple[type[Exception], ...], str]] = (
    ((SSLError, ssl.SSLError), "TLS not trusted or broken"),
    ((NameResolutionError,), "no such host"),
    ((NewConnectionError,), NO_HTTP),
    ((ConnectTimeoutError, ReadTimeoutError, TimeoutError), TOO_SLOW),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The status of an answer, or why there was none.

    said: as the ledger keeps it: ``503``, or a closed word.
    """

    status: int | None
    said: str


class _Cut:
    """A connection that can be cut from another thread, whatever it is doing.

    A peer that sends a byte now and then never runs into a timeout of the socket.
    """

    line: socket.socket | None = None
    is_late = False

    def _new_conn(self) -> socket.socket:
        made: socket.socket = super()._new_conn()  # type: ignore[misc]
        self.line = made.dup()  # TLS takes the first one over
        if self.is_late:  # the name was looked up for too long
            self.cut()
        return made

    def cut(self) -> None:
        """End it: whoever reads or writes is told so."""
        self.is_late = True
        if self.line is not None:
            with suppress(OSError):
                self.line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self.line is not None:
            self.line.close()
        self.line = None


class _Plain(_Cut, HTTPConnection):
    """On this machine."""


class _Secure(_Cut, HTTPSConnection):
    """To anywhere else; the certificate is checked with the host."""


Connection = _Plain | _Secure


class Poster:
    """Posts over a connection that is kept while it holds; one thread uses it."""

    def __init__(
        self, ca_file: Path | None = None, *, whole_seconds: float = WHOLE_SECONDS
    ) -> None:
        self._ca_file, self._whole_seconds = ca_file, whole_seconds
        self._kept: tuple[Destination, Connection] | None = None

    def post(self, where: Destination, headers: Mapping[str, str], body: bytes) -> Reply:
        """What was answered."""
        connection = self._opened(where)
        try:
            with _limited(connection, self._whole_seconds):
                status, is_whole = _answered(connection, where.target, headers, body)
        except FAILURES as error:
            connection.close()
            return Reply(status=None, said=_word(error, late=connection.is_late))
        if is_whole:
            self._kept = (where, connection)
        else:
            connection.close()
        return Reply(status=status, said=str(status))

    def close(self) -> None:
        """End the connection that is kept."""
        if self._kept:
            self._kept[1].close()
        self._kept = None

    def _opened(self, where: Destination) -> Connection:
        """The one that is kept, or a new one; it is kept again after a whole answer only."""
        kept, self._kept = self._kept, None
        if kept and kept[0] == where and kept[1].is_connected:
            return kept[1]
        if kept:
            kept[1].close()
        address: dict[str, Any] = {"host": where.host, "port": where.port}
        if where.scheme == "http":
            return _Plain(**address, timeout=CONNECT_SECONDS)
        ca = str(self._ca_file) if self._ca_file else None
        return _Secure(**address, timeout=CONNECT_SECONDS, cert_reqs="CERT_REQUIRED", ca_certs=ca)


@contextmanager
def _limited(connection: Connection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _answered(
    connection: Connection, target: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bool]:
    """The status, and whether the connection can be used again."""
    if connection.sock is None:
        connection.connect()
    connection.timeout = READ_SECONDS
    said = {**headers, "user-agent": AGENT}
    connection.request("POST", target, body, said, preload_content=False, decode_content=False)
    response = connection.getresponse()
    if connection.is_late:  # headers that were cut look as if they had ended there
        raise TimeoutError
    rest = b"\0" * (MOST_ANSWER_BYTES + 1)
    with suppress(*FAILURES):  # the status is what counts
        rest = response.read(MOST_ANSWER_BYTES + 1)
    is_whole = len(rest) <= MOST_ANSWER_BYTES and connection.sock is not None
    return response.status, is_whole


def _word(error: BaseException, *, late: bool) -> str:
    """Why there was no answer, in closed words: what a peer sends stands in no ledger."""
    if late:
        return TOO_SLOW
    return next((word for kinds, word in WORDS if isinstance(error, kinds)), NO_HTTP)
