"""The plan: what an approval registers, what is printed, and what is doubted."""

import doctest
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import numbering, plan, specimen
from factory.errors import ConflictError, FieldError
from factory.events import RegistrationApproved, RegistrationImported
from factory.model import Enterprise, Period, Profession, Registration
from factory.plan import EditionPlan, EmployerNames
from factory.profile import Profile, parse

PROFILE = parse(
    resources.files("factory.profiles")
    .joinpath("shanghai-constructor.toml")
    .read_text(encoding="utf-8")
)
APPROVED_ON = date(2024, 6, 14)
PHOTO = "a" * 64
NAMES = EmployerNames(current="上海新名建设有限公司", former=frozenset({"上海旧名建设有限公司"}))
SPELLING, OLD_SPELLING = "沪2312016202400057", "沪231162400057"
USCC = specimen.credit_code(1)


def test_an_approved_profession_lasts_as_the_profile_says() -> None:
    view = plan.approved_view(approved(profession("建筑工程")), PROFILE, PHOTO)

    assert [each.validity for each in view.professions] == [
        Period(first=APPROVED_ON, last=date(2027, 6, 13))
    ]


def test_a_validity_that_was_approved_is_taken_as_it_is() -> None:
    given_days = {"valid_from": "2024-07-01", "valid_to": "2025-01-31"}

    view = plan.approved_view(approved(profession("建筑工程") | given_days), PROFILE, PHOTO)

    [found] = view.professions
    assert found.validity == Period(first=date(2024, 7, 1), last=date(2025, 1, 31))


@given(st.permutations(PROFILE.professions.names), st.integers(0, 5))
def test_the_main_profession_comes_first_and_the_rest_in_the_profiles_order(
    names: list[str], main: int
) -> None:
    chosen = names[main]
    sent = [profession(name) | {"main": name == chosen} for name in names]

    view = plan.approved_view(approved(*sent), PROFILE, PHOTO)

    rest = [name for name in PROFILE.professions.names if name != chosen]
    assert [each.name for each in view.professions] == [chosen, *rest]


def test_a_profession_the_profile_does_not_have_is_refused() -> None:
    with pytest.raises(FieldError, match="does not have"):
        plan.approved_view(approved(profession("航天工程")), PROFILE, PHOTO)


def test_as_many_professions_as_a_certificate_holds_are_taken() -> None:
    two = with_part("professions", per_certificate=2)

    view = plan.approved_view(approved(profession("建筑工程"), profession("公路工程")), two, PHOTO)

    assert len(view.professions) == 2


def test_one_more_profession_than_a_certificate_holds_is_refused() -> None:
    one = with_part("professions", per_certificate=1)

    with pytest.raises(FieldError, match="2 do not fit"):
        plan.approved_view(approved(profession("建筑工程"), profession("公路工程")), one, PHOTO)


def test_an_approval_beyond_the_age_cap_is_refused_without_telling_the_birthday() -> None:
    data = approved(profession("建筑工程"), birth_date="1959-06-14")

    with pytest.raises(FieldError, match="age cap") as caught:
        plan.approved_view(data, PROFILE, PHOTO)

    assert "1959" not in str(caught.value)


def test_an_import_is_taken_over_as_it_stands() -> None:
    data = RegistrationImported.model_validate(specimen.imported(5)["data"])

    view = plan.imported_view(data, PROFILE, photo=None)

    assert [(each.name, each.validity.first) for each in view.professions] == [
        (each.name, each.valid_from) for each in data.professions
    ]
    assert view.photo is None


def test_an_import_of_an_unknown_profession_is_refused() -> None:
    event = specimen.imported(5)["data"]
    event["professions"][0]["name"] = "航天工程"

    with pytest.raises(FieldError):
        plan.imported_view(RegistrationImported.model_validate(event), PROFILE, photo=None)


def test_the_employer_under_its_current_name_is_printed_as_given() -> None:
    current = Enterprise(credit_code=USCC, name=NAMES.current)

    assert plan.employer(current, NAMES) == current


def test_the_employer_under_a_former_name_is_printed_under_its_current_one() -> None:
    [former] = NAMES.former

    found = plan.employer(Enterprise(credit_code=USCC, name=former), NAMES)

    assert found == Enterprise(credit_code=USCC, name=NAMES.current)


def test_the_employer_under_an_unheard_of_name_is_a_conflict_that_tells_no_name() -> None:
    with pytest.raises(ConflictError) as caught:
        plan.employer(Enterprise(credit_code=USCC, name="上海错名建设有限公司"), NAMES)

    assert "错名" not in str(caught.value)


def test_numbers_that_keep_their_rule_raise_no_doubt() -> None:
    assert plan.doubts(registration().holder, registration().enterprise, PROFILE) == []


@pytest.mark.parametrize("field", ["holder.id_number", "enterprise.credit_code"])
def test_a_wrong_check_character_is_doubted_without_repeating_the_number(field: str) -> None:
    found = doubtful(field)

    [doubt] = plan.doubts(found.holder, found.enterprise, PROFILE)

    assert doubt.field == field
    assert found.holder.id_number not in str(doubt)
    assert found.enterprise.credit_code not in str(doubt)


@pytest.mark.parametrize("field", ["holder.id_number", "enterprise.credit_code"])
def test_a_wrong_check_character_the_profile_ignores_is_not_doubted(field: str) -> None:
    ignoring = with_part("policy", identity_number_check="ignore", credit_code_check="ignore")
    found = doubtful(field)

    assert plan.doubts(found.holder, found.enterprise, ignoring) == []


