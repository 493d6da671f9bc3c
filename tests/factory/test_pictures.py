"""Photos: what is taken, what it becomes and what is refused."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, PngImagePlugin

from factory import specimen
from factory.errors import PictureError
from factory.pictures import MAX_INPUT_BYTES, MAX_OUTPUT_BYTES, normalise_photo

RED, BLUE, WHITE = (220, 20, 20), (20, 20, 220), (255, 255, 255)
SIZE = (590, 826)


def written(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def normal(raw: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(normalise_photo(raw)))
    image.load()
    return image


def close(image: Image.Image, place: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    pixel = image.getpixel(place)
    assert isinstance(pixel, tuple)
    return all(abs(have - want) < 25 for have, want in zip(pixel, colour, strict=True))


def halves() -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", SIZE, RED)
    image.paste(BLUE, (0, SIZE[1] // 2, *SIZE))
    return image


def noise(size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(7).randbytes(3 * size[0] * size[1]))  # noqa: S311


# --- what it becomes --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_becomes_a_plain_baseline_jpeg(kind: str) -> None:
    image = normal(written(halves(), kind))

    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (295, 413))
    assert image.info["dpi"] == (300, 300)
    assert "progressive" not in image.info
    assert close(image, (147, 50), RED)
    assert close(image, (147, 370), BLUE)


def test_the_same_photo_gives_the_same_bytes() -> None:
    raw = specimen.portrait(5)

    assert normalise_photo(raw) == normalise_photo(raw)


def test_even_noise_fits_into_30_kilobytes() -> None:
    assert len(normalise_photo(written(noise(), "PNG"))) <= MAX_OUTPUT_BYTES


def test_metadata_is_dropped() -> None:
    exif = Image.Exif()
    exif[0x013B] = "photographer"
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "photographer")

    jpeg = normalise_photo(written(halves(), exif=exif, comment="photographer"))
    png = normalise_photo(written(halves(), "PNG", pnginfo=text))

    assert b"photographer" not in jpeg + png
    assert b"Exif" not in jpeg


@pytest.mark.parametrize(("orientation", "above"), [(1, RED), (3, BLUE)])
def test_a_photo_is_turned_as_its_camera_was_held(
    orientation: int, above: tuple[int, int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    image = normal(written(halves(), exif=exif))

    assert close(image, (147, 50), above)


def test_a_photo_lying_on_its_side_is_put_upright_before_it_is_cut() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the file's left is the picture's top

    lying = halves().transpose(Image.Transpose.ROTATE_90)

    assert close(normal(written(lying, exif=exif)), (147, 50), RED)


#: Orientation -> the corner of the file that is the top left of the picture (EXIF 2.32).
CORNERS = {
    1: "top left", 2: "top right", 3: "bottom right", 4: "bottom left",
    5: "top left", 6: "bottom left", 7: "bottom right", 8: "top right",
}  # fmt: skip


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [SIZE, (3 * SIZE[0], 3 * SIZE[1])], ids=["small", "large"])
def test_each_of_the_eight_orientations_is_undone(orientation: int, size: tuple[int, int]) -> None:
    lies = orientation >= 5
    file = Image.new("RGB", size[::-1] if lies else size, BLUE)
    upper, left = "top" in CORNERS[orientation], "left" in CORNERS[orientation]
    file.paste(RED, corner(file.size, left=left, upper=upper))
    exif = Image.Exif()
    exif[0x0112] = orientation

    image = normal(written(file, exif=exif))

    assert close(image, (70, 100), RED)
    for place in ((220, 100), (70, 310), (220, 310)):
        assert close(image, place, BLUE)


def corner(size: tuple[int, int], *, left: bool, upper: bool) -> tuple[int, int, int, int]:
    """A quarter of a picture."""
    width, height = size[0] // 2, size[1] // 2
    x, y = 0 if left else width, 0 if upper else height
    return (x, y, x + width, y + height)


def test_an_orientation_that_there_is_not_changes_nothing() -> None:
    exif = Image.Exif()
    exif[0x0112] = 9

    assert close(normal(written(halves(), exif=exif)), (147, 50), RED)


def test_transparency_becomes_white() -> None:
    clear = Image.new("RGBA", SIZE, (*RED, 0))
    palette = Image.new("P", SIZE, 0)
    palette.putpalette([*RED, *BLUE])

    assert close(normal(written(clear, "PNG")), (5, 5), WHITE)
    assert close(normal(written(palette, "PNG", transparency=0)), (5, 5), WHITE)
    assert close(normal(written(palette, "PNG")), (5, 5), RED)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_print_colours_become_screen_colours(mode: str) -> None:
    image = normal(written(Image.new("RGB", SIZE, (128, 128, 128)).convert(mode)))

    assert image.mode == "RGB"
    assert close(image, (147, 200), (128, 128, 128))


def test_print_colours_are_read_as_the_file_says_they_are_written() -> None:
    """Adobe writes ink as its negative and says so; without its mark ink is ink (T.872, 6.1)."""
    with_mark = written(halves().convert("CMYK"), quality=95)
    without = without_adobe_mark(written(ImageChops.invert(halves().convert("CMYK")), quality=95))

    for raw in (with_mark, without):
        image = normal(raw)
        assert close(image, (147, 50), RED)
        assert close(image, (147, 370), BLUE)


def without_adobe_mark(jpeg: bytes) -> bytes:
    """The file without its APP14 segment."""
    place = jpeg.index(b"\xff\xee")
    length = int.from_bytes(jpeg[place + 2 : place + 4], "big")
    return jpeg[:place] + jpeg[place + 2 + length :]


def test_a_progressive_photo_becomes_a_baseline_one() -> None:
    image = normal(written(halves(), progressive=True))

    assert close(image, (147, 50), RED)
    assert "progressive" not in image.info


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1", "I;16"])
def test_a_photo_of_twenty_megapixels_is_made_small_in_every_mode(mode: str) -> None:
    """Band by band: what is above stays above, and no band leaves a seam."""
    large = Image.new("L", (3800, 5320), 255)
    large.paste(0, (0, 2660, 3800, 5320))
    deep = large.convert("I").point(lambda value: value * 257.0).convert("I;16")

    image = normal(written(deep if mode == "I;16" else large.convert(mode), "PNG"))

    column = [image.getpixel((147, y)) for y in range(413)]
    assert all(close(image, (147, y), WHITE) for y in range(200)), column
    assert all(close(image, (147, y), (0, 0, 0)) for y in range(213, 413)), column


def test_sixteen_bit_grey_keeps_its_shade() -> None:
    deep = Image.new("I;16", SIZE, 128 * 256)

    assert close(normal(written(deep, "PNG")), (147, 200), (128, 128, 128))


def test_an_embedded_profile_is_followed_and_a_damaged_one_passed_over() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert close(normal(written(halves(), icc_profile=profile)), (147, 50), RED)
    assert close(normal(written(halves(), icc_profile=b"damaged")), (147, 50), RED)


@pytest.mark.parametrize("size", [(900, 180), (295, 1200)])
def test_a_photo_that_would_lose_most_of_itself_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match=r"photo: is .* too (wide|narrow) for a photo"):
        normal(written(Image.new("RGB", size, RED)))


@pytest.mark.parametrize("size", [(560, 413), (295, 570)])
def test_a_photo_of_another_shape_is_cut_about_its_centre(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, RED)
    middle = (size[0] // 2 - 100, size[1] // 2 - 150, size[0] // 2 + 100, size[1] // 2 + 150)
    image.paste(BLUE, middle)

    cut = normal(written(image))

    assert close(cut, (147, 206), BLUE)
    assert close(cut, (5, 5), RED)


def test_a_photo_of_a_phone_with_a_second_picture_is_taken_as_its_first() -> None:
    phone = written(halves(), "MPO", save_all=True, append_images=[noise()])

    assert close(normal(phone), (147, 50), RED)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP", "PDF"])
def test_another_format_is_refused_by_its_name_whatever_it_is_called(kind: str) -> None:
    with pytest.raises(PictureError, match=rf"(?i)^photo: is a {kind} file.*send a JPEG or PNG"):
        normalise_photo(written(halves(), kind))


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "AVIF"),
        (b"PK\x03\x04word/document.xml", "ZIP or Office"),
    ],
)
def test_what_phones_and_offices_send_is_refused_by_its_name(raw: bytes, kind: str) -> None:
    with pytest.raises(PictureError, match=f"is a {kind} file"):
        normalise_photo(raw)


@pytest.mark.parametrize("raw", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"<svg/>"])
def test_what_is_no_picture_is_refused(raw: bytes) -> None:
    with pytest.raises(PictureError):
        normalise_photo(raw)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("missing", [1, 2, 12, 500, 0.5])
def test_a_file_broken_off_is_refused(kind: str, missing: float) -> None:
    raw = written(noise(), kind)
    kept = len(raw) - (missing if missing >= 1 else int(len(raw) * missing))

    with pytest.raises(PictureError, match="broken off"):
        normalise_photo(raw[: int(kept)])


def test_an_animation_is_refused() -> None:
    moving = written(halves(), "PNG", save_all=True, append_images=[noise()])

    with pytest.raises(PictureError, match="animated"):
        normalise_photo(moving)


def test_the_smallest_photo_has_100_by_140_pixels() -> None:
    assert normalise_photo(written(halves().resize((100, 140))))
    for size in ((99, 140), (100, 139)):
        with pytest.raises(PictureError, match="smaller"):
            normalise_photo(written(halves().resize(size)))


def test_a_photo_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    raw = written(Image.new("1", (8000, 5001)), "PNG")
    header = raw[: raw.index(b"IDAT") + 20]

    with pytest.raises(PictureError, match="40000000 pixels"):
        normalise_photo(header)


def test_a_large_jpeg_within_the_limit_is_taken() -> None:
    assert normal(written(Image.new("RGB", (6000, 6600), RED))).size == (295, 413)


def test_a_file_past_ten_megabytes_is_refused() -> None:
    raw = written(halves())

    assert normalise_photo(raw + bytes(MAX_INPUT_BYTES - len(raw)))
    with pytest.raises(PictureError, match="larger"):
        normalise_photo(raw + bytes(MAX_INPUT_BYTES - len(raw) + 1))


MEASURED = """
import resource, sys
from factory.errors import PictureError
from factory.pictures import normalise_photo
raw = sys.stdin.buffer.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    normalise_photo(raw)
    word = "taken"
