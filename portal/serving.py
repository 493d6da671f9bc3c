"""Serving: uvicorn, with an end to connections that do not speak or do not listen."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn
from h11 import LocalProtocolError
from prometheus_client import start_http_server
from uvicorn.protocols.http.h11_impl import H11Protocol

from jobs import exporter, logs, opening
from jobs.settings import Settings
from jobs.wiring import plant_of
from portal.app import served

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MOST_CONNECTIONS = 2000
MOST_OF_ONE = 500  #: connections of one address
MOST_HEAD_BYTES = 32 * 1024
MOST_FILES = 8192
STOP_SECONDS = 15
#: for one of several processes to begin to answer its parent, which kills and replaces it after
#: that; with uvicorn's 5 s none ever comes up where reading all modules takes longer
ALIVE_SECONDS = 60
LOOKS = 4  #: at a connection, while patience lasts


class Impatient(H11Protocol):
    """A connection that is ended when its client says nothing or takes nothing, or one too many.

    uvicorn waits without end for a head, and for whoever asks and does not read the answer (it
    leaves both to a proxy): a client that does so would keep its connection for good.
    """

    _open: ClassVar[Counter[str]] = Counter()
    _address = ""
    _next_look: asyncio.TimerHandle | None = None
    _since: float | None = None  #: when we began to wait for a head; none: it has come
    _took = 0.0  #: when the client was last seen to take some of the answer
    _unsent = 0  #: bytes of the answer that it had not taken then

    def connection_made(self, transport: Any) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self._address = str((transport.get_extra_info("peername") or ("-",))[0])
        self._open[self._address] += 1
        if self._open[self._address] > MOST_OF_ONE or len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        self._since = self._took = self.loop.time()
        self._look_again()

    def data_received(self, data: bytes) -> None:
        """Some bytes came: of a head, or of a body, for which the gate has a time of its own."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._since = None
        elif self._since is None:
            self._since = self.loop.time()

    def resume_writing(self) -> None:
        """The client has taken nearly all that was written."""
        super().resume_writing()
        self._took = self.loop.time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        if self._next_look is not None:
            self._next_look.cancel()
        self._open[self._address] -= 1
        if not self._open[self._address]:
            del self._open[self._address]
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP; who is being answered hears no more than that."""
        try:
            super().send_400_response(msg)
        except LocalProtocolError:
            self.transport.abort()

    def _look_again(self) -> None:
        self._next_look = self.loop.call_later(self.timeout_keep_alive / LOOKS, self._look)

    def _look(self) -> None:
        now, unsent = self.loop.time(), self.transport.get_write_buffer_size()
        if not unsent or unsent < self._unsent:
            self._took = now
        self._unsent = unsent
        since = now if self._since is None else self._since
        if now - min(since, self._took) > self.timeout_keep_alive:
            self.transport.abort()
        else:
            self._look_again()


def app() -> ASGIApp:
    """The application of this process, as its environment says."""
    settings = Settings.from_env(os.environ)
    logs.configure(settings.log_level)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what is garbled is no news
    plant = plant_of(settings)
    opening.check_keyring(settings)
    opening.check_schema(plant)
    return served(plant)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; what is being answered then is answered."""
    _allow_files()
    if settings.http_metrics_port:
        start_http_server(
            settings.http_metrics_port, addr=settings.metrics_host, registry=exporter.counted()
        )
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
        proxy_headers=bool(settings.http_proxies),
        forwarded_allow_ips=settings.http_proxies,
        timeout_keep_alive=settings.http_patience_seconds,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_worker_healthcheck=ALIVE_SECONDS,
        h11_max_incomplete_event_size=MOST_HEAD_BYTES,
    )


def _allow_files() -> None:
    """As many open files as connections need, where the system allows them (getrlimit(2))."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(MOST_FILES, most)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
