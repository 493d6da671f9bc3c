"""What each fact does to a registration: imported, cancelled, suspended, resumed, corrected."""

from dataclasses import replace
from datetime import date

import pytest

from factory.errors import AwaitsError, ConflictError, FieldError
from factory.model import Standing
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
    ROAD,
    SHAANXI,
    SHANGHAI,
    SIGNATURE,
    ZHEJIANG,
    Teller,
    only,
    profession,
    told,
)

HERE = Teller(profile=SHANGHAI)
THERE = Teller(profile=SHANGHAI, employer=ELSEWHERE)
ENGINEER = Teller(profile=COST)
LASTING = {"on": "2022-03-01", "until": "2025-02-28"}
IMPORTED = HERE.imported(BUILDING, ROAD, **LASTING)
INITIAL = HERE.approved("initial", BUILDING, on="2024-06-14")
OF_CIVIL = ENGINEER.approved("initial", CIVIL, on="2024-06-14")
OF_INSTALLATION = ENGINEER.approved("addition", INSTALLATION, number=2, on="2024-09-13")
SUSPENDED = HERE.suspended(on="2024-09-02")
RESUMED = HERE.resumed(on="2024-12-02")
CANCELLED = HERE.cancelled(on="2025-05-06")


# --- imported ----------------------------------------------------------------------------------


def test_an_imported_registration_stands_as_it_is_told() -> None:
    registration = only(told(SHANGHAI, IMPORTED))

    assert registration.number == "沪231162200057"
    assert registration.begun == date(2022, 3, 1)
    assert [str(each.validity.last) for each in registration.view.professions] == [
        "2025-02-28",
        "2025-02-28",
    ]
    assert registration.view.photo == PHOTO


@pytest.mark.parametrize(("medium", "on_paper"), [("paper", True), ("electronic", False)])
def test_an_imported_registration_is_on_paper_or_not(medium: str, on_paper: bool) -> None:
    fact = HERE.imported(BUILDING, medium=medium, **LASTING)

    assert only(told(SHANGHAI, fact)).on_paper is on_paper


def test_an_imported_registration_puts_its_main_profession_first() -> None:
    fact = HERE.imported(ROAD, BUILDING, **LASTING)

    assert [each.name for each in only(told(SHANGHAI, fact)).view.professions] == [ROAD, BUILDING]


def test_a_cost_engineers_import_is_about_its_profession() -> None:
    fact = ENGINEER.imported(INSTALLATION, **LASTING)

    assert only(told(COST, fact)).unit == INSTALLATION


def test_an_import_of_several_professions_does_not_fit_a_cost_engineers_certificate() -> None:
    with pytest.raises(FieldError, match="2 do not fit one certificate"):
        told(COST, ENGINEER.imported(CIVIL, INSTALLATION, **LASTING))


def test_an_import_of_a_profession_the_register_does_not_have_is_refused() -> None:
    with pytest.raises(FieldError, match="this register has only"):
        told(SHANGHAI, HERE.imported(CIVIL, **LASTING))


def test_an_import_beside_a_registration_in_force_is_refused() -> None:
    other = THERE.imported(BUILDING, on="2023-03-01", until="2026-02-28")

    with pytest.raises(ConflictError, match="registered already, under another number"):
        told(SHANGHAI, IMPORTED, other)


def test_an_import_after_the_former_has_expired_lets_it_lapse() -> None:
    other = THERE.imported(BUILDING, on="2025-03-01", until="2028-02-29")

    former, now = told(SHANGHAI, IMPORTED, other).registrations

    assert (former.standing, now.standing) == (Standing.LAPSED, Standing.ACTIVE)
    assert former.ended == date(2025, 3, 1)


def test_an_import_of_what_has_ended_stands_beside_anything() -> None:
    over = THERE.imported(BUILDING, on="2023-03-01", until="2026-02-28", standing="cancelled")

    now, former = told(SHANGHAI, IMPORTED, over).registrations

    assert (now.standing, former.standing) == (Standing.ACTIVE, Standing.CANCELLED)
    assert former.ended == date(2023, 3, 1)


def test_in_shaanxi_an_import_of_what_has_ended_asks_for_a_reregistration() -> None:
    here = Teller(profile=SHAANXI)
    over = here.imported(BUILDING, on="2020-03-01", until="2023-02-28", standing="cancelled")
    again = here.approved("reregistration", BUILDING, on="2024-06-14")

    assert told(SHAANXI, over, again).registrations[-1].stands


def test_an_imported_suspension_may_be_resumed() -> None:
    suspended = HERE.imported(BUILDING, standing="suspended", **LASTING)

    assert only(told(SHANGHAI, suspended, RESUMED)).standing is Standing.ACTIVE


def test_a_registration_imported_without_a_photo_has_none() -> None:
    fact = HERE.imported(BUILDING, photo=None, **LASTING)

    assert only(told(SHANGHAI, fact)).view.photo is None


# --- cancelled (注销) ---------------------------------------------------------------------------


