"""The procedure of an application: which step leads where, as one table a profile and type.

The table is made from the profile's rules, so the same code serves every register, and the
documentation prints exactly what is enforced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

from factory.errors import AwaitsError, ConflictError, FieldError
from factory.model import CANCELLING, ApplicationType, Party
from factory.model import ApplicationState as S
from factory.profile import Profile

#: what people see (办理状态), and whose turn it is
LABELS: Mapping[S, tuple[str, str]] = MappingProxyType(
    {
        S.DRAFT: ("填写中", "applicant"),
        S.AWAITS_APPLICANT: ("待个人签名", "applicant"),
        S.AWAITS_ENTERPRISE: ("待企业签名", "enterprise"),
        S.ENTERPRISE_REVIEW: ("待企业确认", "enterprise"),
        S.ACCEPTED: ("已受理", "authority"),
        S.REVIEWING: ("审批中", "authority"),
        S.PUBLICITY: ("公示", "authority"),
        S.APPROVED: ("审批通过 待公告", "authority"),
        S.RETURNED: ("退回", "applicant"),
        S.COMPLETED: ("办结", "nobody"),
        S.REJECTED: ("不予批准", "nobody"),
        S.WITHDRAWN: ("已撤回", "nobody"),
    }
)
FINAL = frozenset({S.COMPLETED, S.REJECTED, S.WITHDRAWN})
#: the parties still have something to do; after these it is handed in
FILLING_IN = frozenset({S.DRAFT, S.AWAITS_APPLICANT, S.AWAITS_ENTERPRISE, S.RETURNED, S.WITHDRAWN})
UNDER_REVIEW = (S.ACCEPTED, S.REVIEWING, S.PUBLICITY)


class Happening(StrEnum):
    """What moves an application."""

    SAVE = "save"  #: 保存
    SUBMIT = "submit"  #: 提交
    APPLICANT_SIGNS = "applicant_signs"  #: 个人签名
    ENTERPRISE_SIGNS = "enterprise_signs"  #: 企业签名
    PASSED = "passed"  #: 通过
    ACCEPTED = "accepted"  #: 进入审批
    PUBLICITY = "publicity"  #: 公示
    APPROVE = "approve"  #: 批准
    ANNOUNCED = "announced"  #: 公告
    RETURNED = "returned"  #: 退回, 打回
    REJECTED = "rejected"  #: 不予批准
    WITHDRAWN = "withdrawn"  #: 撤回


#: what moves an application, in words
WORDS: Mapping[Happening, str] = MappingProxyType(
    {
        Happening.SAVE: "saving (保存)",
        Happening.SUBMIT: "submitting (提交)",
        Happening.APPLICANT_SIGNS: "the applicant's signature (个人签名)",
        Happening.ENTERPRISE_SIGNS: "the enterprise's signature (企业签名)",
        Happening.PASSED: "passing (通过)",
        Happening.ACCEPTED: "the review (进入审批)",
        Happening.PUBLICITY: "the publicity (公示)",
        Happening.APPROVE: "the approval (批准)",
        Happening.ANNOUNCED: "the announcement (公告)",
        Happening.RETURNED: "the return (退回)",
        Happening.REJECTED: "the rejection (不予批准)",
        Happening.WITHDRAWN: "the withdrawal (撤回)",
    }
)

_OFFICES = frozenset({"counter", "centre", "authority"})
#: who takes a step of the procedure; whoever reviews an application may return it
TAKERS: Mapping[Happening, frozenset[str]] = MappingProxyType(
    {
        Happening.PASSED: frozenset({"enterprise"}),
        Happening.WITHDRAWN: frozenset({"applicant", "enterprise", *_OFFICES}),
        **dict.fromkeys(
            (
                Happening.ACCEPTED,
                Happening.PUBLICITY,
                Happening.ANNOUNCED,
                Happening.RETURNED,
                Happening.REJECTED,
            ),
            _OFFICES,
        ),
    }
)

SIGNS = {Party.APPLICANT: Happening.APPLICANT_SIGNS, Party.ENTERPRISE: Happening.ENTERPRISE_SIGNS}

AWAITS = {Party.APPLICANT: S.AWAITS_APPLICANT, Party.ENTERPRISE: S.AWAITS_ENTERPRISE}

Table = Mapping[tuple[S | None, Happening], S]
_Row = tuple[S | None, Happening, S]


@lru_cache(maxsize=256)
def table(profile: Profile, kind: ApplicationType) -> Table:
    """Every step of that type of application: (state, what happens) -> the next state.

    State None: the factory has not heard of the application.
    """
    rows = [*_filling_in(profile, kind), *_review(profile, kind)]
    reached = _reached(rows)
    return MappingProxyType(
        {(state, what): after for state, what, after in rows if state in reached}
    )


def _reached(rows: Sequence[_Row]) -> frozenset[S | None]:
    """The states some way leads to."""
    reached: frozenset[S | None] = frozenset({None})
    while more := {after for state, _, after in rows if state in reached} - reached:
        reached |= more
    return reached


def step(profile: Profile, kind: ApplicationType, state: S | None, happening: Happening) -> S:
    """The state after it.

    AwaitsError: something has to come first.  ConflictError: the application has ended, or is
    past the point where this may happen.  FieldError: it happens to none of this type here.
    """
    ways = table(profile, kind)
    after = ways.get((state, happening))
    if after is not None:
        return after
    what = WORDS[happening]
    if all(each is not happening for _, each in ways):
        raise FieldError(
            "application", f"profile {profile.id}", f"{what} is no step of {kind} in this register"
        )
    if state is None:
        raise AwaitsError("application: nothing was saved under this acceptance number yet")
    label, nearest = LABELS[state][0], _nearest(ways, state, happening)
    if state in FINAL or not nearest:
        raise ConflictError(f"application: {what} is not possible any more ({label})")
    where = " or ".join(LABELS[each][0] for each in nearest)
    raise AwaitsError(f"application: {what} is not possible at {label}, but at {where}")


def check_taker(profile: Profile, state: S, happening: Happening, by: str) -> None:
    """FieldError: it is not for them to take that step in that state."""
    takers = TAKERS[happening]
    if happening is Happening.RETURNED and state is S.ENTERPRISE_REVIEW:
        takers = TAKERS[Happening.PASSED]
    if by not in takers:
        raise FieldError(
            "by",
            f"profile {profile.id}",
            f"{WORDS[happening]} at {LABELS[state][0]} is for {', '.join(sorted(takers))}",
        )


def _nearest(ways: Table, state: S, happening: Happening) -> list[S]:
    """The states reached soonest in which this may happen; none where no way leads there."""
    seen, here = {state}, [state]
    while here:
        if found := [each for each in here if (each, happening) in ways]:
            return found
        here = [after for (before, _), after in ways.items() if before in here]
        here = [each for each in dict.fromkeys(here) if each not in seen]
        seen.update(here)
    return []


def _filling_in(profile: Profile, kind: ApplicationType) -> Iterator[_Row]:
    """Until everybody who must sign or hand it in has done so."""
    if kind is ApplicationType.PAPER_EXCHANGE and profile.certificate.paper_exchange == "direct":
        yield None, Happening.SAVE, S.COMPLETED
        yield S.COMPLETED, Happening.APPROVE, S.COMPLETED  # said once more
        return
    if kind is ApplicationType.PAPER_EXCHANGE:  # 自动上报注册中心
        for state in (None, S.RETURNED):
            yield state, Happening.SAVE, S.REVIEWING
        return
    signers = profile.application.signers_of(kind)
    its_own = kind is ApplicationType.FORCED_CANCELLATION  # the enterprise has filed it
    passes = profile.application.enterprise_review and not its_own
    handed_in = S.ENTERPRISE_REVIEW if passes else S.ACCEPTED
    if signers:
        yield from _signing(profile, kind, signers, handed_in)
    else:
        yield from _submitting(handed_in)
    if passes:
        yield S.ENTERPRISE_REVIEW, Happening.PASSED, S.REVIEWING
        yield S.ENTERPRISE_REVIEW, Happening.RETURNED, S.RETURNED
        yield S.ENTERPRISE_REVIEW, Happening.WITHDRAWN, S.WITHDRAWN


def _signing(
    profile: Profile, kind: ApplicationType, signers: tuple[Party, ...], handed_in: S
) -> Iterator[_Row]:
    rules = profile.application
    at_once = kind in CANCELLING and rules.cancellation_completes_on == "enterprise_signature"
    waits = [AWAITS[party] for party in signers]
    after_all = S.COMPLETED if at_once else handed_in
    last = S.AWAITS_ENTERPRISE if rules.edit_lock == "enterprise_signature" else waits[-1]
    editable = [None, *waits[: waits.index(last) + 1], S.RETURNED]
    if rules.edit_lock == "review" and not at_once:
        editable.append(S.ACCEPTED)
    for state in editable:
        yield state, Happening.SAVE, waits[0]
    for party, here, after in zip(signers, waits, [*waits[1:], after_all], strict=True):
        yield here, SIGNS[party], after
    for state in (*waits, S.RETURNED):
        yield state, Happening.WITHDRAWN, S.WITHDRAWN
    if at_once:
        yield S.COMPLETED, Happening.APPROVE, S.COMPLETED  # said once more


def _submitting(handed_in: S) -> Iterator[_Row]:
    for state in (None, S.DRAFT, S.RETURNED):
        yield state, Happening.SAVE, S.DRAFT
        yield state, Happening.SUBMIT, handed_in
    yield S.DRAFT, Happening.WITHDRAWN, S.WITHDRAWN
    yield S.RETURNED, Happening.WITHDRAWN, S.WITHDRAWN


def _review(profile: Profile, kind: ApplicationType) -> Iterator[_Row]:
    """What the authority does; it may approve what the factory never saw being filled in."""
    announced = profile.announces(kind)
    approved = S.APPROVED if announced else S.COMPLETED
    yield None, Happening.APPROVE, approved
    yield S.ACCEPTED, Happening.ACCEPTED, S.REVIEWING
    for state in UNDER_REVIEW:
        yield state, Happening.APPROVE, approved
        yield state, Happening.REJECTED, S.REJECTED
    for state in (S.ACCEPTED, S.REVIEWING):
        yield state, Happening.RETURNED, S.RETURNED
        yield state, Happening.WITHDRAWN, S.WITHDRAWN
    if profile.application.publicity and announced:
        yield S.ACCEPTED, Happening.PUBLICITY, S.PUBLICITY
        yield S.REVIEWING, Happening.PUBLICITY, S.PUBLICITY
    if announced:
        yield S.APPROVED, Happening.ANNOUNCED, S.COMPLETED
        yield S.APPROVED, Happening.REJECTED, S.REJECTED
