"""The obvious pipeline, tuned: reportlab and pyHanko through their public interfaces, all kept.

What a developer makes of ``bench.naive`` who has measured it: fonts are parsed once a process,
photos and background go in by path as they are, the QR code has a fixed version and mask and a
pixel a module, the key is parsed once (pyHanko's own signer parses it for every signature), the
room for the signature is known, and the seal's picture is compressed once.  The page is that of
``bench.pages``, and what is easier than ours is as in ``bench.naive``.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import Any

import segno
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from PIL import Image
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import PdfContent, ResourceType
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.sign import signers
from pyhanko.stamp import StaticStampStyle
from reportlab import rl_config
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from bench.naive import FILLED, FILLED_AND_OUTLINED, METADATA, Fonts, field, load_signer
from bench.pages import A4, QUIET_MODULES, Page, with_quiet_zone

rl_config.useA85 = 0

MASK = 4
DIGEST_BYTES = 32
SPARE_BYTES = 64  #: of the room for the signature


class KeptKeySigner(signers.SimpleSigner):
    """pyHanko's signer with its key parsed once; ``kept`` is set by ``Maker``."""

    kept: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        """PKCS#1 v1.5 for RSA, ECDSA for EC keys."""
        algorithm = getattr(hashes, digest_algorithm.upper())()
        if isinstance(self.kept, rsa.RSAPrivateKey):
            return self.kept.sign(data, padding.PKCS1v15(), algorithm)
        return self.kept.sign(data, ec.ECDSA(algorithm))


@dataclass(frozen=True, slots=True, kw_only=True)
class SealPicture:
    """The seal's picture: deflated colours and deflated alpha."""

    width_px: int
    height_px: int
    colour: bytes
    alpha: bytes


class PreparedSeal(PdfContent):
    """The picture as a stamp's background, whose samples are not compressed again."""

    def __init__(self, picture: SealPicture) -> None:
        super().__init__(box=BoxConstraints(width=picture.width_px, height=picture.height_px))
        self._picture = picture

    def render(self) -> bytes:
        """Drawn as large as its pixels; the stamp scales it."""
        picture = self._picture
        mask = self.writer.add_object(_samples(picture, picture.alpha, "/DeviceGray"))
        image = _samples(picture, picture.colour, "/DeviceRGB")
        image["/SMask"] = mask
        self.set_resource(
            category=ResourceType.XOBJECT,
            name=pdf_name("/Picture"),
            value=self.writer.add_object(image),
        )
        return b"%d 0 0 %d 0 0 cm /Picture Do" % (picture.width_px, picture.height_px)


def _samples(picture: SealPicture, deflated: bytes, space: str) -> generic.StreamObject:
    entries = {
        "/Type": pdf_name("/XObject"),
        "/Subtype": pdf_name("/Image"),
        "/Width": generic.NumberObject(picture.width_px),
        "/Height": generic.NumberObject(picture.height_px),
        "/ColorSpace": pdf_name(space),
        "/BitsPerComponent": generic.NumberObject(8),
        "/Filter": pdf_name("/FlateDecode"),
    }
    return generic.StreamObject(entries, encoded_data=deflated)


