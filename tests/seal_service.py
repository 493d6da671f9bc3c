"""A seal service (docs/seal-service.md) on this machine, which can also misbehave in every way."""

import json
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from factory.seals.signer import Signer

TOKEN = "a-token-of-tests"
LOOPBACK = "127.0.0.1"

JsonObject = dict[str, Any]


class Asked:
    """One request, with what would be the right answer, and the connection it came over."""

    def __init__(self, handler: BaseHTTPRequestHandler, answer: JsonObject, closing: Event) -> None:
        self.answer, self.closing, self._handler = answer, closing, handler

    def say(self, status: int, body: bytes, **headers: str) -> None:
        """A whole HTTP answer."""
        self._handler.send_response(status)
        if "Transfer_Encoding" not in headers:
            headers.setdefault("Content_Length", str(len(body)))
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()
        self.write(body)

    def tell(self, answer: object) -> None:
        """An answer in JSON."""
        self.say(200, json.dumps(answer).encode())

    def write(self, data: bytes) -> None:
        """Bytes as they are."""
        with suppress(OSError):  # the other side has hung up
            self._handler.wfile.write(data)
            self._handler.wfile.flush()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is said meanwhile goes out at once: it is there when any of it is."""
        wire, said = self._handler.wfile, BytesIO()
        self._handler.wfile = said  # type: ignore[assignment]
        yield
        self._handler.wfile = wire
        self.write(said.getvalue())

    def hang_up(self) -> None:
        """End the connection after this."""
        self._handler.close_connection = True


Behaviour = Callable[[Asked], None]


def well(asked: Asked) -> None:
    asked.tell(asked.answer)


def busy(status: int = 503, **headers: str) -> Behaviour:
    return lambda asked: asked.say(status, b"", **headers)


def saying(body: bytes, **headers: str) -> Behaviour:
    return lambda asked: asked.say(200, body, **headers)


def changed(**changes: object) -> Behaviour:
    """The right answer but for these members; a function makes the new value of the old one."""

    def behave(asked: Asked) -> None:
        new = {k: v(asked.answer[k]) if callable(v) else v for k, v in changes.items()}
        asked.tell(asked.answer | new)

    return behave


def twice(asked: Asked) -> None:
    """The answer comes two times over the connection."""
    with asked.together():
        asked.tell(asked.answer)
        asked.tell(asked.answer)


def silent(asked: Asked) -> None:
    """No answer until the service ends."""
    asked.closing.wait()
    asked.hang_up()


def endless(asked: Asked) -> None:
    """An answer of which a little comes again and again."""
    asked.say(200, b"", Content_Length="1000000")
    while not asked.closing.wait(0.01):
        asked.write(b" ")
    asked.hang_up()


def lost(asked: Asked) -> None:
    """It signs, and the connection breaks before the answer."""
    asked.hang_up()


def halfway(asked: Asked) -> None:
    """The connection breaks within the answer."""
    body = json.dumps(asked.answer).encode()
    asked.say(200, body[: len(body) // 2], Content_Length=str(len(body)))
    asked.hang_up()


def in_pieces(asked: Asked) -> None:
    """The answer in chunks (RFC 9112, 7.1)."""
    body = json.dumps(asked.answer).encode()
    asked.say(200, b"", Transfer_Encoding="chunked")
    for start in range(0, len(body), 50):
        piece = body[start : start + 50]
        asked.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
    asked.write(b"0\r\n\r\n")


def no_http(asked: Asked) -> None:
    """Something that is no HTTP."""
    asked.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    asked.hang_up()


@dataclass
class SealService:
    """A running service: its keys by name, what was asked of it, and how it behaves next.

    signed: how many digests were signed; a request that comes again is answered from memory.
    """

    signers: Mapping[str, Signer]
    url: str = ""
    behaviours: list[Behaviour] = field(default_factory=list)
    asked: list[JsonObject] = field(default_factory=list)
    signed: int = 0
    answers: dict[str, list[str]] = field(default_factory=dict)
    closing: Event = field(default_factory=Event)
    lock: Any = field(default_factory=Lock)

    def behave(self, *behaviours: Behaviour) -> None:
        """How the next requests are answered; well after that."""
        self.behaviours.extend(behaviours)

    def next_behaviour(self) -> Behaviour:
        with self.lock:
            return self.behaviours.pop(0) if self.behaviours else well

    def refusal(self, token: str | None, said: JsonObject, path: str) -> int | None:
        if path != "/v1/signatures" or said["key"] not in self.signers:
            return 404
        return None if token == f"Bearer {TOKEN}" else 401

    def signatures(self, said: JsonObject) -> list[str]:
        with self.lock:
            self.asked.append(said)
            if said["request"] not in self.answers:
                digests = [bytes.fromhex(each) for each in said["digests"]]
                self.answers[said["request"]] = self._sign(said["key"], digests)
            return self.answers[said["request"]]

    def _sign(self, key: str, digests: Sequence[bytes]) -> list[str]:
        self.signed += len(digests)
        return [b64encode(each).decode() for each in self.signers[key].sign_digests(digests)]


@contextmanager
def running(signers: Mapping[str, Signer], tls: Path | None = None) -> Iterator[SealService]:
    """A service with these keys.

    tls: PEM of a key and its certificate, for https.
    """
    service = SealService(signers)
    with serving(_handler(service), service.closing, tls) as service.url:
        yield service


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], closing: Event, tls: Path | None = None
) -> Iterator[str]:
    """A server on this machine; its address.

    closing: set when it ends, for handlers that wait.
    """
    server = ThreadingHTTPServer((LOOPBACK, 0), handler)
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://{LOOPBACK}:{server.server_port}"
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(service: SealService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            refused = service.refusal(self.headers["Authorization"], said, self.path)
            if refused is not None:
                Asked(self, {}, service.closing).say(refused, b"")
                return
            behaviour = service.next_behaviour()
            answer = {"request": said["request"], "signatures": service.signatures(said)}
            behaviour(Asked(self, answer, service.closing))

        def log_message(self, *_: object) -> None:
            """Tests say what they find themselves."""

    return Handler


def wait_until(done: Callable[[], object], seconds: float = 30) -> None:
    """Until it is so."""
    limit = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < limit
        time.sleep(0.01)
