"""Acceptance numbers (受理编号): all that were seen in print, and what stays opaque."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.numbering import (
    AcceptanceNumber,
    AcceptanceSuffix,
    acceptance_number,
    parse_acceptance_number,
)

SEEN = (
    ("W2018040330039180103", (2018, 4, 39), ("18", "01", "03")),
    ("W2018030330111180602", (2018, 3, 111), ("18", "06", "02")),
    ("W2019090330039010602", (2019, 9, 39), ("01", "06", "02")),
    ("W2021100330001190103", (2021, 10, 1), ("19", "01", "03")),
    ("W2021100330010190211", (2021, 10, 10), ("19", "02", "11")),
    ("W2021080330009190211", (2021, 8, 9), ("19", "02", "11")),
    ("W2021100330011190302", (2021, 10, 11), ("19", "03", "02")),
    ("W2021120330001", (2021, 12, 1), None),
    ("W2021100330012", (2021, 10, 12), None),
)
Seen = tuple[str, tuple[int, int, int], tuple[str, str, str] | None]
PARTS = ("profession", "application_type", "variant")
INITIAL = AcceptanceSuffix(profession="18", application_type="01", variant="03")
NUMBER = AcceptanceNumber(year=2018, month=4, department="033", sequence=39, suffix=INITIAL)

two_digits = st.from_regex(r"[0-9]{2}", fullmatch=True)
suffixes = st.builds(
    AcceptanceSuffix, profession=two_digits, application_type=two_digits, variant=two_digits
)
numbers = st.builds(
    AcceptanceNumber,
    year=st.integers(1, 9999),
    month=st.integers(1, 12),
    department=st.from_regex(r"[0-9]{3}", fullmatch=True),
    sequence=st.integers(1, 9999),
    suffix=st.none() | suffixes,
)


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: seen[0])
def test_a_printed_number_is_read_in_its_parts(seen: Seen) -> None:
    printed, (year, month, sequence), pairs = seen

    number = parse_acceptance_number(printed)

    assert number is not None
    assert (number.year, number.month, number.sequence) == (year, month, sequence)
    assert number.department == "033"
    assert number.suffix == (pairs and AcceptanceSuffix(**dict(zip(PARTS, pairs, strict=True))))


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: seen[0])
def test_a_printed_number_is_written_as_it_was_printed(seen: Seen) -> None:
    printed, (year, month, sequence), pairs = seen
    suffix = pairs and AcceptanceSuffix(**dict(zip(PARTS, pairs, strict=True)))

    assert acceptance_number("033", year, month, sequence, suffix) == printed


def test_lists_show_fourteen_characters_and_forms_twenty() -> None:
    assert NUMBER.short == "W2018040330039"
    assert NUMBER.full == str(NUMBER) == "W2018040330039180103"


def test_a_number_without_suffix_is_short_everywhere() -> None:
    assert replace(NUMBER, suffix=None).full == "W2018040330039"


def test_a_number_may_be_typed_in_any_case_and_width() -> None:
    assert parse_acceptance_number(" ｗ2018040330039１８０１０３ ") == NUMBER


@pytest.mark.parametrize(
    "text",
    [
        "2018040330039180103",
        "V2018040330039180103",
        "W201804033003",  # 13 characters
        "W20180403300391",  # a suffix of one digit
        "W201804033003918010",
        "W20180403300391801034",
        "W2018000330039",  # no month
        "W2018130330039",
        "W2018040330000",  # sequences start at 1
        "W2018040330039-180103",
        "W2018040330039 180103",
        "W20180403300X9",
        "浙建2018-39",
        "",
    ],
)
def test_any_other_number_is_opaque(text: str) -> None:
    assert parse_acceptance_number(text) is None


@given(numbers)
def test_every_number_reads_back(number: AcceptanceNumber) -> None:
    assert parse_acceptance_number(number.full) == number


@given(numbers)
def test_a_short_number_reads_back_without_its_suffix(number: AcceptanceNumber) -> None:
    assert parse_acceptance_number(number.short) == replace(number, suffix=None)


@given(st.text(max_size=25) | st.from_regex(r"W[0-9]{13}([0-9]{6})?", fullmatch=True))
def test_what_parses_is_what_was_said(text: str) -> None:
    number = parse_acceptance_number(text)

    assert number is None or len(number.full) in (14, 20)


@pytest.mark.parametrize("sequence", [1, 9999])
def test_a_sequence_runs_from_1_to_9999(sequence: int) -> None:
    assert acceptance_number("033", 2021, 10, sequence).endswith(f"{sequence:04}")


@pytest.mark.parametrize("sequence", [-1, 0, 10_000])
def test_a_sequence_that_leaves_its_range_is_refused(sequence: int) -> None:
    with pytest.raises(FieldError, match="sequence is not 1 to 9999"):
        acceptance_number("033", 2021, 10, sequence)


@pytest.mark.parametrize(
    ("department", "year", "month"),
    [
        ("33", 2021, 10),
        ("0330", 2021, 10),
        ("03X", 2021, 10),
        ("03", 12021, 10),  # as many digits, in other places
        ("033", 2021, 0),
        ("033", 2021, 13),
        ("033", -1, 10),
    ],
)
def test_a_part_out_of_range_gives_no_number(department: str, year: int, month: int) -> None:
    with pytest.raises(FieldError, match="outside its range"):
        acceptance_number(department, year, month, 1)


@pytest.mark.parametrize("part", ["profession", "application_type", "variant"])
@pytest.mark.parametrize("value", ["1", "180", "1X", "１８", ""])
def test_each_part_of_a_suffix_is_two_digits(part: str, value: str) -> None:
    with pytest.raises(FieldError, match="two digits"):
        replace(INITIAL, **{part: value})
