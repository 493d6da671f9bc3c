"""Photos (照片) and signatures: whatever comes becomes one small plain JPEG, or is refused."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageCms, ImageOps

from factory.errors import PictureError

WIDTH_PX, HEIGHT_PX = 295, 413  #: 25 mm x 35 mm at 300 dpi, a one-inch photo (一寸照)
DPI = 300
MAX_INPUT_BYTES = 10_000_000
MAX_INPUT_PX = 40_000_000
MIN_WIDTH_PX, MIN_HEIGHT_PX = 100, 140
MAX_OUTPUT_BYTES = 30_000
SIGNATURE_WIDTH_PX, SIGNATURE_HEIGHT_PX = 413, 179  #: 35 mm x 15 mm at 300 dpi
MIN_SIGNATURE_PX = 40
MAX_SIGNATURE_BYTES = 15_000
QUALITIES = (90, 85, 80, 75, 70, 60, 50, 40, 30, 20, 10, 5)

PNG_END = b"IEND\xaeB`\x82"
WHITE = (255, 255, 255, 255)
SRGB = ImageCms.createProfile("sRGB")

_UNREADABLE = (
    OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError,
    struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip


def normalise_photo(raw: bytes) -> bytes:
    """The photo as it is printed: baseline JPEG, sRGB, 295 x 413 px, at most 30 kB.

    raw: a JPEG or PNG file, known by its content.  Turned as its EXIF says, laid on white,
         cut about its centre; metadata is dropped.  The same input gives the same bytes.
    PictureError: not such a file, broken off, animated, too small or too large.
    """
    with _named("photo"):
        image = _upright(_opened(raw))
        _check_size(image)
        return _encoded(_cut(_coloured(image)))


def normalise_signature(raw: bytes) -> bytes:
    """The holder's signature (个人签名) as it is printed: grey JPEG, 413 x 179 px, at most 15 kB.

    raw: a JPEG or PNG file.  Fitted whole onto white, never cut.
    PictureError: not such a file, broken off, animated, too small or too large.
    """
    with _named("signature"):
        image = _upright(_opened(raw))
        if image.width < MIN_SIGNATURE_PX or image.height < MIN_SIGNATURE_PX:
            raise PictureError(f"is smaller than {MIN_SIGNATURE_PX} pixels")
        size = (SIGNATURE_WIDTH_PX, SIGNATURE_HEIGHT_PX)
        whole = ImageOps.pad(_coloured(image).convert("L"), size, color=255)
        plain = Image.new("L", size, 255)
        plain.paste(whole)
        return _encoded(plain, MAX_SIGNATURE_BYTES)


@contextmanager
def _named(role: str) -> Iterator[None]:
    """PictureError: what is wrong, and with which of the pictures."""
    try:
        yield
    except PictureError as error:
        raise PictureError(f"{role}: {error}") from error
    except _UNREADABLE as error:
        rule = f"{role}: cannot be read as JPEG or PNG: broken off or damaged"
        raise PictureError(rule) from error


def _opened(raw: bytes) -> Image.Image:
    if len(raw) > MAX_INPUT_BYTES:
        raise PictureError(f"is larger than {MAX_INPUT_BYTES} bytes")
    image = Image.open(io.BytesIO(raw), formats=("JPEG", "PNG"))
    if image.width * image.height > MAX_INPUT_PX:
        raise PictureError(f"has more than {MAX_INPUT_PX} pixels")
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise PictureError("is animated")
    if image.format == "PNG" and PNG_END not in raw:  # Pillow does not miss it
        raise PictureError("is broken off: a PNG without its last chunk")
    image.draft("RGB", (2 * HEIGHT_PX, 2 * HEIGHT_PX))  # a large JPEG is decoded at a fraction
    image.load()
    return image


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image)


def _check_size(image: Image.Image) -> None:
    if image.width < MIN_WIDTH_PX or image.height < MIN_HEIGHT_PX:
        raise PictureError(f"is smaller than {MIN_WIDTH_PX} x {MIN_HEIGHT_PX} pixels")


def _coloured(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey: Pillow would clip it, not scale it
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image).convert("RGB")
    return _in_srgb(image)


def _in_srgb(image: Image.Image) -> Image.Image:
    """Colours by the embedded profile; one that is damaged is as good as none."""
    profile = image.info.get("icc_profile")
    if image.mode not in {"RGB", "CMYK", "L"} or not profile:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        turned = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB")
    return turned or image.convert("RGB")


def _cut(image: Image.Image) -> Image.Image:
    size = (WIDTH_PX, HEIGHT_PX)
    plain = Image.new("RGB", size)  # carries none of the source's metadata
    plain.paste(ImageOps.fit(image, size, Image.Resampling.LANCZOS))
    return plain


def _encoded(image: Image.Image, limit: int = MAX_OUTPUT_BYTES) -> bytes:
    for quality in QUALITIES:
        jpeg = _jpeg(image, quality)
        if len(jpeg) <= limit:
            return jpeg
    raise PictureError(f"does not fit into {limit} bytes")


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(
        out, "JPEG", quality=quality, subsampling="4:2:0", optimize=True, progressive=False,
        dpi=(DPI, DPI),
    )  # fmt: skip
    return out.getvalue()