def test_a_cancelled_registration_has_ended_that_day() -> None:
    registration = only(told(SHANGHAI, INITIAL, CANCELLED))

    assert registration.standing is Standing.CANCELLED
    assert registration.ended == date(2025, 5, 6)


def test_a_cancellation_waits_for_its_registration() -> None:
    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, CANCELLED)


def test_a_cancellation_before_the_registration_began_waits() -> None:
    with pytest.raises(AwaitsError, match="none in force on that day"):
        told(SHANGHAI, INITIAL, HERE.cancelled(on="2024-06-13"))


def test_a_cancellation_on_the_day_it_began_is_granted() -> None:
    cancelled = HERE.cancelled(on="2024-06-14")

    assert only(told(SHANGHAI, INITIAL, cancelled)).standing is Standing.CANCELLED


def test_a_cancelled_registration_is_not_cancelled_again() -> None:
    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, INITIAL, CANCELLED, HERE.cancelled(on="2025-06-06"))


def test_a_cancellation_that_an_application_brought_about_may_be_told_once_more() -> None:
    applied = HERE.application(
        "cancellation", BUILDING, number=2, saved="2025-05-06", approved="2025-05-06"
    )
    before = told(SHANGHAI, INITIAL, *applied)

    assert apply(before, CANCELLED, SHANGHAI) == before


def test_what_no_application_has_ended_is_not_told_once_more() -> None:
    applied = ENGINEER.application(
        "cancellation", CIVIL, number=2, saved="2025-05-06", approved="2025-05-06"
    )
    other = ENGINEER.cancelled(on="2025-05-06", profession=INSTALLATION)

    with pytest.raises(AwaitsError, match="none in force"):
        told(COST, OF_CIVIL, *applied, other)


def test_what_had_not_begun_is_not_told_once_more_to_have_ended() -> None:
    applied = HERE.application(
        "cancellation", BUILDING, number=2, saved="2025-05-06", approved="2025-05-06"
    )

    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, INITIAL, *applied, HERE.cancelled(on="2024-06-13"))


def test_a_cancellation_dated_before_an_announcement_is_refused() -> None:
    here = Teller(profile=GANSU)
    imported = here.imported(BUILDING, **LASTING)
    added = here.application("addition", ROAD, number=2, saved="2024-09-02", approved="2024-09-13")

    with pytest.raises(ConflictError, match="of a later day"):
        told(GANSU, imported, *added, here.cancelled(on="2024-09-16"))


def test_a_cancellation_dated_before_a_later_change_is_refused() -> None:
    added = HERE.approved("addition", ROAD, number=2, on="2024-09-13")

    with pytest.raises(ConflictError, match="of a later day"):
        told(SHANGHAI, INITIAL, added, HERE.cancelled(on="2024-09-12"))


def test_a_cancellation_names_one_of_two_certificates() -> None:
    cancelled = ENGINEER.cancelled(on="2025-05-06", profession=CIVIL)

    first, second = told(COST, OF_CIVIL, OF_INSTALLATION, cancelled).registrations

    assert (first.standing, second.standing) == (Standing.CANCELLED, Standing.ACTIVE)


def test_a_cancellation_that_names_none_of_two_is_refused() -> None:
    with pytest.raises(ConflictError, match="name the number or profession"):
        told(COST, OF_CIVIL, OF_INSTALLATION, ENGINEER.cancelled(on="2025-05-06"))


def test_a_cancellation_of_a_number_the_holder_does_not_have_waits() -> None:
    cancelled = HERE.cancelled(on="2024-05-06", registration_number="沪231162200058")

    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, IMPORTED, cancelled)


def test_in_gansu_the_enterprise_may_cancel_by_itself() -> None:
    here = Teller(profile=GANSU)

    person = told(
        GANSU, here.imported(BUILDING, **LASTING), here.cancelled(on="2024-05-06", by="enterprise")
    )

    assert only(person).standing is Standing.CANCELLED


@pytest.mark.parametrize("rules", [SHANGHAI, COST, ZHEJIANG, SHAANXI], ids=lambda rules: rules.id)
def test_elsewhere_no_enterprise_cancels_by_itself(rules: Profile) -> None:
    here = Teller(profile=rules)
    imported = here.imported(rules.professions.names[0], **LASTING)

    with pytest.raises(FieldError, match="cannot cancel by itself"):
        told(rules, imported, here.cancelled(on="2024-05-06", by="enterprise"))


# --- suspended and resumed (暂扣, 暂扣发还) ----------------------------------------------------


def test_a_suspended_registration_has_not_ended() -> None:
    registration = only(told(SHANGHAI, INITIAL, SUSPENDED))

    assert registration.standing is Standing.SUSPENDED
    assert registration.stands


def test_a_suspension_changes_nothing_that_is_printed() -> None:
    before = told(SHANGHAI, INITIAL)

    after = apply(before, SUSPENDED, SHANGHAI)

    assert only(after) == replace(
        only(before), standing=Standing.SUSPENDED, touched=date(2024, 9, 2)
    )


