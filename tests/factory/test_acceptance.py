"""Acceptance numbers of a register: made up by its profile, and read with doubt."""

import doctest
from datetime import date
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import acceptance, specimen
from factory.errors import ConflictError, FieldError, ProfileError
from factory.model import ApplicationType
from factory.numbering import parse_acceptance_number
from factory.profile import AcceptanceRules, Profile, parse

FOLDER = resources.files("factory.profiles")
TEXTS = {
    file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
    for file in FOLDER.iterdir()
    if file.name.endswith(".toml")
}
PROFILES = {name: parse(text) for name, text in TEXTS.items()}
WITH_SCHEME = sorted(name for name, each in PROFILES.items() if each.numbering.acceptance)
WITHOUT_SCHEME = sorted(PROFILES.keys() - set(WITH_SCHEME))
CONSTRUCTORS, ENGINEERS = PROFILES["shanghai-constructor"], PROFILES["shanghai-cost-engineer"]
GANSU = PROFILES["gansu-constructor"]
INITIAL, ADDITION, RENEWAL, CANCELLATION, FORCED, CHANGE = (
    ApplicationType(name)
    for name in (
        "initial", "addition", "renewal", "cancellation", "forced_cancellation", "change",
    )
)  # fmt: skip

types = st.sampled_from(ApplicationType)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
sequences = st.integers(1, 9999)


@pytest.mark.parametrize(
    ("profile", "kind", "day", "sequence", "printed"),
    [
        (GANSU, INITIAL, date(2018, 4, 9), 39, "W2018040330039180103"),
        (GANSU, CANCELLATION, date(2018, 3, 27), 111, "W2018030330111180602"),
        (ENGINEERS, INITIAL, date(2021, 10, 9), 1, "W2021100330001190103"),
        (ENGINEERS, ADDITION, date(2021, 10, 20), 10, "W2021100330010190211"),
        (ENGINEERS, RENEWAL, date(2021, 10, 20), 11, "W2021100330011190302"),
    ],
)
def test_a_number_is_made_up_as_it_was_printed(
    profile: Profile, kind: ApplicationType, day: date, sequence: int, printed: str
) -> None:
    assert acceptance.number(rules(profile), kind, day, sequence) == printed


def test_a_forced_cancellation_has_the_code_of_a_cancellation() -> None:
    forced, asked = (
        parse_acceptance_number(acceptance.number(rules(GANSU), kind, date(2019, 9, 2), 39))
        for kind in (FORCED, CANCELLATION)
    )

    assert forced == asked is not None


def test_a_type_whose_code_is_not_known_has_no_suffix() -> None:
    assert acceptance.number(rules(CONSTRUCTORS), CHANGE, date(2024, 7, 1), 7) == "W2024070330007"


@given(st.sampled_from(WITH_SCHEME), types, days, sequences)
def test_every_number_is_read_back_and_contradicts_nothing(
    name: str, kind: ApplicationType, day: date, sequence: int
) -> None:
    profile = PROFILES[name]

    text = acceptance.number(rules(profile), kind, day, sequence)

    parsed = parse_acceptance_number(text)
    assert parsed is not None and parsed.full == text
    assert (parsed.year, parsed.month, parsed.sequence) == (day.year, day.month, sequence)
    assert acceptance.contradiction(profile, kind, text) is None


@given(st.sampled_from(WITH_SCHEME), types, days, sequences)
def test_lists_show_a_number_alike_whatever_is_applied_for(
    name: str, kind: ApplicationType, day: date, sequence: int
) -> None:
    scheme = rules(PROFILES[name])

    shown = acceptance.listed(acceptance.number(scheme, kind, day, sequence))

    assert shown == f"W{day:%Y%m}033{sequence:04}"


@pytest.mark.parametrize("sequence", [0, 10_000])
def test_a_month_has_numbers_from_1_to_9999(sequence: int) -> None:
    with pytest.raises(FieldError, match="1 to 9999 a month"):
        acceptance.number(rules(CONSTRUCTORS), INITIAL, date(2024, 7, 1), sequence)


def test_the_sequence_begins_anew_every_month() -> None:
    june, end_of_june, july = (
        acceptance.series(CONSTRUCTORS, rules(CONSTRUCTORS), day)
        for day in (date(2024, 6, 1), date(2024, 6, 30), date(2024, 7, 1))
    )

    assert june == end_of_june != july


