"""What is done to an application: saved, signed, attached to, moved on, approved."""

from dataclasses import replace

import pytest

from factory import specimen
from factory.errors import AwaitsError, ConflictError, FieldError
from factory.model import ApplicationState, ApplicationType, Party, Standing
from factory.profile import Material, Profile
from factory.register import Application, Fact, Person, Signature
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
    ZHEJIANG,
    Teller,
    altered,
    at,
    only,
    told,
)

HERE = Teller(profile=SHANGHAI)
AT_GANSU = Teller(profile=GANSU)
AT_ZHEJIANG = Teller(profile=ZHEJIANG)
AT_SHAANXI = Teller(profile=SHAANXI)
DAY = "2024-06-03"
SAVED = HERE.saved("initial", BUILDING, at=at(DAY, "09:00"))
BY_APPLICANT = HERE.signed("applicant", at=at(DAY, "10:00"))
BY_ENTERPRISE = HERE.signed("enterprise", at=at(DAY, "15:00"))
SAVED_AGAIN = HERE.saved("initial", BUILDING, ROAD, at=at(DAY, "16:00"), revision=2)
APPROVED = HERE.approved("initial", BUILDING, on="2024-06-14")
SCANS = altered(
    SHANGHAI, "application", materials=(Material(id="scan", title="扫描件", required=True),)
)
DRAFT = AT_ZHEJIANG.saved("initial", BUILDING, at=at(DAY, "09:00"))
PAPER = AT_ZHEJIANG.attached("identity_paper", at=at(DAY, "10:00"))
QUALIFICATION = AT_ZHEJIANG.attached("qualification", at=at(DAY, "10:05"))
HANDED_IN = AT_ZHEJIANG.saved("initial", BUILDING, at=at(DAY, "11:00"), revision=2, submitted=True)


# --- saving (保存) ------------------------------------------------------------------------------


def test_the_first_save_opens_an_application() -> None:
    found = application(told(SHANGHAI, SAVED))

    assert (found.state, found.revision) == (ApplicationState.AWAITS_APPLICANT, 1)
    assert found.opened == SAVED.effective
    assert found.saved == SAVED


def test_a_later_save_makes_every_signature_void() -> None:
    found = application(told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE, SAVED_AGAIN))

    assert [each.void for each in found.signatures] == [True, True]
    assert found.state is ApplicationState.AWAITS_APPLICANT


def test_void_signatures_are_kept_beside_the_new_ones() -> None:
    signed = HERE.signed("applicant", at=at(DAY, "17:00"), revision=2)

    found = application(told(SHANGHAI, SAVED, BY_APPLICANT, SAVED_AGAIN, signed))

    assert found.signatures == (
        Signature(party=Party.APPLICANT, revision=1, at=BY_APPLICANT.effective, void=True),
        Signature(party=Party.APPLICANT, revision=2, at=signed.effective),
    )


def test_a_later_save_does_not_open_it_anew() -> None:
    assert application(told(SHANGHAI, SAVED, SAVED_AGAIN)).opened == SAVED.effective


@pytest.mark.parametrize("revision", [1, 2])
def test_a_revision_that_is_not_a_later_one_is_refused(revision: int) -> None:
    fact = HERE.saved("initial", BUILDING, at=at(DAY, "17:00"), revision=revision)

    with pytest.raises(ConflictError, match="is not newer than 2"):
        told(SHANGHAI, SAVED, SAVED_AGAIN, fact)


def test_a_revision_may_be_skipped() -> None:
    fact = HERE.saved("initial", BUILDING, at=at(DAY, "17:00"), revision=7)

    assert application(told(SHANGHAI, SAVED, fact)).revision == 7


def test_a_revision_saved_before_the_one_it_follows_is_refused() -> None:
    fact = HERE.saved("initial", BUILDING, at=at(DAY, "08:59"), revision=2)

    with pytest.raises(ConflictError, match="before the step it needs"):
        told(SHANGHAI, SAVED, fact)


def test_a_type_the_register_does_not_have_is_refused() -> None:
    with pytest.raises(FieldError, match="has no reregistration"):
        told(SHANGHAI, HERE.saved("reregistration", BUILDING, at=at(DAY)))


