"""Certificates and signature containers of others, well made or with one thing wrong."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from factory.seals import sm2

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
DAY = timedelta(days=1)
CONTENT = b"an application form"
SIGNING = ("digital_signature", "content_commitment")
ISSUING = ("key_cert_sign", "crl_sign")
USAGES = (
    *SIGNING,
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    *ISSUING,
    "encipher_only",
    "decipher_only",
)
DISTID = "distid:1234567812345678"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A key and its certificate."""

    key: Any
    certificate: x509.Certificate


def certify(
    name: str,
    issuer: Made | None = None,
    *,
    key: Any = None,
    ca: bool | None = False,
    path_length: int | None = None,
    usage: Sequence[str] | None = SIGNING,
    first: datetime = NOW - DAY,
    last: datetime = NOW + 365 * DAY,
    subject: Sequence[tuple[str, str]] = (),
    extensions: Sequence[tuple[str, bytes, bool]] = (),
) -> Made:
    """A certificate as told; without an issuer it issues itself."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    named = [(NameOID.COMMON_NAME.dotted_string, name), *subject]
    own = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(o), v) for o, v in named])
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(issuer.certificate.subject if issuer else own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(last)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if usage is not None:
        uses = x509.KeyUsage(**{each: each in usage for each in USAGES})
        builder = builder.add_extension(uses, critical=True)
    for oid, value, critical in extensions:
        unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        builder = builder.add_extension(unknown, critical=critical)
    signing_key = issuer.key if issuer else key
    return Made(key=key, certificate=builder.sign(signing_key, hashes.SHA256()))


def authority(name: str, issuer: Made | None = None, **changes: Any) -> Made:
    """A CA."""
    return certify(name, issuer, **{"ca": True, "usage": ISSUING} | changes)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def attribute(oid: str, *values: Any) -> cms.CMSAttribute:
    """A signed attribute, also of kinds that asn1crypto does not know."""
    made = cms.CMSAttribute({"type": oid})
    made["values"] = list(values)
    return made


def ess(certificate: x509.Certificate, **changes: Any) -> cms.CMSAttribute:
    """signing-certificate-v2 (RFC 5035)."""
    named = {"cert_hash": hashlib.sha256(der(certificate)).digest()} | changes
    return attribute("signing_certificate_v2", tsp.SigningCertificateV2({"certs": [named]}))


def ess_first(certificate: x509.Certificate) -> cms.CMSAttribute:
    """signing-certificate (RFC 2634)."""
    named = {"cert_hash": hashlib.sha1(der(certificate)).digest()}  # noqa: S324
    return attribute("signing_certificate", tsp.SigningCertificate({"certs": [named]}))


def attributes(content: bytes = CONTENT, digest: str = "sha256") -> list[cms.CMSAttribute]:
    """What RFC 5652 asks for."""
    return [
        attribute("content_type", "data"),
        attribute("message_digest", hashlib.new(digest, content).digest()),
    ]


def ecdsa(key: Any, message: bytes) -> bytes:
    return bytes(key.sign(message, ec.ECDSA(hashes.SHA256())))


def pkcs1(key: Any, message: bytes) -> bytes:
    return bytes(key.sign(message, padding.PKCS1v15(), hashes.SHA256()))


def container(
    signer: Made,
    *,
    signed: Sequence[cms.CMSAttribute] | None = None,
    others: Sequence[x509.Certificate] = (),
    embedded: Sequence[x509.Certificate] | None = None,
    digest: str = "sha256",
    algorithm: dict[str, Any] | None = None,
    sign: Callable[[Any, bytes], bytes] | None = None,
    content_type: str = "data",
    outer_type: str = "1.2.840.113549.1.7.2",
    attached: Any = None,
    times: int = 1,
    by_key: bool = False,
    named: x509.Certificate | None = None,
) -> bytes:
    """A CMS SignedData; each argument is one thing that may be otherwise."""
    is_rsa = isinstance(signer.key, rsa.RSAPrivateKey)
    sign = sign or (pkcs1 if is_rsa else ecdsa)
    algorithm = algorithm or {"algorithm": "rsassa_pkcs1v15" if is_rsa else "sha256_ecdsa"}
    own = asn1_x509.Certificate.load(der(named or signer.certificate))
    issuer_and_serial = {"issuer": own.issuer, "serial_number": own.serial_number}
    sid = cms.SignerIdentifier(
        *(
            ("subject_key_identifier", core.OctetString(own.key_identifier))
            if by_key
            else ("issuer_and_serial_number", cms.IssuerAndSerialNumber(issuer_and_serial))
        )
    )
    info: dict[str, Any] = {
        "version": "v3" if by_key else "v1",
        "sid": sid,
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": digest}),
        "signature_algorithm": algos.SignedDigestAlgorithm(algorithm),
    }
    chosen = attributes() if signed is None else signed
    message = cms.CMSAttributes(chosen).dump() if chosen else CONTENT
    if chosen:
        info["signed_attrs"] = cms.CMSAttributes(chosen)
    info["signature"] = sign(signer.key, message)
    inner: dict[str, Any] = {"content_type": content_type}
    if attached is not None:
        inner["content"] = attached
    data = cms.SignedData(
        {
            "version": "v1",
            "digest_algorithms": [{"algorithm": digest}],
            "encap_content_info": inner,
            "certificates": [
                cms.CertificateChoices("certificate", asn1_x509.Certificate.load(der(each)))
                for each in (embedded if embedded is not None else (signer.certificate, *others))
            ],
            "signer_infos": [cms.SignerInfo(info) for _ in range(times)],
        }
    )
    return _outer(outer_type, data)


class _Outer(core.Sequence):
    _fields = [  # noqa: RUF012 - asn1crypto's own way
        ("content_type", core.ObjectIdentifier),
        ("content", cms.SignedData, {"explicit": 0}),
    ]


def _outer(oid: str, data: cms.SignedData) -> bytes:
    return bytes(_Outer({"content_type": oid, "content": data}).dump())


def openssl(*arguments: object, cwd: Path, stdin: bytes = b"") -> bytes:
    """What openssl writes."""
    done = subprocess.run(
        ["openssl", *map(str, arguments)], cwd=cwd, input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def keep(made: Made, folder: Path, name: str) -> None:
    """Key and certificate as files for openssl."""
    secret = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / f"{name}.key").write_bytes(secret)
    (folder / f"{name}.pem").write_bytes(pem(made.certificate))


def sm2_root(folder: Path) -> x509.Certificate:
    """A CA whose key is SM2: root.key and root.pem in the folder."""
    _sm2_key(folder, "root")
    command = ("req", "-x509", "-new", "-key", "root.key", "-sm3", "-sigopt", DISTID)
    usage = ("-addext", "keyUsage=critical,keyCertSign")
    openssl(*command, "-subj", "/CN=Root", "-days", "999", *usage, "-out", "root.pem", cwd=folder)
    return x509.load_pem_x509_certificate((folder / "root.pem").read_bytes())


def sm2_party(folder: Path, subject: str) -> Made:
    """Somebody with an SM2 key, own.key, and a certificate of the folder's CA."""
    _sm2_key(folder, "own")
    request = ("req", "-new", "-utf8", "-key", "own.key", "-sm3", "-sigopt", DISTID)
    openssl(*request, "-subj", subject, "-out", "own.csr", cwd=folder)
    (folder / "own.ext").write_text("keyUsage=critical,digitalSignature,nonRepudiation\n")
    issue = ("x509", "-req", "-in", "own.csr", "-CA", "root.pem", "-CAkey", "root.key", "-sm3")
    distid = ("-sigopt", DISTID, "-vfyopt", DISTID)
    openssl(*issue, *distid, "-days", "99", "-extfile", "own.ext", "-out", "own.pem", cwd=folder)
    certificate = x509.load_pem_x509_certificate((folder / "own.pem").read_bytes())
    return Made(key="own.key", certificate=certificate)


def _sm2_key(folder: Path, name: str) -> None:
    openssl("ecparam", "-name", "SM2", "-genkey", "-noout", "-out", f"{name}.key", cwd=folder)


def sm2_container(
    folder: Path, signer: Made, content: bytes, outer: str = "1.2.840.113549.1.7.2"
) -> bytes:
    """A finished SM2 container over the content, signed by openssl."""

    def sign(key: str, message: bytes) -> bytes:
        command = ("dgst", "-sm3", "-sign", key, "-sigopt", DISTID)
        return openssl(*command, cwd=folder, stdin=message)

    signed = [
        attribute("content_type", "data"),
        attribute("message_digest", sm2.sm3(content)),
    ]
    return container(
        signer, signed=signed, digest=sm2.SM3, algorithm={"algorithm": sm2.SM2_WITH_SM3},
        sign=sign, outer_type=outer,
    )  # fmt: skip
