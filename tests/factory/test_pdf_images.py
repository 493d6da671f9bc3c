"""A JPEG goes into a PDF byte for byte, described as Pillow would describe it, or not at all."""

import re
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from factory.errors import PictureError, PressUnableError
from factory.writers.pdf_images import image_object

SPACES = {"L": b"/DeviceGray", "RGB": b"/DeviceRGB"}
MODES = st.sampled_from([*SPACES])
SIDES = st.integers(1, 700)


def jpeg(mode: str = "RGB", size: tuple[int, int] = (24, 32), **options: object) -> bytes:
    target = BytesIO()
    Image.new(mode, size, 90 if mode == "L" else (90, 80, 70, 60)[: len(mode)]).save(
        target, "JPEG", **options
    )
    return target.getvalue()


def described(made: bytes) -> tuple[bytes, ...]:
    found = re.search(rb"/Width (\d+)/Height (\d+)/ColorSpace(/\w+)/Bits\w+ 8", made)
    assert found is not None
    return found.groups()


@given(mode=MODES, width=SIDES, height=SIDES)
@example(mode="L", width=413, height=179)
def test_size_and_colours_are_the_pictures(mode: str, width: int, height: int) -> None:
    given = jpeg(mode, (width, height))

    made = image_object(7, "photo", given)

    assert described(made) == (b"%d" % width, b"%d" % height, SPACES[mode])
    assert made.startswith(b"7 0 obj\n")
    assert made.endswith(b"/Length %d>>\nstream\n%s\nendstream\nendobj\n" % (len(given), given))


@given(words=st.binary(max_size=300), icc=st.binary(min_size=1, max_size=300))
def test_what_else_a_picture_says_makes_no_difference(words: bytes, icc: bytes) -> None:
    """Also where it looks like a frame of another size."""
    frame = b"\xff\xc0\x00\x11\x08\x00\x01\x00\x01\x03"
    given = jpeg(
        comment=words + frame, icc_profile=icc + frame, dpi=(300, 300), restart_marker_rows=1
    )

    assert described(image_object(7, "photo", given)) == (b"24", b"32", b"/DeviceRGB")


def twelve_bits(data: bytes) -> bytes:
    at = data.index(b"\xff\xc0") + 4
    return data[:at] + b"\x0c" + data[at + 1 :]


def filled_up(data: bytes) -> bytes:
    """Bytes that may stand before any marker (ISO/IEC 10918-1, B.1.1.2), and hardly ever do."""
    at = data.index(b"\xff\xc0")
    return data[:at] + b"\xff\xff" + data[at:]


@pytest.mark.parametrize(
    "data",
    [
        jpeg(progressive=True),
        jpeg("CMYK"),
        twelve_bits(jpeg()),
        filled_up(jpeg()),
        jpeg().replace(b"\xff\xc0", b"\xff\xc3", 1),
        jpeg().replace(b"\xff\xc0", b"\xff\xc9", 1),
    ],
    ids=["progressive", "four colours", "twelve bits", "filled up", "lossless", "arithmetic"],
)
def test_another_kind_of_picture_is_left_to_the_reference_writer(data: bytes) -> None:
    with pytest.raises(PressUnableError, match="photo: not a baseline JPEG in grey or RGB"):
        image_object(7, "photo", data)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x89PNG\r\n\x1a\n", b"%PDF-1.7"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(PictureError, match="photo: the picture is missing or no JPEG"):
        image_object(7, "photo", data)


@given(size=st.integers(0, 160), more=st.binary(max_size=30))
def test_a_picture_that_is_torn_before_its_frame_is_not_made(size: int, more: bytes) -> None:
    whole = jpeg()
    frame = whole.index(b"\xff\xc0")
    torn = whole[: min(size, frame)]

    for data in (torn, torn + more):
        try:
            made = image_object(7, "photo", data)
        except (PictureError, PressUnableError):
            continue
        assert b"\xff\xc0" in data
        assert described(made)
