"""How a seal looks on the page: its picture as image objects, compressed once a picture."""

# mypy: allow-untyped-calls
# (pyHanko's PDF objects are half annotated.)

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

from PIL import Image, UnidentifiedImageError
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.writer import BasePdfFileWriter

from factory.errors import SealRefusedError

_MOST_PIXELS = 4_000_000  # a 42 mm seal at 600 dpi has a million


@dataclass(frozen=True, slots=True, kw_only=True)
class SealImage:
    """A seal's picture ready for a PDF: deflated RGB samples and deflated alpha."""

    width_px: int
    height_px: int
    colour: bytes
    alpha: bytes


@lru_cache(maxsize=32)
def seal_image(picture: bytes) -> SealImage:
    """picture: PNG, with alpha or without.  SealRefusedError: not a picture, or far too large."""
    try:
        with Image.open(BytesIO(picture), formats=("PNG",)) as opened:
            _refuse_giant(opened)
            rgba = opened.convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise SealRefusedError("the seal's picture is not a readable PNG") from error
    alpha = rgba.getchannel("A")
    return SealImage(
        width_px=rgba.width,
        height_px=rgba.height,
        colour=zlib.compress(rgba.convert("RGB").tobytes(), 9),
        alpha=zlib.compress(alpha.tobytes(), 9),
    )


def _refuse_giant(picture: Image.Image) -> None:
    if picture.width * picture.height > _MOST_PIXELS:
        raise SealRefusedError(f"the seal's picture has more than {_MOST_PIXELS} pixels")


def add_appearance(
    writer: BasePdfFileWriter, image: SealImage, width_pt: float, height_pt: float
) -> generic.IndirectObject:
    """The form XObject a widget shows (ISO 32000-2, 12.5.5): the picture, undistorted, centred.

    No font and no text, so nothing un-embedded slips in (ISO 19005-3, 6.2.11).
    """
    scale = min(width_pt / image.width_px, height_pt / image.height_px)
    drawn = (image.width_px * scale, image.height_px * scale)
    offset = ((width_pt - drawn[0]) / 2, (height_pt - drawn[1]) / 2)
    content = "q /Ink gs {:.4f} 0 0 {:.4f} {:.4f} {:.4f} cm /Seal Do Q".format(*drawn, *offset)
    xobjects = generic.DictionaryObject({pdf_name("/Seal"): _add_image(writer, image)})
    form = generic.StreamObject(
        {
            pdf_name("/Type"): pdf_name("/XObject"),
            pdf_name("/Subtype"): pdf_name("/Form"),
            pdf_name("/BBox"): _numbers(0, 0, width_pt, height_pt),
            pdf_name("/Resources"): generic.DictionaryObject(
                {pdf_name("/XObject"): xobjects, pdf_name("/ExtGState"): _ink()}
            ),
        },
        stream_data=content.encode("ascii"),
    )
    return writer.add_object(form)


def _ink() -> generic.DictionaryObject:
    """As ink on paper: what is printed below stays legible (ISO 32000-2, 11.3.5, Multiply)."""
    multiply = generic.DictionaryObject({pdf_name("/BM"): pdf_name("/Multiply")})
    return generic.DictionaryObject({pdf_name("/Ink"): multiply})


def _add_image(writer: BasePdfFileWriter, image: SealImage) -> generic.IndirectObject:
    mask = writer.add_object(_samples(image, image.alpha, "/DeviceGray"))
    colour = _samples(image, image.colour, "/DeviceRGB")
    colour[pdf_name("/SMask")] = mask
    return writer.add_object(colour)


def _samples(image: SealImage, deflated: bytes, space: str) -> generic.StreamObject:
    entries = {
        pdf_name("/Type"): pdf_name("/XObject"),
        pdf_name("/Subtype"): pdf_name("/Image"),
        pdf_name("/Width"): generic.NumberObject(image.width_px),
        pdf_name("/Height"): generic.NumberObject(image.height_px),
        pdf_name("/ColorSpace"): pdf_name(space),
        pdf_name("/BitsPerComponent"): generic.NumberObject(8),
        pdf_name("/Filter"): pdf_name("/FlateDecode"),
    }
    return generic.StreamObject(entries, encoded_data=deflated)


def _numbers(*values: float) -> generic.ArrayObject:
    return generic.ArrayObject([generic.FloatObject(round(value, 4)) for value in values])