def test_the_registers_of_one_department_share_a_sequence_and_of_two_authorities_do_not() -> None:
    mine, sister, other = (
        acceptance.series(each, rules(each), date(2024, 7, 1))
        for each in (CONSTRUCTORS, ENGINEERS, GANSU)
    )

    assert mine == sister != other


@pytest.mark.parametrize("name", WITHOUT_SCHEME)
def test_a_register_without_a_scheme_has_its_numbers_from_upstream(name: str) -> None:
    with pytest.raises(ConflictError, match="upstream gives its acceptance numbers"):
        acceptance.rules_of(PROFILES[name])


@pytest.mark.parametrize("name", WITH_SCHEME)
def test_a_register_with_a_scheme_says_which(name: str) -> None:
    assert acceptance.rules_of(PROFILES[name]).scheme == "monthly"


@pytest.mark.parametrize(
    ("kind", "text", "why"),
    [
        (INITIAL, "W2018040330039180302", "form code 03 is not that of initial, which has 01"),
        (RENEWAL, "W2018040330039180103", "form code 01 is not that of renewal, which has 03"),
        (INITIAL, "W2018040330039180903", "form code 09 is not that of initial, which has 01"),
        (CHANGE, "W2018040330039180103", "form code 01 is not that of change;"),
    ],
)
def test_a_form_code_of_another_type_is_noted(kind: ApplicationType, text: str, why: str) -> None:
    found = acceptance.contradiction(CONSTRUCTORS, kind, text)

    assert found is not None and why in found
    assert text not in found


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (INITIAL, "W2018040330039180103"),
        (INITIAL, "W2018040330039"),  # lists do not show the code
        (INITIAL, "W2019090330039010102"),  # another profession and variant: not explained
        (CHANGE, "W2018040330039180903"),  # neither code is known
        (INITIAL, "沪建受2018-39"),
        (INITIAL, "W20180403300391803"),
    ],
)
def test_what_cannot_be_checked_is_not_noted(kind: ApplicationType, text: str) -> None:
    assert acceptance.contradiction(CONSTRUCTORS, kind, text) is None


@given(st.sampled_from(WITHOUT_SCHEME), types, st.text(max_size=25))
def test_a_register_without_a_scheme_doubts_no_number(
    name: str, kind: ApplicationType, text: str
) -> None:
    assert acceptance.contradiction(PROFILES[name], kind, text) is None
    assert acceptance.contradiction(PROFILES[name], kind, "W2018040330039189999") is None


def test_the_numbers_of_the_examples_are_those_of_their_register() -> None:
    scheme = rules(PROFILES[specimen.PROFILE])
    example = acceptance.number(scheme, INITIAL, date(2024, 1, 1), 39)

    assert scheme.model_copy(update={"forms": (scheme.form(INITIAL),)}) == specimen.ACCEPTANCE
    assert specimen.acceptance_number(39) == example


@given(st.lists(st.integers(1, 5_000_000), min_size=2, max_size=20, unique=True))
def test_no_two_examples_share_a_number(seeds: list[int]) -> None:
    assert len({specimen.acceptance_number(seed) for seed in seeds}) == len(seeds)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('scheme = "monthly"', 'scheme = "yearly"', "numbering.acceptance.scheme"),
        ('department = "033"', 'department = "33"', "numbering.acceptance.department"),
        ('profession = "18"', 'profession = "X8"', "numbering.acceptance.profession"),
        ('type = "01"', 'type = "1"', "numbering.acceptance.forms.0.type"),
        ('variant = "03"', 'variant = "003"', "numbering.acceptance.forms.0.variant"),
        ('application = "initial"', 'application = "promotion"', "forms.0.application"),
        ('application = "initial"', 'application = "reregistration"', "is not applied for"),
        ('application = "initial"', 'application = "addition"', "names one thing twice"),
    ],
)
def test_a_broken_scheme_is_refused_by_the_name_of_its_field(
    old: str, new: str, field: str
) -> None:
    text = TEXTS["shanghai-constructor"]
    assert old in text

    with pytest.raises(ProfileError, match=field):
        parse(text.replace(old, new))


def test_the_examples_of_the_module_hold() -> None:
    assert [doctest.testmod(each).failed for each in (acceptance, specimen)] == [0, 0]


def rules(profile: Profile) -> AcceptanceRules:
    found = profile.numbering.acceptance
    assert found is not None
    return found
