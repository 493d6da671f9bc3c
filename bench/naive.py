"""The obvious pipeline: one certificate, one message, two transactions, nothing reused.

What a competent developer writes first: a dramatiq actor a certificate, reportlab with its
TTFont, segno's PNG, pyHanko's SimpleSigner loaded from a PKCS#12 file, boto3, a row a
certificate.  The page is that of ``bench.pages``: the same words in the same faces, colours and
places as ours, the same photo, code, seal and background.  Easier than ours: places are handed
in; there is no twin, and the file is no PDF/A; nothing is linted or verified before it is stored;
a row is plain text.  The database's connections are kept.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import boto3
import dramatiq
import segno
from botocore.config import Config
from dramatiq.brokers.redis import RedisBroker
from PIL import Image
from pyhanko.pdf_utils.images import PdfImage
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.stamp import StaticStampStyle
from reportlab import rl_config
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import Engine, create_engine, text

from bench.pages import A4, QUIET_MODULES, Page, with_quiet_zone
from jobs.servers import die_with

QUEUE = "naive"
SETUP = "BENCH_NAIVE"  #: environment variable of the worker: its set-up as JSON
STAGES = ("read", "fonts", "draw", "key", "sign", "client", "upload", "write")
KEPT = ("fonts", "key", "client")  #: what a process could make once and keep
FILLED, FILLED_AND_OUTLINED = 0, 2  #: ISO 32000-1, 9.3.6
PIXELS_PER_MODULE = 4
METADATA = signers.PdfSignatureMetadata(
    field_name="Seal",
    subfilter=fields.SigSeedSubFilter.PADES,
    certify=True,
    docmdp_permissions=fields.MDPPerm.NO_CHANGES,
)


Fonts = Mapping[str, tuple[str, int]]  #: name -> (file, number of the face in it)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Where the pipeline finds its things.

    spent: file that gets a line a certificate: CPU ms by stage.
    """

    fonts: Fonts
    seal: str
    pkcs12: str
    passphrase: str
    redis_url: str
    db_url: str
    endpoint: str
    region: str
    key: str
    secret: str
    bucket: str
    spent: str

    def dumps(self) -> str:
        """As JSON, for the worker's environment."""
        return json.dumps(asdict(self))


def start() -> None:
    """What the worker runs: ``dramatiq bench.naive:start``."""
    if ask := die_with(os.getppid()):
        ask()
    setup = Setup(**json.loads(os.environ[SETUP]))
    dramatiq.set_broker(actor(setup).broker)


def actor(setup: Setup) -> dramatiq.Actor[Any, Any]:
    """The actor on a broker of its own, with dramatiq's own settings."""
    broker = RedisBroker(url=setup.redis_url, namespace="naive")  # type: ignore[no-untyped-call]

    @dramatiq.actor(actor_name="make", queue_name=QUEUE, broker=broker)
    def make_one(ident: int) -> None:
        make(setup, ident)

    return make_one


def create(setup: Setup, rows: Sequence[tuple[Page, bytes]]) -> None:
    """A fresh table of what is to be made; ids from 0."""
    binary = "BYTEA" if setup.db_url.startswith("postgresql") else "BLOB"
    columns = f"id INTEGER PRIMARY KEY, page TEXT, photo {binary}, object_key TEXT"
    insert = "INSERT INTO naive_certificate (id, page, photo) VALUES (:id, :page, :photo)"
    values = [
        {"id": ident, "page": json.dumps(asdict(page), ensure_ascii=False), "photo": photo}
        for ident, (page, photo) in enumerate(rows)
    ]
    with engine(setup.db_url).begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS naive_certificate"))
        connection.execute(text(f"CREATE TABLE naive_certificate ({columns})"))
        connection.execute(text(insert), values)


def make(setup: Setup, ident: int) -> None:
    """What the actor does for one message."""
    spent: dict[str, float] = {}
    with _measured(spent, "read"):
        page, photo = read(setup, ident)
    with _measured(spent, "fonts"):
        register_fonts(setup.fonts, page)
    with _measured(spent, "draw"):
        document = draw(page, {"photo": photo})
    with _measured(spent, "key"):
        signer = load_signer(setup.pkcs12, setup.passphrase)
    with _measured(spent, "sign"):
        document = sign(setup.seal, page, signer, document)
    with _measured(spent, "client"):
        client = s3_client(setup)
    with _measured(spent, "upload"):
        key = upload(client, setup.bucket, ident, document)
    with _measured(spent, "write"):
        write(setup, ident, key)
    with Path(setup.spent).open("a", encoding="utf-8") as file:
        file.write(json.dumps(spent) + "\n")


