"""The procedure's table: who acts when, in each register and for each type of application."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import product

import pytest
from pydantic import ValidationError

from factory.errors import AwaitsError, ConflictError, FieldError, PermanentError
from factory.model import CANCELLING, Party
from factory.model import ApplicationState as S
from factory.model import ApplicationType as T
from factory.profile import Profile
from factory.register import FINAL, LABELS, table
from factory.register import Happening as Do
from factory.register.applications import AWAITS, step
from tests.factory.register.histories import (
    COST,
    GANSU,
    PROFILES,
    SHAANXI,
    SHANGHAI,
    ZHEJIANG,
    altered,
)

SIGNED = (Do.SAVE, Do.APPLICANT_SIGNS, Do.ENTERPRISE_SIGNS)
EVERY = [(rules, kind) for rules in PROFILES for kind in rules.application.types]
SIGNING = [
    (rules, kind)
    for rules, kind in EVERY
    if rules.application.signers and kind not in CANCELLING and kind is not T.PAPER_EXCHANGE
]


REVIEWING: dict[str, object] = {
    "signers": (Party.APPLICANT,),
    "enterprise_review": True,
    "edit_lock": "submission",
    "cancellation_completes_on": "review",
}
REVIEWED = altered(SHANGHAI, "application", **REVIEWING)


def named(value: object) -> str:
    """What a parameter is called in the name of a test."""
    return value.id if isinstance(value, Profile) else str(value)


every = pytest.mark.parametrize(("rules", "kind"), EVERY, ids=named)
signing = pytest.mark.parametrize(("rules", "kind"), SIGNING, ids=named)
at_signature = pytest.mark.parametrize("rules", [SHANGHAI, COST, GANSU], ids=named)
submitting = pytest.mark.parametrize("rules", [ZHEJIANG, SHAANXI], ids=named)
by_review = pytest.mark.parametrize("rules", [SHANGHAI, COST], ids=named)


# --- every register ----------------------------------------------------------------------------


@every
def test_every_state_that_is_reached_leads_to_an_end(rules: Profile, kind: T) -> None:
    for state in reached(rules, kind):
        assert state in FINAL or reached(rules, kind, state) & FINAL


@every
def test_what_has_ended_stays_ended(rules: Profile, kind: T) -> None:
    for (before, _), after in table(rules, kind).items():
        assert before not in FINAL or after is before


@every
def test_an_approval_the_factory_saw_nothing_of_is_followed(rules: Profile, kind: T) -> None:
    announced = rules is GANSU and kind not in {*CANCELLING, T.PAPER_EXCHANGE}

    assert walk(rules, kind, Do.APPROVE) is (S.APPROVED if announced else S.COMPLETED)


@every
@pytest.mark.parametrize("happening", sorted(set(Do) - {Do.SAVE, Do.SUBMIT, Do.APPROVE}))
def test_anything_else_waits_for_the_application(rules: Profile, kind: T, happening: Do) -> None:
    known = happening in {each for _, each in table(rules, kind)}

    with pytest.raises(AwaitsError if known else FieldError) as caught:
        step(rules, kind, None, happening)

    assert ("nothing was saved" if known else "is no step of") in str(caught.value)


def test_whatever_a_register_chooses_an_application_comes_to_an_end() -> None:
    for rules in every_choice():
        for kind in rules.application.types:
            assert S.COMPLETED in reached(rules, kind), named_choice(rules, kind)
            for state in reached(rules, kind) - FINAL:
                assert reached(rules, kind, state) & FINAL, (named_choice(rules, kind), state)


def test_whatever_a_register_chooses_its_signers_all_sign_before_it_is_approved() -> None:
    for rules in every_choice():
        if not rules.application.signers:
            continue
        for party in rules.application.signers:
            waiting = AWAITS[party]
            assert isinstance(refusal(rules, T.INITIAL, waiting, Do.APPROVE), AwaitsError)


def test_every_state_has_a_label_and_somebody_whose_turn_it_is() -> None:
    assert set(LABELS) == set(S)
    assert {LABELS[state][1] for state in FINAL} == {"nobody"}
    assert {LABELS[state][1] for state in set(S) - FINAL} == {
        "applicant",
        "enterprise",
        "authority",
    }


@every
def test_a_refusal_says_where_the_application_stands_in_chinese(rules: Profile, kind: T) -> None:
    ways = table(rules, kind)

    for state in reached(rules, kind):
        for happening in {each for _, each in ways}:
            if (state, happening) not in ways:
                assert LABELS[state][0] in str(refusal(rules, kind, state, happening))


# --- signatures (个人签名, 企业签名) ------------------------------------------------------------


@signing
def test_the_applicant_signs_then_the_enterprise_then_it_is_accepted(
    rules: Profile, kind: T
) -> None:
    assert walk(rules, kind, Do.SAVE) is S.AWAITS_APPLICANT
    assert walk(rules, kind, Do.SAVE, Do.APPLICANT_SIGNS) is S.AWAITS_ENTERPRISE
    assert walk(rules, kind, *SIGNED) is S.ACCEPTED


@signing
def test_the_enterprise_does_not_sign_before_the_applicant(rules: Profile, kind: T) -> None:
    error = refusal(rules, kind, S.AWAITS_APPLICANT, Do.ENTERPRISE_SIGNS)

    assert isinstance(error, AwaitsError)
    assert "待个人签名" in str(error)


@signing
def test_the_applicant_does_not_sign_twice(rules: Profile, kind: T) -> None:
    error = refusal(rules, kind, S.AWAITS_ENTERPRISE, Do.APPLICANT_SIGNS)

    assert isinstance(error, AwaitsError)
    assert "待企业签名" in str(error)


@signing
def test_an_edit_after_a_signature_asks_the_applicant_to_sign_again(
    rules: Profile, kind: T
) -> None:
    assert walk(rules, kind, Do.SAVE, Do.APPLICANT_SIGNS, Do.SAVE) is S.AWAITS_APPLICANT


@signing
def test_nothing_is_approved_before_both_have_signed(rules: Profile, kind: T) -> None:
    for state in (S.AWAITS_APPLICANT, S.AWAITS_ENTERPRISE):
        assert isinstance(refusal(rules, kind, state, Do.APPROVE), AwaitsError)


@signing
def test_what_is_signed_is_not_submitted(rules: Profile, kind: T) -> None:
    for state in reached(rules, kind):
        assert (state, Do.SUBMIT) not in table(rules, kind)


# --- until when it may be edited ---------------------------------------------------------------


@by_review
def test_in_shanghai_it_may_be_edited_until_the_review_begins(rules: Profile) -> None:
    assert walk(rules, T.INITIAL, *SIGNED, Do.SAVE) is S.AWAITS_APPLICANT


@by_review
def test_in_shanghai_it_may_not_be_edited_once_the_review_has_begun(rules: Profile) -> None:
    assert "审批中" in str(refusal(rules, T.INITIAL, S.REVIEWING, Do.SAVE))


def test_in_gansu_it_may_be_edited_until_the_enterprise_has_signed() -> None:
    assert walk(GANSU, T.INITIAL, Do.SAVE, Do.APPLICANT_SIGNS, Do.SAVE) is S.AWAITS_APPLICANT


def test_where_the_enterprise_signs_first_nothing_is_edited_after_it() -> None:
    turned = altered(GANSU, "application", signers=(Party.ENTERPRISE, Party.APPLICANT))

    assert walk(turned, T.INITIAL, Do.SAVE, Do.SAVE) is S.AWAITS_ENTERPRISE
    assert isinstance(refusal(turned, T.INITIAL, S.AWAITS_APPLICANT, Do.SAVE), PermanentError)


def test_in_gansu_it_may_not_be_edited_once_the_enterprise_has_signed() -> None:
    assert "已受理" in str(refusal(GANSU, T.INITIAL, S.ACCEPTED, Do.SAVE))


@submitting
def test_where_nobody_signs_it_may_be_edited_until_it_is_submitted(rules: Profile) -> None:
    assert walk(rules, T.INITIAL, Do.SAVE, Do.SAVE) is S.DRAFT


@pytest.mark.parametrize(
    ("rules", "state"), [(ZHEJIANG, S.ACCEPTED), (SHAANXI, S.ENTERPRISE_REVIEW)], ids=named
)
def test_where_nobody_signs_it_may_not_be_edited_once_it_is_submitted(
    rules: Profile, state: S
) -> None:
    assert walk(rules, T.INITIAL, Do.SAVE, Do.SUBMIT) is state
    assert LABELS[state][0] in str(refusal(rules, T.INITIAL, state, Do.SAVE))
    assert LABELS[state][0] in str(refusal(rules, T.INITIAL, state, Do.SUBMIT))


@pytest.mark.parametrize("rules", PROFILES, ids=named)
def test_what_was_returned_may_be_edited_everywhere(rules: Profile) -> None:
    before = {S.AWAITS_APPLICANT, S.DRAFT}

    assert step(rules, T.INITIAL, S.RETURNED, Do.SAVE) in before


@pytest.mark.parametrize("rules", PROFILES, ids=named)
@pytest.mark.parametrize("state", sorted(FINAL))
def test_what_has_ended_is_edited_nowhere(rules: Profile, state: S) -> None:
    error = refusal(rules, T.INITIAL, state, Do.SAVE)

    assert isinstance(error, ConflictError)
    assert "not possible any more" in str(error)


# --- submission, and the enterprise's word (通过, 打回) ----------------------------------------


def test_in_zhejiang_what_is_submitted_is_accepted() -> None:
    assert walk(ZHEJIANG, T.INITIAL, Do.SAVE, Do.SUBMIT) is S.ACCEPTED


@submitting
def test_it_may_be_submitted_with_its_first_save(rules: Profile) -> None:
    assert walk(rules, T.INITIAL, Do.SUBMIT) is walk(rules, T.INITIAL, Do.SAVE, Do.SUBMIT)


@submitting
def test_what_was_returned_may_be_submitted_again(rules: Profile) -> None:
    assert step(rules, T.INITIAL, S.RETURNED, Do.SUBMIT) is walk(rules, T.INITIAL, Do.SUBMIT)


@submitting
@pytest.mark.parametrize("signs", [Do.APPLICANT_SIGNS, Do.ENTERPRISE_SIGNS])
def test_nobody_signs_what_is_submitted(rules: Profile, signs: Do) -> None:
    assert isinstance(refusal(rules, T.INITIAL, S.DRAFT, signs), FieldError)


@submitting
def test_what_is_not_submitted_is_not_approved(rules: Profile) -> None:
    error = refusal(rules, T.INITIAL, S.DRAFT, Do.APPROVE)

    assert isinstance(error, AwaitsError)
    assert "填写中" in str(error)


def test_in_shaanxi_the_enterprise_passes_it() -> None:
    assert walk(SHAANXI, T.INITIAL, Do.SUBMIT, Do.PASSED) is S.REVIEWING


def test_in_shaanxi_the_enterprise_may_send_it_back() -> None:
    assert walk(SHAANXI, T.INITIAL, Do.SUBMIT, Do.RETURNED) is S.RETURNED


def test_the_authority_waits_for_the_enterprise() -> None:
    error = refusal(SHAANXI, T.INITIAL, S.ENTERPRISE_REVIEW, Do.APPROVE)

    assert isinstance(error, AwaitsError)
    assert "待企业确认" in str(error)


def test_the_enterprise_cannot_pass_it_twice() -> None:
    assert "审批中" in str(refusal(SHAANXI, T.INITIAL, S.REVIEWING, Do.PASSED))


@pytest.mark.parametrize("rules", [SHANGHAI, GANSU, COST, ZHEJIANG], ids=named)
def test_elsewhere_no_enterprise_passes_anything(rules: Profile) -> None:
    assert isinstance(refusal(rules, T.INITIAL, S.ACCEPTED, Do.PASSED), FieldError)


def test_where_only_the_applicant_signs_the_enterprise_reviews_what_is_signed() -> None:
    steps = (Do.SAVE, Do.APPLICANT_SIGNS)

    assert walk(REVIEWED, T.INITIAL, *steps) is S.ENTERPRISE_REVIEW
    assert walk(REVIEWED, T.INITIAL, *steps, Do.PASSED) is S.REVIEWING
    assert walk(REVIEWED, T.INITIAL, *steps, Do.RETURNED) is S.RETURNED


def test_before_the_applicant_has_signed_the_enterprise_reviews_nothing() -> None:
    error = refusal(REVIEWED, T.INITIAL, S.AWAITS_APPLICANT, Do.PASSED)

    assert isinstance(error, AwaitsError)


def test_what_waits_for_its_review_is_not_approved() -> None:
    error = refusal(REVIEWED, T.INITIAL, S.ENTERPRISE_REVIEW, Do.APPROVE)

    assert isinstance(error, AwaitsError)


@pytest.mark.parametrize(
    ("rules", "handing_in"),
    [
        (altered(SHAANXI, "application", types=tuple(T)), Do.SUBMIT),
        (altered(GANSU, "application", **REVIEWING), Do.ENTERPRISE_SIGNS),
    ],
    ids=["submitted", "signed"],
)
def test_an_enterprise_does_not_review_what_it_filed_itself(rules: Profile, handing_in: Do) -> None:
    assert walk(rules, T.FORCED_CANCELLATION, Do.SAVE, handing_in) is S.ACCEPTED


# --- review, publicity (公示), announcement (公告) ---------------------------------------------


@pytest.mark.parametrize(
    ("rules", "state"),
    [
        *((each, S.ACCEPTED) for each in PROFILES if each is not SHAANXI),
        *((each, S.REVIEWING) for each in PROFILES),
    ],
    ids=named,
)
def test_under_review_it_is_approved_returned_rejected_or_withdrawn(
    rules: Profile, state: S
) -> None:
    approved = S.APPROVED if rules is GANSU else S.COMPLETED

    assert step(rules, T.INITIAL, state, Do.APPROVE) is approved
    assert step(rules, T.INITIAL, state, Do.RETURNED) is S.RETURNED
    assert step(rules, T.INITIAL, state, Do.REJECTED) is S.REJECTED
    assert step(rules, T.INITIAL, state, Do.WITHDRAWN) is S.WITHDRAWN


@pytest.mark.parametrize("rules", [SHANGHAI, GANSU, COST, ZHEJIANG], ids=named)
def test_the_review_begins_once(rules: Profile) -> None:
    assert step(rules, T.INITIAL, S.ACCEPTED, Do.ACCEPTED) is S.REVIEWING
    assert isinstance(refusal(rules, T.INITIAL, S.REVIEWING, Do.ACCEPTED), PermanentError)


def test_in_gansu_it_is_published_approved_and_announced() -> None:
    steps = (*SIGNED, Do.ACCEPTED, Do.PUBLICITY)

    assert walk(GANSU, T.INITIAL, *steps) is S.PUBLICITY
    assert walk(GANSU, T.INITIAL, *steps, Do.APPROVE) is S.APPROVED
    assert walk(GANSU, T.INITIAL, *steps, Do.APPROVE, Do.ANNOUNCED) is S.COMPLETED


def test_a_profile_names_which_approvals_are_announced() -> None:
    initials = altered(GANSU, "application", announced=(T.INITIAL,))

    assert walk(initials, T.INITIAL, Do.APPROVE) is S.APPROVED
    assert walk(initials, T.INITIAL, Do.APPROVE, Do.ANNOUNCED) is S.COMPLETED
    assert walk(initials, T.CHANGE, Do.APPROVE) is S.COMPLETED
    for happening in (Do.PUBLICITY, Do.ANNOUNCED):
        assert isinstance(refusal(initials, T.CHANGE, S.REVIEWING, happening), FieldError)


def test_a_cancellation_that_is_reviewed_may_be_announced() -> None:
    rules = altered(GANSU, "application", cancellation_completes_on="review")
    cancelled = altered(rules, "application", announced=(T.CANCELLATION,))

    assert walk(rules, T.CANCELLATION, Do.APPROVE) is S.COMPLETED
    assert walk(cancelled, T.CANCELLATION, Do.APPROVE) is S.APPROVED


def test_an_objection_after_the_approval_still_rejects_it() -> None:
    assert step(GANSU, T.INITIAL, S.APPROVED, Do.REJECTED) is S.REJECTED


def test_nothing_is_announced_before_it_is_approved() -> None:
    error = refusal(GANSU, T.INITIAL, S.PUBLICITY, Do.ANNOUNCED)

    assert isinstance(error, AwaitsError)
    assert "公示" in str(error)


def test_what_is_approved_is_not_approved_again_nor_published() -> None:
    for happening in (Do.APPROVE, Do.PUBLICITY, Do.WITHDRAWN):
        error = refusal(GANSU, T.INITIAL, S.APPROVED, happening)

        assert isinstance(error, ConflictError)
        assert "审批通过 待公告" in str(error)


@pytest.mark.parametrize("rules", [SHANGHAI, COST, ZHEJIANG, SHAANXI], ids=named)
@pytest.mark.parametrize("happening", [Do.PUBLICITY, Do.ANNOUNCED])
def test_elsewhere_nothing_is_published_or_announced(rules: Profile, happening: Do) -> None:
    assert isinstance(refusal(rules, T.INITIAL, S.REVIEWING, happening), FieldError)


# --- cancellation (注销注册, 企业强制注销) ------------------------------------------------------


@at_signature
def test_a_cancellation_is_complete_with_the_enterprises_signature(rules: Profile) -> None:
    assert walk(rules, T.CANCELLATION, *SIGNED) is S.COMPLETED


@at_signature
def test_a_cancellation_is_not_complete_with_the_applicants_signature(rules: Profile) -> None:
    assert walk(rules, T.CANCELLATION, Do.SAVE, Do.APPLICANT_SIGNS) is S.AWAITS_ENTERPRISE


@at_signature
def test_the_approval_of_a_complete_cancellation_says_it_once_more(rules: Profile) -> None:
    assert walk(rules, T.CANCELLATION, *SIGNED, Do.APPROVE) is S.COMPLETED


@at_signature
@pytest.mark.parametrize("happening", [Do.SAVE, Do.WITHDRAWN])
def test_a_complete_cancellation_is_not_taken_back(rules: Profile, happening: Do) -> None:
    error = refusal(rules, T.CANCELLATION, S.COMPLETED, happening)

    assert isinstance(error, ConflictError)
    assert "办结" in str(error)


@at_signature
@pytest.mark.parametrize("happening", [Do.RETURNED, Do.REJECTED])
def test_what_nobody_reviews_is_neither_returned_nor_rejected(
    rules: Profile, happening: Do
) -> None:
    error = refusal(rules, T.CANCELLATION, S.COMPLETED, happening)

    assert isinstance(error, FieldError)
    assert "is no step of cancellation" in str(error)


def test_the_approval_of_anything_else_is_not_said_twice() -> None:
    assert isinstance(refusal(SHANGHAI, T.INITIAL, S.COMPLETED, Do.APPROVE), ConflictError)


@pytest.mark.parametrize(
    ("rules", "steps"),
    [(ZHEJIANG, (Do.SAVE, Do.SUBMIT)), (SHAANXI, (Do.SAVE, Do.SUBMIT, Do.PASSED))],
    ids=named,
)
def test_where_nobody_signs_a_cancellation_is_reviewed(
    rules: Profile, steps: tuple[Do, ...]
) -> None:
    assert walk(rules, T.CANCELLATION, *steps) not in FINAL
    assert walk(rules, T.CANCELLATION, *steps, Do.APPROVE) is S.COMPLETED


def test_a_forced_cancellation_is_signed_by_the_enterprise_alone() -> None:
    assert walk(GANSU, T.FORCED_CANCELLATION, Do.SAVE) is S.AWAITS_ENTERPRISE
    assert walk(GANSU, T.FORCED_CANCELLATION, Do.SAVE, Do.ENTERPRISE_SIGNS) is S.COMPLETED


def test_the_applicant_does_not_sign_a_forced_cancellation() -> None:
    error = refusal(GANSU, T.FORCED_CANCELLATION, S.AWAITS_ENTERPRISE, Do.APPLICANT_SIGNS)

    assert isinstance(error, FieldError)


def test_where_the_profile_says_so_the_applicant_signs_a_forced_cancellation_too() -> None:
    both = altered(GANSU, "application", forced_signers=(Party.APPLICANT, Party.ENTERPRISE))

    assert walk(both, T.FORCED_CANCELLATION, Do.SAVE) is S.AWAITS_APPLICANT
    assert walk(both, T.FORCED_CANCELLATION, *SIGNED) is S.COMPLETED
    assert walk(both, T.CANCELLATION, *SIGNED) is S.COMPLETED


# --- paper exchange (纸质证书换领电子证书) ------------------------------------------------------


def test_in_shanghai_an_exchange_is_complete_once_asked_for() -> None:
    assert walk(SHANGHAI, T.PAPER_EXCHANGE, Do.SAVE) is S.COMPLETED


def test_an_exchange_once_asked_for_is_not_saved_again() -> None:
    error = refusal(SHANGHAI, T.PAPER_EXCHANGE, S.COMPLETED, Do.SAVE)

    assert isinstance(error, ConflictError)


def test_in_gansu_an_exchange_goes_to_the_centre_at_once_and_ends_with_its_approval() -> None:
    assert walk(GANSU, T.PAPER_EXCHANGE, Do.SAVE) is S.REVIEWING
    assert walk(GANSU, T.PAPER_EXCHANGE, Do.SAVE, Do.APPROVE) is S.COMPLETED


def test_what_the_centre_returns_is_saved_and_goes_there_again() -> None:
    assert walk(GANSU, T.PAPER_EXCHANGE, Do.SAVE, Do.RETURNED, Do.SAVE) is S.REVIEWING


@pytest.mark.parametrize("happening", [Do.APPLICANT_SIGNS, Do.PUBLICITY, Do.ANNOUNCED])
def test_an_exchange_is_neither_signed_nor_announced(happening: Do) -> None:
    assert isinstance(refusal(GANSU, T.PAPER_EXCHANGE, S.REVIEWING, happening), FieldError)


# --- withdrawal (撤回) -------------------------------------------------------------------------


@pytest.mark.parametrize("rules", PROFILES, ids=named)
def test_it_may_be_withdrawn_until_it_is_decided(rules: Profile) -> None:
    undecided = reached(rules, T.INITIAL) - FINAL - {S.PUBLICITY, S.APPROVED}

    for state in undecided:
        assert step(rules, T.INITIAL, state, Do.WITHDRAWN) is S.WITHDRAWN


@pytest.mark.parametrize("rules", PROFILES, ids=named)
def test_what_is_decided_is_not_withdrawn(rules: Profile) -> None:
    for state in (S.COMPLETED, S.REJECTED, S.WITHDRAWN, *([S.PUBLICITY] if rules is GANSU else [])):
        error = refusal(rules, T.INITIAL, state, Do.WITHDRAWN)

        assert isinstance(error, ConflictError)
        assert LABELS[state][0] in str(error)


# --- other registers ---------------------------------------------------------------------------


def every_choice() -> Iterator[Profile]:
    """A register for every choice about its applications that does not contradict itself."""
    choices: dict[str, Sequence[object]] = {
        "signers": [(), *((party,) for party in Party), tuple(Party), tuple(Party)[::-1]],
        "enterprise_review": [False, True],
        "edit_lock": ["submission", "enterprise_signature", "review"],
        "publicity": [False, True],
        "cancellation_completes_on": ["review", "enterprise_signature"],
    }
    certificates: dict[str, Sequence[object]] = {
        "generate_on": ["approval", "announcement", "collection"],
        "paper_exchange": ["direct", "centre"],
    }
    whole = {"types": tuple(T), "after_lapse": "reregistration"}
    for values in product(*choices.values()):
        for others in product(*certificates.values()):
            rules = altered(
                altered(
                    SHANGHAI, "application", **whole, **dict(zip(choices, values, strict=True))
                ),
                "certificate",
                **dict(zip(certificates, others, strict=True)),
            )
            with suppress(ValidationError):
                yield Profile.model_validate(rules.model_dump())


def named_choice(rules: Profile, kind: T) -> str:
    """What was chosen, for whoever reads the failure."""
    return f"{kind}: {rules.application} {rules.certificate}"


# --- walking through the table -----------------------------------------------------------------


def walk(rules: Profile, kind: T, *happenings: Do) -> S | None:
    """The state after all of it."""
    state: S | None = None
    for happening in happenings:
        state = step(rules, kind, state, happening)
    return state


def refusal(rules: Profile, kind: T, state: S, happening: Do) -> PermanentError:
    """Why it cannot happen in that state."""
    with pytest.raises(PermanentError) as caught:
        step(rules, kind, state, happening)
    return caught.value


def reached(rules: Profile, kind: T, start: S | None = None) -> set[S]:
    """Every state a way leads to from there."""
    found: set[S] = set()
    open_: list[S | None] = [start]
    while open_:
        here = open_.pop()
        after = {each for (before, _), each in table(rules, kind).items() if before is here}
        open_ += after - found
        found |= after
    return found
