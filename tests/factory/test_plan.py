"""The plan: what an approval registers, what is printed, and what is doubted."""

import doctest
from dataclasses import replace
from datetime import date
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import numbering, plan, specimen
from factory.errors import ConflictError, FieldError
from factory.events import RegistrationApproved
from factory.model import Enterprise, Period, Profession, Registration
from factory.numbering import LicenceId
from factory.plan import EditionPlan, EmployerNames
from factory.profile import Profile, parse
from factory.register import RegistrationState, View

FOLDER = resources.files("factory.profiles")
PROFILE = parse(FOLDER.joinpath("shanghai-constructor.toml").read_text(encoding="utf-8"))
COST = parse(FOLDER.joinpath("shanghai-cost-engineer.toml").read_text(encoding="utf-8"))
APPROVED_ON = date(2024, 6, 14)
PHOTO = "a" * 64
NAMES = EmployerNames(current="上海新名建设有限公司", former=frozenset({"上海旧名建设有限公司"}))
SPELLING, OLD_SPELLING = "沪2312016202400057", "沪231162400057"
ROOT = "1.2.156.3005.2"
FOREIGN = f"{ROOT}.11100000000013338W001.11110000000021135M.0123456789ABCDEF0123456789ABCDEF"
AREA_CODED = "11100000MB03271699022.340100.000000016"
USCC = specimen.credit_code(1)


def test_the_employer_under_its_current_name_is_printed_as_given() -> None:
    current = Enterprise(credit_code=USCC, name=NAMES.current)

    assert plan.employer(current, NAMES) == current


def test_the_employer_under_a_former_name_is_printed_under_its_current_one() -> None:
    [former] = NAMES.former

    found = plan.employer(Enterprise(credit_code=USCC, name=former), NAMES)

    assert found == Enterprise(credit_code=USCC, name=NAMES.current)


def test_brackets_of_another_width_make_no_other_name() -> None:
    names = EmployerNames(current="示例（上海）建设有限公司", former=frozenset())

    found = plan.employer(Enterprise(credit_code=USCC, name="示例(上海)建设有限公司"), names)

    assert found.name == "示例（上海）建设有限公司"


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
    assert plan.registration_number(PROFILE, begun(2016), 57) == "沪2312016202400057"


@pytest.mark.parametrize("serial", [0, 100_000])
def test_a_serial_out_of_range_gives_no_number(serial: int) -> None:
    with pytest.raises(FieldError, match="registration_number"):
        plan.registration_number(PROFILE, begun(2016), serial)


def test_a_qualification_before_the_registers_began_gives_no_number() -> None:
    with pytest.raises(FieldError, match="registration_number"):
        plan.registration_number(PROFILE, begun(1998), 1)


def test_a_cost_engineers_number_says_the_profession_and_the_year_of_issue() -> None:
    assert plan.registration_number(COST, begun(2016, "安装工程"), 124) == "建[造]24243100000124"


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


@pytest.mark.parametrize(
    ("name", "number", "code"),
    [
        ("土木建筑工程", "建[造]21243100000123", "1110000000001332XW059"),
        ("安装工程", "建[造]24243100000124", "1110000000001332XW082"),
    ],
)
def test_a_cost_engineers_certificate_has_the_type_code_of_its_profession(
    name: str, number: str, code: str
) -> None:
    """GB/T 36904-2018: both are catalogued, each as a type of its own."""
    [validity] = [each.validity for each in registration().professions]
    about = replace(
        registration(), number=number, professions=(Profession(name=name, validity=validity),)
    )

    found = edition(about, profile=COST)

    assert numbering.parse_licence_id(found.licence_id).type_code == code
    assert found.face["licence_id"] == found.licence_id


def test_editions_of_a_registration_share_all_but_the_version_of_their_identifier() -> None:
    first, second = (edition(registration(), number=number) for number in (1, 2))

    assert first.licence_id != second.licence_id
    assert first.licence_id.split(".")[:-2] == second.licence_id.split(".")[:-2]


