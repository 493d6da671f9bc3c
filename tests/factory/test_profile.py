"""Profiles: every installed one is whole, and a broken one stops the process at the start."""

import doctest
import re
from datetime import date
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory import profile as profiles
from factory.codes import credit_code_fault
from factory.errors import FieldError, ProfileError
from factory.kinds import certificate
from factory.model import ApplicationType, Kind
from factory.profile import Profile, parse, years_later

FILES = sorted(
    (file for file in resources.files("factory.profiles").iterdir() if file.name[-5:] == ".toml"),
    key=lambda file: file.name,
)
TEXTS = [file.read_text(encoding="utf-8") for file in FILES]
NAMES = [file.name for file in FILES]
SHANGHAI = TEXTS[NAMES.index("shanghai-constructor.toml")]
GANSU = TEXTS[NAMES.index("gansu-constructor.toml")]
ZHEJIANG = TEXTS[NAMES.index("zhejiang-constructor.toml")]
COST = TEXTS[NAMES.index("shanghai-cost-engineer.toml")]
CIVIL_CODE, INSTALLATION_CODE = "1110000000001332XW059", "1110000000001332XW082"
TYPE_CODES = f'type_codes = ["{CIVIL_CODE}", "{INSTALLATION_CODE}"]'
YOUNG = date(2000, 1, 1)

births = st.dates(date(1940, 1, 1), date(2005, 12, 31))
approvals = st.dates(date(2023, 1, 1), date(2040, 12, 31))

BROKEN = [
    ('id = "shanghai-constructor"', 'id = "Shanghai"', "id"),
    ('version = "2024-01"', 'version = ""', "version"),
    ("effective_from = 2024-01-01", 'effective_from = "soon"', "effective_from"),
    ('occupation = "constructor_l2"', 'occupation = "astronaut"', "occupation"),
    ('name = "上海市住房和城乡建设管理委员会"', 'name = ""', "authority.name"),
    ('lines = ["上 海 市", "住房和城乡建设管理委员会"]', 'lines = ["one"]', "authority.lines.1"),
    ('division = "31"', "division = 31", "authority.division"),
    ('abbreviation = "沪"', 'abbreviation = "上海"', "authority.abbreviation"),
    ('abbreviation = "沪"', 'abbreviation = "S"', "authority.abbreviation"),
    ('"11310000MB0F000013"', '"11310000MB0F00001"', "authority.credit_code"),
    ('"11100000000013338W001"', '"1110"', "certificate.type_code"),
    ('design = "constructor-2024"', 'design = "watercolour"', "certificate.design"),
    ('formats = ["pdf"]', "formats = []", "certificate.formats"),
    ('formats = ["pdf"]', 'formats = ["docx"]', "certificate.formats.0"),
    ('formats = ["pdf"]', 'formats = ["pdf", "pdf"]', "certificate.formats"),
    ('registration = "jzs16"', 'registration = "jzs99"', "numbering.registration"),
    ('licence_root = "1.2.156.3005.2"', 'licence_root = "root"', "numbering.licence_root"),
    ("years = 3", "years = 0", "validity.years"),
    ("age_cap = 65", "age_cap = 0", "validity.age_cap"),
    ('"建筑工程", "公路工程"', '"建筑工程", "建筑工程"', "professions.names"),
    ("per_certificate = 6", "per_certificate = 0", "professions.per_certificate"),
    ('identity = "shanghai-constructor"', 'identity = ""', "seal.identity"),
    ('credit_code_check = "hold"', 'credit_code_check = "shrug"', "policy.credit_code_check"),
    ('rename_confirmation = "enterprise"', "", "policy.rename_confirmation"),
    ('types = ["initial"', 'types = ["promotion"', "application.types.0"),
    ('signers = ["applicant", "enterprise"]', 'signers = ["notary"]', "application.signers.0"),
    ('edit_lock = "review"', 'edit_lock = "never"', "application.edit_lock"),
    (
        'edit_lock = "review"',
        'edit_lock = "review"\nfiling_prefix = "ZJO"',
        "application.filing_prefix",
    ),
    ('generate_on = "approval"', 'generate_on = "payday"', "certificate.generate_on"),
    ('unit = "person"', 'unit = "family"', "certificate.unit"),
    ("after_years = 3", "after_years = 0", "late.after_years"),
    ("[seal]", '[seal]\ncolour = "red"', "seal.colour"),
    ('"11310000MB0F000013"', '"11310000MB0F000014"', "authority.credit_code"),
    ('identity = "shanghai-constructor"', 'identity = "../keys"', "seal.identity"),
]
#: two parts that stand for themselves, but not beside each other
CONTRADICTIONS = [
    (COST, "digits = [1, 4]", "digits = []", "zj14 go together"),
    (COST, "digits = [1, 4]", "digits = [1]", "has 1 for 2 names"),
    (COST, 'unit = "profession"', 'unit = "person"', "certificate.unit is profession"),
    (COST, "per_certificate = 1", "per_certificate = 2", "professions.per_certificate"),
    (SHANGHAI, "[validity]", "enterprise_review = true\n[validity]", "signs or reviews"),
    (
        SHANGHAI,
        'signers = ["applicant", "enterprise"]\nedit_lock = "review"',
        "signers = []",
        "application.cancellation_completes_on: ",
    ),
    (
        SHANGHAI,
        'signers = ["applicant", "enterprise"]',
        'signers = ["applicant"]',
        "application.cancellation_completes_on: ",
    ),
    (
        ZHEJIANG,
        'edit_lock = "submission"',
        'edit_lock = "review"',
        "application.edit_lock: without signers",
    ),
    (
        ZHEJIANG,
        "signers = []                           # nobody signs: the form is submitted online\n"
        'edit_lock = "submission"',
        'signers = ["applicant"]\nedit_lock = "enterprise_signature"',
        "application.edit_lock: enterprise_signature",
    ),
    (ZHEJIANG, 'after_lapse = "initial"', 'after_lapse = "reregistration"', "after_lapse"),
    (ZHEJIANG, 'paper_exchange = "none"', 'paper_exchange = "direct"', "paper_exchange"),
    (ZHEJIANG, 'id = "qualification"', 'id = "identity_paper"', "names one id twice"),
    (
        ZHEJIANG,
        'types = ["initial", "addition"]',
        'types = ["paper_exchange"]',
        "qualification is for a type",
    ),
]


