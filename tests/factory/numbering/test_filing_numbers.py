"""Filing numbers and query codes (办件申报号, 查询密码): drawn, and typed off a slip."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.numbering import (
    CROCKFORD,
    filing_number,
    is_clear,
    parse_filing_number,
    parse_query_code,
    query_code,
)

DAY = date(2026, 3, 2)
NUMBER = "3320260302000005L"  #: as it was given out before such checks were skipped

prefixes = st.from_regex(r"[0-9A-HJKMNP-Z]{0,8}", fullmatch=True)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
serials = st.integers(1, 999_999)
random_bytes = st.binary(min_size=5, max_size=5)


# --- filing numbers ---------------------------------------------------------------------------


def test_a_number_is_prefix_day_serial_and_check() -> None:
    assert filing_number("33", DAY, 6) == "3320260302000006J"


def test_a_serial_whose_check_would_be_taken_for_a_digit_is_skipped() -> None:
    assert not is_clear("33", DAY, 5)
    with pytest.raises(FieldError, match="skip the serial"):
        filing_number("33", DAY, 5)


@given(prefixes, days, serials)
def test_no_number_holds_what_is_taken_for_a_digit(prefix: str, day: date, serial: int) -> None:
    assume(is_clear(prefix, day, serial))

    assert not set(filing_number(prefix, day, serial)) & set("ILO")


@given(prefixes, days, serials)
def test_every_number_reads_back(prefix: str, day: date, serial: int) -> None:
    assume(is_clear(prefix, day, serial))
    number = filing_number(prefix, day, serial)

    assert number[:-1] == f"{prefix}{day:%Y%m%d}{serial:06}"
    assert parse_filing_number(number) == number


@given(prefixes, days, serials)
def test_every_number_reads_back_from_careless_typing(prefix: str, day: date, serial: int) -> None:
    assume(is_clear(prefix, day, serial))
    number = filing_number(prefix, day, serial)

    typed = " - ".join(number.lower().replace("0", "o").replace("1", "l"))

    assert parse_filing_number(typed) == number


@pytest.mark.parametrize(
    "typed",
    [
        "3320260302000005l",
        "33 20260302 000005 L",
        " 33-20260302-000005-L\n",
        "332o26O3o2oooOO5L",
        "33202603020000051",  # the check is L, read as 1
        "3320260302000005i",
        "３３２０２６０３０２０００００５Ｌ",
    ],
)
def test_a_number_may_be_typed_carelessly(typed: str) -> None:
    assert parse_filing_number(typed) == NUMBER


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("3320260302000006L", "check character is wrong"),
        ("3320260303000005L", "check character is wrong"),
        ("3120260302000005L", "check character is wrong"),
        ("3320260302000005M", "check character is wrong"),
        ("3320260302000050L", "check character is wrong"),
        ("20260302000005L", "check character is wrong"),  # the prefix belongs to it
        ("332026030200000L", "check character is wrong"),  # read with prefix 3
        ("33202603020000X5L", "is not prefix"),
        ("202603020005L", "is not prefix"),
        ("123456789" + NUMBER, "is not prefix"),
        ("33/20260302000005L", "is not prefix"),
        ("浙" + NUMBER, "is not prefix"),
        ("", "is not prefix"),
    ],
)
def test_what_is_no_number_is_refused_without_repeating_it(typed: str, why: str) -> None:
    with pytest.raises(FieldError, match=why) as refusal:
        parse_filing_number(typed)

    assert typed == "" or typed not in str(refusal.value)


@given(days, serials, st.integers(0, 15), st.sampled_from("0123456789"))
def test_a_digit_off_is_noticed_unless_the_check_has_a_likeness(
    day: date, serial: int, place: int, digit: str
) -> None:
    assume(is_clear("33", day, serial))
    number = filing_number("33", day, serial)
    changed = number[:place] + digit + number[place + 1 :]
    assume(changed != number and number[-1] not in "01")

    with pytest.raises(FieldError):
        parse_filing_number(changed)


@pytest.mark.parametrize("serial", [-1, 0, 1_000_000])
def test_a_serial_of_the_day_has_six_digits(serial: int) -> None:
    with pytest.raises(FieldError, match="serial is out of range"):
        filing_number("33", DAY, serial)


@pytest.mark.parametrize("prefix", ["ZJO", "IL", "zj", "33-", "浙", "123456789"])
def test_a_prefix_that_cannot_be_typed_carelessly_is_refused(prefix: str) -> None:
    with pytest.raises(FieldError, match="prefix is malformed"):
        filing_number(prefix, DAY, 5)


# --- query codes ------------------------------------------------------------------------------


@given(random_bytes)
def test_a_code_has_eight_characters_and_reads_back(drawn: bytes) -> None:
    code = query_code(drawn)

    assert len(code) == 8
    assert set(code) <= set(CROCKFORD)
    assert parse_query_code(code) == code


@given(random_bytes, random_bytes)
def test_a_code_holds_all_forty_bits(one: bytes, other: bytes) -> None:
    assert (query_code(one) == query_code(other)) is (one == other)


@pytest.mark.parametrize("length", [0, 4, 6])
def test_a_code_is_made_of_exactly_five_bytes(length: int) -> None:
    with pytest.raises(FieldError):
        query_code(bytes(length))


@pytest.mark.parametrize("typed", ["zw0fy017", "ZWOF-YOL7", " zw of yo i7 ", "ＺＷ０ＦＹ０１７\n"])
def test_a_code_may_be_typed_carelessly(typed: str) -> None:
    assert parse_query_code(typed) == "ZW0FY017"


@pytest.mark.parametrize("typed", ["", "ZZZZZZZ", "ZZZZZZZZZ", "UZZZZZZZ", "密ZZZZZZZ"])
def test_what_is_no_code_is_refused_without_repeating_it(typed: str) -> None:
    with pytest.raises(FieldError) as refusal:
        parse_query_code(typed)

    assert "ZZZ" not in str(refusal.value)