def read(setup: Setup, ident: int) -> tuple[Page, bytes]:
    """The first transaction."""
    query = text("SELECT page, photo FROM naive_certificate WHERE id = :id")
    with engine(setup.db_url).begin() as connection:
        row = connection.execute(query, {"id": ident}).one()
    return Page(**json.loads(row.page)), bytes(row.photo)


def write(setup: Setup, ident: int, key: str) -> None:
    """The second transaction."""
    change = text("UPDATE naive_certificate SET object_key = :key WHERE id = :id")
    with engine(setup.db_url).begin() as connection:
        connection.execute(change, {"id": ident, "key": key})


@cache
def engine(url: str) -> Engine:
    """One a process, as SQLAlchemy's tutorial says."""
    return create_engine(url)


def register_fonts(fonts: Fonts, page: Page) -> None:
    """Parsed for this page, those that it prints with."""
    for name in page.fonts:
        file, index = fonts[name]
        pdfmetrics.registerFont(TTFont(name, file, subfontIndex=index))


@contextmanager
def _as_installed() -> Iterator[None]:
    """reportlab as it comes, whatever else of this process has set it to."""
    kept = rl_config.useA85
    rl_config.useA85 = 1
    try:
        yield
    finally:
        rl_config.useA85 = kept


@_as_installed()
def draw(page: Page, pictures: Mapping[str, bytes]) -> bytes:
    """The page, not sealed."""
    target = BytesIO()
    canvas = Canvas(target, pagesize=A4)
    canvas.drawImage(ImageReader(page.background), 0, 0, *A4)
    content, *place = page.code
    symbol, code = segno.make(content, error="m", micro=False), BytesIO()
    symbol.save(code, kind="png", scale=PIXELS_PER_MODULE, border=QUIET_MODULES)
    x, y, size = with_quiet_zone(place, symbol.symbol_size(border=0)[0])
    canvas.drawImage(ImageReader(BytesIO(code.getvalue())), x, y, size, size)
    for role, box in page.pictures.items():
        canvas.drawImage(ImageReader(BytesIO(pictures[role])), *box)
    for font, size, x, y, words, colour, bold in page.runs:
        canvas.setFont(font, size)
        canvas.setFillColorRGB(*(part / 255 for part in colour))
        if bold:
            canvas.setStrokeColorRGB(*(part / 255 for part in colour))
            canvas.setLineWidth(bold)
        canvas.drawString(x, y, words, mode=FILLED_AND_OUTLINED if bold else FILLED)
    canvas.save()
    return target.getvalue()


def load_signer(pkcs12: str, passphrase: str) -> Any:
    """The seal's key, decrypted."""
    load: Any = signers.SimpleSigner.load_pkcs12
    return load(pkcs12, passphrase=passphrase.encode())


def sign(seal: str, page: Page, signer: Any, document: bytes) -> bytes:
    """A visible PAdES signature that certifies the document."""
    picture = PdfImage(Image.open(seal).convert("RGBA"))  # it drops a palette's alpha
    pdf_signer = signers.PdfSigner(
        METADATA,
        signer=signer,
        stamp_style=StaticStampStyle(background=picture, border_width=0, background_opacity=1),
        new_field_spec=field(page),
    )
    signed = pdf_signer.sign_pdf(IncrementalPdfFileWriter(BytesIO(document)))
    result: bytes = signed.getvalue()
    return result


def field(page: Page) -> fields.SigFieldSpec:
    """Where the seal goes."""
    x, y, width, height = page.seal
    return fields.SigFieldSpec(
        "Seal", box=(round(x), round(y), round(x + width), round(y + height))
    )


def s3_client(setup: Setup) -> Any:
    """As boto3's documentation makes it."""
    return boto3.client(
        "s3",
        endpoint_url=setup.endpoint,
        region_name=setup.region,
        aws_access_key_id=setup.key,
        aws_secret_access_key=setup.secret,
        config=Config(s3={"addressing_style": "path"}),
    )


def upload(client: Any, bucket: str, ident: int, document: bytes) -> str:
    """One object; its key."""
    key = f"naive/{ident}.pdf"
    client.put_object(Bucket=bucket, Key=key, Body=document, ContentType="application/pdf")
    return key


@contextmanager
def _measured(spent: dict[str, float], stage: str) -> Iterator[None]:
    start = time.thread_time()
    yield
    spent[stage] = 1000 * (time.thread_time() - start)
