"""Electronic seals and small OFD packages for tests: well made, or with one thing changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image

from factory.ofd.package import Member, opened
from factory.page.marks import SignatureBox
from factory.seals import ofd, ses
from factory.seals.signer import SesIdentity
from factory.seals.sm2_soft import Sm2SoftSigner
from storage import testca_sm2
from storage.testca_sm2 import Sm2TestCA, TestSeal

NOW = datetime(2026, 11, 21, 4, 0, 0, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
PASSPHRASE = b"correct horse"
AUTHORITY, OTHER_AUTHORITY = "示例省住房和城乡建设厅", "示例市行政审批局"
BOX = SignatureBox(name="seal", page=0, x_mm=130, y_mm=200, width_mm=46, height_mm=42)
START = '<?xml version="1.0" encoding="UTF-8"?>\n'
SPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'

ENTRY = (
    f'{START}<ofd:OFD {SPACE} Version="1.0" DocType="OFD"><ofd:DocBody><ofd:DocInfo>'
    "<ofd:DocID>0123456789abcdef0123456789abcdef</ofd:DocID></ofd:DocInfo>"
    "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>"
    "<ofd:Signatures>Doc_0/Signs/Signatures.xml</ofd:Signatures></ofd:DocBody></ofd:OFD>"
)
AREA = "<ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox>"
DOCUMENT = (
    f"{START}<ofd:Document {SPACE}><ofd:CommonData><ofd:MaxUnitID>20</ofd:MaxUnitID>"
    f"<ofd:PageArea>{AREA}</ofd:PageArea></ofd:CommonData>"
    '<ofd:Pages><ofd:Page ID="11" BaseLoc="Pages/Page_0/Content.xml"/>'
    '<ofd:Page ID="7" BaseLoc="Pages/Page_1/Content.xml"/></ofd:Pages></ofd:Document>'
)
PAGE = (
    f"{START}<ofd:Page {SPACE}><ofd:Area>{AREA}</ofd:Area><ofd:Content>"
    '<ofd:Layer ID="{layer}"/></ofd:Content></ofd:Page>'
)
MEMBERS = tuple(
    Member(name=name, data=text.encode())
    for name, text in (
        ("OFD.xml", ENTRY),
        ("Doc_0/Document.xml", DOCUMENT),
        ("Doc_0/Pages/Page_0/Content.xml", PAGE.format(layer=12)),
        ("Doc_0/Pages/Page_1/Content.xml", PAGE.format(layer=13)),
    )
)


@cache
def authority_ca() -> Sm2TestCA:
    return testca_sm2.make_ca(NOW)


@cache
def picture(kind: str = "PNG", width: int = 420, height: int = 420) -> bytes:
    target = BytesIO()
    Image.new("RGB", (width, height), (200, 20, 20)).save(target, kind)
    return target.getvalue()


@cache
def issued(authority: str) -> TestSeal:
    return testca_sm2.issue_test_seal(
        authority_ca(), authority, picture(), width_mm=42, now=NOW, passphrase=PASSPHRASE
    )


@cache
def identity(authority: str = AUTHORITY) -> SesIdentity:
    made = issued(authority)
    return SesIdentity(
        name=authority,
        seal=made.esl,
        signing_cert=made.signing_cert,
        chain=made.chain,
        signer=Sm2SoftSigner(made.key, PASSPHRASE),
        test=True,
    )


def seal(**changes: Any) -> bytes:
    """A seal for identity(), with something changed; the maker's signature fits."""
    ca = authority_ca()
    values: dict[str, Any] = {
        "code": "62000000000001",
        "name": AUTHORITY,
        "picture": picture(),
        "picture_type": "PNG",
        "width_mm": 42,
        "height_mm": 42,
        "certificates": (der_of(identity().signing_cert),),
        "valid_from": NOW - DAY,
        "valid_until": NOW + 365 * DAY,
        "vendor": "TEST",
        "maker": der_of(ca.maker.certificate),
        "maker_signer": ca.maker.signer,
    }
    return ses.make_seal(**values | changes)


def sealed(
    members: tuple[Member, ...] = MEMBERS,
    by: SesIdentity | None = None,
    *,
    now: datetime = NOW,
    box: SignatureBox = BOX,
    locking: bool = True,
) -> bytes:
    by = by or identity()
    prepared = ofd.prepare(members, box, by, now=now, locking=locking)
    [signature] = by.signer.sign_digests([prepared.digest])
    return ofd.complete(prepared, signature)


def members_of(package: bytes) -> tuple[Member, ...]:
    return tuple(Member(name=name, data=data) for name, data in opened(package).items())


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)