def test_a_suspension_waits_for_its_registration() -> None:
    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, SUSPENDED)


def test_what_is_suspended_is_not_suspended_again() -> None:
    with pytest.raises(ConflictError, match="suspended already"):
        told(SHANGHAI, INITIAL, SUSPENDED, HERE.suspended(on="2024-10-08"))


def test_a_resumed_registration_is_in_force_again() -> None:
    assert only(told(SHANGHAI, INITIAL, SUSPENDED, RESUMED)).standing is Standing.ACTIVE


def test_a_resumption_waits_for_the_suspension() -> None:
    with pytest.raises(AwaitsError, match="is not suspended"):
        told(SHANGHAI, INITIAL, RESUMED)


def test_a_resumed_registration_may_be_suspended_again() -> None:
    again = HERE.suspended(on="2025-01-06")

    assert only(told(SHANGHAI, INITIAL, SUSPENDED, RESUMED, again)).standing is Standing.SUSPENDED


def test_a_resumption_before_the_suspension_is_refused() -> None:
    with pytest.raises(ConflictError, match="of a later day"):
        told(SHANGHAI, INITIAL, SUSPENDED, HERE.resumed(on="2024-09-01"))


def test_a_cancelled_registration_is_not_suspended() -> None:
    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, INITIAL, CANCELLED, HERE.suspended(on="2025-06-02"))


def test_a_suspension_from_before_the_cancellation_comes_too_late() -> None:
    with pytest.raises(ConflictError, match="of a later day"):
        told(SHANGHAI, INITIAL, CANCELLED, SUSPENDED)


# --- corrected (姓名、证件号更正) --------------------------------------------------------------


def test_a_corrected_holder_is_known_as_corrected() -> None:
    person = told(SHANGHAI, INITIAL, HERE.corrected(on="2025-01-06", name="张示例"))

    assert person.holder is not None
    assert person.holder.name == "张示例"
    assert only(person).changed_on == date(2025, 1, 6)
    assert only(person).cause == "holder.corrected"


def test_a_correction_keeps_the_days_and_the_pictures() -> None:
    before = told(SHANGHAI, INITIAL)

    after = apply(before, HERE.corrected(on="2025-01-06", name="张示例"), SHANGHAI)

    assert only(after).view == only(before).view


def test_a_corrected_certificate_is_no_longer_on_paper() -> None:
    assert not only(told(SHANGHAI, IMPORTED, HERE.corrected(on="2024-09-02"))).on_paper


def test_a_correction_may_bring_a_new_photo() -> None:
    fact = HERE.corrected(on="2025-01-06", photo=NEW_PHOTO)

    assert only(told(SHANGHAI, INITIAL, fact)).view.photo == NEW_PHOTO


def test_a_correction_may_bring_a_new_signature() -> None:
    fact = replace(ENGINEER.corrected(on="2025-01-06"), pictures={"signature": "e" * 64})

    view = only(told(COST, OF_CIVIL, fact)).view

    assert (view.photo, view.signature) == (PHOTO, "e" * 64)


def test_a_correction_is_printed_on_every_certificate_in_force() -> None:
    person = told(COST, OF_CIVIL, OF_INSTALLATION, ENGINEER.corrected(on="2025-01-06"))

    assert {each.changed_on for each in person.registrations} == {date(2025, 1, 6)}
    assert {each.view.signature for each in person.registrations} == {SIGNATURE}


def test_a_correction_leaves_what_has_ended_as_it_was() -> None:
    again = THERE.approved("initial", BUILDING, number=2, on="2025-07-11")
    before = told(SHANGHAI, INITIAL, CANCELLED, again)

    after = apply(before, THERE.corrected(on="2025-09-01", name="张示例"), SHANGHAI)

    assert after.registrations[0] == before.registrations[0]
    assert after.registrations[1].changed_on == date(2025, 9, 1)


def test_a_correction_waits_for_a_registration() -> None:
    with pytest.raises(AwaitsError, match="no registration in force on that day"):
        told(SHANGHAI, HERE.corrected(on="2025-01-06"))


def test_a_correction_of_who_is_registered_no_more_waits() -> None:
    with pytest.raises(AwaitsError, match="no registration in force on that day"):
        told(SHANGHAI, INITIAL, CANCELLED, HERE.corrected(on="2025-06-02"))


def test_a_correction_dated_before_a_later_change_is_refused() -> None:
    added = HERE.approved("addition", ROAD, number=2, on="2025-02-14")

    with pytest.raises(ConflictError, match="of a later day"):
        told(SHANGHAI, INITIAL, added, HERE.corrected(on="2025-01-06"))


def test_nobody_is_known_before_anything_is_told() -> None:
    assert told(SHANGHAI) == Person()


def test_a_profession_added_after_an_import_joins_it() -> None:
    added = HERE.approved("addition", profession("机电工程"), number=2, on="2024-09-13")

    registration = only(told(SHANGHAI, IMPORTED, added))

    assert len(registration.view.professions) == 3
    assert registration.number == "沪231162200057"
