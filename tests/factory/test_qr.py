"""QR symbols by table are the symbols that segno makes, module by module."""

import string

import segno
from hypothesis import example, given
from hypothesis import strategies as st

from factory.page import qr

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


def expected(content: str) -> tuple[bytes, ...]:
    symbol = segno.make(content, error="m", micro=False, boost_error=False, mask=qr.MASK)
    return tuple(bytes(row) for row in symbol.matrix)


def made(content: str) -> tuple[bytes, ...]:
    symbol = qr.symbol(content)
    return qr.rows(symbol.side, symbol.bits)


@given(st.text(PRINTABLE, min_size=1, max_size=90))
@example("https://verify.example/v/0123456789ABCDEFGHJK")
@example("0123456789")  # by digits
@example("ABC 123")  # by letters and digits
@example("a")
@example("建筑")
@example("é")
def test_a_symbol_is_the_one_that_segno_makes(content: str) -> None:
    assert made(content) == expected(content)


@given(st.lists(st.text(PRINTABLE, min_size=30, max_size=30), min_size=2, max_size=4))
def test_a_symbol_does_not_depend_on_those_before_it(contents: list[str]) -> None:
    for content in (*contents, contents[0]):
        assert made(content) == expected(content)


def test_one_other_character_gives_another_symbol() -> None:
    assert made("https://verify.example/v/A") != made("https://verify.example/v/B")


def test_rows_are_filled_up_to_whole_bytes_with_light() -> None:
    symbol = qr.symbol("a")

    assert symbol.side == 21
    assert len(symbol.bits) == 21 * 3
    assert all(symbol.bits[at] & 0b111 == 0 for at in range(2, len(symbol.bits), 3))
