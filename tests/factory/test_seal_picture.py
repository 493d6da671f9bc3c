"""The test seal's picture: red, round, and plainly a test."""

from io import BytesIO

import pytest
from PIL import Image

from factory.seals.picture import draw_test_seal

NAME = "上海市住房和城乡建设管理委员会"


@pytest.fixture(scope="module")
def seal(font_files: dict[str, bytes]) -> bytes:
    return draw_test_seal(NAME, font_files["uming.ttc"])


@pytest.fixture(scope="module")
def opened(seal: bytes) -> Image.Image:
    return Image.open(BytesIO(seal)).convert("RGBA")


def ink(picture: Image.Image, box: tuple[float, float, float, float]) -> float:
    """Share of a box, in parts of the picture, that is covered."""
    size = picture.width
    part = picture.getchannel("A").crop(tuple(round(edge * size) for edge in box))
    return (
        sum(n * count for n, count in enumerate(part.histogram())) / 255 / part.width / part.height
    )


def test_the_picture_is_small(seal: bytes) -> None:
    assert len(seal) <= 12_000


def test_it_is_square_and_red_where_it_is_not_clear(opened: Image.Image) -> None:
    colours = {colour[:3] for _, colour in opened.getcolors() or [] if colour[3]}

    assert opened.size == (480, 480)
    assert colours == {(214, 18, 28)}


def test_the_corners_are_clear_and_the_middle_is_a_star(opened: Image.Image) -> None:
    assert ink(opened, (0, 0, 0.1, 0.1)) == 0
    assert ink(opened, (0.47, 0.47, 0.53, 0.53)) == 1


def test_the_ring_is_closed_on_all_four_sides(opened: Image.Image) -> None:
    for box in (
        (0.49, 0, 0.51, 0.03),
        (0.49, 0.97, 0.51, 1),
        (0, 0.49, 0.03, 0.51),
        (0.97, 0.49, 1, 0.51),
    ):
        assert ink(opened, box) > 0.5


def test_the_lower_half_says_that_it_is_a_test(
    font_files: dict[str, bytes], opened: Image.Image
) -> None:
    """Whatever the authority's name, the mark is there."""
    other = draw_test_seal("甲", font_files["uming.ttc"])

    label = (0.3, 0.74, 0.7, 0.92)
    assert ink(opened, label) > 0.1
    assert ink(Image.open(BytesIO(other)).convert("RGBA"), label) == pytest.approx(
        ink(opened, label)
    )


def test_equal_input_gives_an_equal_picture(font_files: dict[str, bytes], seal: bytes) -> None:
    assert draw_test_seal(NAME, font_files["uming.ttc"]) == seal


def test_a_long_name_leaves_the_lower_part_to_the_mark(font_files: dict[str, bytes]) -> None:
    long = draw_test_seal("测" * 30, font_files["uming.ttc"])

    gap = (0.45, 0.68, 0.55, 0.74)
    assert ink(Image.open(BytesIO(long)).convert("RGBA"), gap) == 0
