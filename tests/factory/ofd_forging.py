"""Small OFD documents, sealed as they should be, or with keys but wrongly: the test's own writer.

It shares no code with the product's; so a mistake there is not made here too.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from factory.ofd.package import Member, packed
from factory.seals import der, ses, sm2
from factory.seals.sm2_soft import Sm2SoftSigner
from storage import testca_sm2
from storage.testca_sm2 import IssuedSm2, Sm2TestCA, TestSeal
from tests.factory.sealing import NOW, red_ring

AUTHORITY = "示例市住房和城乡建设委员会"
PASSPHRASE = b"for tests"
LICENCE = "1.2.156.3005.2.0"
TWIN = b'{"name":"specimen"}'
SPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'
LIST = "Doc_0/Signs/Signatures.xml"
CONTENT = "Doc_0/Pages/Page_0/Content.xml"

Members = dict[str, bytes]


@dataclass(frozen=True, kw_only=True)
class World:
    """A CA, a seal and who signs with it."""

    ca: Sm2TestCA
    seal: TestSeal

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        return (self.ca.root.certificate, self.ca.issuing.certificate)

    @cached_property
    def signer(self) -> Sm2SoftSigner:
        return Sm2SoftSigner(self.seal.key, PASSPHRASE)

    @property
    def maker(self) -> IssuedSm2:
        return self.ca.maker


def new_world(now: datetime = NOW) -> World:
    ca = testca_sm2.make_ca(now)
    return World(ca=ca, seal=new_seal(ca, now))


def new_seal(ca: Sm2TestCA, now: datetime = NOW) -> TestSeal:
    return testca_sm2.issue_test_seal(
        ca, AUTHORITY, red_ring(), width_mm=42, now=now, passphrase=PASSPHRASE
    )


def der_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def an_esl(world: World, **changes: object) -> bytes:
    """The world's seal, issued anew with changes."""
    given: dict[str, object] = {
        "code": "99000000000001",
        "name": AUTHORITY,
        "picture": red_ring(),
        "picture_type": "PNG",
        "width_mm": 42,
        "height_mm": 42,
        "certificates": (der_of(world.seal.signing_cert),),
        "valid_from": NOW - timedelta(days=1),
        "valid_until": NOW + timedelta(days=1000),
        "vendor": "TEST",
        "maker": der_of(world.maker.certificate),
        "maker_signer": world.maker.signer,
    }
    return ses.make_seal(**(given | changes))  # type: ignore[arg-type]


# --- the document


def document() -> Members:
    """A certificate before its seal."""
    return {
        "OFD.xml": entry(),
        "Doc_0/Document.xml": xml(
            "Document",
            "<ofd:CommonData><ofd:MaxUnitID>200</ofd:MaxUnitID>"
            "<ofd:PageArea><ofd:PhysicalBox>0 0 210 297</ofd:PhysicalBox></ofd:PageArea>"
            "<ofd:PublicRes>PublicRes.xml</ofd:PublicRes>"
            "<ofd:DocumentRes>DocumentRes.xml</ofd:DocumentRes>"
            '<ofd:TemplatePage ID="2" BaseLoc="Tpls/Tpl_0/Content.xml"/></ofd:CommonData>'
            '<ofd:Pages><ofd:Page ID="1" BaseLoc="Pages/Page_0/Content.xml"/></ofd:Pages>'
            "<ofd:CustomTags>Tags/CustomTags.xml</ofd:CustomTags>"
            "<ofd:Attachments>Attachs/Attachments.xml</ofd:Attachments>",
        ),
        "Doc_0/PublicRes.xml": xml(
            "Res",
            '<ofd:Fonts><ofd:Font ID="4" FontName="CertData">'
            "<ofd:FontFile>data.ttf</ofd:FontFile></ofd:Font></ofd:Fonts>",
            ' BaseLoc="Res"',
        ),
        "Doc_0/DocumentRes.xml": xml(
            "Res",
            '<ofd:MultiMedias><ofd:MultiMedia ID="5" Type="Image">'
            "<ofd:MediaFile>photo.jpg</ofd:MediaFile></ofd:MultiMedia></ofd:MultiMedias>",
            ' BaseLoc="Res"',
        ),
        "Doc_0/Res/data.ttf": b"font",
        "Doc_0/Res/photo.jpg": b"photo",
        "Doc_0/Tpls/Tpl_0/Content.xml": xml(
            "Page", '<ofd:Content><ofd:Layer ID="98"/></ofd:Content>'
        ),
        CONTENT: page('<ofd:ImageObject ID="130" Boundary="152 75 30 40" ResourceID="5"/>'),
        "Doc_0/Tags/CustomTags.xml": xml(
            "CustomTags",
            '<ofd:CustomTag NameSpace="urn:x"><ofd:FileLoc>Tag.xml</ofd:FileLoc></ofd:CustomTag>',
        ),
        "Doc_0/Tags/Tag.xml": b"<face><name>100</name></face>",
        "Doc_0/Attachs/Attachments.xml": xml(
            "Attachments",
            '<ofd:Attachment ID="a1" Name="metadata" Visible="false">'
            "<ofd:FileLoc>twin.json</ofd:FileLoc></ofd:Attachment>",
        ),
        "Doc_0/Attachs/twin.json": TWIN,
    }


