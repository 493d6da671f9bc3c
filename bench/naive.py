"""The obvious pipeline: one certificate, one message, two transactions, nothing reused.

What a competent developer writes first: reportlab with its TTFont, segno's PNG, pyHanko's
SimpleSigner loaded from a PKCS#12 file, boto3, a dramatiq actor a certificate and one row a
certificate.  The page has the same fields at the same places as ours, a plainer frame, the same
photo and the same seal.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import segno
from botocore.config import Config
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.pdf_utils.images import PdfImage
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.stamp import StaticStampStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from factory.events import Event, RegistrationApproved
from factory.profile import Profile

A4 = (595.276, 841.89)
LABELS = ("姓    名：", "性    别：", "出生日期：", "注册编号：", "聘用企业：", "注册专业：")
ROWS = (596, 556, 517, 481, 425, 380)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Where the naive pipeline finds its things, by path and address."""

    font: Path
    seal: Path
    pkcs12: Path
    passphrase: bytes
    database: Path
    endpoint: str
    region: str
    key: str
    secret: str
    bucket: str


def create(setup: Setup, faces: Mapping[int, tuple[str, bytes]]) -> None:
    """A table of what is to be made: id, lines of text, photo."""
    with sqlite3.connect(setup.database) as connection:
        connection.execute("CREATE TABLE certificate (id INTEGER PRIMARY KEY, lines, photo, key)")
        connection.executemany(
            "INSERT INTO certificate (id, lines, photo) VALUES (?, ?, ?)",
            [(ident, lines, photo) for ident, (lines, photo) in faces.items()],
        )


def make(setup: Setup, ident: int) -> None:
    """What the actor does for one message."""
    with sqlite3.connect(setup.database) as connection:
        lines, photo = connection.execute(
            "SELECT lines, photo FROM certificate WHERE id = ?", (ident,)
        ).fetchone()
    document = sign(setup, draw(setup, lines.split("\n"), photo))
    key = f"naive/{ident}.pdf"
    upload(setup, key, document)
    with sqlite3.connect(setup.database) as connection:
        connection.execute("UPDATE certificate SET key = ? WHERE id = ?", (key, ident))


def draw(setup: Setup, lines: list[str], photo: bytes) -> bytes:
    """The page, with a font parsed for it."""
    pdfmetrics.registerFont(TTFont("Kai", str(setup.font)))
    target = BytesIO()
    canvas = Canvas(target, pagesize=A4)
    canvas.rect(30, 30, A4[0] - 60, A4[1] - 60)
    canvas.setFont("Kai", 26)
    canvas.drawCentredString(A4[0] / 2, 655, lines[0])
    canvas.setFont("Kai", 16)
    for label, value, y in zip(LABELS, lines[1:7], ROWS, strict=True):
        canvas.drawString(102, y, label)
        canvas.drawString(174, y, value)
    for offset, value in enumerate(lines[7:]):
        canvas.drawString(174, 350 - 25 * offset, value)
    canvas.drawImage(ImageReader(BytesIO(photo)), 410, 465, 110, 140)
    code = BytesIO()
    segno.make(lines[-1], error="m").save(code, kind="png", scale=4)
    canvas.drawImage(ImageReader(BytesIO(code.getvalue())), 60, 100, 71, 71)
    canvas.save()
    return target.getvalue()


def sign(setup: Setup, document: bytes) -> bytes:
    """A visible PAdES signature, with the key loaded for it."""
    signer = signers.SimpleSigner.load_pkcs12(str(setup.pkcs12), passphrase=setup.passphrase)
    pdf_signer = signers.PdfSigner(
        signers.PdfSignatureMetadata(
            field_name="Seal", subfilter=fields.SigSeedSubFilter.PADES, certify=True,
            docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        ),
        signer=signer,
        stamp_style=StaticStampStyle(background=PdfImage(str(setup.seal)), border_width=0),
        new_field_spec=fields.SigFieldSpec("Seal", box=(390, 115, 509, 234)),
    )  # fmt: skip
    signed = pdf_signer.sign_pdf(IncrementalPdfFileWriter(BytesIO(document)))
    result: bytes = signed.getvalue()
    return result


def upload(setup: Setup, key: str, document: bytes) -> None:
    """One object."""
    client(setup).put_object(
        Bucket=setup.bucket, Key=key, Body=document, ContentType="application/pdf"
    )


@cache
def client(setup: Setup) -> Any:
    """boto3 as its documentation makes it, once a process."""
    return boto3.client(
        "s3",
        endpoint_url=setup.endpoint,
        region_name=setup.region,
        aws_access_key_id=setup.key,
        aws_secret_access_key=setup.secret,
        config=Config(s3={"addressing_style": "path"}),
    )


def write_pkcs12(identity: Path, target: Path, passphrase: bytes) -> None:
    """The seal's key and certificates as the file developers are usually given."""
    key = serialization.load_pem_private_key((identity / "key.p8").read_bytes(), passphrase)
    certificate = x509.load_pem_x509_certificate((identity / "signing.pem").read_bytes())
    chain = x509.load_pem_x509_certificates((identity / "chain.pem").read_bytes())
    target.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"seal",
            key,  # type: ignore[arg-type]
            certificate,
            chain,
            serialization.BestAvailableEncryption(passphrase),
        )
    )


def lines_of(event: Event, profile: Profile) -> str:
    """What our page prints, a line each: title, six values, professions, the code's content."""
    data = event.data
    assert isinstance(data, RegistrationApproved)
    return "\n".join(
        (
            profile.certificate.title,
            data.holder.name,
            data.holder.sex.value,
            data.holder.birth_date.isoformat(),
            "沪2312016201800057",
            data.enterprise.name,
            *(f"{each.name}（有效期：2024-3-1至2027-2-28）" for each in data.professions),
            "https://verify.example/v/K7QF2M9XTR4B8HWN3CVD",
        )
    )
