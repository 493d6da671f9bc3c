"""Licence identifiers (证照标识): vectors of the reference, and every other by its rule."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from factory.errors import FieldError
from factory.numbering import LicenceId, check_character, licence_id, parse_licence_id

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
    assume(changed != published)

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