#: names that are the product's own, and what everybody knows of a province
OUR_OWN = frozenset(
    {
        *("id", "title", "version", "effective_from", "occupation", "seal.identity"),
        *("authority.name", "authority.division", "authority.abbreviation"),
    }
)
SIGNED_ONLINE = {
    *("certificate.unit", "certificate.generate_on", "certificate.paper_exchange"),
    *("application.signers", "application.edit_lock", "application.after_lapse"),
    *("application.cancellation_completes_on", "policy.rename_confirmation"),
    *(f"numbering.acceptance.{name}" for name in ("scheme", "department", "profession")),
}
ENGINEERS = SIGNED_ONLINE | {
    *("authority.lines", "certificate.title", "certificate.holder_signature"),
    *("numbering.registration", "application.professions_each", "professions.names"),
    *("professions.per_certificate", "professions.aliases"),
}
#: what the manual of each system gives (the matrix of the five systems)
GIVEN = {
    "gansu-constructor.toml": SIGNED_ONLINE
    | {
        *("certificate.employer_label", "numbering.registration", "application.publicity"),
        *("professions.names", "professions.per_certificate", "access.enterprise_certificate"),
    },
    "shaanxi-constructor.toml": {
        "documents.application_forms",
        *("application.signers", "application.enterprise_review", "application.edit_lock"),
        *("application.cancellation_completes_on", "application.after_lapse"),
        "policy.rename_confirmation",
    },
    "shanghai-constructor.toml": SIGNED_ONLINE | {"documents.acceptance_notice"},
    "shanghai-cost-engineer.toml": ENGINEERS | {"documents.acceptance_notice"},
    "shanghai-cost-engineer-2021.toml": ENGINEERS
    | {"certificate.design", "certificate.employer_label", "documents.acceptance_notice"},
    "zhejiang-constructor.toml": {
        "documents.application_forms",
        *("application.signers", "application.edit_lock", "application.filing"),
    },
}


@pytest.fixture
def shanghai() -> Profile:
    return parse(SHANGHAI)


@pytest.mark.parametrize("text", TEXTS, ids=NAMES)
def test_every_installed_profile_is_whole(text: str) -> None:
    found = parse(text)

    assert credit_code_fault(found.authority.credit_code) is None


