"""The process: where it listens, who is let in, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from factory.errors import SettingsError
from jobs.settings import Settings
from jobs.signer import policy
from jobs.signer.app import app_of
from jobs.signer.calls import Calls
from jobs.signer.held import Keys
from jobs.signer.journal import STARTED, Journal
from jobs.signer.pace import Pace
from jobs.signer.policy import Policy
from jobs.signer.starting import address_of
from jobs.signer.switch import Switch
from jobs.signer.typed import Inbox
from jobs.variables import LOG_LEVELS
from storage import key_sources, unix_sockets
from storage.signature_protocol import UNIX, Tls

THREADS = 4
IDLE_SECONDS = 300  #: a connection that asks nothing is closed after that
STOP_SECONDS = 10
MOST_CONNECTIONS = 512
MOST_SUBJECT = 200
FOLDER_MODES = {"0600": 0o700, "0660": 0o750}


class Protocol(H11Protocol):
    """A connection whose client is told by the kernel, or by its certificate."""

    def connection_made(self, transport: Any) -> None:
        """Somebody has connected."""
        super().connection_made(transport)
        certificate = transport.get_extra_info("peercert")
        connection = transport.get_extra_info("socket")
        if certificate:
            self.client = (_subject(certificate), 0)
        elif connection.family == socket.AF_UNIX:
            self.client = (unix_sockets.peer(connection), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it listens.

    path: of a Unix socket; None: host and port, with mutual TLS.
    """

    path: Path | None = None
    host: str = ""
    port: int = 0
    tls: Tls | None = None


def run(settings: Settings) -> None:
    """Sign until SIGTERM or SIGINT; what is being signed then is given out.

    SettingsError: keyring, policy, journal or socket cannot be had.
    """
    place = place_of(settings)
    if not settings.keyring_dir.is_dir():
        raise SettingsError(
            f"there is no keyring in {settings.keyring_dir}: set FACTORY_KEYRING_DIR"
        )
    rules = policy_of(settings)
    journal, switch = Journal(settings.signer_dir), Switch(settings.signer_dir)
    switch.prepare()
    inbox = Inbox(settings.signer_dir, journal)
    inbox.take()  # what was typed while no process ran
    journal.note(
        {"outcome": STARTED, "pid": os.getpid(), "uses": len(rules.uses), "torn": journal.torn}
    )
    calls = Calls(
        keys=Keys(settings.keyring_dir, key_sources.passphrase_of(settings.key_passphrase_file)),
        policy=rules,
        pace=Pace(settings.signer_batch_rate),
        switch=switch,
        journal=journal,
        inbox=inbox,
    )
    listening = _listening(place, settings.signer_socket_mode)
    if LOG_LEVELS.index(settings.log_level) <= LOG_LEVELS.index("info"):
        say("info", "signer process started", address=address_of(settings), uses=len(rules.uses))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn raises them again when it has ended
    with ThreadPoolExecutor(THREADS, thread_name_prefix="call") as threads:
        uvicorn.Server(_config(app_of(calls, threads), place.tls)).run([listening])
    journal.close()
    if place.path is not None:
        place.path.unlink(missing_ok=True)


def place_of(settings: Settings) -> Place:
    """Where it listens.  SettingsError: it would be asked over https, and TLS was not said."""
    address = settings.signer_listen or address_of(settings)
    if address.startswith(UNIX):
        return Place(path=Path(address.removeprefix(UNIX)))
    if settings.signer_tls is None:
        raise SettingsError(
            "a signer process that listens on https needs FACTORY_SIGNER_TLS_CERT,"
            " FACTORY_SIGNER_TLS_KEY and FACTORY_SIGNER_TLS_CA"
        )
    parts = urlsplit(address)
    return Place(host=str(parts.hostname), port=int(parts.port or 0), tls=settings.signer_tls)


def policy_of(settings: Settings) -> Policy:
    """What may be signed.  SettingsError: a profile, or the file of the policy, is broken."""
    if settings.signer_policy is not None:
        try:
            return policy.read(settings.signer_policy.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"FACTORY_SIGNER_POLICY: {settings.signer_policy} cannot be read"
            ) from error
    done = subprocess.run(
        [sys.executable, "-m", "jobs.signer.deriving"],
        cwd=Path(__file__).parents[2],
        env=dict(os.environ) | settings.to_env(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SettingsError(done.stderr.strip()[-500:] or "the policy cannot be derived")
    return policy.read(done.stdout)


def say(level: str, event: str, **words: object) -> None:
    """A line of the log, as those of other processes look; without their library."""
    line = {**words, "level": level, "event": event, "timestamp": _now()}
    sys.stderr.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stderr.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _listening(place: Place, mode: str) -> socket.socket:
    try:
        if place.path is not None:
            folder_mode = FOLDER_MODES[mode]
            return unix_sockets.listening(place.path, mode=int(mode, 8), folder_mode=folder_mode)
        family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
        return socket.create_server((place.host, place.port), family=family)
    except OSError as error:
        where = place.path or f"{place.host}:{place.port}"
        raise SettingsError(f"the signer process cannot listen on {where}: {error}") from error


def _config(app: Any, tls: Tls | None) -> uvicorn.Config:
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # what is garbled is no news
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_context_factory=None if tls is None else _context(tls),
    )


def _context(tls: Tls) -> Callable[[Any, Any], ssl.SSLContext]:
    """Only whoever has a certificate of the clients' CA is let in.  SettingsError: unreadable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(tls.certificate, tls.key)
        context.load_verify_locations(cafile=tls.ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            "FACTORY_SIGNER_TLS_CERT, _KEY or _CA cannot be read as PEM, or do not fit"
        ) from error
    return lambda _config, _usual: context


def _subject(certificate: Any) -> str:
    """The names in a client's certificate, as the journal says them."""
    names = (f"{kind}={value}" for part in certificate["subject"] for kind, value in part)
    return f"tls {', '.join(names)}"[:MOST_SUBJECT]
