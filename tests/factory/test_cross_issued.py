"""CAs that issued one another: ways between them are more than can be tried, and are not tried.

A path builder that follows each way takes n! steps for n certificates of one name and one key; a
file of 10 kB with eight of them kept a core busy for 17 s, one with twelve for days.
"""

import io
import resource
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from reportlab.pdfgen.canvas import Canvas

from factory import verify
from factory.errors import SignatureRefusedError
from factory.seals import chain, cms, keys
from factory.seals.soft import SoftSigner
from factory.verify import VerdictWord
from storage import testca
from tests.factory import sealing
from tests.factory.sealing import NOW, World

ROOT = Path(verify.__file__).parents[1]
MANY = 15
SECONDS = 10  #: of one core, the program's start among them
Key = ec.EllipticCurvePrivateKey
JUDGE = """
import sys
from cryptography import x509
from factory import verify
data, root = (open(path, "rb").read() for path in sys.argv[1:])
print(verify.verify(data, [x509.load_der_x509_certificate(root)]).verdict)
"""


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def issued(name: str, key: Key, issuer: str, by: Key, *, ca: bool) -> x509.Certificate:
    usage = (
        testca.key_usage(key_cert_sign=True)
        if ca
        else testca.key_usage(digital_signature=True, content_commitment=True)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(by, hashes.SHA256())
    )


class Tangle:
    """A signer under CAs of one name and one key, each of which issued all others and a root's."""

    def __init__(self, count: int) -> None:
        self.key, self.own, root_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.signer = issued("signer", self.own, "tangle", self.key, ca=False)
        self.cas = tuple(
            issued("tangle", self.key, "tangle", self.key, ca=True) for _ in range(count)
        )
        self.root = issued("root", root_key, "root", root_key, ca=True)
        self.way_out = issued("tangle", self.key, "root", root_key, ca=True)

    def sealed(
        self, world: World, monkeypatch: pytest.MonkeyPatch, *cas: x509.Certificate
    ) -> bytes:
        """A small PDF with these certificates in its container."""
        others = (*self.cas, *cas)
        identity = replace(
            world.p256, signing_cert=self.signer, chain=others, signer=SoftSigner(self.own)
        )
        with_roots(monkeypatch)
        return sealing.seal(one_page(), identity)


def with_roots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers of ours leave out self-signed certificates; a stranger's need not."""
    made = cms.ExternalSigner
    monkeypatch.setattr(
        cms, "ExternalSigner", lambda **given: made(**given | {"embed_roots": True})
    )


def one_page() -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(200, 100))
    canvas.drawString(10, 10, "specimen")
    canvas.showPage()
    canvas.save()
    return target.getvalue()


@pytest.fixture(scope="module")
def tangle() -> Tangle:
    return Tangle(MANY)


@pytest.mark.parametrize("count", [MANY, 3 * MANY])
def test_a_seal_of_cas_that_issued_one_another_is_judged_at_once(
    count: int, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Tangle(count).sealed(world, monkeypatch)
    (tmp_path / "sealed.pdf").write_bytes(data)
    (tmp_path / "root.der").write_bytes(world.roots[0].public_bytes(Encoding.DER))

    done = subprocess.run(
        [sys.executable, "-c", JUDGE, tmp_path / "sealed.pdf", tmp_path / "root.der"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS)),
    )  # fmt: skip

    assert done.stdout.strip() == "untrusted", done.stderr[-500:]


def test_the_way_out_of_such_a_tangle_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest good neighbour: few that issued one another, and one that a root issued."""
    few = Tangle(3)

    data = few.sealed(world, monkeypatch, few.way_out)

    verdict = verify.verify(data, [few.root], now=NOW + timedelta(days=1))
    assert verdict.verdict is VerdictWord.VALID, verdict.reasons
    assert verify.verify(data, world.roots).verdict is VerdictWord.UNTRUSTED


def test_whether_one_issued_another_is_worked_out_once(
    tangle: Tangle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(one: x509.Certificate, other: x509.Certificate) -> bool:
        asked.append((one, other))
        return is_issued_by(one, other)

    is_issued_by = keys.is_issued_by
    monkeypatch.setattr(keys, "is_issued_by", counted)

    with pytest.raises(SignatureRefusedError, match="unknown issuer"):
        chain.trusted(tangle.signer, tangle.cas, [tangle.root], NOW)

    assert len(asked) == len(set(asked)) <= (MANY + 1) ** 2
