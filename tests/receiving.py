"""A real receiver of notices: an HTTP server of a thread, and what it was told."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One request as it came, and what was answered."""

    headers: dict[str, str]
    body: bytes
    status: int
    path: str

    @property
    def event(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.body)
        return said

    def judged(self, secret: str) -> dict[str, Any]:
        """The event, if a foreign implementation of the standard takes its signature."""
        said: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return said


Answer = Callable[[dict[str, Any]], int]


@dataclass
class Receiver:
    """What was told so far, in the order in which it was answered.

    answer: the status for an event; changed while it runs.
    """

    url: str
    told: list[Told] = field(default_factory=list)
    answer: Answer = lambda _: 204
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.url.split("/")[2]

    def taken(self) -> list[dict[str, Any]]:
        """The events that were answered with 2xx."""
        return [each.event for each in self.told if 200 <= each.status < 300]

    def said(self) -> list[tuple[str, str]]:
        """(subject, type) of those."""
        return [(event["subject"], event["type"]) for event in self.taken()]


@contextmanager
def receiving(answer: Answer | None = None) -> Iterator[Receiver]:
    """A receiver on loopback while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.answer(json.loads(body))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                receiver.told.append(
                    Told(headers=headers, body=body, status=status, path=self.path)
                )
            self.send_response(status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    lock = threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = Receiver(url=f"http://127.0.0.1:{server.server_address[1]}/notices")
    if answer:
        receiver.answer = answer
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