def test_an_application_keeps_its_type() -> None:
    fact = HERE.saved("addition", BUILDING, at=at(DAY, "16:00"), revision=2)

    with pytest.raises(ConflictError, match="it was saved as"):
        told(SHANGHAI, SAVED, fact)


def test_a_profession_the_register_does_not_have_is_not_applied_for() -> None:
    with pytest.raises(FieldError, match="this register has only"):
        told(SHANGHAI, HERE.saved("initial", CIVIL, at=at(DAY)))


def test_cost_engineers_name_one_profession_an_application() -> None:
    with pytest.raises(FieldError, match="professions"):
        told(COST, Teller(profile=COST).saved("initial", CIVIL, INSTALLATION, at=at(DAY)))


@pytest.mark.parametrize("rules", [SHANGHAI, GANSU, COST], ids=lambda rules: rules.id)
def test_what_is_signed_is_not_submitted(rules: Profile) -> None:
    [name, *_] = rules.professions.names
    fact = Teller(profile=rules).saved("initial", name, at=at(DAY), submitted=True)

    with pytest.raises(FieldError, match="submitted"):
        told(rules, fact)


def test_what_is_approved_is_not_saved_any_more() -> None:
    """Even where the approval was the first that was heard of it."""
    fact = HERE.saved("initial", BUILDING, at=at("2024-06-20"))

    with pytest.raises(ConflictError, match="办结"):
        told(SHANGHAI, APPROVED, fact)


def test_what_waits_for_its_announcement_is_not_saved_any_more() -> None:
    approved = AT_GANSU.approved("initial", BUILDING, on="2024-06-14")

    with pytest.raises(ConflictError, match="待公告"):
        told(GANSU, approved, AT_GANSU.saved("initial", BUILDING, at=at("2024-06-20")))


# --- one at a time -----------------------------------------------------------------------------


@pytest.mark.parametrize("rules", PROFILES, ids=lambda rules: rules.id)
def test_a_second_application_waits_until_the_first_has_ended(rules: Profile) -> None:
    here, name = Teller(profile=rules), rules.professions.names[0]
    first = here.saved("initial", name, at=at(DAY))
    second = here.saved("initial", name, number=2, at=at("2024-06-05"))

    with pytest.raises(ConflictError, match="正在审批中"):
        told(rules, first, second)


def test_on_the_day_the_first_has_ended_another_one_is_opened() -> None:
    withdrawn = HERE.closed("withdrawn", at=at("2024-06-05", "15:00"), by="applicant")
    second = HERE.saved("initial", BUILDING, number=2, at=at("2024-06-05", "09:00"))

    person = told(SHANGHAI, SAVED, withdrawn, second)

    assert application(person, 2).state is ApplicationState.AWAITS_APPLICANT


def test_a_day_before_the_first_has_ended_none_is_opened() -> None:
    withdrawn = HERE.closed("withdrawn", at=at("2024-06-05"), by="applicant")
    second = HERE.saved("initial", BUILDING, number=2, at=at("2024-06-04"))

    with pytest.raises(ConflictError, match="正在审批中"):
        told(SHANGHAI, SAVED, withdrawn, second)


def test_what_was_saved_before_the_open_one_was_opened_is_heard_afterwards() -> None:
    open_one = HERE.saved("initial", BUILDING, number=2, at=at("2024-06-05"))

    person = told(SHANGHAI, open_one, SAVED)

    assert application(person).opened == SAVED.effective


def test_an_application_returned_to_the_applicant_is_still_open() -> None:
    returned = HERE.closed("returned", at=at("2024-06-05"))
    second = HERE.saved("initial", BUILDING, number=2, at=at("2024-06-06"))

    with pytest.raises(ConflictError, match="正在审批中"):
        told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE, returned, second)


# --- signing (个人签名, 企业签名) ---------------------------------------------------------------


def test_a_signature_says_whose_of_what_and_when() -> None:
    [signature] = application(told(SHANGHAI, SAVED, BY_APPLICANT)).signatures

    assert signature == Signature(party=Party.APPLICANT, revision=1, at=BY_APPLICANT.effective)


def test_with_the_last_signature_it_is_accepted() -> None:
    person = told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE)

    assert application(person).state is ApplicationState.ACCEPTED
    assert person.registrations == ()