def entry(bodies: int = 1, information: str = "") -> bytes:
    said = f'<ofd:CustomData Name="证照标识">{LICENCE}</ofd:CustomData>{information}'
    body = (
        f"<ofd:DocBody><ofd:DocInfo><ofd:DocID>{'0' * 32}</ofd:DocID>"
        f"<ofd:CustomDatas>{said}</ofd:CustomDatas></ofd:DocInfo>"
        "<ofd:DocRoot>Doc_0/Document.xml</ofd:DocRoot>"
        f"<ofd:Signatures>{LIST}</ofd:Signatures></ofd:DocBody>"
    )
    return xml("OFD", body * bodies, ' Version="1.0" DocType="OFD"')


def page(objects: str = "") -> bytes:
    return xml(
        "Page",
        '<ofd:Template TemplateID="2"/><ofd:Content><ofd:Layer ID="99">'
        '<ofd:TextObject ID="100" Boundary="75 75 10 6.25" Font="4" Size="5">'
        '<ofd:TextCode X="0" Y="4.4" DeltaX="5">张三</ofd:TextCode></ofd:TextObject>'
        f"{objects}</ofd:Layer></ofd:Content>",
    )


def xml(root: str, content: str, attributes: str = "") -> bytes:
    start = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f"{start}<ofd:{root} {SPACE}{attributes}>{content}</ofd:{root}>".encode()


