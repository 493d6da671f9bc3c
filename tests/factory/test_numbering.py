"""Registration numbers, 证照标识 and verification codes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.numbering import (
    CROCKFORD,
    ConstructorNumber,
    LicenceId,
    check_character,
    constructor_number,
    licence_id,
    number_key,
    parse_constructor_number,
    parse_licence_id,
    parse_verification_code,
    verification_code,
)

ROOT = "1.2.156.3005.2"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

PUBLISHED = (
    "11100000000013338W011.11430000006122244L.20230000403.001.U",
    "11100000000013338W011.11430000006122244L.20230000403.002.S",
    "11100000000013338W011.11110000000021135M.20230329701.003.Y",
    "11100000000013338W009.11330105002500287C.2025052201.002.0",
    "11100000000013338W087.11370800MB28559184.37080001202411010001.001.3",
    "11100000MB03271699022.340100.000000016.001.9",
    "11100000000013338W001.11110000000021135M.0123456789ABCDEF0123456789ABCDEF.001.W",
    "11100000000013338W001.11110000000021135M.0123456789ABCDEF0123456789ABCDEF.002.U",
    "11100000000013338W001.11110000000021135M.2312016201800057.001.2",
    "11100000000013338W001.11110000000021135M.2312016201800057.002.Z",
    "11100000000013338W001.11110000000021135M.2312016201800057.010.X",
)
WRONG_CHECK = "11100000000013661B006.113700000045046442.209FA4E88F9E4C878F3E9BED2CE7EA49.001.M"

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


# --- registration numbers ---------------------------------------------------------------------


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


def test_an_opaque_number_is_compared_in_capitals() -> None:
    assert number_key(" a-12 ") == number_key("Ａ-12")


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


@given(st.text(max_size=30))
def test_a_key_is_its_own_key(text: str) -> None:
    assert number_key(number_key(text)) == number_key(text)


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
    ],
)
def test_a_part_out_of_range_gives_no_number(parts: tuple[str, str, int, int, int]) -> None:
    with pytest.raises(FieldError):
        constructor_number("jzs16", *parts)


# --- licence identifiers ----------------------------------------------------------------------


@pytest.mark.parametrize("published", PUBLISHED)
def test_a_published_identifier_reads_back(published: str) -> None:
    parts = parse_licence_id(f"{ROOT}.{published}")

    assert str(parts) == f"{ROOT}.{published}"


def test_an_identifier_is_read_in_its_parts() -> None:
    assert parse_licence_id(f"{ROOT}.{PUBLISHED[5]}") == LicenceId(
        root=ROOT, type_code="11100000MB03271699022", issuer="340100",
        serial="000000016", version=1,
    )  # fmt: skip


def test_the_published_example_with_a_wrong_check_is_refused() -> None:
    with pytest.raises(FieldError, match="check character is wrong"):
        parse_licence_id(f"{ROOT}.{WRONG_CHECK}")


@pytest.mark.parametrize(
    "text",
    [
        PUBLISHED[0],  # without root
        f"{ROOT}.{PUBLISHED[0]} ",
        f"{ROOT}.{PUBLISHED[0].lower()}",
        f"{ROOT}.{PUBLISHED[0]}\n",
        f"{ROOT}.{PUBLISHED[0].replace('.001.', '.01.')}",
        f"{ROOT}.{PUBLISHED[0].replace('.001.', '.000.')}",
        "",
    ],
)
def test_a_malformed_identifier_is_refused(text: str) -> None:
    with pytest.raises(FieldError):
        parse_licence_id(text)


@given(
    st.text(ALPHABET, min_size=21, max_size=21),
    st.text(ALPHABET, min_size=18, max_size=18) | st.text("0123456789", min_size=6, max_size=6),
    st.text(ALPHABET, min_size=1, max_size=32),
    st.integers(1, 999),
)
def test_every_identifier_reads_back(kind: str, issuer: str, serial: str, version: int) -> None:
    text = licence_id(ROOT, kind, issuer, serial, version)

    parts = parse_licence_id(text)

    assert (parts.type_code, parts.issuer, parts.serial) == (kind, issuer, serial)
    assert parts.version == version


@given(st.sampled_from(PUBLISHED), st.integers(0, 80), st.sampled_from(ALPHABET))
def test_one_character_off_is_noticed(published: str, place: int, character: str) -> None:
    place %= len(published)
    changed = published[:place] + character + published[place + 1 :]

    if changed == published:
        return

    with pytest.raises(FieldError):
        parse_licence_id(f"{ROOT}.{changed}")


@pytest.mark.parametrize("version", [0, 1000, -1])
def test_an_edition_is_numbered_from_1_to_999(version: int) -> None:
    with pytest.raises(FieldError):
        licence_id(ROOT, "11100000000013338W001", "11110000000021135M", "57", version)


@given(st.text(ALPHABET, min_size=1, max_size=80))
def test_the_check_character_is_that_of_the_standards_text(body: str) -> None:
    """ISO/IEC 7064 MOD 37,36, written out a second time."""
    p = 36
    for character in body:
        p = (p + ALPHABET.index(character)) % 36 or 36
        p = p * 2 % 37

    assert check_character(body) == ALPHABET[(37 - p) % 36]


# --- verification codes -----------------------------------------------------------------------

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
