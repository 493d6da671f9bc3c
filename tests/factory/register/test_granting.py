"""Granting: what an approval does to the register, by the type of the application."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from factory.errors import AwaitsError, ConflictError, FieldError, PictureError
from factory.model import Period, Profession, Standing
from factory.profile import Profile
from factory.register import Person
from factory.register.effects import apply
from tests.factory.register.histories import (
    BUILDING,
    CIVIL,
    COST,
    ELSEWHERE,
    GANSU,
    INSTALLATION,
    NEW_PHOTO,
    PHOTO,
    PROFILES,
    ROAD,
    SHAANXI,
    SHANGHAI,
    SIGNATURE,
    WATER,
    ZHEJIANG,
    Teller,
    altered,
    at,
    only,
    profession,
    told,
)

HERE = Teller(profile=SHANGHAI)
THERE = Teller(profile=SHANGHAI, employer=ELSEWHERE)
ENGINEER = Teller(profile=COST)
BEGUN = "2024-06-14"
INITIAL = HERE.approved("initial", BUILDING, on=BEGUN)
BOTH = HERE.approved("initial", BUILDING, ROAD, on=BEGUN)
OF_CIVIL = ENGINEER.approved("initial", CIVIL, on=BEGUN)
IMPORTED = HERE.imported(BUILDING, on="2022-03-01", until="2025-02-28")
HOURS = {"compulsory": 60, "elective": 60}
profiles = pytest.mark.parametrize("rules", PROFILES, ids=lambda rules: rules.id)


# --- initial registration (初始注册) -----------------------------------------------------------


@profiles
def test_an_initial_registration_begins_on_the_day_of_approval(rules: Profile) -> None:
    [name, *_] = rules.professions.names

    begun = only(began(rules, name, on=BEGUN))

    assert begun.begun == date(2024, 6, 14)
    assert begun.standing is Standing.ACTIVE
    assert [each.name for each in begun.view.professions] == [name]


@pytest.mark.parametrize(
    ("rules", "last"),
    [
        (SHANGHAI, date(2027, 6, 13)),
        (GANSU, date(2027, 6, 13)),
        (ZHEJIANG, date(2027, 6, 13)),
        (SHAANXI, date(2027, 6, 13)),
        (COST, date(2028, 6, 13)),
    ],
    ids=lambda value: getattr(value, "id", str(value)),
)
def test_it_ends_some_years_later_minus_a_day(rules: Profile, last: date) -> None:
    begun = only(began(rules, rules.professions.names[0], on=BEGUN))

    assert ends(begun) == [last]


def test_a_registration_of_29_february_loses_no_day() -> None:
    assert ends(only(began(SHANGHAI, BUILDING, on="2024-02-29"))) == [date(2027, 2, 28)]


def test_a_registration_of_29_february_ends_on_the_28th_four_years_later() -> None:
    assert ends(only(began(COST, CIVIL, on="2024-02-29"))) == [date(2028, 2, 28)]


def test_the_year_of_a_registration_of_1_march_may_end_on_29_february() -> None:
    assert ends(only(began(COST, CIVIL, on="2024-03-01"))) == [date(2028, 2, 29)]


@pytest.mark.parametrize(
    ("rules", "born", "last"),
    [
        (SHANGHAI, "1960-01-10", date(2025, 1, 10)),
        (SHANGHAI, "1962-06-13", date(2027, 6, 13)),
        (COST, "1956-01-10", date(2026, 1, 10)),
    ],
    ids=["cut", "just whole", "cost engineer"],
)
def test_it_ends_no_later_than_on_the_birthday_of_the_cap(
    rules: Profile, born: str, last: date
) -> None:
    teller = of_age(rules, born)

    begun = told(rules, teller.approved("initial", rules.professions.names[0], on=BEGUN))

    assert ends(only(begun)) == [last]


@pytest.mark.parametrize(("rules", "born"), [(SHANGHAI, "1959-06-13"), (COST, "1954-06-13")])
def test_after_the_birthday_of_the_cap_nothing_is_registered(rules: Profile, born: str) -> None:
    fact = of_age(rules, born).approved("initial", rules.professions.names[0], on=BEGUN)

    with pytest.raises(FieldError, match="age cap") as caught:
        told(rules, fact)

    assert born[:4] not in str(caught.value)


def test_days_of_validity_the_authority_gives_are_taken_as_given() -> None:
    days = {"valid_from": "2024-07-01", "valid_to": "2025-06-30"}

    begun = only(told(SHANGHAI, HERE.approved("initial", profession(BUILDING, **days), on=BEGUN)))

    assert ends(begun) == [date(2025, 6, 30)]


def test_the_main_profession_comes_first_then_the_order_of_the_profile() -> None:
    names = [WATER, profession(ROAD, main=True), BUILDING]

    begun = only(told(SHANGHAI, HERE.approved("initial", *names, on=BEGUN)))

    assert [each.name for each in begun.view.professions] == [ROAD, BUILDING, WATER]


def test_a_number_will_say_the_year_of_the_first_qualification() -> None:
    names = [BUILDING, profession(ROAD, qualified_on="2022-09-01")]

    assert only(told(SHANGHAI, HERE.approved("initial", *names, on=BEGUN))).qualified == 2022


def test_a_profession_the_register_does_not_have_is_refused() -> None:
    with pytest.raises(FieldError, match="this register has only"):
        told(SHANGHAI, HERE.approved("initial", CIVIL, on=BEGUN))


def test_more_professions_than_a_certificate_holds_are_refused() -> None:
    narrow = altered(SHANGHAI, "professions", per_certificate=1)

    with pytest.raises(FieldError, match="2 do not fit one certificate"):
        told(narrow, BOTH)


@profiles
def test_who_is_registered_is_not_registered_again(rules: Profile) -> None:
    name = rules.professions.names[0]
    here, kind = Teller(profile=rules), rules.application.after_lapse
    again = here.approved(kind, name, number=2, on="2025-06-13")

    with pytest.raises(ConflictError, match="is registered already"):
        told(rules, again, *here.announced(again), before=began(rules, name, on=BEGUN))


def test_on_its_last_day_a_registration_still_stands_against_another_one() -> None:
    again = HERE.approved("initial", late(BUILDING), number=2, on="2027-06-13")

    with pytest.raises(ConflictError, match="is registered already"):
        told(SHANGHAI, INITIAL, again)


def test_a_registration_that_has_expired_lapses_when_another_one_begins() -> None:
    again = HERE.approved("initial", late(BUILDING), number=2, on="2027-06-14")

    former, begun = told(SHANGHAI, INITIAL, again).registrations

    assert (former.standing, begun.standing) == (Standing.LAPSED, Standing.ACTIVE)


def test_a_suspended_registration_that_has_expired_lapses_too() -> None:
    again = HERE.approved("initial", late(BUILDING), number=2, on="2027-06-14")

    former, _ = told(SHANGHAI, INITIAL, HERE.suspended(on="2027-01-04"), again).registrations

    assert former.standing is Standing.LAPSED


def test_a_registration_without_any_photo_does_not_begin() -> None:
    with pytest.raises(PictureError, match="photo"):
        told(SHANGHAI, HERE.approved("initial", BUILDING, on=BEGUN, photo=None))


def test_who_was_registered_before_may_keep_the_photo() -> None:
    again = HERE.approved("initial", BUILDING, number=2, on="2025-07-11", photo=None)

    begun = told(SHANGHAI, INITIAL, HERE.cancelled(on="2025-05-06"), again).registrations[-1]

    assert begun.view.photo == PHOTO


def test_the_signature_is_kept_where_the_register_prints_it() -> None:
    assert only(told(COST, OF_CIVIL)).view.signature == SIGNATURE


def test_without_a_signature_nothing_begins_where_the_register_prints_it() -> None:
    with pytest.raises(PictureError, match="signature"):
        told(COST, replace(OF_CIVIL, pictures={"photo": PHOTO}))


# --- late registration (逾期注册) --------------------------------------------------------------


def test_three_years_after_the_qualification_no_hours_are_asked_for() -> None:
    name = profession(BUILDING, qualified_on="2021-06-14")

    assert only(began(SHANGHAI, name, on=BEGUN)).standing is Standing.ACTIVE


def test_a_day_after_three_years_hours_are_asked_for() -> None:
    name = profession(BUILDING, qualified_on="2021-06-13")

    with pytest.raises(FieldError, match="逾期注册"):
        began(SHANGHAI, name, on=BEGUN)


def test_late_with_hours_is_registered() -> None:
    name = profession(BUILDING, qualified_on="2016-11-03", hours=HOURS)

    assert only(began(SHANGHAI, name, on=BEGUN)).qualified == 2016


@pytest.mark.parametrize("hours", [{"compulsory": 59, "elective": 60}, HOURS | {"elective": 59}])
def test_late_with_an_hour_too_few_is_refused(hours: dict[str, int]) -> None:
    strict = altered(SHANGHAI, "late", **HOURS)
    name = profession(BUILDING, qualified_on="2016-11-03", hours=hours)

    with pytest.raises(FieldError, match="60 compulsory and 60 elective"):
        began(strict, name, on=BEGUN)


def test_each_profession_that_is_late_needs_hours_of_its_own() -> None:
    names = [profession(BUILDING, qualified_on="2016-11-03", hours=HOURS), late(ROAD, hours=None)]

    with pytest.raises(FieldError, match="逾期注册"):
        told(SHANGHAI, HERE.approved("initial", *names, on="2027-06-14"))


# --- registration again (重新注册) -------------------------------------------------------------


def test_shaanxi_registers_again_under_a_type_of_its_own() -> None:
    here = Teller(profile=SHAANXI)
    again = here.approved("reregistration", BUILDING, number=2, on="2025-07-11")

    former, begun = told(
        SHAANXI,
        here.approved("initial", BUILDING, on=BEGUN),
        here.cancelled(on="2025-05-06"),
        again,
    ).registrations

    assert (former.standing, begun.standing) == (Standing.CANCELLED, Standing.ACTIVE)
    assert begun.origin == again.key


def test_in_shaanxi_an_initial_registration_is_for_who_never_was_registered() -> None:
    here = Teller(profile=SHAANXI)
    before = told(
        SHAANXI, here.approved("initial", BUILDING, on=BEGUN), here.cancelled(on="2025-05-06")
    )

    with pytest.raises(ConflictError, match="reregistration"):
        apply(before, here.approved("initial", BUILDING, number=2, on="2025-07-11"), SHAANXI)


def test_a_reregistration_waits_for_the_registration_before_it() -> None:
    with pytest.raises(AwaitsError, match="former registration"):
        told(SHAANXI, Teller(profile=SHAANXI).approved("reregistration", BUILDING, on=BEGUN))


def test_in_gansu_an_initial_registration_is_also_for_who_was_registered_before() -> None:
    here = Teller(profile=GANSU)
    first = here.application("initial", BUILDING, number=1, saved="2024-06-03", approved=BEGUN)
    again = here.application(
        "initial", BUILDING, number=2, saved="2025-07-01", approved="2025-07-11"
    )

    person = told(GANSU, *first, here.cancelled(on="2025-05-06"), *again)

    assert person.registrations[-1].standing is Standing.ACTIVE


@pytest.mark.parametrize("rules", [SHANGHAI, GANSU, COST, ZHEJIANG], ids=lambda rules: rules.id)
def test_elsewhere_there_is_no_reregistration(rules: Profile) -> None:
    fact = Teller(profile=rules).approved("reregistration", rules.professions.names[0], on=BEGUN)

    with pytest.raises(FieldError, match="has no reregistration"):
        told(rules, fact)


# --- addition (增项注册) -----------------------------------------------------------------------


def test_an_addition_joins_the_certificate_with_an_end_of_its_own() -> None:
    registration = only(told(SHANGHAI, INITIAL, added(ROAD, on="2024-09-13")))

    assert registration.view.professions == (
        Profession(name=BUILDING, validity=Period(first=date(2024, 6, 14), last=date(2027, 6, 13))),
        Profession(name=ROAD, validity=Period(first=date(2024, 9, 13), last=date(2027, 9, 12))),
    )
    assert registration.changed_on == date(2024, 9, 13)


def test_an_addition_of_what_is_valid_is_refused() -> None:
    with pytest.raises(ConflictError, match="renew it instead"):
        told(SHANGHAI, INITIAL, added(BUILDING, on="2024-09-13"))


def test_an_addition_of_what_is_valid_for_the_last_day_is_refused() -> None:
    with pytest.raises(ConflictError, match="renew it instead"):
        told(SHANGHAI, INITIAL, added(late(BUILDING), on="2027-06-13"))


def test_an_expired_profession_is_added_anew_while_another_one_is_valid() -> None:
    before = [INITIAL, added(ROAD, on="2026-09-11")]

    registration = only(told(SHANGHAI, *before, added(late(BUILDING), number=3, on="2027-06-14")))

    assert ends(registration) == [date(2030, 6, 13), date(2029, 9, 10)]


EXPIRING = pytest.mark.parametrize(
    ("kind", "names"), [("addition", [ROAD]), ("change", []), ("paper_exchange", [])]
)


@EXPIRING
def test_on_its_last_day_a_registration_may_still_be_changed(kind: str, names: list[str]) -> None:
    before = told(SHANGHAI, IMPORTED)

    after = apply(
        before, HERE.approved(kind, *map(late, names), number=2, on="2025-02-28"), SHANGHAI
    )

    assert only(after).changed_on == date(2025, 2, 28)


@EXPIRING
def test_once_every_profession_has_expired_nothing_changes(kind: str, names: list[str]) -> None:
    before = told(SHANGHAI, IMPORTED)

    with pytest.raises(ConflictError, match="initial instead"):
        apply(before, HERE.approved(kind, *map(late, names), number=2, on="2025-03-01"), SHANGHAI)


def test_an_old_draft_does_not_keep_a_registration_valid() -> None:
    draft = HERE.saved("renewal", BUILDING, number=2, at=at("2025-02-20"))
    signed = [
        HERE.signed(party, number=2, at=at("2025-03-01", hour))
        for party, hour in (("applicant", "10:00"), ("enterprise", "11:00"))
    ]
    before = told(SHANGHAI, IMPORTED, draft, *signed)

    with pytest.raises(ConflictError, match="had expired before"):
        apply(before, HERE.approved("renewal", BUILDING, number=2, on="2025-03-10"), SHANGHAI)


def test_what_is_renewed_is_not_renewed_again_before_it_begins() -> None:
    once = told(SHANGHAI, INITIAL, renewal(BUILDING, on="2027-04-01"))
    again = HERE.approved("renewal", BUILDING, number=3, on="2027-05-01")

    with pytest.raises(ConflictError, match="renewed already"):
        apply(once, again, SHANGHAI)


def test_what_is_renewed_is_renewed_again_once_it_has_begun() -> None:
    once = told(SHANGHAI, INITIAL, renewal(BUILDING, on="2027-04-01"))
    again = HERE.approved("renewal", BUILDING, number=3, on="2027-06-14")

    assert ends(only(apply(once, again, SHANGHAI))) == [date(2033, 6, 13)]


def test_nobody_is_late_who_applied_in_time() -> None:
    qualified = profession(BUILDING, qualified_on="2023-03-10")
    saved = HERE.saved("initial", qualified, at=at("2026-03-02"))
    signed = [
        HERE.signed(party, at=at("2026-03-02", hour))
        for party, hour in (("applicant", "10:00"), ("enterprise", "11:00"))
    ]

    person = told(SHANGHAI, saved, *signed, HERE.approved("initial", qualified, on="2026-03-20"))

    assert only(person).begun == date(2026, 3, 20)


def test_who_applies_after_three_years_is_late() -> None:
    qualified = profession(BUILDING, qualified_on="2023-03-10")

    with pytest.raises(FieldError, match="逾期注册"):
        told(SHANGHAI, HERE.approved("initial", qualified, on="2026-03-20"))


@pytest.mark.parametrize(("on", "granted"), [("2028-06-13", True), ("2028-06-14", False)])
def test_an_engineer_adds_a_certificate_while_another_one_is_valid(on: str, granted: bool) -> None:
    engineer = Teller(profile=COST)
    before = told(COST, engineer.approved("initial", CIVIL, on=BEGUN))
    addition = engineer.approved("addition", late(INSTALLATION), number=2, on=on)

    if granted:
        assert len(apply(before, addition, COST).registrations) == 2
    else:
        with pytest.raises(ConflictError, match="had expired"):
            apply(before, addition, COST)


@EXPIRING
def test_a_certificate_is_not_made_anew_without_a_photo(kind: str, names: list[str]) -> None:
    bare = HERE.imported(BUILDING, on="2022-03-01", until="2025-02-28", photo=None)
    approved = HERE.approved(kind, *map(late, names), number=2, on="2024-09-13", photo=None)

    with pytest.raises(PictureError, match="there is none"):
        apply(told(SHANGHAI, bare), approved, SHANGHAI)


@EXPIRING
def test_the_photo_may_come_with_any_application(kind: str, names: list[str]) -> None:
    bare = HERE.imported(BUILDING, on="2022-03-01", until="2025-02-28", photo=None)
    approved = HERE.approved(kind, *map(late, names), number=2, on="2024-09-13")

    assert only(told(SHANGHAI, bare, approved)).view.photo == PHOTO


def test_what_was_valid_when_it_was_applied_for_may_expire_while_it_is_examined() -> None:
    asked = HERE.saved("addition", late(ROAD), number=2, at=at("2025-02-28"))
    signed = [
        HERE.signed(party, number=2, at=at("2025-02-28", hour))
        for party, hour in (("applicant", "10:00"), ("enterprise", "11:00"))
    ]

    person = told(
        SHANGHAI,
        IMPORTED,
        asked,
        *signed,
        HERE.approved("addition", late(ROAD), number=2, on="2025-03-10"),
    )

    assert only(person).changed_on == date(2025, 3, 10)


def test_an_addition_without_a_registration_waits_for_one() -> None:
    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, added(ROAD, on="2024-09-13"))


def test_a_new_main_profession_takes_the_place_of_the_old_one() -> None:
    first = HERE.approved("initial", profession(BUILDING, main=True), on=BEGUN)

    registration = only(told(SHANGHAI, first, added(profession(ROAD, main=True), on="2024-09-13")))

    assert [(each.name, each.main) for each in registration.view.professions] == [
        (ROAD, True),
        (BUILDING, False),
    ]


def test_an_addition_beyond_what_a_certificate_holds_is_refused() -> None:
    narrow = altered(SHANGHAI, "professions", per_certificate=1)

    with pytest.raises(FieldError, match="2 do not fit one certificate"):
        told(narrow, INITIAL, added(ROAD, on="2024-09-13"))


def test_a_late_addition_needs_hours() -> None:
    old = profession(ROAD, qualified_on="2016-11-03")

    with pytest.raises(FieldError, match="逾期注册"):
        told(SHANGHAI, INITIAL, added(old, on="2024-09-13"))


def test_a_new_photo_comes_with_any_type_and_the_old_one_stays_without() -> None:
    same = told(SHANGHAI, INITIAL, added(ROAD, on="2024-09-13", photo=None))
    new = told(SHANGHAI, INITIAL, added(ROAD, on="2024-09-13", photo=NEW_PHOTO))

    assert (only(same).view.photo, only(new).view.photo) == (PHOTO, NEW_PHOTO)


def test_a_new_signature_comes_with_any_type() -> None:
    renewed = ENGINEER.approved("renewal", CIVIL, number=2, on="2028-05-12")

    person = told(COST, OF_CIVIL, replace(renewed, pictures={"signature": "e" * 64}))

    assert (only(person).view.photo, only(person).view.signature) == (PHOTO, "e" * 64)


def test_a_cost_engineers_addition_is_a_certificate_of_its_own() -> None:
    addition = ENGINEER.approved("addition", INSTALLATION, number=2, on="2024-09-13")

    first, second = told(COST, OF_CIVIL, addition).registrations

    assert (first.unit, second.unit) == (CIVIL, INSTALLATION)
    assert ends(second) == [date(2028, 9, 12)]
    assert first.changed_on == date(2024, 6, 14)


def test_a_cost_engineers_second_certificate_of_one_profession_is_refused() -> None:
    addition = ENGINEER.approved("addition", CIVIL, number=2, on="2024-09-13")

    with pytest.raises(ConflictError, match="is registered already"):
        told(COST, OF_CIVIL, addition)


def test_a_cost_engineers_addition_without_a_registration_waits_for_one() -> None:
    with pytest.raises(AwaitsError, match="none in force"):
        told(COST, ENGINEER.approved("addition", INSTALLATION, on=BEGUN))


@pytest.mark.parametrize("kind", ["initial", "addition"])
def test_a_cost_engineer_is_registered_at_one_employer(kind: str) -> None:
    there = Teller(profile=COST, employer=ELSEWHERE)

    with pytest.raises(ConflictError, match="another employer"):
        told(COST, OF_CIVIL, there.approved(kind, INSTALLATION, number=2, on="2024-09-13"))


def test_a_certificate_that_has_expired_elsewhere_is_no_obstacle() -> None:
    there = Teller(profile=COST, employer=ELSEWHERE)
    begun = there.approved("initial", late(INSTALLATION), number=2, on="2028-06-14")

    first, second = told(COST, OF_CIVIL, begun).registrations

    assert (first.unit, second.unit) == (CIVIL, INSTALLATION)


def test_a_cost_engineer_applies_for_one_profession_at_a_time() -> None:
    with pytest.raises(FieldError, match="professions"):
        told(COST, ENGINEER.approved("initial", CIVIL, INSTALLATION, on=BEGUN))


# --- renewal (延续注册) ------------------------------------------------------------------------


def test_a_renewed_profession_begins_the_day_after_its_old_end() -> None:
    renewed = renewal(BUILDING, on="2027-05-14")

    [building] = only(told(SHANGHAI, INITIAL, renewed)).view.professions

    assert building.validity == Period(first=date(2027, 6, 14), last=date(2030, 6, 13))


def test_where_the_profile_says_so_it_begins_at_the_approval() -> None:
    at_approval = altered(SHANGHAI, "validity", renewal_from="approval")

    [building] = only(
        told(at_approval, INITIAL, renewal(BUILDING, on="2027-05-14"))
    ).view.professions

    assert building.validity == Period(first=date(2027, 5, 14), last=date(2030, 5, 13))


def test_a_renewal_asked_for_on_the_last_day_is_granted_afterwards() -> None:
    renewed = HERE.application(
        "renewal", BUILDING, number=2, saved="2027-06-13", approved="2027-06-25"
    )

    [building] = only(told(SHANGHAI, INITIAL, *renewed)).view.professions

    assert building.validity == Period(first=date(2027, 6, 25), last=date(2030, 6, 24))


def test_a_renewal_asked_for_a_day_later_is_refused() -> None:
    *asked, approval = HERE.application(
        "renewal", BUILDING, number=2, saved="2027-06-14", approved="2027-06-25"
    )

    with pytest.raises(ConflictError, match="had expired before the application"):
        apply(told(SHANGHAI, INITIAL, *asked), approval, SHANGHAI)


def test_the_day_it_was_asked_for_on_is_a_day_in_china() -> None:
    """A quarter past midnight in Shanghai is still the day before by UTC."""
    asked = HERE.saved("renewal", BUILDING, number=2, at=at("2027-06-14", "00:15"))
    signed = [
        HERE.signed("applicant", number=2, at=at("2027-06-14", "10:00")),
        HERE.signed("enterprise", number=2, at=at("2027-06-14", "15:00")),
    ]

    with pytest.raises(ConflictError, match="had expired"):
        told(SHANGHAI, INITIAL, asked, *signed, renewal(BUILDING, on="2027-06-25"))


def test_an_application_never_heard_of_counts_from_its_approval() -> None:
    with pytest.raises(ConflictError, match="had expired"):
        told(SHANGHAI, INITIAL, renewal(BUILDING, on="2027-06-14"))


def test_the_announcement_in_gansu_comes_after_the_end_without_harm() -> None:
    here = Teller(profile=GANSU)
    renewed = here.application(
        "renewal", BUILDING, number=2, saved="2027-05-31", approved="2027-06-11"
    )

    [building] = only(told(GANSU, *announced(here, BUILDING), *renewed)).view.professions

    assert building.validity == Period(first=date(2027, 6, 14), last=date(2030, 6, 13))


def test_a_profession_not_renewed_keeps_its_end() -> None:
    registration = only(told(SHANGHAI, BOTH, renewal(ROAD, on="2027-05-14")))

    assert ends(registration) == [date(2027, 6, 13), date(2030, 6, 13)]


def test_a_renewed_main_profession_stays_the_main_one() -> None:
    first = HERE.approved("initial", profession(BUILDING, main=True), ROAD, on=BEGUN)

    registration = only(told(SHANGHAI, first, renewal(BUILDING, on="2027-05-14")))

    assert [each.main for each in registration.view.professions] == [True, False]


def test_a_renewal_of_what_is_not_registered_is_refused() -> None:
    with pytest.raises(ConflictError, match="add it instead"):
        told(SHANGHAI, INITIAL, renewal(ROAD, on="2027-05-14"))


def test_a_renewal_without_a_registration_waits_for_one() -> None:
    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, renewal(BUILDING, on="2027-05-14"))


def test_a_renewal_is_cut_at_the_age_cap() -> None:
    teller = of_age(SHANGHAI, "1963-01-10")
    renewed = teller.approved("renewal", BUILDING, number=2, on="2027-05-14")

    begun = told(SHANGHAI, teller.approved("initial", BUILDING, on=BEGUN), renewed)

    assert ends(only(begun)) == [date(2028, 1, 10)]


def test_a_renewal_that_would_begin_beyond_the_age_cap_is_refused() -> None:
    teller = of_age(SHANGHAI, "1962-06-13")
    renewed = teller.approved("renewal", BUILDING, number=2, on="2027-05-14")

    with pytest.raises(FieldError, match="age cap"):
        told(SHANGHAI, teller.approved("initial", BUILDING, on=BEGUN), renewed)


def test_a_cost_engineer_renews_one_certificate_and_the_other_stays() -> None:
    addition = ENGINEER.approved("addition", INSTALLATION, number=2, on="2024-09-13")
    renewed = ENGINEER.approved("renewal", CIVIL, number=3, on="2028-05-12")

    first, second = told(COST, OF_CIVIL, addition, renewed).registrations

    assert (ends(first), ends(second)) == ([date(2032, 6, 13)], [date(2028, 9, 12)])


# --- the employer, and suspension --------------------------------------------------------------

ACTS: list[tuple[str, list[str]]] = [
    ("addition", [ROAD]),
    ("renewal", [BUILDING]),
    ("cancellation", [BUILDING]),
    ("change", []),
    ("paper_exchange", []),
]


@pytest.mark.parametrize(("kind", "names"), ACTS)
def test_what_is_asked_for_at_another_employer_is_refused(kind: str, names: list[str]) -> None:
    with pytest.raises(ConflictError, match="another employer"):
        told(SHANGHAI, IMPORTED, THERE.approved(kind, *names, on="2024-09-13"))


@pytest.mark.parametrize(("kind", "names"), ACTS)
def test_what_is_asked_for_at_the_own_employer_is_granted(kind: str, names: list[str]) -> None:
    person = told(SHANGHAI, IMPORTED, HERE.approved(kind, *names, on="2024-09-13"))

    assert only(person).cause in {"registration.approved", "registration.imported"}


@pytest.mark.parametrize(("kind", "names"), [act for act in ACTS if act[0] != "cancellation"])
def test_while_it_is_suspended_a_registration_does_not_change(kind: str, names: list[str]) -> None:
    before = told(SHANGHAI, IMPORTED, HERE.suspended(on="2024-09-02"))

    with pytest.raises(ConflictError, match="暂扣"):
        apply(before, HERE.approved(kind, *names, on="2024-09-13"), SHANGHAI)


def test_another_employer_is_a_cancellation_then_an_initial_registration() -> None:
    person = told(
        SHANGHAI,
        INITIAL,
        HERE.cancelled(on="2025-05-06"),
        THERE.approved("initial", BUILDING, number=2, on="2025-07-11"),
    )

    former, now = person.registrations

    assert former.employer != now.employer
    assert (former.stands, now.stands) == (False, True)


# --- cancellation (注销注册) -------------------------------------------------------------------


def test_a_cancellation_of_some_professions_keeps_the_rest() -> None:
    registration = only(told(SHANGHAI, BOTH, cancellation(ROAD, on="2025-03-14")))

    assert [each.name for each in registration.view.professions] == [BUILDING]
    assert registration.standing is Standing.ACTIVE
    assert registration.changed_on == date(2025, 3, 14)


def test_a_cancellation_of_all_professions_ends_the_registration() -> None:
    registration = only(told(SHANGHAI, BOTH, cancellation(ROAD, BUILDING, on="2025-03-14")))

    assert registration.standing is Standing.CANCELLED


def test_the_professions_of_an_ended_registration_are_remembered() -> None:
    registration = only(told(SHANGHAI, BOTH, cancellation(ROAD, BUILDING, on="2025-03-14")))

    assert [each.name for each in registration.view.professions] == [BUILDING, ROAD]


def test_a_cancellation_of_what_is_not_registered_is_refused() -> None:
    with pytest.raises(ConflictError, match="is not registered, so"):
        told(SHANGHAI, BOTH, cancellation(ROAD, WATER, on="2025-03-14"))


def test_a_cancellation_without_a_registration_waits_for_one() -> None:
    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, cancellation(BUILDING, on="2025-03-14"))


def test_a_suspended_registration_may_be_cancelled() -> None:
    before = told(SHANGHAI, INITIAL, HERE.suspended(on="2024-09-02"))

    after = apply(before, cancellation(BUILDING, on="2025-03-14"), SHANGHAI)

    assert only(after).standing is Standing.CANCELLED


def test_an_expired_registration_may_be_cancelled() -> None:
    after = told(SHANGHAI, INITIAL, cancellation(BUILDING, on="2028-03-14"))

    assert only(after).standing is Standing.CANCELLED


def test_a_cost_engineer_cancels_one_certificate_of_two() -> None:
    addition = ENGINEER.approved("addition", INSTALLATION, number=2, on="2024-09-13")
    ended = ENGINEER.approved("cancellation", CIVIL, number=3, on="2025-03-14")

    first, second = told(COST, OF_CIVIL, addition, ended).registrations

    assert (first.standing, second.standing) == (Standing.CANCELLED, Standing.ACTIVE)


def test_in_gansu_the_enterprise_cancels_some_or_all() -> None:
    here = Teller(profile=GANSU)
    before = told(GANSU, *announced(here, BUILDING, ROAD))
    some = here.application(
        "forced_cancellation", ROAD, number=2, saved="2025-03-03", approved="2025-03-14"
    )

    after = told(GANSU, *some, before=before)

    assert [each.name for each in only(after).view.professions] == [BUILDING]


@pytest.mark.parametrize("rules", [SHANGHAI, COST, ZHEJIANG, SHAANXI], ids=lambda rules: rules.id)
def test_elsewhere_no_enterprise_cancels_alone(rules: Profile) -> None:
    name = rules.professions.names[0]
    fact = Teller(profile=rules).approved("forced_cancellation", name, number=2, on="2025-03-14")

    with pytest.raises(FieldError, match="has no forced_cancellation"):
        apply(began(rules, name, on=BEGUN), fact, rules)


# --- change and paper exchange (变更注册, 换领) ------------------------------------------------


def test_a_change_describes_the_holder_anew_and_keeps_the_days() -> None:
    renamed = Teller(profile=SHANGHAI, holder=HERE.holder | {"name": "张示例"})

    person = told(SHANGHAI, INITIAL, renamed.approved("change", number=2, on="2025-02-21"))

    assert person.holder is not None
    assert person.holder.name == "张示例"
    assert ends(only(person)) == [date(2027, 6, 13)]
    assert only(person).changed_on == date(2025, 2, 21)


def test_where_the_profile_says_so_a_change_begins_the_days_anew() -> None:
    anew = altered(SHANGHAI, "validity", change_keeps=False)

    person = told(anew, INITIAL, HERE.approved("change", number=2, on="2025-02-21"))

    assert ends(only(person)) == [date(2028, 2, 20)]


@pytest.mark.parametrize("kind", ["change", "paper_exchange"])
def test_shaanxi_has_neither_change_nor_exchange(kind: str) -> None:
    with pytest.raises(FieldError, match=f"has no {kind}"):
        told(SHAANXI, Teller(profile=SHAANXI).approved(kind, on=BEGUN))


def test_in_shanghai_a_paper_certificate_is_exchanged_as_soon_as_it_is_asked_for() -> None:
    asked = HERE.saved("paper_exchange", at=at("2023-05-08"))

    registration = only(told(SHANGHAI, IMPORTED, asked))

    assert not registration.on_paper
    assert registration.changed_on == date(2023, 5, 8)
    assert ends(registration) == [date(2025, 2, 28)]


def test_in_gansu_the_centre_exchanges_it() -> None:
    here = Teller(profile=GANSU)
    paper = here.imported(BUILDING, on="2022-03-01", until="2025-02-28")
    *asked, approval = here.application(
        "paper_exchange", number=2, saved="2023-05-08", approved="2023-05-19"
    )

    before = told(GANSU, paper, *asked)
    after = apply(before, approval, GANSU)

    assert (only(before).on_paper, only(after).on_paper) == (True, False)


def test_an_electronic_certificate_is_not_exchanged() -> None:
    with pytest.raises(ConflictError, match="electronic already"):
        told(SHANGHAI, INITIAL, HERE.saved("paper_exchange", number=2, at=at("2024-09-13")))


def test_a_paper_certificate_is_exchanged_once() -> None:
    once = HERE.saved("paper_exchange", number=2, at=at("2023-05-08"))
    twice = HERE.saved("paper_exchange", number=3, at=at("2023-06-08"))

    with pytest.raises(ConflictError, match="electronic already"):
        told(SHANGHAI, IMPORTED, once, twice)


def test_any_new_edition_of_a_paper_certificate_is_electronic() -> None:
    assert not only(told(SHANGHAI, IMPORTED, added(ROAD, on="2024-09-13"))).on_paper


# --- which registration is meant ---------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["沪231162200057", "沪2312016202200057"])
def test_a_registration_is_found_under_either_spelling_of_its_number(spelling: str) -> None:
    fact = HERE.approved("change", on="2024-09-13", registration_number=spelling)

    assert only(told(SHANGHAI, IMPORTED, fact)).changed_on == date(2024, 9, 13)


def test_a_registration_is_found_under_a_number_it_had_before() -> None:
    imported = HERE.imported(
        BUILDING, on="2022-03-01", until="2025-02-28", former_numbers=["苏232162000011"]
    )
    fact = HERE.approved("change", on="2024-09-13", registration_number="苏232162000011")

    assert only(told(SHANGHAI, imported, fact)).changed_on == date(2024, 9, 13)


def test_under_another_number_it_waits_for_that_registration() -> None:
    fact = HERE.approved("change", on="2024-09-13", registration_number="沪231162200058")

    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, IMPORTED, fact)


@pytest.mark.parametrize(
    ("number", "unit"), [("建[造]21243100000001", CIVIL), ("建[造]24243100000002", INSTALLATION)]
)
def test_the_number_says_which_of_two_certificates_changes(number: str, unit: str) -> None:
    addition = ENGINEER.approved("addition", INSTALLATION, number=2, on="2024-09-13")
    drawn = {OF_CIVIL.key: "建[造]21243100000001", addition.key: "建[造]24243100000002"}
    change = ENGINEER.approved("change", number=3, on="2025-02-21", registration_number=number)

    person = told(COST, OF_CIVIL, addition, change, before=Person(numbers=drawn))

    assert [each.unit for each in person.registrations if each.changed_on.year == 2025] == [unit]


def test_a_change_of_one_of_two_certificates_has_to_say_which() -> None:
    addition = ENGINEER.approved("addition", INSTALLATION, number=2, on="2024-09-13")
    before = told(COST, OF_CIVIL, addition)

    with pytest.raises(ConflictError, match="name the number or profession"):
        apply(before, ENGINEER.approved("change", number=3, on="2025-02-21"), COST)


def test_nothing_is_done_to_a_registration_before_it_begins() -> None:
    with pytest.raises(AwaitsError, match="none in force on that day"):
        told(SHANGHAI, INITIAL, added(ROAD, on="2024-06-13"))


# --- given -------------------------------------------------------------------------------------


def began(rules: Profile, *names: Any, on: str) -> Any:
    """The person after an initial registration, announced where that is done."""
    here = Teller(profile=rules)
    approval = here.approved("initial", *names, on=on)
    return told(rules, approval, *here.announced(approval))


def announced(here: Teller, *names: str) -> list[Any]:
    """An initial registration in Gansu."""
    return here.application("initial", *names, number=1, saved="2024-06-03", approved=BEGUN)


def of_age(rules: Profile, born: str) -> Teller:
    here = Teller(profile=rules)
    return replace(here, holder=here.holder | {"birth_date": born})


def late(name: str, **more: Any) -> dict[str, Any]:
    return profession(name, **({"hours": HOURS} | more))


def added(name: Any, *, on: str, number: int = 2, photo: str | None = PHOTO) -> Any:
    return HERE.approved("addition", name, number=number, on=on, photo=photo)


def renewal(name: str, *, on: str) -> Any:
    return HERE.approved("renewal", name, number=2, on=on)


def cancellation(*names: str, on: str) -> Any:
    return HERE.approved("cancellation", *names, number=2, on=on)


def ends(registration: Any) -> list[date]:
    return [each.validity.last for each in registration.view.professions]