@pytest.mark.parametrize(("text", "name"), list(zip(TEXTS, NAMES, strict=True)), ids=NAMES)
def test_an_installed_profile_is_called_as_its_file(text: str, name: str) -> None:
    """That of an older version also has the year from which it was in force."""
    found = parse(text)

    assert name in {f"{found.id}.toml", f"{found.id}-{found.effective_from.year}.toml"}


@pytest.mark.parametrize(
    ("right", "wrong", "field"),
    BROKEN,
    ids=[f"{field}-{n}" for n, (_, _, field) in enumerate(BROKEN)],
)
def test_a_broken_profile_is_refused_by_the_name_of_its_field(
    right: str, wrong: str, field: str
) -> None:
    assert right in SHANGHAI

    with pytest.raises(ProfileError, match=f"^profile field {field}: "):
        parse(SHANGHAI.replace(right, wrong, 1))


@pytest.mark.parametrize(
    ("formats", "said"),
    [
        ('["OFD"]', "certificate.formats.0: is none of pdf, ofd"),
        ('["docx"]', "certificate.formats.0: is none of pdf, ofd"),
        ('["pdf", "docx"]', "certificate.formats.1: is none of pdf, ofd"),
        ('"ofd"', "certificate.formats: is a list, in [ ]"),
        ("[]", "certificate.formats: has too few entries"),
    ],
)
def test_formats_that_there_are_not_are_refused_with_those_that_there_are(
    formats: str, said: str
) -> None:
    with pytest.raises(ProfileError) as caught:
        parse(SHANGHAI.replace('formats = ["pdf"]', f"formats = {formats}"))

    assert str(caught.value) == f"profile field {said}"


@pytest.mark.parametrize("formats", [("ofd",), ("ofd", "pdf")])
def test_a_register_may_have_one_format_or_both(formats: tuple[str, ...]) -> None:
    found = parse(SHANGHAI.replace('formats = ["pdf"]', f"formats = {list(formats)}"))

    assert found.certificate.formats == formats


@pytest.mark.parametrize(
    ("text", "right", "wrong", "rule"), CONTRADICTIONS, ids=[row[-1] for row in CONTRADICTIONS]
)
def test_a_profile_that_contradicts_itself_is_refused_by_both_fields(
    text: str, right: str, wrong: str, rule: str
) -> None:
    assert right in text

    with pytest.raises(ProfileError, match=f"^profile: .*{rule}"):
        parse(text.replace(right, wrong, 1))


def test_every_fault_of_a_profile_is_told_at_once() -> None:
    """A misspelt field is one too many and one too few."""
    with pytest.raises(ProfileError) as caught:
        parse(SHANGHAI.replace("years = 3 ", "yaers = 3 ", 1))

    assert str(caught.value) == (
        "profile field validity.years: is missing;"
        " profile field validity.yaers: is no field of a profile; is it misspelt?"
    )


def test_the_applicant_may_sign_and_the_enterprise_review() -> None:
    reviewed = SHANGHAI.replace(
        'signers = ["applicant", "enterprise"]', 'signers = ["applicant"]'
    ).replace('cancellation_completes_on = "enterprise_signature"', "enterprise_review = true")

    assert parse(reviewed).application.enterprise_review


def test_a_material_is_for_every_application_unless_it_names_its_types() -> None:
    rules = parse(ZHEJIANG).application

    assert [each.id for each in rules.materials_of(ApplicationType.INITIAL)] == [
        "identity_paper",
        "qualification",
        "labour_contract",
    ]
    assert [each.id for each in rules.materials_of(ApplicationType.CANCELLATION)] == [
        "identity_paper",
        "labour_contract",
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        (TYPE_CODES, "", "type_code: of the certificate or of each profession, one of both"),
        (
            'unit = "profession"',
            f'unit = "profession"\ntype_code = "{CIVIL_CODE}"',
            "type_code: of the certificate or of each profession, one of both",
        ),
        (TYPE_CODES, f'type_codes = ["{CIVIL_CODE}"]', "professions.type_codes has 1 for 2 names"),
        (TYPE_CODES, TYPE_CODES.replace("W082", "W059"), "names one thing twice"),
        (
            'unit = "profession"',
            'unit = "person"',
            "so certificate.unit is profession",
        ),
        ("digits = [1, 4]", "digits = [1]", "professions.digits has 1 for 2 names"),
    ],
)
def test_professions_that_share_or_lack_their_type_code_or_digit_are_refused(
    right: str, wrong: str, why: str
) -> None:
    assert right in COST

    with pytest.raises(ProfileError, match=re.escape(why)):
        parse(COST.replace(right, wrong, 1))