def test_a_signature_waits_for_its_application() -> None:
    with pytest.raises(AwaitsError, match="no application is known"):
        told(SHANGHAI, BY_APPLICANT)


def test_a_signature_waits_for_its_revision() -> None:
    with pytest.raises(AwaitsError, match="2 is not saved yet"):
        told(SHANGHAI, SAVED, HERE.signed("applicant", at=at(DAY, "10:00"), revision=2))


def test_a_signature_of_a_revision_saved_over_is_refused() -> None:
    late = HERE.signed("applicant", at=at(DAY, "17:00"), revision=1)

    with pytest.raises(ConflictError, match="作废"):
        told(SHANGHAI, SAVED, SAVED_AGAIN, late)


def test_the_enterprise_waits_for_the_applicant() -> None:
    with pytest.raises(AwaitsError, match="待个人签名"):
        told(SHANGHAI, SAVED, BY_ENTERPRISE)


def test_an_enterprise_that_signed_before_the_applicant_has_to_sign_again() -> None:
    early = HERE.signed("enterprise", at=at(DAY, "09:30"))

    with pytest.raises(ConflictError, match="before the step it needs"):
        told(SHANGHAI, SAVED, BY_APPLICANT, early)


@pytest.mark.parametrize("party", Party)
def test_where_nobody_signs_a_signature_is_refused(party: Party) -> None:
    with pytest.raises(FieldError, match="does not sign"):
        told(ZHEJIANG, DRAFT, AT_ZHEJIANG.signed(party, at=at(DAY, "10:00")))


def test_the_last_signature_of_a_cancellation_ends_the_registration_that_day() -> None:
    cancellation = HERE.application(
        "cancellation", BUILDING, number=2, saved="2025-03-03", approved="2025-03-14"
    )

    registration = only(told(SHANGHAI, APPROVED, *cancellation))

    assert registration.standing is Standing.CANCELLED
    assert str(registration.ended) == "2025-03-03"


def test_before_it_the_registration_stands() -> None:
    *asked, _ = HERE.application(
        "cancellation", BUILDING, number=2, saved="2025-03-03", approved="2025-03-14"
    )

    assert only(told(SHANGHAI, APPROVED, *asked)).standing is Standing.ACTIVE


def test_the_last_signature_of_a_cancellation_waits_for_its_registration() -> None:
    cancellation = HERE.application(
        "cancellation", BUILDING, number=2, saved="2025-03-03", approved="2025-03-14"
    )

    with pytest.raises(AwaitsError, match="none in force"):
        told(SHANGHAI, *cancellation)


def test_a_forced_cancellation_is_the_enterprises_signature_alone() -> None:
    initial = AT_GANSU.application("initial", BUILDING, number=1, saved=DAY, approved="2024-06-14")
    forced = [
        AT_GANSU.saved("forced_cancellation", BUILDING, number=2, at=at("2025-03-03")),
        AT_GANSU.signed("enterprise", number=2, at=at("2025-03-03", "15:00")),
    ]

    assert only(told(GANSU, *initial, *forced)).standing is Standing.CANCELLED


def test_a_forced_cancellation_has_no_place_for_the_applicants_signature() -> None:
    saved = AT_GANSU.saved("forced_cancellation", BUILDING, at=at(DAY))

    with pytest.raises(FieldError, match="the applicant does not sign this"):
        told(GANSU, saved, AT_GANSU.signed("applicant", at=at(DAY, "10:00")))


# --- materials (申报材料) ----------------------------------------------------------------------


def test_a_material_is_kept_with_its_digest() -> None:
    found = application(told(ZHEJIANG, DRAFT, PAPER)).materials["identity_paper"]

    assert (found.sha256, found.at) == ("d" * 64, PAPER.effective)


def test_a_material_is_not_uploaded_over_another() -> None:
    with pytest.raises(ConflictError, match="replace or delete"):
        told(ZHEJIANG, DRAFT, PAPER, AT_ZHEJIANG.attached("identity_paper", at=at(DAY, "10:30")))


def test_a_material_may_be_replaced() -> None:
    replaced = AT_ZHEJIANG.attached("identity_paper", at=at(DAY, "10:30"), action="replaced")

    found = application(told(ZHEJIANG, DRAFT, PAPER, replaced)).materials

    assert found["identity_paper"].at == replaced.effective