def test_both_spellings_of_a_number_give_one_identifier() -> None:
    serials = [
        plan.licence_serial(number, PROFILE.authority) for number in (OLD_SPELLING, SPELLING)
    ]

    assert serials == ["2312016202400057"] * 2


@pytest.mark.parametrize(
    ("brought", "number", "following"),
    [
        (plan.Brought(number=1, licence_id=f"{FOREIGN}.001.W"), 2, f"{FOREIGN}.002.U"),
        (plan.Brought(number=4, licence_id=f"{FOREIGN}.001.W"), 5, f"{FOREIGN}.002.U"),
        (
            plan.Brought(number=1, licence_id=f"{ROOT}.{AREA_CODED}.001.9"),
            2,
            f"{ROOT}.{AREA_CODED}.002.7",
        ),
    ],
)
def test_the_identifier_of_an_edition_made_elsewhere_goes_on(
    brought: plan.Brought, number: int, following: str
) -> None:
    continues = plan.continued(brought, number)

    assert str(continues) == following
    assert edition(registration(), number=number, continues=continues).licence_id == following


@given(
    st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=32),
    st.integers(1, 998),
    st.integers(1, 500),
    st.integers(1, 500),
)
def test_a_continued_identifier_differs_in_version_and_check_alone(
    serial: str, version: int, number: int, later: int
) -> None:
    first = replace(numbering.parse_licence_id(f"{FOREIGN}.001.W"), serial=serial, version=version)
    brought = plan.Brought(number=number, licence_id=str(first))

    found = plan.continued(brought, number + later)

    if version + later > 999:
        assert found is None
        return
    assert found is not None and found.certificate == first.certificate
    assert found.version == version + later
    assert numbering.parse_licence_id(str(found)) == found


@pytest.mark.parametrize(
    "text", ["L-1", f"{FOREIGN}.001.X", f"{FOREIGN}.001", f"{FOREIGN.lower()}.001.W", ""]
)
def test_what_is_no_identifier_does_not_go_on(text: str) -> None:
    assert plan.continued(plan.Brought(number=1, licence_id=text), 2) is None


@given(st.integers(1, 99_999), st.integers(1, 99_999))
def test_two_numbers_give_two_identifiers(one: int, other: int) -> None:
    numbers = [f"沪23120162024{serial:05}" for serial in (one, other)]

    serials = [plan.licence_serial(number, PROFILE.authority) for number in numbers]

    assert (serials[0] == serials[1]) == (one == other)


@pytest.mark.parametrize(
    "other", ["苏2312016202400057", "沪建2312016202400057", "2312016202400057"]
)
def test_a_foreign_number_with_the_same_digits_gives_another_identifier(other: str) -> None:
    foreign = plan.licence_serial(other, PROFILE.authority)

    assert foreign != plan.licence_serial(SPELLING, PROFILE.authority)


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


def begun(qualified: int, name: str = "建筑工程") -> RegistrationState:
    validity = Period(first=APPROVED_ON, last=date(2027, 6, 13))
    return RegistrationState(
        origin=("urn:example", "1"),
        begun=APPROVED_ON,
        unit="",
        employer=registration().enterprise,
        view=View(professions=(Profession(name=name, validity=validity),)),
        changed_on=APPROVED_ON,
        touched=APPROVED_ON,
        cause="registration.approved",
        qualified=qualified,
    )


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


def edition(
    value: Registration,
    number: int = 1,
    drawn: bytes = bytes(13),
    continues: LicenceId | None = None,
    profile: Profile = PROFILE,
) -> EditionPlan:
    return plan.edition(
        profile,
        value,
        number=number,
        random_bytes=drawn,
        verify_url="https://verify.example/",
        issued_on=APPROVED_ON,
        continues=continues,
    )
