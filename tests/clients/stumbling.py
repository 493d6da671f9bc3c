"""A proxy that stumbles before a real factory: it answers as a script says, then passes on."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

LOST = "passes the request on, and its answer is lost"
PASSED = ("content-type", "retry-after", "x-request-id")


@dataclass
class Stumbling:
    """Where it listens, and what came: the requests' own headers, oldest first."""

    address: str
    script: list[tuple[int, dict[str, str]] | str]
    came: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def stumbling(
    before: str, script: Sequence[tuple[int, dict[str, str]] | str]
) -> Iterator[Stumbling]:
    """One while the block runs.

    script: for each request a status with its headers, or LOST; afterwards it only passes on.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            proxy.came.append({name.lower(): value for name, value in self.headers.items()})
            step = proxy.script.pop(0) if proxy.script else None
            if isinstance(step, tuple):
                self._answer(step[0], step[1], b"")
                return
            passed = httpx.request(
                self.command,
                before + self.path,
                content=body,
                headers={n: v for n, v in self.headers.items() if n.lower() != "host"},
                timeout=30,
            )
            if step == LOST:
                self.close_connection = True
                self.connection.close()
                return
            kept = {n: passed.headers[n] for n in PASSED if n in passed.headers}
            self._answer(passed.status_code, kept, passed.content)

        do_GET = do_POST  # noqa: N815 - as http.server calls it

        def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Stumbling(address=f"http://127.0.0.1:{server.server_address[1]}", script=list(script))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
