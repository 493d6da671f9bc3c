"""Time-stamping authorities of tests, and tokens that are not what they should be."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from factory.seals import tsp
from factory.seals.cms import asn1_certificate
from factory.seals.tsp_answer import Stamper
from storage import testca
from tests import judges

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
POLICY = "1.3.6.1.4.1.99999.1"


@dataclass(frozen=True)
class Authority:
    """A root and an authority below it."""

    root: x509.Certificate
    stamper: Stamper
    issuer: testca.Issued | None = None

    def answer(self, request: tsp.Request, *, now: datetime = NOW) -> bytes:
        return self.stamper.answer(request.encoded(), now=now, serial=secrets.randbits(96))

    def token(self, value: bytes, *, now: datetime = NOW) -> bytes:
        """Over the imprint of a signature's value."""
        request = asked(value)
        return tsp.token_of(self.answer(request, now=now), request).encoded


def authority(now: datetime = NOW, life: timedelta = testca.STAMPER_LIFE) -> Authority:
    ca = testca.make_ca(now, name="Time Stamping")
    issued = testca.issue_stamper(ca, life=life)
    assert isinstance(issued.key, ec.EllipticCurvePrivateKey)
    stamper = Stamper(key=issued.key, signing_cert=issued.certificate, policy=POLICY)
    return Authority(ca.root.certificate, stamper, ca.root)


def asked(value: bytes, policy: str | None = None) -> tsp.Request:
    imprint = tsp.imprint_of(value)
    return tsp.Request(imprint=imprint, nonce=secrets.randbits(64), policy=policy)


def unfit(*, critical: bool, further: bool) -> Authority:
    """Whose certificate is not for time stamps alone, or does not insist on it."""
    ca = testca.make_ca(NOW, name="Time Stamping")
    key = ec.generate_private_key(ec.SECP256R1())
    purposes = [ExtendedKeyUsageOID.TIME_STAMPING]
    purposes += [ExtendedKeyUsageOID.EMAIL_PROTECTION] if further else []
    certificate = (
        x509.CertificateBuilder()
        .subject_name(testca.marked_name("unfit"))
        .issuer_name(ca.root.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ca.root.certificate.not_valid_before_utc)
        .not_valid_after(ca.root.certificate.not_valid_after_utc)
        .add_extension(testca.key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=critical)
        .sign(ca.root.key, hashes.SHA256())
    )
    stamper = Stamper(key=key, signing_cert=certificate, policy=POLICY)
    return Authority(ca.root.certificate, stamper)


@dataclass
class Service:
    """A server of time stamps on this machine, which can misbehave.

    behave: what becomes of the right answer: status and body, or None to say nothing for good.
    """

    authority: Authority
    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    behave: Callable[[bytes], tuple[int, bytes] | None] = lambda answer: (200, answer)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    closing: threading.Event = field(default_factory=threading.Event)
    connections: int = 0


@contextmanager
def running(authority: Authority) -> Iterator[Service]:
    service = Service(authority)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def setup(self) -> None:
            service.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            service.asked.append(body)
            serial = secrets.randbits(96)
            stamper = service.authority.stamper
            said = service.behave(stamper.answer(body, now=service.clock(), serial=serial))
            if said is None:
                service.closing.wait()
                self.close_connection = True
                return
            status, answer = said
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Who asked has hung up."""

    server = Server(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_port}/tsr"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.closing.set()
        server.shutdown()
        server.server_close()


def pyhankos_view(
    data: bytes, roots: list[x509.Certificate], stampers: list[x509.Certificate], at: datetime
) -> Any:
    """pyHanko's status of the one signature, with trust in authorities of their own."""

    def context(trusted: list[x509.Certificate]) -> ValidationContext:
        loaded = [asn1_certificate(each) for each in trusted]
        return ValidationContext(trust_roots=loaded, allow_fetching=False, moment=at)

    [signature] = PdfFileReader(BytesIO(data)).embedded_signatures
    return validate_pdf_signature(signature, context(roots), context(stampers))


def token_in(data: bytes) -> tuple[bytes, bytes]:
    """The signature's value and the token that stand in a sealed file."""
    [signature] = PdfFileReader(BytesIO(data)).embedded_signatures
    signer = signature.signer_info
    [attribute] = signer["unsigned_attrs"]
    assert attribute["type"].native == "signature_time_stamp_token"
    [token] = attribute["values"]
    return bytes(signer["signature"].native), bytes(token.dump())


def openssls_view(data: bytes, root: x509.Certificate, folder: Path) -> str:
    """What ``openssl ts`` says of the token in a sealed file, over the signature's value."""
    value, token = token_in(data)
    for name, content in {
        "value": value,
        "token": token,
        "tsa.pem": root.public_bytes(Encoding.PEM),
    }.items():
        (folder / name).write_bytes(content)
    return judges.run(
        *("openssl", "ts", "-verify", "-token_in", "-in", folder / "token"),
        *("-data", folder / "value", "-CAfile", folder / "tsa.pem"),
        check=False,
    )
