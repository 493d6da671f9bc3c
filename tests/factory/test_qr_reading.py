"""Reading a QR symbol, as segno draws it and with one module changed."""

import pytest
import segno

from factory.errors import LintError
from factory.page.qr_reading import content

TEXTS = (
    "https://verify.example/v/NAQH1SKB1NA7ESR6K6ZG",
    "A",
    "HTTPS://EXAMPLE.COM/V/0123",
    "12345678901",
    "验证",
    "x" * 213,
)


def drawn(text: str, **how: object) -> list[list[int]]:
    made = segno.make(text, error="m", boost_error=False, micro=False, **how)
    return [list(row) for row in made.matrix]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("mask", range(8))
def test_it_says_what_it_was_drawn_from(text: str, mask: int) -> None:
    assert content(drawn(text, mask=mask)) == text


@pytest.mark.parametrize("version", range(1, 11))
def test_every_version_is_read(version: int) -> None:
    assert content(drawn("1234567890ab", version=version)) == "1234567890ab"


def test_one_module_changed_is_damage() -> None:
    modules = drawn(TEXTS[0])

    modules[-1][-1] ^= 1

    with pytest.raises(LintError, match="damaged"):
        content(modules)


def test_another_level_is_told() -> None:
    modules = [list(row) for row in segno.make("a", error="h", micro=False).matrix]

    with pytest.raises(LintError, match="level M"):
        content(modules)


@pytest.mark.parametrize("modules", [[], [[0] * 21] * 20, [[1] * 500] * 500, [[0, 1], [1]]])
def test_what_is_no_symbol_is_told(modules: list[list[int]]) -> None:
    with pytest.raises(LintError, match="no QR symbol"):
        content(modules)
