"""Keys that make two spellings of a registration number one number."""

from __future__ import annotations

import doctest
from importlib import import_module
from pkgutil import iter_modules

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import numbering
from factory.numbering import number_key

MODULES = [each.name for each in iter_modules(numbering.__path__, "factory.numbering.")]


@pytest.mark.parametrize("typed", ["沪231161800057", "沪2312016201800057", " 沪 231161800057 "])
def test_a_constructors_key_is_the_national_spelling(typed: str) -> None:
    assert number_key(typed) == "沪2312016201800057"


@pytest.mark.parametrize(
    "typed",
    [
        "建[造]21213100000123",
        "建〔造〕21213100000123",
        "建［造］21213100000123",
        "建【造】21213100000123",
        "建(造)21213100000123",
        "建（造）21213100000123",
        "建 [造] 2121 3100 000123",
        "建［造］２１２１３１０００００１２３",
    ],
)
def test_a_cost_engineers_key_has_plain_brackets(typed: str) -> None:
    assert number_key(typed) == "建[造]21213100000123"


def test_the_brackets_of_an_old_cost_engineers_number_do_not_count_either() -> None:
    assert number_key("建〔造〕11310012345") == number_key("建(造)11310012345")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("沪231161800057", "沪231161800058"),
        ("沪231161800057", "甘231161800057"),
        ("沪231161800057", "沪131161800057"),
        ("建[造]21213100000123", "建[造]21213100000124"),
        ("建[造]11310012345", "建[造]11310012346"),
        ("建[造]21213100000123", "建造21213100000123"),
        ("建[造]21213100000123", "建[价]21213100000123"),
        ("建[造]21213100000123", "21213100000123"),
        ("A-12", "A12"),
    ],
)
def test_other_numbers_have_other_keys(one: str, other: str) -> None:
    assert number_key(one) != number_key(other)


@pytest.mark.parametrize(
    ("typed", "key"),
    [(" a-12 ", "A-12"), ("Ａ-12", "A-12"), ("沪建\u3000二〇一六", "沪建 二〇一六"), ("", "")],
)
def test_any_other_number_is_compared_in_capitals_of_plain_width(typed: str, key: str) -> None:
    assert number_key(typed) == key


@given(st.text(max_size=30))
def test_a_key_is_its_own_key(text: str) -> None:
    assert number_key(number_key(text)) == number_key(text)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    failed, tried = doctest.testmod(import_module(module))

    assert failed == 0
    assert tried > 0