def test_every_number_that_breaks_its_rule_is_named() -> None:
    holder = doubtful("holder.id_number").holder
    enterprise = doubtful("enterprise.credit_code").enterprise

    assert len(plan.doubts(holder, enterprise, PROFILE)) == 2


def test_numbers_of_one_authority_and_year_come_from_one_series() -> None:
    assert plan.number_series(PROFILE, 2024) == "11310000MB0F000013/constructor_l2/2024"
    assert plan.number_series(PROFILE, 2024) != plan.number_series(PROFILE, 2025)


def test_a_number_says_the_first_qualification_and_the_year_of_registration() -> None:
    early = profession("公路工程") | {"qualified_on": "2016-11-03"}
    late = profession("建筑工程") | {"qualified_on": "2019-11-03"}

    number = plan.registration_number(PROFILE, approved(late, early), 57)

    assert number == "沪2312016202400057"


@pytest.mark.parametrize("serial", [0, 100_000])
def test_a_serial_out_of_range_gives_no_number(serial: int) -> None:
    with pytest.raises(FieldError, match="registration_number"):
        plan.registration_number(PROFILE, approved(profession("建筑工程")), serial)


def test_a_qualification_before_the_registers_began_gives_no_number() -> None:
    old = profession("建筑工程") | {"qualified_on": "1998-11-03"}

    with pytest.raises(FieldError, match="registration_number"):
        plan.registration_number(PROFILE, approved(old), 1)


def test_an_edition_prints_what_identifies_it() -> None:
    found = edition(registration(), number=2)

    assert found.face["edition"] == 2
    assert found.face["licence_id"] == found.licence_id
    assert found.face["verification_code"] == found.code
    assert found.face["number"] == "沪2312016202400057"


def test_an_edition_ends_with_its_last_profession() -> None:
    assert edition(registration()).valid_until == date(2027, 6, 13)


def test_the_identity_number_and_the_phone_are_not_printed() -> None:
    value = registration()

    text = str(edition(value).face)

    assert value.holder.mobile is not None
    assert value.holder.id_number not in text
    assert value.holder.mobile not in text


def test_editions_of_a_registration_share_all_but_the_version_of_their_identifier() -> None:
    first, second = (edition(registration(), number=number) for number in (1, 2))

    assert first.licence_id != second.licence_id
    assert first.licence_id.split(".")[:-2] == second.licence_id.split(".")[:-2]


def test_both_spellings_of_a_number_give_one_identifier() -> None:
    serials = [plan.licence_serial(number, "沪") for number in (OLD_SPELLING, SPELLING)]

    assert serials == ["2312016202400057"] * 2


@given(st.integers(1, 99_999), st.integers(1, 99_999))
def test_two_numbers_give_two_identifiers(one: int, other: int) -> None:
    serials = [plan.licence_serial(f"沪23120162024{serial:05}", "沪") for serial in (one, other)]

    assert (serials[0] == serials[1]) == (one == other)


@pytest.mark.parametrize(
    "other", ["苏2312016202400057", "沪建2312016202400057", "2312016202400057"]
)
def test_a_foreign_number_with_the_same_digits_gives_another_identifier(other: str) -> None:
    assert plan.licence_serial(other, "沪") != plan.licence_serial(SPELLING, "沪")


@pytest.mark.parametrize("number", ["第七号", "沪建字(98)12-3", "ZJ 0007"])
def test_an_old_number_in_no_scheme_has_a_well_formed_identifier(number: str) -> None:
    found = edition(replace(registration(), number=number))

    assert len(numbering.parse_licence_id(found.licence_id).serial) == plan.SERIAL_LENGTH


@given(st.integers(1, 999), st.binary(min_size=13, max_size=13))
def test_every_edition_has_a_well_formed_identifier_and_code(number: int, drawn: bytes) -> None:
    found = edition(registration(), number=number, drawn=drawn)

    assert numbering.parse_licence_id(found.licence_id).version == number
    assert numbering.parse_verification_code(found.code) == found.code


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(plan).failed == 0


def approved(*professions: Mapping[str, object], **holder: object) -> RegistrationApproved:
    data = specimen.approved(1)["data"]
    changes: dict[str, Any] = {
        "holder": data["holder"] | holder,
        "professions": list(professions),
        "approved_on": APPROVED_ON.isoformat(),
    }
    return RegistrationApproved.model_validate(data | changes)


def profession(name: str) -> dict[str, object]:
    return {"name": name, "qualified_on": "2016-11-03"}


def with_part(part: str, **changes: object) -> Profile:
    changed = getattr(PROFILE, part).model_copy(update=changes)
    return PROFILE.model_copy(update={part: changed})


def registration(**changes: object) -> Registration:
    data = RegistrationApproved.model_validate(specimen.approved(1)["data"] | changes)
    validity = Period(first=APPROVED_ON, last=date(2027, 6, 13))
    return Registration(
        number="沪2312016202400057",
        holder=data.holder.value(),
        enterprise=data.enterprise.value(),
        occupation=PROFILE.occupation,
        professions=(Profession(name="建筑工程", validity=validity, main=True),),
        photo=PHOTO,
    )


def doubtful(field: str) -> Registration:
    """A registration in which that number has another check character."""
    part, name = field.split(".")
    given_part = specimen.approved(1)["data"][part]
    number = given_part[name]
    wrong = number[:-1] + ("1" if number[-1] != "1" else "2")
    return registration(**{part: given_part | {name: wrong}})


def edition(value: Registration, number: int = 1, drawn: bytes = bytes(13)) -> EditionPlan:
    return plan.edition(
        PROFILE,
        value,
        number=number,
        random_bytes=drawn,
        verify_url="https://verify.example/",
        issued_on=APPROVED_ON,
    )