class Maker:
    """What a process keeps for all certificates of one seal.

    fonts:  name -> file and number of the face; a font is parsed when it is first used.
    seal:   file of its picture.
    pkcs12: file of its key.
    """

    def __init__(self, fonts: Fonts, *, seal: str, pkcs12: str, passphrase: str) -> None:
        self._fonts, self._registered = fonts, set[str]()
        self._picture = _seal_picture(seal)
        self._signer = _kept_key_signer(pkcs12, passphrase)
        self._reserved = _room(self._signer)

    def make(self, page: Page, pictures: Mapping[str, str]) -> bytes:
        """One sealed certificate; pictures: role -> file."""
        return self._sign(page, self._draw(page, pictures))

    def _draw(self, page: Page, pictures: Mapping[str, str]) -> bytes:
        self._register(page)
        target = BytesIO()
        canvas = Canvas(target, pagesize=A4, initialFontName=page.runs[0][0])
        canvas.drawImage(page.background, 0, 0, *A4)
        content, *place = page.code
        image, modules = _symbol(content)
        x, y, size = with_quiet_zone(place, modules)
        canvas.drawImage(image, x, y, size, size)
        for role, box in page.pictures.items():
            canvas.drawImage(pictures[role], *box)
        self._write(canvas, page)
        canvas.save()
        return target.getvalue()

    def _register(self, page: Page) -> None:
        for name in page.fonts:
            if name not in self._registered:
                file, index = self._fonts[name]
                pdfmetrics.registerFont(TTFont(name, file, subfontIndex=index))
                self._registered.add(name)

    def _write(self, canvas: Canvas, page: Page) -> None:
        """Font and colour are set where they change."""
        last_font, last_colour = None, None
        for font, size, x, y, words, colour, bold in page.runs:
            if last_font != (font, size):
                canvas.setFont(font, size)
            if last_colour != colour:
                canvas.setFillColorRGB(*(part / 255 for part in colour))
            if bold:
                canvas.setStrokeColorRGB(*(part / 255 for part in colour))
                canvas.setLineWidth(bold)
            canvas.drawString(x, y, words, mode=FILLED_AND_OUTLINED if bold else FILLED)
            last_font, last_colour = (font, size), colour

    def _sign(self, page: Page, document: bytes) -> bytes:
        style = StaticStampStyle(
            background=PreparedSeal(self._picture), border_width=0, background_opacity=1
        )
        signer = signers.PdfSigner(
            METADATA, signer=self._signer, stamp_style=style, new_field_spec=field(page)
        )
        writer = IncrementalPdfFileWriter(BytesIO(document))
        signed = signer.sign_pdf(writer, bytes_reserved=self._reserved, in_place=True)
        result: bytes = signed.getvalue()
        return result


def _seal_picture(file: str) -> SealPicture:
    rgba = Image.open(file).convert("RGBA")
    return SealPicture(
        width_px=rgba.width,
        height_px=rgba.height,
        colour=zlib.compress(rgba.convert("RGB").tobytes(), 9),
        alpha=zlib.compress(rgba.getchannel("A").tobytes(), 9),
    )


def _kept_key_signer(pkcs12: str, passphrase: str) -> KeptKeySigner:
    """pyHanko's loader knows its own class only, so ours is made of what it found."""
    loaded = load_signer(pkcs12, passphrase)
    signer = KeptKeySigner(loaded.signing_cert, loaded.signing_key, loaded.cert_registry)
    key: Any = serialization.load_der_private_key(loaded.signing_key.dump(), password=None)
    signer.kept = key
    return signer


def _room(signer: KeptKeySigner) -> int:
    """Hex digits for the longest signature."""
    made = asyncio.run(signer.async_sign(bytes(DIGEST_BYTES), "sha256", use_pades=True))
    return 2 * (len(made.dump()) + SPARE_BYTES)


@lru_cache(maxsize=8)
def _version(length: int) -> int:
    """Of the symbol for so many bytes."""
    return int(segno.make("x" * length, error="m", micro=False, mode="byte").version)


def _symbol(content: str) -> tuple[ImageReader, int]:
    """The code with its quiet zone, a pixel a module, and the modules of its side without."""
    version = _version(len(content))
    made = segno.make(
        content, error="m", version=version, mask=MASK, mode="byte", boost_error=False
    )
    rows = [
        bytes(0 if module else 255 for module in row)
        for row in made.matrix_iter(border=QUIET_MODULES)
    ]
    return ImageReader(Image.frombytes("L", (len(rows), len(rows)), b"".join(rows))), (
        len(rows) - 2 * QUIET_MODULES
    )