def test_a_material_may_be_deleted() -> None:
    deleted = AT_ZHEJIANG.attached("identity_paper", at=at(DAY, "10:30"), action="deleted")

    assert application(told(ZHEJIANG, DRAFT, PAPER, deleted)).materials == {}


@pytest.mark.parametrize("action", ["replaced", "deleted"])
def test_what_is_not_there_waits_to_be_replaced_or_deleted(action: str) -> None:
    fact = AT_ZHEJIANG.attached("identity_paper", at=at(DAY, "10:30"), action=action)

    with pytest.raises(AwaitsError, match=f"none that could be {action}"):
        told(ZHEJIANG, DRAFT, fact)


def test_a_material_waits_for_its_application() -> None:
    with pytest.raises(AwaitsError, match="no application is known"):
        told(ZHEJIANG, PAPER)


def test_a_material_the_register_does_not_ask_for_is_refused() -> None:
    with pytest.raises(FieldError, match="this register asks for"):
        told(SHANGHAI, SAVED, HERE.attached("identity_paper", at=at(DAY, "10:00")))


def test_what_is_handed_in_keeps_its_materials() -> None:
    handed_in = [DRAFT, PAPER, QUALIFICATION, HANDED_IN]
    late = AT_ZHEJIANG.attached("labour_contract", at=at(DAY, "12:00"))

    with pytest.raises(ConflictError, match="handed in"):
        told(ZHEJIANG, *handed_in, late)


def test_what_was_returned_may_have_other_materials() -> None:
    returned = AT_ZHEJIANG.closed("returned", at=at("2024-06-05"))
    late = AT_ZHEJIANG.attached("labour_contract", at=at("2024-06-05", "12:00"))

    person = told(ZHEJIANG, DRAFT, PAPER, QUALIFICATION, HANDED_IN, returned, late)

    assert "labour_contract" in application(person).materials


def test_what_is_signed_may_have_materials_until_its_first_signature() -> None:
    person = told(SCANS, SAVED, HERE.attached("scan", at=at(DAY, "09:30")), BY_APPLICANT)

    assert "scan" in application(person).materials
    assert application(person).state is ApplicationState.AWAITS_ENTERPRISE


def test_what_is_signed_keeps_its_materials() -> None:
    scan = HERE.attached("scan", at=at(DAY, "09:30"))
    late = HERE.attached("scan", at=at(DAY, "10:30"), action="replaced")

    with pytest.raises(ConflictError, match="handed in"):
        told(SCANS, SAVED, scan, BY_APPLICANT, late)


def test_the_first_signature_waits_for_a_material_that_is_missing_and_names_it() -> None:
    with pytest.raises(AwaitsError, match="materials: scan must"):
        told(SCANS, SAVED, BY_APPLICANT)


def test_a_material_of_another_type_is_not_waited_for() -> None:
    [scan] = SCANS.application.materials
    others = altered(
        SCANS,
        "application",
        materials=(scan.model_copy(update={"types": (ApplicationType.ADDITION,)}),),
    )

    person = told(others, SAVED, BY_APPLICANT)

    assert application(person).state is ApplicationState.AWAITS_ENTERPRISE
    with pytest.raises(FieldError, match="this register asks for none"):
        told(others, SAVED, HERE.attached("scan", at=at(DAY, "09:30")))


# --- submission (提交) -------------------------------------------------------------------------


def test_with_every_required_material_it_is_submitted() -> None:
    person = told(ZHEJIANG, DRAFT, PAPER, QUALIFICATION, HANDED_IN)

    assert application(person).state is ApplicationState.ACCEPTED


def test_a_submission_waits_for_a_material_that_is_missing_and_names_it() -> None:
    with pytest.raises(AwaitsError, match="materials: qualification must"):
        told(ZHEJIANG, DRAFT, PAPER, HANDED_IN)


def handed_in(kind: str) -> list[Fact]:
    """Submitted with the identity paper alone."""
    return [
        AT_ZHEJIANG.saved(kind, ROAD, number=2, at=at("2025-03-03", "09:00")),
        AT_ZHEJIANG.attached("identity_paper", number=2, at=at("2025-03-03", "10:00")),
        AT_ZHEJIANG.saved(
            kind, ROAD, number=2, at=at("2025-03-03", "11:00"), revision=2, submitted=True
        ),
    ]