except PictureError as error:
    word = str(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, word)
"""
MOST_MEGABYTES = 260  #: one picture of forty megapixels as it is decoded, and a band of it


@pytest.mark.parametrize(
    ("mode", "size", "word"),
    [
        ("RGBA", (6000, 6600), "taken"),
        ("P", (6000, 6600), "taken"),
        ("1", (6000, 6600), "taken"),
        ("1", (60_000, 60_000), "40000000 pixels"),
        ("L", (200_000, 201), "40000000 pixels"),
    ],
)
def test_a_small_file_of_giant_dimensions_takes_little_memory(
    mode: str, size: tuple[int, int], word: str
) -> None:
    raw = bomb(mode, size)
    assert len(raw) < 1_000_000

    done = subprocess.run(
        [sys.executable, "-c", MEASURED], input=raw, capture_output=True, check=True
    )

    megabytes, _, said = done.stdout.decode().partition(" ")
    assert word in said
    assert int(megabytes) < (MOST_MEGABYTES if word == "taken" else 20)


def bomb(mode: str, size: tuple[int, int]) -> bytes:
    """A PNG of one colour; one that is too large is not made whole."""
    if size[0] * size[1] < 40_000_000:
        return written(Image.new(mode, size), "PNG")
    small = written(Image.new(mode, (8, 8)), "PNG")
    header = b"IHDR" + struct.pack(">LL", *size) + small[24:29]
    return small[:12] + header + struct.pack(">L", zlib.crc32(header)) + small[33:]


DAMAGED = {kind: written(noise((120, 160)), kind) for kind in ("JPEG", "PNG")}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["JPEG", "PNG"]), st.integers(0, 2000), st.binary(min_size=1, max_size=6))
def test_a_damaged_file_gives_a_photo_or_a_refusal(kind: str, place: int, dirt: bytes) -> None:
    raw = DAMAGED[kind]
    place %= len(raw)

    try:
        jpeg = normalise_photo(raw[:place] + dirt + raw[place + len(dirt) :])
    except PictureError:
        return

    assert len(jpeg) <= MAX_OUTPUT_BYTES


# --- specimens --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(24))
def test_a_specimen_portrait_is_small_and_usable(seed: int) -> None:
    raw = specimen.portrait(seed)

    assert len(raw) <= 6_000
    assert normal(raw).size == (295, 413)


def test_specimen_portraits_differ() -> None:
    assert len({specimen.portrait(seed) for seed in range(24)}) == 24
