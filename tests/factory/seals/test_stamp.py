"""How signatures look: words that can be read, pictures as they were brought, without paper."""

from collections.abc import Mapping
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFilter

from factory.errors import PictureError, RefusedCharacterError, UnprintableError
from factory.seals.appearance import seal_image
from factory.seals.stamp import STAMPED, fit, pixels, stamp
from tests.factory.signed_forms import handwriting, round_seal

PERSON = ("李示例", "已电子签名", "2026-11-21 10:00")
SIGN_PX = (pixels(45), pixels(18))
SEAL_PX = (pixels(42), pixels(42))


@pytest.fixture(scope="module")
def kai(font_files: Mapping[str, bytes]) -> bytes:
    return font_files["LXGWWenKai-Regular.ttf"]


def opened(png: bytes) -> Image.Image:
    image = Image.open(BytesIO(png))
    assert image.format == "PNG"
    return image.convert("RGBA")


def box(png: bytes) -> tuple[int, int, int, int]:
    """Where ink is."""
    found = opened(png).getchannel("A").getbbox()
    assert found is not None
    return found


def colours(png: bytes) -> set[object]:
    """Of what is seen."""
    found = opened(png).getcolors(1_000_000)
    assert found is not None
    return {colour[:3] for _, colour in found if colour[3]}  # type: ignore[index] # RGBA


def test_three_millimetres_have_35_pixels_in_print() -> None:
    assert pixels(3) == 35


def test_a_persons_words_fill_their_box_and_stay_within(kai: bytes) -> None:
    png = stamp(PERSON, kai, *SIGN_PX)

    left, top, right, foot = box(png)
    assert opened(png).size == SIGN_PX
    assert left > 0 and top > 0 and right < SIGN_PX[0] and foot < SIGN_PX[1]
    assert foot - top > 0.7 * SIGN_PX[1]
    assert len(colours(png)) == 1


def test_an_enterprises_words_stand_in_a_frame(kai: bytes) -> None:
    png = stamp(("示例建设有限公司", "已电子盖章"), kai, *SEAL_PX, ink=STAMPED)

    left, _, right, _ = box(png)
    [(red, green, blue)] = colours(png)  # type: ignore[misc]
    assert (left, right) == (0, SEAL_PX[0])
    assert red > 2 * max(green, blue)


@pytest.mark.parametrize("length", [1, 8, 20, 60, 120])
def test_a_name_of_any_length_stays_within(kai: bytes, length: int) -> None:
    png = stamp(("示" * length, "已电子签名", "2026-11-21 10:00"), kai, *SIGN_PX)

    left, top, right, foot = box(png)
    assert left > 0 and top > 0 and right < SIGN_PX[0] and foot < SIGN_PX[1]


def test_a_name_that_is_too_wide_goes_on_in_the_next_line(kai: bytes) -> None:
    """So its characters stay larger than in one line."""
    broad, narrow = stamp(("示" * 20,), kai, *SEAL_PX), stamp(("示" * 20,), kai, SEAL_PX[0], 60)

    def height(png: bytes) -> int:
        return box(png)[3] - box(png)[1]

    assert height(broad) > 3 * height(narrow)


def test_equal_words_give_equal_pictures(kai: bytes) -> None:
    assert stamp(PERSON, kai, *SIGN_PX) == stamp(PERSON, kai, *SIGN_PX)


def test_a_rare_character_comes_from_another_face(
    kai: bytes, font_files: Mapping[str, bytes]
) -> None:
    rare = ("欧阳𡶛",)

    assert stamp(rare, kai, *SIGN_PX, fallbacks=(font_files["HanaMinB.ttf"],))
    with pytest.raises(UnprintableError, match=r"U\+21D9B"):
        stamp(rare, kai, *SIGN_PX)


def test_a_character_that_is_never_printed_is_refused(kai: bytes) -> None:
    with pytest.raises(RefusedCharacterError):
        stamp(("李\ue0c5",), kai, *SIGN_PX)


def written(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def on_paper(png: bytes, paper: tuple[int, int, int] = (244, 241, 232)) -> Image.Image:
    shown = opened(png)
    sheet = Image.new("RGB", (shown.width + 200, shown.height + 200), paper)
    sheet.paste(shown.convert("RGB"), (100, 100), shown.getchannel("A"))
    return sheet.filter(ImageFilter.GaussianBlur(0.7))


@pytest.mark.parametrize(
    ("picture", "size"), [(handwriting(), SIGN_PX), (round_seal(), SEAL_PX)], ids=["pen", "seal"]
)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_what_is_on_paper_loses_its_paper(picture: bytes, size: tuple[int, int], kind: str) -> None:
    fitted = fit(written(on_paper(picture), kind), *size)

    alpha = opened(fitted).getchannel("A").histogram()
    shown = opened(fitted)
    assert alpha[0] > 0.6 * sum(alpha)
    assert shown.width <= size[0] and shown.height <= size[1]


def test_a_red_seal_on_paper_stays_red() -> None:
    [(red, green, blue)] = colours(fit(written(on_paper(round_seal()), "JPEG"), *SEAL_PX))  # type: ignore[misc]

    assert red > 180
    assert max(green, blue) < 60


def test_a_picture_keeps_its_proportions() -> None:
    shown = opened(fit(round_seal(), *SEAL_PX))

    assert abs(shown.width - shown.height) <= 1


def test_a_large_picture_becomes_no_finer_than_print() -> None:
    large = opened(round_seal()).resize((1500, 1500))

    fitted = fit(written(large), *SEAL_PX)

    assert max(opened(fitted).size) == max(SEAL_PX)
    image = seal_image(fitted)
    assert len(image.colour) + len(image.alpha) < 15_000


def test_a_small_picture_is_not_blown_up() -> None:
    small = opened(round_seal()).resize((100, 100))

    assert max(opened(fit(written(small), *SEAL_PX)).size) <= 100


def test_two_colours_stay_two() -> None:
    image = opened(round_seal())
    ImageDraw.Draw(image).rectangle((200, 200, 280, 280), fill=(10, 20, 120, 255))

    found = colours(fit(written(image), *SEAL_PX))

    assert 2 <= len(found) <= 8


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "cannot be read"),
        (b"no picture", "cannot be read"),
        (b"%PDF-1.7", "is a PDF file"),
        (b"GIF89a", "is a GIF file"),
        (round_seal()[:-20], "broken off"),
        (bytes(10_000_001), "larger than"),
        (written(Image.new("1", (7000, 6000))), "pixels"),
        (written(Image.new("RGBA", (39, 400), (9, 9, 9, 255))), "smaller than 40 pixels"),
        (written(Image.new("RGBA", (400, 400), (9, 9, 9, 0))), "shows nothing"),
        (written(Image.new("RGBA", (400, 400), (9, 9, 9, 90))), "shows nothing"),
        (written(Image.new("RGB", (400, 400), (255, 255, 255)), "JPEG"), "shows no writing"),
    ],
    ids=[
        "nothing", "words", "a PDF", "a GIF", "broken off", "too many bytes", "too many pixels",
        "too small", "clear", "faint", "blank paper",
    ],
)  # fmt: skip
def test_what_is_no_picture_of_a_signature_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(PictureError, match=rf"^picture: .*{says}"):
        fit(raw, *SEAL_PX)
