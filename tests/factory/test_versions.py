"""Versions of a profile: which one is in force on a day, and which may follow another."""

from datetime import date, timedelta
from importlib import resources

import pytest

from factory.errors import ProfileError
from factory.profile import Profile, parse
from factory.versions import Versions, gathered

TEXT = resources.files("factory.profiles").joinpath("gansu-constructor.toml").read_text("utf-8")
DATED = 'version = "2024-01"\neffective_from = 2024-01-01'
FIRST = parse(TEXT)
NEW_YEAR = date(2025, 1, 1)
ONE_DAY = timedelta(days=1)


def text_of(day: date, *changes: tuple[str, str], version: str = "") -> str:
    """The file of a later version."""
    text = TEXT.replace(DATED, f'version = "{version or day}"\neffective_from = {day}')
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def later(*changes: tuple[str, str], day: date = NEW_YEAR) -> Profile:
    return parse(text_of(day, *changes))


def test_a_version_is_in_force_from_its_day_until_the_next_ones() -> None:
    second, third = later(), later(day=date(2026, 1, 1))
    versions = Versions.of(third, FIRST, second)

    assert versions.on(NEW_YEAR - ONE_DAY) is FIRST
    assert versions.on(NEW_YEAR) is second
    assert versions.on(third.effective_from - ONE_DAY) is second
    assert versions.on(third.effective_from) is third


def test_before_the_first_version_the_first_counts() -> None:
    assert Versions.of(later(), FIRST).on(date(1999, 12, 31)) is FIRST


def test_what_counts_since_a_day_is_the_version_of_that_day_and_all_later_ones() -> None:
    second, third = later(), later(day=date(2026, 1, 1))
    versions = Versions.of(FIRST, second, third)

    assert versions.since(date(1999, 12, 31)) == (FIRST, second, third)
    assert versions.since(NEW_YEAR) == (second, third)
    assert versions.since(date(2030, 1, 1)) == (third,)


def test_two_files_of_one_profile_with_two_days_are_two_versions() -> None:
    found = gathered([("new.toml", text_of(NEW_YEAR)), ("old.toml", TEXT)])

    assert [each.effective_from for each in found[FIRST.id].all] == [
        FIRST.effective_from,
        NEW_YEAR,
    ]


def test_two_files_of_one_profile_and_day_are_refused_by_their_names() -> None:
    with pytest.raises(ProfileError, match=r"a\.toml and b\.toml are both of 2024-01-01"):
        gathered([("a.toml", TEXT), ("b.toml", TEXT.replace('"2024-01"', '"other"'))])


def test_two_files_of_one_profile_and_version_are_refused_by_their_names() -> None:
    with pytest.raises(ProfileError, match=r"a\.toml and b\.toml are both of 2024-01"):
        gathered([("a.toml", TEXT), ("b.toml", text_of(NEW_YEAR, version="2024-01"))])


def test_files_of_two_profiles_may_share_day_and_version() -> None:
    other = TEXT.replace('id = "gansu-constructor"', 'id = "ningxia-constructor"')

    assert set(gathered([("a.toml", TEXT), ("b.toml", other)])) == {
        "gansu-constructor",
        "ningxia-constructor",
    }


@pytest.mark.parametrize(
    "change",
    [
        ('registration = "jzs12"', 'registration = "jzs16"'),
        ("years = 3 ", "years = 5 "),
        ('"机电工程"]', '"机电工程", "通信与广电工程"]'),
        ('lines = ["甘 肃 省"', 'lines = ["甘 肃"'),
    ],
)
def test_a_later_version_may_change_rules_and_add_professions(change: tuple[str, str]) -> None:
    changed = later(change)

    assert Versions.of(FIRST, changed).on(NEW_YEAR) is changed


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (('id = "gansu-', 'id = "ningxia-'), "follows none of gansu-constructor"),
        (('"11620000MB0F00007X"', '"11310000MB0F000013"'), r"authority\.credit_code differs"),
        (('unit = "person"', 'unit = "profession"'), r"certificate\.unit differs"),
        ((', "机电工程"]', "]"), r"professions\.names lacks one"),
    ],
)
def test_a_version_that_would_be_another_register_is_refused(
    change: tuple[str, str], why: str
) -> None:
    one_each = ("per_certificate = 6", "per_certificate = 1")
    changes = [change, one_each] if "unit" in change[0] else [change]

    with pytest.raises(ProfileError, match=why):
        Versions.of(FIRST, later(*changes))


def test_a_profile_without_a_version_is_none() -> None:
    with pytest.raises(ProfileError, match="no version"):
        Versions.of()