def test_a_material_of_other_applications_is_not_waited_for() -> None:
    initial = AT_ZHEJIANG.application(
        "initial", BUILDING, ROAD, number=1, saved=DAY, approved="2024-06-14"
    )

    person = told(ZHEJIANG, *initial, *handed_in("cancellation"))

    [_, cancellation] = person.applications.values()
    assert cancellation.state is ApplicationState.ACCEPTED


def test_a_material_of_this_application_is_waited_for() -> None:
    initial = AT_ZHEJIANG.application(
        "initial", BUILDING, number=1, saved=DAY, approved="2024-06-14"
    )

    with pytest.raises(AwaitsError, match="materials: qualification must"):
        told(ZHEJIANG, *initial, *handed_in("addition"))


def test_what_was_submitted_before_its_last_material_came_is_submitted_again() -> None:
    early = AT_ZHEJIANG.saved("initial", BUILDING, at=at(DAY, "10:04"), revision=2, submitted=True)

    with pytest.raises(ConflictError, match="must be done again"):
        told(ZHEJIANG, DRAFT, PAPER, QUALIFICATION, early)


def test_in_shaanxi_a_submission_waits_for_the_signed_form() -> None:
    saved = AT_SHAANXI.saved("initial", BUILDING, at=at(DAY))
    submitted = AT_SHAANXI.saved(
        "initial", BUILDING, at=at(DAY, "11:00"), revision=2, submitted=True
    )

    with pytest.raises(AwaitsError, match="signed_form"):
        told(SHAANXI, saved, submitted)


# --- steps of the procedure (办理环节) ---------------------------------------------------------


def test_a_step_says_what_who_and_when() -> None:
    accepted = HERE.closed("accepted", at=at("2024-06-05"), by="counter")

    [step] = application(told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE, accepted)).steps

    assert (step.outcome, step.by, step.at) == ("accepted", "counter", accepted.effective)


def test_a_step_waits_for_its_application() -> None:
    with pytest.raises(AwaitsError, match="no application is known"):
        told(SHANGHAI, HERE.closed("accepted", at=at("2024-06-05")))


def test_a_step_taken_before_the_one_it_needs_is_refused() -> None:
    early = HERE.closed("accepted", at=at(DAY, "14:59"))

    with pytest.raises(ConflictError, match="before the step it needs"):
        told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE, early)


def test_a_return_from_before_the_review_began_is_refused() -> None:
    accepted = HERE.closed("accepted", at=at("2024-06-05"))
    early = HERE.closed("returned", at=at("2024-06-04"))

    with pytest.raises(ConflictError, match="before the step it needs"):
        told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE, accepted, early)


def test_in_gansu_an_approval_takes_effect_with_its_announcement() -> None:
    *decided, announced = AT_GANSU.application(
        "initial", BUILDING, number=1, saved=DAY, approved="2024-06-14"
    )

    before = told(GANSU, *decided)
    after = apply(before, announced, GANSU)

    assert before.registrations == ()
    assert str(only(after).begun) == "2024-06-14"
    assert str(only(after).view.valid_until) == "2027-06-13"


def test_what_is_rejected_after_its_approval_never_begins() -> None:
    *decided, _ = AT_GANSU.application(
        "initial", BUILDING, number=1, saved=DAY, approved="2024-06-14"
    )
    rejected = AT_GANSU.closed("rejected", at=at("2024-06-20"))

    person = told(GANSU, *decided, rejected)

    assert person.registrations == ()
    assert application(person).state is ApplicationState.REJECTED


def test_what_was_rejected_is_not_announced() -> None:
    *decided, announced = AT_GANSU.application(
        "initial", BUILDING, number=1, saved=DAY, approved="2024-06-14"
    )
    rejected = AT_GANSU.closed("rejected", at=at("2024-06-20"))

    with pytest.raises(ConflictError, match="不予批准"):
        told(GANSU, *decided, rejected, announced)


