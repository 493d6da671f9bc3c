"""Photos: what is taken, what it becomes and what is refused."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

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


def test_sixteen_bit_grey_keeps_its_shade() -> None:
    deep = Image.new("I;16", SIZE, 128 * 256)

    assert close(normal(written(deep, "PNG")), (147, 200), (128, 128, 128))


def test_an_embedded_profile_is_followed_and_a_damaged_one_passed_over() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert close(normal(written(halves(), icc_profile=profile)), (147, 50), RED)
    assert close(normal(written(halves(), icc_profile=b"damaged")), (147, 50), RED)


@pytest.mark.parametrize("size", [(900, 413), (295, 1200)])
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


@pytest.mark.parametrize("kind", ["GIF", "BMP", "TIFF", "WEBP"])
def test_another_format_is_refused_whatever_it_is_called(kind: str) -> None:
    with pytest.raises(PictureError):
        normalise_photo(written(halves(), kind))


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
