"""Registration numbers (注册编号) of constructors, in both spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.numbering import (
    ConstructorNumber,
    Scheme,
    constructor_number,
    number_key,
    parse_constructor_number,
    respell,
)

years = st.integers(2000, 2099)
numbers = st.builds(
    ConstructorNumber,
    province=st.sampled_from("京沪苏浙川陕甘新"),
    level=st.sampled_from([1, 2]),
    division=st.from_regex(r"[1-6][0-9]", fullmatch=True),
    qualification_year=years,
    registration_year=years,
    serial=st.integers(1, 99_999),
)


def test_an_old_number_is_read_in_its_parts() -> None:
    number = parse_constructor_number("沪231161800057")

    assert number == ConstructorNumber(
        province="沪", level=2, division="31",
        qualification_year=2016, registration_year=2018, serial=57,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "national"),
    [
        ("沪231161800057", "沪2312016201800057"),
        ("甘262192000009", "甘2622019202000009"),
        ("沪231980500012", "沪2312005200500012"),  # 98 is 1998: the registration year for both
        ("沪231232300012", "沪2312023202300012"),
        ("沪231232200012", "沪2312023202200012"),  # at the limit nothing is replaced
        ("沪231242300012", "沪2312023202300012"),
        ("沪231242500012", "沪2312024202500012"),  # drawn since: neither year lay in the future
    ],
)
def test_both_spellings_of_a_number_are_one_number(old: str, national: str) -> None:
    number = parse_constructor_number(old)

    assert number is not None
    assert number.jzs16 == national
    assert number_key(old) == number_key(national) == national


@pytest.mark.parametrize(
    "text",
    [
        "沪23116180005",  # 11 digits
        "沪2311618000577",  # 13 digits
        "231161800057",
        "沪331161800057",  # no third class
        "沪231161800000",  # serials start at 1
        "沪2311916201800057",  # a national number has years from 2000 on
        "沪23116180005X",
        "建[造]21213100000123",
        "",
    ],
)
def test_what_follows_neither_scheme_is_opaque(text: str) -> None:
    assert parse_constructor_number(text) is None
    assert number_key(text) == text


def test_a_number_is_recognised_in_full_width_digits_and_between_spaces() -> None:
    assert number_key(" 沪 ２３１１６１８０００５７\u3000") == "沪2312016201800057"


@given(numbers)
def test_every_number_reads_back_from_its_national_spelling(number: ConstructorNumber) -> None:
    assert parse_constructor_number(number.jzs16) == number


@given(numbers)
def test_an_old_spelling_reads_back_unless_its_year_lay_in_the_future(
    number: ConstructorNumber,
) -> None:
    read = parse_constructor_number(number.jzs12)
    early = number.qualification_year > max(2023, number.registration_year)

    assert read is not None
    assert (read == number) is not early
    assert read.registration_year == number.registration_year


def test_a_new_number_is_spelt_by_the_scheme() -> None:
    parts = ("沪", "31", 2016, 2018, 57)

    assert constructor_number("jzs12", *parts) == "沪231161800057"
    assert constructor_number("jzs16", *parts) == "沪2312016201800057"


@pytest.mark.parametrize(
    "parts",
    [
        ("沪", "31", 2016, 2018, 0),
        ("沪", "31", 2016, 2018, 100_000),
        ("沪", "31", 1998, 2018, 57),
        ("沪", "31", 2016, 2100, 57),
        ("沪", "310", 2016, 2018, 57),
        ("上海", "31", 2016, 2018, 57),
        ("沪", "3", 12020, 2018, 57),  # as many digits, in other places
    ],
)
def test_a_part_out_of_range_gives_no_number(parts: tuple[str, str, int, int, int]) -> None:
    with pytest.raises(FieldError):
        constructor_number("jzs16", *parts)


# --- the other spelling -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "national"),
    [("沪231161800057", "沪2312016201800057"), ("甘262192000009", "甘2622019202000009")],
)
def test_a_number_is_respelt_both_ways(old: str, national: str) -> None:
    assert respell(old, "jzs16") == respell(national, "jzs16") == national
    assert respell(national, "jzs12") == respell(old, "jzs12") == old


@pytest.mark.parametrize("text", ["沪建2016-57", "建[造]21213100000123", " a ", ""])
@pytest.mark.parametrize("scheme", ["jzs12", "jzs16"])
def test_an_opaque_number_is_never_respelt(text: str, scheme: Scheme) -> None:
    assert respell(text, scheme) == text


def test_a_number_whose_years_would_change_keeps_four_digits() -> None:
    assert respell("沪2312030201800012", "jzs12") == "沪2312030201800012"
    assert respell("沪2312018201800012", "jzs12") == "沪231181800012"


@given(numbers, st.sampled_from(["jzs12", "jzs16"]))
def test_respelling_never_makes_another_number(number: ConstructorNumber, scheme: Scheme) -> None:
    assert parse_constructor_number(respell(number.jzs16, scheme)) == number


@given(numbers)
def test_both_spellings_of_a_respelt_number_have_one_key(number: ConstructorNumber) -> None:
    assert number_key(respell(number.jzs16, "jzs12")) == number_key(number.jzs16)
