"""A CA that revokes, an authority of time, and files sealed under them: for tests of trust."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pikepdf
from asn1crypto.keys import PrivateKeyInfo
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import SimpleSigner
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore
from reportlab.pdfgen.canvas import Canvas

from factory.seals import der, outside
from factory.seals.cms import asn1_certificate, run_to_end
from storage import testca
from storage.testca import CA_LIFE, SEAL_LIFE, Ended, Issued, TestCA

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LATER = NOW + SEAL_LIFE + DAY  #: after the end of every certificate for sealing
FIELD = "AuthoritySeal"
SET, UNSIGNED_ATTRIBUTES = 0x31, 0xA1


@dataclass(frozen=True, kw_only=True)
class Trust:
    """A CA with one seal, and another one with an authority of time."""

    ca: TestCA
    seal: Issued
    clock: TestCA
    tsa: Issued

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        return (self.ca.root.certificate,)

    @property
    def time_roots(self) -> tuple[x509.Certificate, ...]:
        return (self.clock.root.certificate,)

    def token(self, value: bytes, at: datetime, digest: str = "sha256") -> bytes:
        """A time stamp over a signature."""
        return stamp(self.tsa, (self.clock.issuing.certificate,), value, at, digest)

    def revoked(self, at: datetime, *, issued: datetime | None = None, **how: object) -> bytes:
        """A list on which the seal's certificate stands."""
        ended = Ended(serial=self.seal.certificate.serial_number, at=at, **how)  # type: ignore[arg-type]
        return testca.revocation_list(self.ca.issuing, [ended], now=issued or at + MINUTE)


def new_trust(now: datetime = NOW) -> Trust:
    ca, clock = testca.make_ca(now), testca.make_ca(now, name="Time")
    return Trust(ca=ca, seal=testca.issue_seal(ca, "示例市"), clock=clock, tsa=new_tsa(clock))


def new_tsa(clock: TestCA, *, life: timedelta = CA_LIFE) -> Issued:
    use = ExtendedKeyUsageOID.TIME_STAMPING
    return testca.issue_for_one_use(clock, "Clock", use, algorithm="rsa2048", life=life)


def stamp(
    tsa: Issued,
    chain: Iterable[x509.Certificate],
    value: bytes,
    at: datetime,
    digest: str = "sha256",
) -> bytes:
    """A token as pyHanko's authority for tests makes it."""
    stamper = DummyTimeStamper(
        asn1_certificate(tsa.certificate),
        pkcs8(tsa),
        certs_to_embed=_store(chain),
        fixed_dt=at,
    )
    hashed = hashlib.new(digest, value).digest()
    return bytes(run_to_end(stamper.async_timestamp(hashed, digest)).dump())


def page() -> bytes:
    target = BytesIO()
    canvas = Canvas(target)
    canvas.drawString(72, 720, "a certificate")
    canvas.save()
    return target.getvalue()


def with_store(document: bytes, *lists: bytes, answers: Iterable[bytes] = ()) -> bytes:
    """The document with a security store (DSS), before it is sealed."""
    with pikepdf.open(BytesIO(document)) as file:
        pieces = {
            "/CRLs": pikepdf.Array(file.make_stream(each) for each in lists),
            "/OCSPs": pikepdf.Array(file.make_stream(each) for each in answers),
        }
        file.Root.DSS = file.make_indirect(pikepdf.Dictionary(pieces))
        target = BytesIO()
        file.save(target)
        return target.getvalue()


def sealed(
    trust: Trust,
    *,
    claimed: datetime = NOW,
    stamped: datetime | None = None,
    document: bytes | None = None,
    beside: Callable[[bytes], Sequence[bytes]] | None = None,
) -> bytes:
    """A sealed PDF, made by pyHanko.

    stamped: when an authority of time saw it; None: none did.
    beside:  the tokens for a signature's value, instead.
    """
    signer = SimpleSigner(
        signing_cert=asn1_certificate(trust.seal.certificate),
        signing_key=pkcs8(trust.seal),
        cert_registry=_store([trust.ca.issuing.certificate]),
    )
    target = BytesIO()
    embedder = PdfCMSEmbedder(new_field_spec=SigFieldSpec(FIELD))
    steps = embedder.write_cms(FIELD, IncrementalPdfFileWriter(BytesIO(document or page())))
    next(steps)
    placeholder = SignatureObject(
        subfilter=SigSeedSubFilter.PADES, timestamp=claimed, bytes_reserved=32768
    )
    mdp = SigMDPSetup(md_algorithm="sha256", certify=True, docmdp_perms=MDPPerm.NO_CHANGES)
    steps.send(SigObjSetup(sig_placeholder=placeholder, mdp_setup=mdp))
    prepared, _ = steps.send(SigIOSetup(md_algorithm="sha256", output=target))
    digest = prepared.document_digest
    container = run_to_end(signer.async_sign(digest, "sha256", use_pades=True))
    value = container["content"]["signer_infos"][0]["signature"].native
    tokens = [trust.token(value, stamped)] if stamped else beside(value) if beside else ()
    steps.send(with_tokens(container.dump(), tokens))
    return target.getvalue()


def with_tokens(container: bytes, tokens: Sequence[bytes]) -> bytes:
    """A CMS container with time stamps beside its signature, whatever they are."""
    if not tokens:
        return container
    one = der.sequence(der.oid(outside.SIGNATURE_TIME_STAMP), der.element(SET, b"".join(tokens)))
    kind, content = der.read(container).parts()
    *before, infos = content.parts()[0].parts()
    info = der.read(infos.content)
    longer = der.sequence(info.content, der.element(UNSIGNED_ATTRIBUTES, one))
    data = der.sequence(*(each.whole for each in before), der.element(SET, longer))
    return der.sequence(kind.whole, der.element(der.EXPLICIT_0, data))


def pkcs8(issued: Issued) -> PrivateKeyInfo:
    der_key = issued.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return PrivateKeyInfo.load(der_key)


def _store(certificates: Iterable[x509.Certificate]) -> SimpleCertificateStore:
    return SimpleCertificateStore.from_certs(map(asn1_certificate, certificates))