@pytest.mark.parametrize(
    ("name", "code"), [("土木建筑工程", CIVIL_CODE), ("安装工程", INSTALLATION_CODE)]
)
def test_where_a_certificate_is_about_one_profession_each_has_a_type_code(
    name: str, code: str
) -> None:
    assert parse(COST).type_code(name) == code


def test_where_a_certificate_is_about_the_person_every_profession_has_its_type_code(
    shanghai: Profile,
) -> None:
    found = {shanghai.type_code(name) for name in shanghai.professions.names}

    assert found == {"11100000000013338W001"}


def test_one_type_code_may_do_for_certificates_of_one_profession_each() -> None:
    one = COST.replace(TYPE_CODES, "").replace(
        'unit = "profession"', f'unit = "profession"\ntype_code = "{CIVIL_CODE}"'
    )

    assert parse(one).type_code("安装工程") == CIVIL_CODE


@pytest.mark.parametrize(
    ("right", "wrong", "why"),
    [
        ('types = ["initial", "addition"] ', 'types = ["reregistration"] ', "does not have"),
        ('types = ["initial", "addition"] ', 'types = ["initial", "initial"] ', "one thing twice"),
        (
            "filing = true",
            'filing = true\nannounced = ["initial"]',
            "announced and certificate.generate_on",
        ),
        ("filing = true", "filing = true\nforced_signers = []", "application.forced_signers"),
    ],
)
def test_rules_about_applications_that_do_not_exist_are_refused(
    right: str, wrong: str, why: str
) -> None:
    assert right in ZHEJIANG

    with pytest.raises(ProfileError, match=re.escape(why)):
        parse(ZHEJIANG.replace(right, wrong, 1))


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ('["reregistration"]', "announced names a type this register does not have"),
        ('["cancellation"]', "announced: a cancellation that nobody reviews"),
    ],
)
def test_what_nobody_decides_is_not_announced(named: str, why: str) -> None:
    with pytest.raises(ProfileError, match=why):
        parse(GANSU.replace("publicity = true", f"publicity = true\nannounced = {named}"))


def test_a_paper_exchange_is_announced_only_where_somebody_decides_on_it() -> None:
    said = GANSU.replace("publicity = true", 'publicity = true\nannounced = ["paper_exchange"]')

    assert parse(said).announces(ApplicationType.PAPER_EXCHANGE)
    with pytest.raises(ProfileError, match="announced: a paper exchange that nobody reviews"):
        parse(said.replace('paper_exchange = "centre"', 'paper_exchange = "direct"'))


@pytest.mark.parametrize(("text", "name"), list(zip(TEXTS, NAMES, strict=True)), ids=NAMES)
def test_a_profile_marks_as_default_what_its_manual_does_not_give_and_nothing_else(
    text: str, name: str
) -> None:
    marks = marked(text)

    assert {field for field, default in marks.items() if not default} == OUR_OWN | GIVEN[name]


@pytest.mark.parametrize(
    ("text", "other"),
    [
        (SHANGHAI, "cost-engineer-2024"),
        (SHANGHAI, "cost-engineer-2021"),
        (COST, "constructor-2024"),
    ],
)
def test_a_design_of_another_occupation_is_refused(text: str, other: str) -> None:
    own = parse(text).certificate.design

    with pytest.raises(ProfileError, match=r"certificate\.design is another occupation's"):
        parse(text.replace(f'design = "{own}"', f'design = "{other}"'))


def test_what_is_not_toml_is_refused() -> None:
    with pytest.raises(ProfileError, match="is not TOML"):
        parse("id = ")


@pytest.mark.parametrize("text", TEXTS, ids=NAMES)
def test_what_a_profile_chooses_exists(text: str) -> None:
    assert parse(text).certificate.design in certificate.DESIGNS


def test_a_profile_cannot_be_changed(shanghai: Profile) -> None:
    with pytest.raises(ValueError, match="frozen"):
        shanghai.version = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2018, 6, 14), date(2021, 6, 13)),
        (date(2024, 1, 1), date(2026, 12, 31)),
        (date(2024, 2, 29), date(2027, 2, 28)),
        (date(2025, 3, 1), date(2028, 2, 29)),
    ],
)
def test_a_registration_ends_on_the_day_before_its_anniversary(
    shanghai: Profile, first: date, last: date
) -> None:
    assert shanghai.validity_from(first, YOUNG).last == last


