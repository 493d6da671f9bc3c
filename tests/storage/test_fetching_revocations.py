"""Lists and answers fetched from CAs: what is asked, what is kept, and what is not believed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from factory.seals.revocation import fate
from storage import testca
from storage.revocation import Fetched
from storage.testca import Ended, Issued

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
Authority = testca.TestCA


class Server:
    """A CA's web server: what it says of each path, and what it was asked."""

    def __init__(self) -> None:
        self.says: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.asked: list[str] = []
        self.questions: list[bytes] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                status, body, headers = outer.says.get(self.path, (404, b"", {}))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                outer.questions.append(self.rfile.read(size))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def say(self, path: str, body: bytes, status: int = 200, **headers: str) -> None:
        self.says[path] = (status, body, headers)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = Thread(target=made.http.serve_forever)
    thread.start()
    yield made
    made.http.shutdown()
    thread.join()
    made.http.server_close()


@pytest.fixture(scope="module")
def ca() -> Authority:
    return testca.make_ca(NOW)


def leaf(ca: Authority, *, lists: str = "", responder: str = "") -> x509.Certificate:
    """A certificate that says where to ask."""
    key = testca.new_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(testca.marked_name("leaf"))
        .issuer_name(ca.issuing.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 100 * DAY)
    )
    if lists:
        point = x509.DistributionPoint([x509.UniformResourceIdentifier(lists)], None, None, None)
        builder = builder.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    if responder:
        access = x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder)
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder.sign(ca.issuing.key, hashes.SHA256())


def listed(ca: Authority, certificate: x509.Certificate, now: datetime = NOW) -> bytes:
    ended = [Ended(serial=certificate.serial_number, at=NOW)]
    return testca.revocation_list(ca.issuing, ended, now=now)


def source(tmp_path: Path, now: datetime = NOW, **bounds: int) -> Fetched:
    return Fetched(tmp_path / "kept", now=lambda: now, **bounds)


def revoked(found: Fetched, certificate: x509.Certificate, ca: Authority) -> bool:
    return fate(found, certificate, ca.issuing.certificate).revoked is not None


def test_a_list_is_fetched_from_where_the_certificate_says_and_kept(
    ca: Authority, server: Server, tmp_path: Path
) -> None:
    certificate = leaf(ca, lists=f"{server.url}/a.crl")
    server.say("/a.crl", listed(ca, certificate))

    assert revoked(source(tmp_path), certificate, ca)
    assert revoked(source(tmp_path), certificate, ca)
    assert server.asked == ["/a.crl"]


def test_a_list_is_fetched_again_after_its_end(
    ca: Authority, server: Server, tmp_path: Path
) -> None:
    certificate = leaf(ca, lists=f"{server.url}/a.crl")
    server.say("/a.crl", testca.revocation_list(ca.issuing, [], now=NOW))
    assert not revoked(source(tmp_path), certificate, ca)

    server.say("/a.crl", listed(ca, certificate, NOW + 8 * DAY))

    assert not revoked(source(tmp_path, NOW + 6 * DAY), certificate, ca)
    assert revoked(source(tmp_path, NOW + 8 * DAY), certificate, ca)


def test_what_the_issuer_did_not_sign_is_neither_believed_nor_kept(
    ca: Authority, server: Server, tmp_path: Path
) -> None:
    """Over http anybody on the way may answer."""
    certificate = leaf(ca, lists=f"{server.url}/a.crl")
    server.say("/a.crl", listed(testca.make_ca(NOW), certificate))
    assert not revoked(source(tmp_path), certificate, ca)

    server.say("/a.crl", listed(ca, certificate))

    assert revoked(source(tmp_path), certificate, ca)


def test_the_responder_is_asked_where_there_is_no_list(
    ca: Authority, server: Server, tmp_path: Path
) -> None:
    certificate = leaf(ca, lists=f"{server.url}/gone.crl", responder=f"{server.url}/ocsp")
    ended = Ended(serial=certificate.serial_number, at=NOW, reason="keyCompromise")
    server.say("/ocsp", testca.revocation_answer(ca.issuing, certificate, ended, now=NOW))

    assert revoked(source(tmp_path), certificate, ca)
    [question] = server.questions
    assert ocsp.load_der_ocsp_request(question).serial_number == certificate.serial_number


@pytest.mark.parametrize(
    ("status", "headers"), [(500, {}), (302, {"Location": "/b.crl"}), (404, {})]
)
def test_who_gives_no_list_is_left_alone_for_a_while_and_followed_nowhere(
    status: int, headers: dict[str, str], ca: Authority, server: Server, tmp_path: Path
) -> None:
    certificate = leaf(ca, lists=f"{server.url}/a.crl")
    server.say("/a.crl", b"", status, **headers)
    server.say("/b.crl", listed(ca, certificate))
    found = source(tmp_path)

    for _ in range(2):
        assert not revoked(found, certificate, ca)
    assert server.asked == ["/a.crl"]


def test_a_list_without_end_is_given_up(ca: Authority, server: Server, tmp_path: Path) -> None:
    certificate = leaf(ca, lists=f"{server.url}/a.crl")
    data = listed(ca, certificate)
    server.say("/a.crl", data)

    assert not revoked(source(tmp_path, most_bytes=len(data) - 1), certificate, ca)
    assert revoked(source(tmp_path, most_bytes=len(data)), certificate, ca)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ldap://127.0.0.1/a", "http:///a.crl", "http://a:b@127.0.0.1/a"]
)
def test_only_the_web_is_asked(url: str, ca: Authority, tmp_path: Path) -> None:
    certificate = leaf(ca, lists=url, responder=url)

    assert list(source(tmp_path).about(certificate, ca.issuing.certificate)) == []
    assert not (tmp_path / "kept").exists()


def test_only_so_many_are_kept(ca: Authority, server: Server, tmp_path: Path) -> None:
    for name in "abcd":
        certificate = leaf(ca, lists=f"{server.url}/{name}.crl")
        server.say(f"/{name}.crl", listed(ca, certificate))
        assert revoked(source(tmp_path, most_kept=2), certificate, ca)

    assert len(list((tmp_path / "kept").iterdir())) == 2


def test_a_certificate_that_names_no_address_is_asked_nowhere(
    ca: Authority, tmp_path: Path
) -> None:
    issued: Issued = testca.issue_seal(replace(ca), "x")

    assert not revoked(source(tmp_path), issued.certificate, ca)
