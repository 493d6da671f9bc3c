"""QR symbols of an OFD, judged by Pillow and ZXing, which had no part in making them."""

from io import BytesIO

import pytest
import zxingcpp
from PIL import Image, ImageOps

from factory.page import qr
from factory.writers.ofd_symbol import PIXELS_PER_MODULE, symbol

#: Contents of every size up to 69 modules, and of the largest there is.
CONTENTS = [f"https://verify.example/v/{'a' * more}" for more in (*range(0, 330, 10), 2200)]


def drawn(content: str) -> Image.Image:
    made = qr.symbol(content)
    picture = Image.open(BytesIO(symbol(made.side, made.bits)))
    picture.load()
    return picture


@pytest.mark.parametrize("content", CONTENTS, ids=len)
def test_each_module_is_a_square_of_its_colour(content: str) -> None:
    made = qr.symbol(content)

    picture = drawn(content)

    size = (made.side * PIXELS_PER_MODULE,) * 2
    modules = b"".join(qr.rows(made.side, made.bits))
    expected = Image.frombytes("L", (made.side,) * 2, modules).point(lambda dark: 255 * (1 - dark))
    assert (picture.size, picture.mode) == (size, "1")
    assert (
        picture.convert("L").tobytes() == expected.resize(size, Image.Resampling.NEAREST).tobytes()
    )


@pytest.mark.parametrize("content", CONTENTS[::8], ids=len)
def test_a_reader_of_symbols_reads_what_was_written(content: str) -> None:
    with_quiet_zone = ImageOps.expand(drawn(content).convert("L"), 40, fill=255)

    [read] = zxingcpp.read_barcodes(with_quiet_zone)

    assert read.text == content


def test_a_picture_with_a_module_changed_is_another() -> None:
    made = qr.symbol(CONTENTS[0])
    changed = bytes((made.bits[0] ^ 0x80, *made.bits[1:]))

    assert symbol(made.side, changed) != symbol(made.side, made.bits)