@pytest.mark.parametrize(
    ("here", "outcome", "by"),
    [
        (HERE, "accepted", "applicant"),
        (HERE, "rejected", "enterprise"),
        (HERE, "returned", "enterprise"),
        (AT_SHAANXI, "passed", "applicant"),
        (AT_SHAANXI, "passed", "centre"),
        (AT_SHAANXI, "returned", "centre"),
    ],
    ids=str,
)
def test_a_step_is_refused_to_whom_it_is_not_for(here: Teller, outcome: str, by: str) -> None:
    first = here.application("initial", BUILDING, number=1, saved=DAY, approved="2024-06-14")
    handed_in = [each for each in first if each.type not in {"registration.approved"}]
    before = told(here.profile, *[each for each in handed_in if each.type != "application.closed"])

    with pytest.raises(FieldError, match=" is for ") as refused:
        apply(before, here.closed(outcome, at=at("2024-06-20"), by=by), here.profile)

    assert refused.value.field == "by"


def test_in_shaanxi_the_enterprise_sends_back_and_later_the_centre() -> None:
    first = AT_SHAANXI.application("initial", BUILDING, number=1, saved=DAY, approved="2024-06-14")
    handed_in = [
        each for each in first if each.type not in {"registration.approved", "application.closed"}
    ]
    sent_back = AT_SHAANXI.closed("returned", at=at("2024-06-04"), by="enterprise")
    passed = AT_SHAANXI.closed("passed", at=at("2024-06-04"), by="enterprise")
    returned = AT_SHAANXI.closed("returned", at=at("2024-06-05"), by="centre")

    by_enterprise = application(told(SHAANXI, *handed_in, sent_back))
    by_centre = application(told(SHAANXI, *handed_in, passed, returned))

    assert by_enterprise.state is by_centre.state is ApplicationState.RETURNED


# --- what the server checks when it is saved ---------------------------------------------------


def test_a_form_that_breaks_a_rule_of_the_register_is_refused_before_anybody_signs() -> None:
    qualified_long_ago = {"name": BUILDING, "qualified_on": "2015-11-03"}

    with pytest.raises(FieldError, match="逾期注册"):
        told(SHANGHAI, HERE.saved("initial", qualified_long_ago, at=at(DAY)))


def test_a_draft_may_break_it_until_it_is_handed_in() -> None:
    qualified_long_ago = {"name": BUILDING, "qualified_on": "2015-11-03"}
    draft = AT_ZHEJIANG.saved("initial", qualified_long_ago, at=at(DAY))
    handed_in = AT_ZHEJIANG.saved(
        "initial", qualified_long_ago, at=at(DAY, "11:00"), revision=2, submitted=True
    )
    before = told(ZHEJIANG, draft, PAPER, QUALIFICATION)

    with pytest.raises(FieldError, match="逾期注册"):
        apply(before, handed_in, ZHEJIANG)


def test_what_may_still_come_is_no_reason_to_refuse_a_form() -> None:
    """The registration that is to be renewed may be told of later."""
    person = told(SHANGHAI, HERE.saved("renewal", BUILDING, at=at(DAY), photo=None))

    assert application(person).state is ApplicationState.AWAITS_APPLICANT


# --- what was signed outside (线下签字) ---------------------------------------------------------


SIGNED_FORM = AT_SHAANXI.attached("signed_form", at=at(DAY, "10:00"))


def test_a_form_signed_outside_is_handed_in_as_it_was_signed() -> None:
    saved = AT_SHAANXI.saved("initial", BUILDING, at=at(DAY))
    handed_in = AT_SHAANXI.saved(
        "initial", BUILDING, at=at(DAY, "11:00"), revision=2, submitted=True
    )

    assert "signed_form" in application(told(SHAANXI, saved, SIGNED_FORM, handed_in)).materials


def test_a_form_signed_outside_is_void_once_something_else_is_saved() -> None:
    saved = AT_SHAANXI.saved("initial", BUILDING, at=at(DAY))
    handed_in = AT_SHAANXI.saved("initial", ROAD, at=at(DAY, "11:00"), revision=2, submitted=True)

    with pytest.raises(AwaitsError, match="signed_form must be attached"):
        apply(told(SHAANXI, saved, SIGNED_FORM), handed_in, SHAANXI)


# --- approval (批准) ---------------------------------------------------------------------------


