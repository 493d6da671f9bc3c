"""Stores that fail as they are told, and what is put into them."""

import hashlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from jobs.settings import Settings
from storage.blobs import Blob
from storage.s3 import Patience

KEY = "shanghai-constructor/0f3a/001/certificate.pdf"
PDF = "application/pdf"
HASTY = Patience(connect=0.5, read=0.3, retries=1)

Answer = Callable[[BaseHTTPRequestHandler], None]


def blob_of(data: bytes = b"%PDF-1.7 one", key: str = KEY) -> Blob:
    """A blob whose digest is that of its data."""
    return Blob(key=key, data=data, content_type=PDF, sha256=hashlib.sha256(data).hexdigest())


def account(settings: Settings, bucket: str) -> dict[str, Any]:
    """What a client of a real store is connected by."""
    return {
        "endpoint": settings.s3_endpoint,
        "region": settings.s3_region,
        "key": settings.s3_key,
        "secret": settings.s3_secret,
        "bucket": bucket,
    }


@dataclass(slots=True)
class Wire:
    """A store that answers by a script, the last answer for ever, and notes what it was asked."""

    url: str
    methods: list[str]
    headers: list[Message]
    bodies: list[bytes]

    def account(self, region: str = "us-east-1") -> dict[str, Any]:
        """What the bucket behind it is connected by."""
        return {
            "endpoint": self.url,
            "region": region,
            "key": "key",
            "secret": "secret",
            "bucket": "bucket",
            "patience": HASTY,
        }


@contextmanager
def wire(*script: Answer) -> Iterator[Wire]:
    """A store on loopback that gives these answers."""
    answers = list(script)
    asked = Wire(url="", methods=[], headers=[], bodies=[])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            asked.methods.append(self.command)
            asked.headers.append(self.headers)
            asked.bodies.append(_body(self))
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        do_GET = do_PUT = do_HEAD = do_DELETE = answer  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    with _served(Handler) as asked.url:
        yield asked


@contextmanager
def withholding(endpoint: str, key: str, status: int) -> Iterator[str]:
    """The address of a way to the store that answers so, whatever is asked about one object."""
    there = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = _body(self)
            if urlsplit(self.path).path.endswith(f"/{key}"):
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            onward = http.client.HTTPConnection(there)
            onward.request(self.command, self.path, body, dict(self.headers))
            answer = onward.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in {"transfer-encoding", "connection", "server", "date"}:
                    self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
            onward.close()

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = pass_on  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    with _served(Handler) as url:
        yield url


@contextmanager
def altering(endpoint: str, what: bytes, into: bytes) -> Iterator[str]:
    """The address of a way to the store on which these bytes of a body become others."""
    there = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            onward = http.client.HTTPConnection(there)
            onward.request("PUT", self.path, _body(self).replace(what, into), dict(self.headers))
            answer = onward.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            self.send_header("ETag", answer.headers.get("ETag", ""))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            onward.close()

        def log_message(self, *args: object) -> None:
            pass

    with _served(Handler) as url:
        yield url


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    return handler.rfile.read(int(handler.headers.get("Content-Length", 0)))


@contextmanager
def _served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The address of a server on loopback, for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def gives(
    status: int, code: str = "", *, data: bytes = b"", announced: int | None = None
) -> Answer:
    """An answer; ``code`` makes it S3's XML, ``announced`` a Content-Length that is not true."""
    body = f"<Error><Code>{code}</Code></Error>".encode() if code else data

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("ETag", '"of-what-lies-there"')
        handler.send_header("Content-Length", str(len(body) if announced is None else announced))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = announced is not None

    return answer


def hangs(handler: BaseHTTPRequestHandler) -> None:
    """No answer for longer than anybody waits."""
    time.sleep(1)
    handler.close_connection = True


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    """The connection ends without an answer."""
    handler.close_connection = True


def stalls(handler: BaseHTTPRequestHandler) -> None:
    """The answer begins and does not go on."""
    gives(200, data=b"half", announced=8)(handler)
    handler.wfile.flush()
    hangs(handler)
