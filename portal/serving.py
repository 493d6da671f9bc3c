"""Serving: uvicorn, with an end to connections that do not speak."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from jobs import logs, opening
from jobs.settings import Settings
from jobs.wiring import plant_of
from portal.app import served

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HEAD_SECONDS = 10.0  #: until a request's head has come
IDLE_SECONDS = 30  #: between two requests of a connection
MOST_CONNECTIONS = 2000
MOST_OF_ONE = 500  #: connections of one address
MOST_HEAD_BYTES = 32 * 1024
STOP_SECONDS = 15


class Impatient(H11Protocol):
    """A connection that is ended when a request's head does not come, or an address has too many.

    uvicorn waits for a head without end (it leaves that to a proxy); a client that sends its
    head byte by byte would keep its connection for good.
    """

    _open: ClassVar[Counter[str]] = Counter()
    _waiting: asyncio.TimerHandle | None = None
    _address = ""

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._address = str((transport.get_extra_info("peername") or ("-",))[0])
        self._open[self._address] += 1
        if self._open[self._address] > MOST_OF_ONE:
            transport.abort()
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Some bytes came: of a head, or of a body, for which the gate has a time of its own."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._head_came()
        elif self._waiting is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._head_came()
        self._open[self._address] -= 1
        if not self._open[self._address]:
            del self._open[self._address]
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._waiting = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _head_came(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


def app() -> ASGIApp:
    """The application of this process, as its environment says."""
    settings = Settings.from_env(os.environ)
    logs.configure(settings.log_level)
    plant = plant_of(settings)
    opening.check_keyring(settings)
    opening.check_schema(plant)
    return served(plant)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    uvicorn.run(
        "portal.serving:app",
        factory=True,
        host=settings.http_host,
        port=settings.http_port,
        workers=settings.http_processes,
        http=Impatient,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
    )
