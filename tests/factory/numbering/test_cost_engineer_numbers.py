"""Numbers of cost engineers (建[造]…): the scheme of 2020, and what stays opaque."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.numbering import (
    CostEngineerNumber,
    cost_engineer_number,
    parse_cost_engineer_number,
)

CIVIL = CostEngineerNumber(level=2, specialty=1, year=2021, division="31", body="00", serial=123)
BRACKETS = ("[造]", "〔造〕", "［造］", "【造】", "(造)", "（造）")

two_digits = st.from_regex(r"[0-9]{2}", fullmatch=True)
numbers = st.builds(
    CostEngineerNumber,
    level=st.sampled_from([1, 2]),
    specialty=st.integers(1, 4),
    year=st.integers(2000, 2099),
    division=two_digits,
    body=two_digits,
    serial=st.integers(1, 999_999),
)


@pytest.mark.parametrize(
    ("printed", "number"),
    [
        ("建[造]21213100000123", CIVIL),
        ("建[造]24213100000124", replace(CIVIL, specialty=4, serial=124)),
    ],
)
def test_a_number_is_read_in_its_parts(printed: str, number: CostEngineerNumber) -> None:
    assert parse_cost_engineer_number(printed) == number


@pytest.mark.parametrize("bracketed", BRACKETS)
def test_brackets_may_be_of_any_kind(bracketed: str) -> None:
    assert parse_cost_engineer_number(f"建{bracketed}21213100000123") == CIVIL


def test_a_number_may_be_typed_with_spaces_and_in_full_width() -> None:
    assert parse_cost_engineer_number(" 建［造］２１２１ 31 00 000123\u3000") == CIVIL


@pytest.mark.parametrize(
    "text",
    [
        "建[造]11310012345",  # from before 2020
        "建[造]2121310000012",  # 13 digits
        "建[造]212131000001234",  # 15 digits
        "建[造]31213100000123",  # no third class
        "建[造]20213100000123",  # specialties are 1 to 4
        "建[造]25213100000123",
        "建[造]21213100000000",  # serials start at 1
        "建[造]2121310000012X",
        "建造21213100000123",
        "建[造21213100000123",
        "建{造}21213100000123",
        "建[价]21213100000123",
        "21213100000123",
        "沪2312016201800057",
        "",
    ],
)
def test_what_does_not_follow_the_scheme_is_opaque(text: str) -> None:
    assert parse_cost_engineer_number(text) is None


@given(numbers)
def test_every_number_reads_back(number: CostEngineerNumber) -> None:
    assert parse_cost_engineer_number(str(number)) == number


@given(st.text(max_size=30))
def test_no_text_makes_parsing_fail(text: str) -> None:
    number = parse_cost_engineer_number(text)

    assert number is None or parse_cost_engineer_number(str(number)) == number


@pytest.mark.parametrize(
    ("parts", "printed"),
    [
        ((1, 2021, "31", 123), "建[造]21213100000123"),
        ((4, 2021, "31", 124), "建[造]24213100000124"),
        ((1, 2099, "61", 999_999, "07"), "建[造]21996107999999"),
    ],
)
def test_a_new_number_is_second_class_and_of_housing_unless_told(
    parts: tuple[int, int, str, int], printed: str
) -> None:
    assert cost_engineer_number(*parts) == printed


@pytest.mark.parametrize(
    "parts",
    [
        (0, 2021, "31", 123),
        (5, 2021, "31", 123),
        (1, 1999, "31", 123),
        (1, 2100, "31", 123),
        (1, 2021, "3", 123),
        (1, 2021, "310", 123, "0"),  # as many digits, in other places
        (1, 2021, "三一", 123),
        (1, 2021, "31", 0),
        (1, 2021, "31", 1_000_000),
        (1, 2021, "31", 123, "0"),
    ],
)
def test_a_part_out_of_range_gives_no_number(parts: tuple[int, int, str, int]) -> None:
    with pytest.raises(FieldError, match="outside its range"):
        cost_engineer_number(*parts)


@pytest.mark.parametrize("level", [0, 3, 21])
def test_there_are_two_levels(level: int) -> None:
    with pytest.raises(FieldError):
        replace(CIVIL, level=level)
