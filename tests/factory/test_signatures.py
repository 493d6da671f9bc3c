"""Signatures (个人签名): ink on white, legible at 35 mm x 15 mm, however it was brought."""

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from factory.errors import PictureError
from factory.pictures import (
    MAX_SIGNATURE_BYTES,
    SIGNATURE_HEIGHT_PX,
    SIGNATURE_WIDTH_PX,
    normalise_signature,
)

SIZE = (1600, 1200)
WRITING = (900, 700, 1280, 860)  #: where it stands on the sheet
PEN = 10
WHITE, INK = 255, 60


def written(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def normal(raw: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(normalise_signature(raw)))
    image.load()
    return image


def stroke(draw: ImageDraw.ImageDraw, colour: object) -> None:
    """A zigzag over the whole of its box."""
    left, top, right, foot = WRITING
    step = (right - left) // 4
    places = [(left + step * n, top if n % 2 else foot) for n in range(5)]
    draw.line(places, fill=colour, width=PEN)  # type: ignore[arg-type]


def sheet(ink: int = 30, paper: int = 245) -> Image.Image:
    """A large sheet with a small signature on it."""
    image = Image.new("L", SIZE, paper)
    stroke(ImageDraw.Draw(image), ink)
    return image.filter(ImageFilter.GaussianBlur(1))


def photographed(image: Image.Image) -> Image.Image:
    """Under a lamp, by a noisy camera; the noise is the same every time."""
    light = Image.radial_gradient("L").resize(image.size).point(lambda v: 255 - int(v * 0.45))
    grain = Image.frombytes("L", (400, 300), random.Random(3).randbytes(120_000))  # noqa: S311
    noise = grain.point(lambda v: 122 + v // 20).resize(image.size)
    return ImageChops.add(ImageChops.multiply(image, light), noise, 1, -128)


def clear(ink: tuple[int, int, int]) -> Image.Image:
    """The signature on a transparent ground."""
    image = Image.new("RGBA", SIZE, (*ink, 0))
    stroke(ImageDraw.Draw(image), (*ink, 255))
    return image


BROUGHT = {
    "a scan": written(sheet()),
    "a photo under a lamp": written(photographed(sheet())),
    "a pale scan": written(sheet(ink=205)),
    "a pale photo": written(photographed(sheet(ink=150, paper=235))),
    "white on black": written(ImageOps.invert(sheet())),
    "blue ink on cream": written(ImageOps.colorize(sheet(), (20, 30, 140), (250, 240, 225))),
    "dark on a clear ground": written(clear((20, 20, 120)), "PNG"),
    "white on a clear ground": written(clear((255, 255, 255)), "PNG"),
    "sixteen bits": written(sheet().convert("I").point(lambda v: v * 257.0).convert("I;16"), "PNG"),
    "two colours": written(sheet().convert("1", dither=Image.Dither.NONE), "PNG"),
    "a palette": written(sheet().convert("P"), "PNG"),
    "print colours": written(sheet().convert("CMYK")),
}


@pytest.mark.parametrize("raw", BROUGHT.values(), ids=BROUGHT.keys())
def test_a_small_signature_on_a_large_sheet_fills_its_place(raw: bytes) -> None:
    image = normal(raw)

    ink = image.point(lambda value: 255 if value < INK else 0)
    left, top, right, foot = ink.getbbox() or (0, 0, 0, 0)
    assert (image.mode, image.size) == ("L", (SIGNATURE_WIDTH_PX, SIGNATURE_HEIGHT_PX))
    assert right - left > 0.85 * SIGNATURE_WIDTH_PX or foot - top > 0.85 * SIGNATURE_HEIGHT_PX
    assert left > 0 and top > 0 and right < image.width and foot < image.height  # nothing is cut


@pytest.mark.parametrize("raw", BROUGHT.values(), ids=BROUGHT.keys())
def test_its_ink_is_black_and_its_paper_white(raw: bytes) -> None:
    image = normal(raw)

    counts = image.histogram()
    everything = sum(counts)
    assert sum(counts[:INK]) > 0.04 * everything
    assert sum(counts[230:]) > 0.6 * everything
    assert sum(counts[INK:230]) < 0.2 * everything


@pytest.mark.parametrize("raw", BROUGHT.values(), ids=BROUGHT.keys())
def test_the_same_signature_gives_the_same_small_file(raw: bytes) -> None:
    jpeg = normalise_signature(raw)

    assert jpeg == normalise_signature(raw)
    assert len(jpeg) <= MAX_SIGNATURE_BYTES


def test_its_shape_is_kept() -> None:
    """The zigzag goes down, up, down, up: no side of it is stretched or turned."""
    ink = normal(BROUGHT["a scan"]).point(lambda value: 255 if value < INK else 0)
    left, top, right, foot = ink.getbbox() or (0, 0, 0, 0)

    wide, high = WRITING[2] - WRITING[0] + PEN, WRITING[3] - WRITING[1] + PEN
    assert (right - left) / (foot - top) == pytest.approx(wide / high, rel=0.1)


def test_a_speck_of_dust_does_not_count_as_writing() -> None:
    dusty = sheet()
    dusty.putpixel((20, 20), 0)

    assert normal(written(dusty, "PNG")) == normal(written(sheet(), "PNG"))


def test_a_signature_is_turned_as_its_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = written(sheet().transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)

    assert normal(lying) == normal(written(sheet(), "PNG"))


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_an_empty_sheet_is_refused(grey: int) -> None:
    with pytest.raises(PictureError, match=r"^signature: shows no writing"):
        normalise_signature(written(Image.new("L", SIZE, grey)))


def test_an_empty_clear_ground_is_refused() -> None:
    with pytest.raises(PictureError, match=r"^signature: shows no writing"):
        normalise_signature(written(Image.new("RGBA", SIZE, (0, 0, 0, 0)), "PNG"))


def test_writing_too_pale_to_be_told_from_its_paper_is_refused() -> None:
    assert normal(written(sheet(ink=215), "PNG"))
    with pytest.raises(PictureError, match="too pale"):
        normalise_signature(written(sheet(ink=238), "PNG"))


def test_the_smallest_signature_has_40_pixels_a_side() -> None:
    small = sheet().crop(WRITING)

    assert normalise_signature(written(small.resize((100, 40)), "PNG"))
    for size in ((100, 39), (39, 100)):
        with pytest.raises(PictureError, match="smaller than 40 pixels"):
            normalise_signature(written(small.resize(size), "PNG"))


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 90), st.integers(40, 90), st.randoms(use_true_random=False))
def test_any_picture_gives_a_signature_or_a_refusal(
    width: int, height: int, chance: random.Random
) -> None:
    raw = written(Image.frombytes("L", (width, height), chance.randbytes(width * height)), "PNG")

    try:
        jpeg = normalise_signature(raw)
    except PictureError:
        return

    assert len(jpeg) <= MAX_SIGNATURE_BYTES