# --- the seal


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a signature is made; each field can be wrong.

    said:      SignatureDateTime; None: as time.
    protected: which members have a reference; None: all but its own two files.
    spelt:     how a reference spells a member's name.
    check:     attributes of References.
    esl:       the seal; seal_file: what lies beside it; None: no such file.
    location:  propertyInfo; None: as it is.
    signed:    what the signer signs, made of TBS_Sign.
    """

    id: str = "s001"
    kind: str = "Seal"
    folder: str = "Doc_0/Signs/Sign_0"
    time: datetime = NOW
    said: str | None = None
    method: str = sm2.SM2_WITH_SM3
    check: str = f' CheckMethod="{sm2.SM3}"'
    digest: Callable[[bytes], bytes] = sm2.sm3
    protected: Callable[[Sequence[str]], Iterable[str]] = list
    spelt: Callable[[str], str] = "/{}".format
    stamp: str = '<ofd:StampAnnot ID="s002" PageRef="1" Boundary="135 200 42 42"/>'
    information: str = ""
    esl: bytes | None = None
    seal_file: bytes | None = b""
    version: int = 4
    location: str | None = None
    data_hash: Callable[[bytes], bytes] = sm2.sm3
    locking: bool = True
    certificate: bytes | None = None
    signer: Sm2SoftSigner | None = None
    value: Callable[[bytes], bytes] = field(default=bytes)

    @property
    def description(self) -> str:
        return f"{self.folder}/Signature.xml"

    @property
    def signed_value(self) -> str:
        return f"{self.folder}/SignedValue.dat"


TERMS = Terms()
SECOND = Terms(id="s003", folder="Doc_0/Signs/Sign_1")


def sealed(world: World, members: Members, terms: Terms = TERMS, **changes: object) -> Members:
    """The members with one more signature, under these terms."""
    terms = replace(terms, **changes)  # type: ignore[arg-type]
    esl = world.seal.esl if terms.esl is None else terms.esl
    done = dict(members) | {LIST: listing(members.get(LIST), terms)}
    if terms.seal_file is not None:
        done[f"{terms.folder}/Seal.esl"] = terms.seal_file or esl
    done[terms.description] = description(done, terms)
    to_sign = ses.to_be_signed(
        esl,
        version=terms.version,
        time=terms.time,
        data_hash=terms.data_hash(done[terms.description]),
        location=terms.location or f"/{terms.description}",
    )
    return done | {terms.signed_value: terms.value(signed(world, to_sign, terms))}


def signed(world: World, to_sign: bytes, terms: Terms = TERMS) -> bytes:
    """The content of SignedValue.dat."""
    signer = terms.signer or world.signer
    certificate = terms.certificate or der_of(world.seal.signing_cert)
    [signature] = signer.sign_digests([sm2.message_digest(signer.point, to_sign)])
    return ses.signature_value(to_sign, certificate, signature)


def listing(before: bytes | None, terms: Terms) -> bytes:
    line = f'<ofd:Signature ID="{terms.id}" Type="{terms.kind}" BaseLoc="/{terms.description}"/>'
    if before is not None:
        return before.replace(b"</ofd:Signatures>", f"{line}</ofd:Signatures>".encode())
    return xml("Signatures", f"<ofd:MaxSignId>s009</ofd:MaxSignId>{line}")


def description(members: Mapping[str, bytes], terms: Terms) -> bytes:
    names = [name for name in members if terms.locking or name != LIST]
    lines = "".join(
        f'<ofd:Reference FileRef="{terms.spelt(name)}"><ofd:CheckValue>'
        f"{b64encode(terms.digest(members.get(name, b''))).decode()}"
        "</ofd:CheckValue></ofd:Reference>"
        for name in terms.protected(names)
    )
    said = f"{terms.time:%Y%m%d%H%M%S}Z" if terms.said is None else terms.said
    seal = f"<ofd:Seal><ofd:BaseLoc>/{terms.folder}/Seal.esl</ofd:BaseLoc></ofd:Seal>"
    return xml(
        "Signature",
        '<ofd:SignedInfo><ofd:Provider ProviderName="x"/>'
        f"<ofd:SignatureMethod>{terms.method}</ofd:SignatureMethod>"
        f"<ofd:SignatureDateTime>{said}</ofd:SignatureDateTime>"
        f"<ofd:References{terms.check}>{lines}</ofd:References>{terms.stamp}"
        f"{'' if terms.seal_file is None else seal}{terms.information}</ofd:SignedInfo>"
        f"<ofd:SignedValue>/{terms.signed_value}</ofd:SignedValue>",
    )


def package(members: Mapping[str, bytes]) -> bytes:
    return packed([Member(name=name, data=data) for name, data in members.items()])


# --- the versions that are only read


def old_value(world: World, seal: bytes, description: bytes, location: str, time: bytes) -> bytes:
    """SignedValue.dat of version 1 (GM/T 0031-2014), with a seal of that version.

    time: timeInfo, the content of a BIT STRING.
    """
    to_sign = der.sequence(
        der.integer(1),
        seal,
        der.bits(time),
        der.bits(sm2.sm3(description)),
        der.ia5(location),
        der.octets(der_of(world.seal.signing_cert)),
        der.oid(sm2.SM2_WITH_SM3),
    )
    return der.sequence(to_sign, der.bits(_signature(world.signer, to_sign)))


def old_seal(world: World) -> bytes:
    day = timedelta(days=1)
    info = der.sequence(
        der.sequence(der.ia5("ES"), der.integer(1), der.ia5("TEST")),
        der.ia5("99000000000001"),
        der.sequence(
            der.integer(1),
            der.utf8(AUTHORITY),
            der.sequence(der.octets(der_of(world.seal.signing_cert))),
            *(_utc_time(moment) for moment in (NOW - day, NOW - day, NOW + day)),
        ),
        der.sequence(der.ia5("PNG"), der.octets(red_ring()), der.integer(42), der.integer(42)),
    )
    by = (der.octets(der_of(world.maker.certificate)), der.oid(sm2.SM2_WITH_SM3))
    signature = _signature(world.maker.signer, der.sequence(info, *by))
    return der.sequence(info, der.sequence(*by, der.bits(signature)))


def _utc_time(moment: datetime) -> bytes:
    return der.element(der.UTC_TIME, f"{moment.astimezone(UTC):%y%m%d%H%M%SZ}".encode())


def _signature(signer: Sm2SoftSigner, message: bytes) -> bytes:
    [signature] = signer.sign_digests([sm2.message_digest(signer.point, message)])
    return signature


def seal_of_version(world: World, version: int) -> bytes:
    """The world's seal with another number in its header, made anew by its maker."""
    info = ses.read_seal(world.seal.esl).info
    at = info.index(der.ia5("ES")) + len(der.ia5("ES"))
    assert info[at : at + 3] == der.integer(4)
    other = info[:at] + der.integer(version) + info[at + 3 :]
    return _made(_maker(world), other)


def seal_with_digests(
    world: World, maker: tuple[x509.Certificate, Sm2SoftSigner] | None = None
) -> bytes:
    """A seal that lists its signer by digest (certListType 2).

    maker: its certificate and key; None: the world's.
    """
    info = der.read(ses.read_seal(world.seal.esl).info).parts()
    kind, name, _, _, *times = info[2].parts()
    digest = der.octets(sm2.sm3(der_of(world.seal.signing_cert)))
    listed = der.sequence(der.sequence(der.element(der.PRINTABLE, b"SM3"), digest))
    told = (kind.whole, name.whole, der.integer(2), listed, *(each.whole for each in times))
    before, after = info[:2], info[3:]
    parts = (*(e.whole for e in before), der.sequence(*told), *(e.whole for e in after))
    return _made(maker or _maker(world), der.sequence(*parts))


def _maker(world: World) -> tuple[x509.Certificate, Sm2SoftSigner]:
    return world.maker.certificate, world.maker.signer


def _made(maker: tuple[x509.Certificate, Sm2SoftSigner], info: bytes) -> bytes:
    certificate, signer = maker
    return der.sequence(
        info,
        der.octets(der_of(certificate)),
        der.oid(sm2.SM2_WITH_SM3),
        der.bits(_signature(signer, info)),
    )