def test_pictures_that_came_with_the_form_need_not_come_with_the_approval() -> None:
    engineer = Teller(profile=COST)
    whole = engineer.application("initial", CIVIL, number=1, saved=DAY, approved="2024-06-14")
    *handed_in, _ = whole
    bare = replace(engineer.approved("initial", CIVIL, on="2024-06-14"), pictures={})

    view = only(told(COST, *handed_in, bare)).view

    assert (view.photo, view.signature) == (PHOTO, SIGNATURE)


def test_pictures_of_the_approval_go_before_those_of_the_form() -> None:
    approved = HERE.approved("initial", BUILDING, on="2024-06-14", photo=NEW_PHOTO)

    person = told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE, approved)

    assert only(person).view.photo == NEW_PHOTO


def test_a_cancellation_said_once_more_of_another_employer_is_refused() -> None:
    there = Teller(profile=SHANGHAI, employer=ELSEWHERE)
    initial = HERE.approved("initial", BUILDING, on="2024-03-01", number=5)
    signed = HERE.application("cancellation", BUILDING, number=1, saved=DAY, approved=DAY)
    once_more = there.approved("cancellation", BUILDING, on="2024-06-14")

    with pytest.raises(ConflictError, match="at another employer"):
        apply(told(SHANGHAI, initial, *signed), once_more, SHANGHAI)


def test_an_approval_of_a_day_before_the_last_signature_is_refused() -> None:
    before = told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE)

    with pytest.raises(ConflictError, match="before the step it needs"):
        apply(before, HERE.approved("initial", BUILDING, on="2024-06-02"), SHANGHAI)


def test_an_approval_of_the_day_of_the_last_signature_is_taken() -> None:
    before = told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE)

    after = apply(before, HERE.approved("initial", BUILDING, on=DAY), SHANGHAI)

    assert application(after).state is ApplicationState.COMPLETED


def test_an_approval_completes_the_application_and_begins_the_registration() -> None:
    person = told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE, APPROVED)

    assert application(person).state is ApplicationState.COMPLETED
    assert application(person).ended == APPROVED.effective
    assert only(person).origin == APPROVED.key


def test_what_was_approved_counts_and_not_what_was_applied_for() -> None:
    both = HERE.saved("initial", BUILDING, ROAD, at=at(DAY))

    person = told(SHANGHAI, both, BY_APPLICANT, BY_ENTERPRISE, APPROVED)

    assert [each.name for each in only(person).view.professions] == [BUILDING]


def test_an_approval_waits_for_the_signatures() -> None:
    with pytest.raises(AwaitsError, match="待企业签名"):
        told(SHANGHAI, SAVED, BY_APPLICANT, APPROVED)


def test_an_approval_of_another_type_is_refused() -> None:
    renewal = HERE.approved("renewal", BUILDING, on="2024-06-14")

    with pytest.raises(ConflictError, match="was applied for"):
        told(SHANGHAI, SAVED, BY_APPLICANT, BY_ENTERPRISE, renewal)


def test_a_second_approval_of_one_application_is_refused() -> None:
    again = HERE.approved("initial", BUILDING, on="2024-06-15")

    with pytest.raises(ConflictError, match="办结"):
        told(SHANGHAI, APPROVED, again)


def test_the_approval_of_a_signed_cancellation_changes_nothing() -> None:
    cancellation = HERE.application(
        "cancellation", BUILDING, number=2, saved="2025-03-03", approved="2025-03-14"
    )
    before = told(SHANGHAI, APPROVED, *cancellation)

    after = apply(
        before, HERE.approved("cancellation", BUILDING, number=2, on="2025-03-14"), SHANGHAI
    )

    assert after == before


@pytest.mark.parametrize("here", [AT_ZHEJIANG, AT_SHAANXI], ids=lambda here: here.profile.id)
def test_where_nobody_signs_the_approval_ends_the_registration(here: Teller) -> None:
    initial = here.application("initial", BUILDING, number=1, saved=DAY, approved="2024-06-14")
    *asked, approval = here.application(
        "cancellation", BUILDING, number=2, saved="2025-03-03", approved="2025-03-14"
    )

    before = told(here.profile, *initial, *asked)
    after = apply(before, approval, here.profile)

    assert (only(before).standing, only(after).standing) == (
        Standing.ACTIVE,
        Standing.CANCELLED,
    )


def application(person: Person, number: int = 1) -> Application:
    """The application under that number."""
    return person.applications[specimen.acceptance_number(number)]
