"""Verification codes: drawn from random bytes, read from what a person typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.numbering import CROCKFORD, parse_verification_code, verification_code

random_bytes = st.binary(min_size=13, max_size=13)


@given(random_bytes)
def test_a_code_has_twenty_characters_and_reads_back(drawn: bytes) -> None:
    code = verification_code(drawn)

    assert len(code) == 20
    assert set(code) <= set(CROCKFORD)
    assert parse_verification_code(code) == code


@given(random_bytes)
def test_a_code_holds_the_first_hundred_bits(drawn: bytes) -> None:
    bits = int.from_bytes(drawn, "big") >> 4

    value = sum(
        CROCKFORD.index(character) * 32**place
        for place, character in enumerate(reversed(verification_code(drawn)))
    )

    assert value == bits


@pytest.mark.parametrize("length", [0, 12, 14])
def test_a_code_is_made_of_exactly_thirteen_bytes(length: int) -> None:
    with pytest.raises(FieldError):
        verification_code(bytes(length))


@pytest.mark.parametrize(
    "typed",
    ["zzzzz00000-11111abcde", "ZZZZZ OoOoO IiLl1 ABCDE", " ZZZZZ00000１１１１１ABCDE\n"],
)
def test_a_code_may_be_typed_carelessly(typed: str) -> None:
    assert parse_verification_code(typed) == "ZZZZZ0000011111ABCDE"


@pytest.mark.parametrize("typed", ["", "Z" * 19, "Z" * 21, "U" + "Z" * 19, "沪" + "Z" * 19])
def test_what_is_no_code_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(FieldError) as refusal:
        parse_verification_code(typed)

    assert "ZZZ" not in str(refusal.value)
