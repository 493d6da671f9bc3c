"""Forms as parties sign them: small CAs, keys outside, each step as the two systems do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from PIL import Image, ImageDraw

from factory import specimen
from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.model import ApplicationType, Kind
from factory.page.fonts import FontBook
from factory.page.marks import APPLICANT_SIGN, ENTERPRISE_SEAL
from factory.page.sheet import Placed, layout
from factory.pictures import normalise_photo, normalise_signature
from factory.profile import Profile
from factory.seals import party
from factory.seals.fields import with_fields
from factory.writers.pdf import draw
from tests import judges
from tests.factory.documents import PROFILES, SAVED, form

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
YEAR = timedelta(days=365)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Outsider:
    """Somebody with a key that the factory never sees."""

    key: Key
    certificate: x509.Certificate
    issuer: x509.Certificate
    root: x509.Certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return (self.certificate, self.issuer)

    def raw(self, digest: bytes) -> bytes:
        """What a USB key or a CA's service gives for a digest."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))
        return self.key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))

    def cms(self, content: bytes, *options: str) -> bytes:
        """What OpenSSL makes of the content, outside."""
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "content.bin").write_bytes(content)
            (folder / "key.pem").write_bytes(
                self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            )
            (folder / "cert.pem").write_bytes(self.certificate.public_bytes(Encoding.PEM))
            (folder / "chain.pem").write_bytes(self.issuer.public_bytes(Encoding.PEM))
            judges.run(
                *("openssl", "cms", "-sign", "-binary", "-cades", "-nosmimecap", "-md", "sha256"),
                *("-in", folder / "content.bin", "-outform", "DER", "-out", folder / "cms.der"),
                *("-signer", folder / "cert.pem", "-inkey", folder / "key.pem"),
                *("-certfile", folder / "chain.pem"),
                *options,
            )
            return (folder / "cms.der").read_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """A person and an enterprise, each under a CA of its own."""

    person: Outsider
    enterprise: Outsider

    @property
    def roots(self) -> Mapping[str, Sequence[x509.Certificate]]:
        return {
            APPLICANT_SIGN: (self.person.root,),
            ENTERPRISE_SEAL: (self.enterprise.root,),
        }


def new_parties(algorithm: str = "p256") -> Parties:
    """algorithm: of both, ``p256`` or ``rsa2048``."""
    return Parties(
        person=new_outsider("李示例", algorithm),
        enterprise=new_outsider("示例建设有限公司", algorithm),
    )


def new_outsider(name: str, algorithm: str = "p256") -> Outsider:
    root_key, issuing_key, key = new_key("p256"), new_key("p256"), new_key(algorithm)
    root = _issued(f"Root of {name}", root_key, f"Root of {name}", root_key, authority=True)
    issuer = _issued(f"CA of {name}", issuing_key, f"Root of {name}", root_key, authority=True)
    certificate = _issued(name, key, f"CA of {name}", issuing_key, authority=False)
    return Outsider(key=key, certificate=certificate, issuer=issuer, root=root)


def new_key(algorithm: str) -> Key:
    if algorithm == "rsa2048":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _issued(name: str, key: Key, issuer: str, issuing: Key, *, authority: bool) -> x509.Certificate:
    path_length = 1 if authority else None
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - YEAR)
        .not_valid_after(NOW + 2 * YEAR)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
        .add_extension(_usage(authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing.public_key()), critical=False
        )
        .sign(issuing, hashes.SHA256())
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, content_commitment=not authority,
        key_cert_sign=authority, crl_sign=authority, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def new_form(
    fontbook: FontBook,
    profile: Profile = PROFILES["gansu-constructor"],
    kind: ApplicationType = ApplicationType.INITIAL,
    **given: object,
) -> bytes:
    """A form as the line draws it, with an empty field for each party."""
    document, placed = new_placed_form(fontbook, profile, kind, **given)
    return with_fields(document, placed.signatures, now=SAVED)


def new_placed_form(
    fontbook: FontBook,
    profile: Profile = PROFILES["gansu-constructor"],
    kind: ApplicationType = ApplicationType.INITIAL,
    **given: object,
) -> tuple[bytes, Placed]:
    """A drawn form without fields, and where they go."""
    module = KINDS[Kind.APPLICATION_FORM]
    face = form(profile, kind, **given)  # type: ignore[arg-type] # by name, as given
    placed = layout(module.sheet(profile, face), module.values(profile, face), fontbook)
    pictures = {
        "photo": normalise_photo(specimen.portrait(1)),
        "signature": normalise_signature(specimen.signature(1)),
    }
    return draw(placed, pictures, title=placed.title, created=SAVED, twin=twin(face)), placed


def handwriting() -> bytes:
    picture = Image.new("RGBA", (413, 179), (0, 0, 0, 0))
    zigzag = [(40, 120), (130, 40), (160, 150), (240, 60), (370, 60)]
    ImageDraw.Draw(picture).line(zigzag, (10, 20, 60, 255), 6)
    return _png(picture)


def round_seal() -> bytes:
    picture = Image.new("RGBA", (480, 480), (0, 0, 0, 0))
    ImageDraw.Draw(picture).ellipse((4, 4, 475, 475), outline=(214, 18, 28, 255), width=14)
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    target = BytesIO()
    picture.save(target, "PNG")
    return target.getvalue()


def prepared_for_person(document: bytes, parties: Parties) -> party.Prepared:
    return party.prepare(
        document, APPLICANT_SIGN, certifies=True, locks=False, look=handwriting(), now=NOW,
        chain=parties.person.chain,
    )  # fmt: skip


def prepared_for_enterprise(document: bytes, parties: Parties) -> party.Prepared:
    return party.prepare(
        document, ENTERPRISE_SEAL, certifies=False, locks=True, look=round_seal(), now=LATER,
        chain=parties.enterprise.chain,
    )  # fmt: skip


def signed_by_person(document: bytes, parties: Parties) -> bytes:
    prepared = prepared_for_person(document, parties)
    return party.complete(prepared, parties.person.raw(prepared.digest))


def signed_by_enterprise(document: bytes, parties: Parties) -> bytes:
    prepared = prepared_for_enterprise(document, parties)
    return party.complete(prepared, parties.enterprise.raw(prepared.digest))


def signed_by_both(document: bytes, parties: Parties) -> bytes:
    return signed_by_enterprise(signed_by_person(document, parties), parties)
