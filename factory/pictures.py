"""Photos (照片) and signatures: whatever comes becomes one small plain JPEG, or is refused."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from PIL import ExifTags, Image, ImageChops, ImageCms, ImageOps

from factory.errors import PictureError
from factory.handwriting import LARGEST_PX, ink_of

WIDTH_PX, HEIGHT_PX = 295, 413  #: 25 mm x 35 mm at 300 dpi, a one-inch photo (一寸照)
DPI = 300
MAX_INPUT_BYTES = 10_000_000
MAX_INPUT_PX = 40_000_000
MIN_WIDTH_PX, MIN_HEIGHT_PX = 100, 140
MAX_OUTPUT_BYTES = 30_000
NARROWEST, WIDEST = 0.5, 1.4  #: width by height; beyond that a face would be cut
SIGNATURE_WIDTH_PX, SIGNATURE_HEIGHT_PX = 413, 179  #: 35 mm x 15 mm at 300 dpi
MIN_SIGNATURE_PX = 40
MAX_SIGNATURE_BYTES = 15_000
ENOUGH_PX = 2 * HEIGHT_PX  #: of a photo's shorter side
BAND_PX = 64  #: rows of the smaller picture that are made at once
QUALITIES = (90, 85, 80, 75, 70, 60, 50, 40, 30, 20, 10, 5)

PNG_END = b"IEND\xaeB`\x82"
#: What is sent under the name of a JPEG: mark, its place, and what it is.
OTHER_KINDS = (
    (b"GIF8", 0, "GIF"), (b"WEBP", 8, "WebP"), (b"%PDF", 0, "PDF"), (b"BM", 0, "BMP"),
    (b"II*\x00", 0, "TIFF"), (b"MM\x00*", 0, "TIFF"),
    (b"ftyphei", 4, "HEIC"), (b"ftyphev", 4, "HEIC"), (b"ftypmif1", 4, "HEIC"),
    (b"ftypmsf1", 4, "HEIC"), (b"ftypavif", 4, "AVIF"),
    (b"PK\x03\x04", 0, "ZIP or Office"), (b"\xd0\xcf\x11\xe0", 0, "Office"),
)  # fmt: skip
#: What sets a picture upright, by the Orientation of its camera.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WHITE = (255, 255, 255, 255)
SRGB = ImageCms.createProfile("sRGB")

_UNREADABLE = (
    OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError, TypeError, OverflowError,
    struct.error,
)  # fmt: skip


def normalise_photo(raw: bytes) -> bytes:
    """The photo as it is printed: baseline JPEG, sRGB, 295 x 413 px, at most 30 kB.

    raw: a JPEG or PNG file, known by its content.  Turned as its EXIF says, laid on white,
         cut about its centre; metadata is dropped.  The same input gives the same bytes.
    PictureError: not such a file, broken off, animated, too small or too large.
    """
    with named("photo"):
        source = opened(raw, ENOUGH_PX)
        image = upright(source, reduced(source, ENOUGH_PX, coloured))
        _check_size(image)
        return _encoded(_cut(image))


def normalise_signature(raw: bytes) -> bytes:
    """The holder's signature (个人签名) as it is printed: grey JPEG, 413 x 179 px, at most 15 kB.

    raw: a JPEG or PNG file.  Its ink is cut out of its paper, made dark and fitted whole onto
         white; light writing on a dark or transparent ground too.
    PictureError: not such a file, broken off, animated, too small or too large, or nothing is
                  written on it.
    """
    with named("signature"):
        source = opened(raw, LARGEST_PX)
        if min(source.size) < MIN_SIGNATURE_PX:
            raise PictureError(f"is smaller than {MIN_SIGNATURE_PX} pixels")
        size = (SIGNATURE_WIDTH_PX, SIGNATURE_HEIGHT_PX)
        whole = ImageOps.pad(upright(source, _ink(source)), size, color=255)
        plain = Image.new("L", size, 255)
        plain.paste(whole)
        return _encoded(plain, MAX_SIGNATURE_BYTES)


def _ink(image: Image.Image) -> Image.Image:
    """Of writing as light as the paper, on a clear ground, its shape counts."""
    try:
        return ink_of(reduced(image, LARGEST_PX, grey))
    except PictureError:
        if not image.has_transparency_data:
            raise
        return ink_of(reduced(image, LARGEST_PX, _shape))


def grey(image: Image.Image) -> Image.Image:
    """The picture in shades of grey."""
    return coloured(image).convert("L")


def _shape(image: Image.Image) -> Image.Image:
    return ImageOps.invert(image.convert("RGBA").getchannel("A"))


@contextmanager
def named(role: str) -> Iterator[None]:
    """PictureError: what is wrong, and with which of the pictures."""
    try:
        yield
    except PictureError as error:
        raise PictureError(f"{role}: {error}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{role}: has more than {MAX_INPUT_PX} pixels") from error
    except _UNREADABLE as error:
        rule = f"{role}: cannot be read as JPEG or PNG: broken off or damaged"
        raise PictureError(rule) from error


def opened(raw: bytes, enough_px: int, most_bytes: int = MAX_INPUT_BYTES) -> Image.Image:
    """The picture, decoded; a large JPEG at a fraction that leaves enough pixels."""
    if len(raw) > most_bytes:
        raise PictureError(f"is larger than {most_bytes} bytes")
    _check_kind(raw)
    image = Image.open(io.BytesIO(raw), formats=("JPEG", "PNG"))
    if image.width * image.height > MAX_INPUT_PX:
        raise PictureError(f"has more than {MAX_INPUT_PX} pixels")
    if image.format == "PNG" and getattr(image, "is_animated", False):
        raise PictureError("is animated")
    if image.format == "PNG" and PNG_END not in raw:  # Pillow does not miss it
        raise PictureError("is broken off: a PNG without its last chunk")
    image.draft("RGB", (enough_px, enough_px))
    image.load()
    return image


def _check_kind(raw: bytes) -> None:
    """PictureError: another kind of file, by its first bytes and whatever it is called."""
    for mark, place, kind in OTHER_KINDS:
        if raw[place : place + len(mark)] == mark:
            raise PictureError(f"is a {kind} file, whatever it is called: send a JPEG or PNG")


def reduced(
    image: Image.Image, enough_px: int, turned: Callable[[Image.Image], Image.Image]
) -> Image.Image:
    """The picture, turned into other colours and made smaller, band by band.

    So a picture of many pixels is in memory once, as it was decoded.
    """
    factor = max(1, min(image.size) // enough_px)
    if factor == 1:
        return turned(image)
    width, height = (-(-side // factor) for side in image.size)
    whole = Image.new(turned(image.crop((0, 0, 1, 1))).mode, (width, height))
    for top in range(0, height, BAND_PX):
        lower = min(image.height, (top + BAND_PX) * factor)
        band = image.crop((0, top * factor, image.width, lower))
        whole.paste(turned(band).reduce(factor), (0, top))
    return whole


def upright(source: Image.Image, image: Image.Image) -> Image.Image:
    """The picture as the source's camera was held (EXIF 2.32, Orientation)."""
    turn = TURNS.get(source.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _check_size(image: Image.Image) -> None:
    if image.width < MIN_WIDTH_PX or image.height < MIN_HEIGHT_PX:
        raise PictureError(f"is smaller than {MIN_WIDTH_PX} x {MIN_HEIGHT_PX} pixels")
    if not NARROWEST <= image.width / image.height <= WIDEST:
        raise PictureError(
            f"is {image.width} x {image.height} pixels: too {_misfit(image)} for a photo of"
            f" {WIDTH_PX} x {HEIGHT_PX}, so much of it would be cut off"
        )


def _misfit(image: Image.Image) -> str:
    return "wide" if image.width / image.height > WIDEST else "narrow"


def coloured(image: Image.Image) -> Image.Image:
    """The picture in RGB, on white where it is clear."""
    if image.mode == "CMYK" and "adobe" not in image.info:  # Pillow took it for Adobe's negative
        image = ImageChops.invert(image)
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


#: what is done with the picture of each role
NORMALISE: Mapping[str, Callable[[bytes], bytes]] = {
    "photo": normalise_photo,
    "signature": normalise_signature,
}
