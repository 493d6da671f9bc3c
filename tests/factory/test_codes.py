"""Credit codes of enterprises and identity numbers of persons."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import specimen
from factory.codes import credit_code_fault, identity_number_fault, private_number_fault
from factory.model import Sex

VALID_CODES = (
    "91310120703450737K",
    "11100000000013338W",
    "11110000000021135M",
    "12110000400777687U",
    "11430000006122244L",
    "11330105002500287C",
    "11370800MB28559184",
    "913100000000000110",
)
VALID_NUMBERS = (
    ("11010519491231002X", date(1949, 12, 31), Sex.FEMALE),
    ("440524188001010014", date(1880, 1, 1), Sex.MALE),
    ("310101199001010012", date(1990, 1, 1), Sex.MALE),
    ("999999200002290019", date(2000, 2, 29), Sex.MALE),
)

sexes = st.sampled_from(Sex)
days = st.dates(date(1930, 1, 1), date(2010, 1, 1))


@pytest.mark.parametrize("code", VALID_CODES)
def test_a_published_credit_code_has_no_fault(code: str) -> None:
    assert credit_code_fault(code) is None


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("91350100M000100Y4Z", "alphabet"),
        ("91350100M000100Y41", "check character"),
        ("001210714905016000", "check character"),
        ("001210714906237000", "check character"),
        ("91310120703450737", "17 characters"),
        ("91310120703450737KK", "19 characters"),
        ("91310120703450737k", "alphabet"),
        ("9131012O703450737K", "alphabet"),
        ("", "0 characters"),
    ],
)
def test_a_wrong_credit_code_is_told_by_its_rule(code: str, rule: str) -> None:
    assert rule in (credit_code_fault(code) or "")


@pytest.mark.parametrize(
    "right", ["91350100M000100Y43", "00121071490501600C", "00121071490623700J"]
)
def test_the_counter_examples_are_right_with_their_right_check(right: str) -> None:
    assert credit_code_fault(right) is None


@given(st.sampled_from(VALID_CODES), st.integers(0, 17), st.sampled_from("0123456789ABCXY"))
def test_one_character_of_a_credit_code_off_is_noticed(
    code: str, place: int, character: str
) -> None:
    changed = code[:place] + character + code[place + 1 :]

    assert (credit_code_fault(changed) is None) is (changed == code)


@pytest.mark.parametrize(("number", "born", "sex"), VALID_NUMBERS)
def test_a_right_identity_number_has_no_fault(number: str, born: date, sex: Sex) -> None:
    assert identity_number_fault(number, "111", born, sex) is None


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("310101199001010013", "check character"),
        ("310101900101001", "15 characters"),
        ("31010119900101001x", "17 digits"),
        ("３１０１０１１９９００１０１００１２", "17 digits"),
        ("62010219851131001X", "calendar"),
        ("31010119900101001", "17 characters"),
        ("310101199001020018", "day of birth is another"),
        ("310101199001010020", "sex is another"),
    ],
)
def test_a_wrong_identity_number_is_told_by_its_rule(number: str, rule: str) -> None:
    fault = identity_number_fault(number, "111", date(1990, 1, 1), Sex.MALE)

    assert rule in (fault or "")


def test_a_number_of_another_paper_has_no_rule() -> None:
    assert identity_number_fault("E12345678", "414", date(1990, 1, 1), Sex.MALE) is None


@given(days, sexes, st.integers(0, 499))
def test_a_number_agrees_with_its_holder_and_with_nobody_else(
    born: date, sex: Sex, sequence: int
) -> None:
    number = specimen.identity_number(born, sex, sequence)
    other = Sex.FEMALE if sex is Sex.MALE else Sex.MALE

    assert identity_number_fault(number, "111", born, sex) is None
    assert identity_number_fault(number, "111", born, other)
    assert identity_number_fault(number, "111", date(1929, 1, 1), sex)


@given(st.text(max_size=20) | st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True), days, sexes)
def test_a_fault_never_repeats_the_number(number: str, born: date, sex: Sex) -> None:
    fault = identity_number_fault(number, "111", born, sex) or ""

    assert len(number) < 3 or number not in fault


@given(st.text(alphabet="0123456789ABCDEFGHJKLMNPQRTUWXYZ", min_size=17, max_size=19))
def test_a_fault_never_repeats_the_credit_code(code: str) -> None:
    assert code not in (credit_code_fault(code) or "")


def test_specimens_have_right_numbers_that_no_two_share() -> None:
    holders = [specimen.holder(seed) for seed in range(25_000)]

    faults = {
        identity_number_fault(
            each["id_number"], "111", date.fromisoformat(each["birth_date"]), Sex(each["sex"])
        )
        for each in holders
    }

    assert faults == {None}
    assert len({each["id_number"] for each in holders}) == len(holders)
    assert {credit_code_fault(specimen.credit_code(seed)) for seed in range(1000)} == {None}


@pytest.mark.parametrize(
    "text",
    [
        "补发 11010519491231002X",
        "补发11010519491231002x，照片模糊",
        "the check character is wrong: 110105194912310021",
        "１１０１０５１９４９１２３１００２X",
        "致电13800138000",
        "+8613800138000",
    ],
)
def test_a_number_of_a_person_is_seen_in_a_text(text: str) -> None:
    fault = private_number_fault(text)

    assert fault is not None
    assert "1380" not in fault and "1101" not in fault


@pytest.mark.parametrize(
    "text",
    [
        "更名通知书 2026-117",
        "沪2312016202400003, 甘262252900001, W2028120330007, ZJ-2026-000001",
        "913100000000000110",
        "310101199000010012",
        "138001380001",
        "12800138000",
    ],
)
def test_another_number_is_none_of_a_person(text: str) -> None:
    assert private_number_fault(text) is None
