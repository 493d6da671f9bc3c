"""One time stamp asked for over HTTP (RFC 3161, 3.4): a connection a thread, kept, and bounded.

http.client by itself: what stands around it in other clients costs three times the request, and
there is one for every certificate.
"""

from __future__ import annotations

import ssl
import threading
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlsplit

from factory.errors import SettingsError, TimestampUnavailableError
from factory.seals import tsp
from storage import keyfiles

MOST_BYTES = tsp.MOST_TOKEN_BYTES  #: of an answer
PIECE = 65_536
AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an authority answers.

    url:           http or https.
    login_file:    holds ``user:password``; ca_file: see `storage.tsa.TimeService`.
    connect, read: seconds for a connection, and for the next bytes of an answer.
    """

    url: str
    login_file: Path | None
    ca_file: Path | None
    connect: float
    read: float


class Wire:
    """Requests to one authority; threads may share it."""

    def __init__(self, address: Address) -> None:
        self._address, self._parts = address, urlsplit(address.url)
        query = f"?{self._parts.query}" if self._parts.query else ""
        self._path = (self._parts.path or "/") + query
        self._headers = {"Content-Type": tsp.QUERY_TYPE, "Accept": tsp.REPLY_TYPE}
        if address.login_file is not None:
            login = b64encode(keyfiles.read_secret(address.login_file).strip()).decode("ascii")
            self._headers["Authorization"] = f"Basic {login}"
        self._tls = self._context() if self._parts.scheme == "https" else None
        self._own = threading.local()

    def post(self, body: bytes, limit: float) -> bytes:
        """The answer to a request.

        limit: by the monotonic clock, until when an answer that comes in pieces is read.
        TimestampUnavailableError, SettingsError: as `storage.tsa.TimeAuthority.stamps`.
        """
        kept: HTTPConnection | None = getattr(self._own, "connection", None)
        if kept is not None:
            # It may have been kept too long: a fresh one tells whether anybody is there.
            with suppress(ConnectionError, HTTPException):
                return self._posted(kept, body, limit)
        try:
            return self._posted(self._connected(), body, limit)
        except ssl.SSLCertVerificationError as error:
            raise SettingsError(
                "the TLS certificate of the time-stamping authority is not trusted: check its url"
                " and ca_file"
            ) from error
        except (OSError, HTTPException) as error:
            raise TimestampUnavailableError(f"gives no answer ({type(error).__name__})") from error

    def _posted(self, connection: HTTPConnection, body: bytes, limit: float) -> bytes:
        """A connection is kept only when all was read."""
        self._own.connection = None
        try:
            connection.request("POST", self._path, body=body, headers=self._headers)
            with connection.getresponse() as response:
                data = _read(response, limit)
                keeps = response.length == 0 and not response.will_close
        except BaseException:
            connection.close()
            raise
        if keeps:
            self._own.connection = connection
        else:
            connection.close()
        return data

    def _connected(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        patience = self._address.connect
        connection = (
            HTTPConnection(host, port, timeout=patience)
            if self._tls is None
            else HTTPSConnection(host, port, timeout=patience, context=self._tls)
        )
        connection.connect()
        connection.sock.settimeout(self._address.read)
        return connection

    def _context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._address.ca_file)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError("ca_file of the time-stamping authority is no PEM") from error


def _read(response: HTTPResponse, limit: float) -> bytes:
    """The whole body, which is neither large nor without end."""
    status = response.status
    if status in AGAIN:
        raise TimestampUnavailableError(f"is busy or out of order ({status})")
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise SettingsError("the time-stamping authority does not let us in: see its login_file")
    if status == HTTPStatus.NOT_FOUND:
        raise SettingsError("the time-stamping authority has no such address: see its url")
    if status != HTTPStatus.OK:
        tsp.refuse(f"status {status}")
    data = b""
    while piece := response.read1(PIECE):
        data += piece
        if len(data) > MOST_BYTES:
            tsp.refuse("too large a one")
        if time.monotonic() > limit:
            raise TimestampUnavailableError("answers too slowly")
    return data
