"""A test CA, identities under it and sealed documents: what tests of seals and verdicts share."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO

from cryptography import x509
from PIL import Image, ImageDraw

from factory.page.marks import SignatureBox
from factory.seals import pades
from factory.seals.signer import SealIdentity
from factory.seals.soft import SoftSigner
from storage import testca
from storage.testca import TestCA

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
FIELD = SignatureBox(name="AuthoritySeal", page=0, x_mm=130, y_mm=200, width_mm=42, height_mm=42)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One CA and one seal identity of each key type."""

    ca: TestCA
    p256: SealIdentity
    rsa: SealIdentity

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        return (self.ca.root.certificate,)


def new_world(now: datetime = NOW) -> World:
    ca = testca.make_ca(now)
    return World(ca=ca, p256=new_identity(ca, "p256"), rsa=new_identity(ca, "rsa2048"))


def new_identity(ca: TestCA, algorithm: str = "p256") -> SealIdentity:
    issued = testca.issue_seal(ca, "示例市住房和城乡建设委员会", algorithm=algorithm)
    return SealIdentity(
        name=f"example-{algorithm}",
        signing_cert=issued.certificate,
        chain=(ca.issuing.certificate,),
        picture=red_ring(),
        width_mm=42,
        signer=SoftSigner(issued.key),
        test=True,
    )


def red_ring() -> bytes:
    picture = Image.new("RGBA", (60, 60), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((2, 2, 57, 57), outline=(200, 0, 0, 255), width=4)
    target = BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def seal(document: bytes, identity: SealIdentity, *, now: datetime = NOW) -> bytes:
    """What the line does, for one document."""
    prepared = pades.prepare(document, FIELD, identity, now=now)
    [signature] = identity.signer.sign_digests([prepared.digest])
    return pades.complete(prepared, signature)


def with_certificate(identity: SealIdentity, certificate: x509.Certificate) -> SealIdentity:
    return replace(identity, signing_cert=certificate)
