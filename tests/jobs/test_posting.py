"""Posting to peers that are slow, endless, broken or not who they should be."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from jobs.notices import Destination
from jobs.posting import Poster, Reply
from jobs.servers import LOOPBACK, free_port

Peer = Callable[[socket.socket], None]
SHORT = 0.5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def peer(*behave: Peer, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server whose next connection is served by the next of these; its port."""
    server = socket.create_server((LOOPBACK, 0))

    def serve() -> None:
        for each in behave:
            with suppress(OSError):
                line, _ = server.accept()
                with line:
                    line.settimeout(20)
                    each(tls.wrap_socket(line, server_side=True) if tls else line)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def read_request(line: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data or not data.endswith(b"body"):
        data += line.recv(65536) or b"body"
    return data


def saying(answer: bytes) -> Peer:
    def say(line: socket.socket) -> None:
        read_request(line)
        line.sendall(answer)

    return say


def dripping(line: socket.socket) -> None:
    """A byte now and then: no timeout of the socket ever ends it."""
    read_request(line)
    line.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        line.sendall(b"x")
        time.sleep(0.05)


def endless(line: socket.socket) -> None:
    read_request(line)
    line.sendall(b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n".replace(b"204 No Content", b"200 OK"))
    while True:
        line.sendall(b"x" * 65536)


def silent(line: socket.socket) -> None:
    while line.recv(65536):
        pass


def twice(line: socket.socket) -> None:
    for _ in range(2):
        read_request(line)
        line.sendall(OK)


def at(port: int, scheme: str = "http", host: str = LOOPBACK) -> Destination:
    return Destination(scheme=scheme, host=host, port=port, target="/n?a=b")


def post(port: int, poster: Poster | None = None) -> Reply:
    return (poster or Poster(whole_seconds=SHORT)).post(at(port), {"x-test": "1"}, b"body")


@pytest.mark.parametrize(
    ("behave", "said"),
    [
        (saying(OK), "200"),
        (saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), "503"),
        (saying(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"), "200"),
        (endless, "200"),
        (dripping, "too slow"),
        (silent, "too slow"),
        (saying(b"SSH-2.0-none\r\n\r\n"), "no connection or no HTTP"),
        (saying(b""), "no connection or no HTTP"),
        (saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000), "no connection or no HTTP"),
        (saying(b"HTTP/1.1 2e2 OK\r\n\r\n"), "no connection or no HTTP"),
    ],
    ids=[
        "well", "busy", "until it closes", "endless", "dripping", "silent", "no HTTP",
        "hangs up", "too long a header", "no status",
    ],
)  # fmt: skip
def test_every_peer_gets_its_word_and_none_holds_the_line(behave: Peer, said: str) -> None:
    with peer(behave) as port:
        assert post(port).said == said


def test_a_port_where_nobody_listens_is_no_connection() -> None:
    assert post(free_port()) == Reply(status=None, said="no connection or no HTTP")


def test_a_connection_is_used_again_after_a_whole_answer() -> None:
    with peer(twice) as port:
        poster = Poster(whole_seconds=SHORT)

        assert [post(port, poster).said, post(port, poster).said] == ["200", "200"]
        poster.close()


def test_a_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    with peer(saying(OK), saying(OK)) as port:
        poster = Poster(whole_seconds=SHORT)

        assert [post(port, poster).said, _later(port, poster).said] == ["200", "200"]


def _later(port: int, poster: Poster) -> Reply:
    kept = poster._kept
    assert kept is not None
    while kept[1].is_connected:  # until the peer's end has come
        time.sleep(0.01)
    return post(port, poster)


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with peer(saying(OK)) as port:
        assert post(port).said == "200"


def test_a_certificate_of_a_known_ca_is_taken_and_any_other_is_not(tmp_path: Path) -> None:
    mine, context = certificate(tmp_path / "mine.pem")
    other, _ = certificate(tmp_path / "other.pem")

    def ask(ca: Path | None, host: str = LOOPBACK) -> str:
        with peer(saying(OK), tls=context) as port:
            poster = Poster(ca, whole_seconds=5)
            return poster.post(at(port, "https", host), {}, b"body").said

    assert ask(mine) == "200"
    assert ask(other) == "TLS not trusted or broken"
    assert ask(None) == "TLS not trusted or broken"
    assert ask(mine, host="localhost") == "TLS not trusted or broken"


def certificate(path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that vouches for itself, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address(LOOPBACK))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(made.public_bytes(Encoding.PEM) + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return path, context