def test_a_registration_ends_on_the_birthday_of_the_age_cap(shanghai: Profile) -> None:
    period = shanghai.validity_from(date(2024, 6, 14), date(1960, 5, 1))

    assert period.last == date(2025, 5, 1)


def test_whoever_was_born_on_29_february_reaches_the_age_cap_on_1_march(shanghai: Profile) -> None:
    period = shanghai.validity_from(date(2024, 6, 14), date(1960, 2, 29))

    assert period.last == date(2025, 3, 1)


def test_without_an_age_cap_nothing_is_cut(shanghai: Profile) -> None:
    uncapped = with_validity(shanghai, age_cap=None)

    assert uncapped.validity_from(date(2024, 6, 14), date(1930, 1, 1)).last == date(2027, 6, 13)


def test_on_the_birthday_of_the_age_cap_one_day_is_left(shanghai: Profile) -> None:
    day = date(2024, 6, 14)

    period = shanghai.validity_from(day, date(1959, 6, 14))

    assert (period.first, period.last) == (day, day)


def test_beyond_that_birthday_there_is_no_validity_and_the_birthday_is_not_told(
    shanghai: Profile,
) -> None:
    with pytest.raises(FieldError, match="age cap of 65") as caught:
        shanghai.validity_from(date(2024, 6, 15), date(1959, 6, 14))

    assert "1959" not in str(caught.value)
    assert "06-1" not in str(caught.value)


@given(approvals, births)
def test_no_validity_is_longer_than_the_years_of_the_profile(first: date, born: date) -> None:
    shanghai = parse(SHANGHAI)
    try:
        period = shanghai.validity_from(first, born)
    except FieldError:
        assert first > years_later(born, 65)
        return

    assert period.first == first
    assert period.last < years_later(first, 3)
    assert period.last <= years_later(born, 65)


def test_an_alias_of_no_profession_is_refused() -> None:
    engineers = TEXTS[NAMES.index("shanghai-cost-engineer.toml")]
    text = engineers.replace('"土木建筑工程"]]', '"航天工程"]]')

    with pytest.raises(ProfileError, match="aliases: 航天工程 is no profession"):
        parse(text)


def test_the_examples_of_the_module_hold() -> None:
    assert doctest.testmod(profiles).failed == 0


def marked(text: str) -> dict[str, bool]:
    """Every field of a profile file, and whether it, or the line before it, is marked default."""
    found, part, before = {}, "", ""
    for line in text.splitlines():
        if header := re.match(r"\[+([\w.]+)\]", line):
            part = f"{header[1]}."
        field = re.match(r"(\w+) = ", line)
        if field and part != "application.materials.":
            found[part + field[1]] = "# default" in line or before.startswith("# default")
        before = line
    return found


def with_validity(profile: Profile, **changes: Any) -> Profile:
    validity = profile.validity.model_copy(update=changes)
    return profile.model_copy(update={"validity": validity})


def test_notices_have_the_seal_of_certificates_unless_the_profile_names_another() -> None:
    text = SHANGHAI.replace("[time_stamp]", 'notices = "shanghai-notices"\n\n[time_stamp]', 1)

    one, two = parse(SHANGHAI).seal, parse(text).seal

    assert one.of(Kind.ACCEPTANCE_NOTICE) == one.of(Kind.CERTIFICATE) == one.identity
    assert two.of(Kind.ACCEPTANCE_NOTICE) == "shanghai-notices"
    assert two.of(Kind.CERTIFICATE) == two.identity
    assert two.all == (two.identity, "shanghai-notices")


def test_a_register_names_who_stamps_its_certificates_or_has_none_stamped() -> None:
    without = re.sub(r"\[time_stamp\].*?\n\n", "", SHANGHAI, flags=re.DOTALL)

    rules = parse(SHANGHAI).time_stamp

    assert rules is not None
    assert (rules.authority, rules.when_down, rules.level) == ("default", "wait", "B-T")
    assert parse(without).time_stamp is None


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('authority = "default"', 'authority = "../default"'),
        ('when_down = "wait"', 'when_down = "never"'),
        ('level = "B-T"', 'level = "B-B"'),
    ],
)
def test_a_time_stamp_that_nobody_can_make_is_no_profile(line: str, wrong: str) -> None:
    with pytest.raises(ProfileError, match="time_stamp"):
        parse(SHANGHAI.replace(line, wrong, 1))
