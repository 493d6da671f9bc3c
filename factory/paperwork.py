"""Paperwork (文书): which documents an application should have, and what they say.

The application form of the revision that was saved last, the notice of acceptance once it is
accepted, the slip once it is filed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from factory.events import ApplicationSaved
from factory.kinds import acceptance_notice, application_form, filing_slip
from factory.model import CANCELLING, Kind, Registration
from factory.profile import Profile
from factory.register import FILLING_IN, Application, local_day
from factory.register.procedure import content
from factory.versions import Versions

Face = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An application that was saved, with all that its documents print.

    said:       what was saved last.
    profile:    the version in force when it was saved.
    registered: the registration it is about, as it stood then.
    pictures:   role -> digest.
    """

    application: Application
    said: ApplicationSaved
    profile: Profile
    registered: Registration | None
    pictures: Mapping[str, str]


def case(application: Application, rules: Versions, number: str | None) -> Case | None:
    """The application as its documents print it; None: nothing was saved of it.

    number: of the registration it is about, if it is about one.
    """
    saved = application.saved
    if saved is None or not isinstance(saved.data, ApplicationSaved):
        return None
    profile = rules.on(saved.day)
    registered = _registered(application, saved.data, profile, number)
    known = {"photo": registered.photo, "signature": registered.signature} if registered else {}
    pictures = {**known, **saved.pictures}
    return Case(
        application=application,
        said=saved.data,
        profile=profile,
        registered=registered,
        pictures={role: digest for role, digest in pictures.items() if digest},
    )


def _registered(
    application: Application, said: ApplicationSaved, profile: Profile, number: str | None
) -> Registration | None:
    state = application.registered
    if state is None or number is None:
        return None
    return Registration(
        number=number,
        holder=said.holder.value(),
        enterprise=state.employer,
        occupation=profile.occupation,
        professions=state.view.professions,
        photo=state.view.photo,
        signature=state.view.signature,
    )


def due(case: Case, *, filed: bool) -> Iterator[Kind]:
    """The documents it should have now.

    filed: whether it was given a filing number and a query code.
    """
    rules = case.profile.documents
    if case.application.kind in rules.application_forms:
        yield Kind.APPLICATION_FORM
    if rules.acceptance_notice and _is_accepted(case):
        yield Kind.ACCEPTANCE_NOTICE
    if filed and case.application.handed_in is not None:
        yield Kind.FILING_SLIP


def _is_accepted(case: Case) -> bool:
    """Whether its form was taken in (受理); what completes at a signature is not examined."""
    profile, application = case.profile, case.application
    at_once = profile.application.cancellation_completes_on == "enterprise_signature"
    if application.kind not in profile.documents.application_forms:
        return False
    if at_once and application.kind in CANCELLING:
        return False
    return application.handed_in is not None and application.state not in FILLING_IN


def form_basis(case: Case) -> tuple[str, ...]:
    """What a form rests on: another basis, another form, and what was signed is void (作废).

    Where the parties sign in the file, every save makes another one; what is signed outside
    (线下签字) stays what it is for as long as it says the same.
    """
    if case.profile.application.signers_of(case.application.kind):
        saved = case.application.saved
        assert saved is not None  # noqa: S101 - else there was no case
        return *saved.key, str(case.said.revision)
    return (json.dumps(content(case.said), default=str, sort_keys=True),)


def form(case: Case) -> Face:
    """The application form (注册申请表) of the revision that was saved last."""
    return application_form.face(
        profile=case.profile,
        data=case.said,
        registered=case.registered,
        made_at=case.said.saved_at,
        photo=case.pictures.get("photo"),
        signature=case.pictures.get("signature"),
    )


def notice_series(case: Case) -> str:
    """What the numbers of an authority's notices are drawn from, anew each year."""
    return f"{case.profile.authority.credit_code}/notice/{_year(case)}"


def notice(case: Case, serial: int) -> Face:
    """The acceptance notice (行政审批受理通知书) of an application that was accepted."""
    accepted_at = case.application.handed_in
    assert accepted_at is not None  # noqa: S101 - it is due
    return acceptance_notice.face(
        profile=case.profile,
        number=case.profile.documents.number(_year(case), serial),
        data=case.said,
        accepted_at=accepted_at,
    )


def _year(case: Case) -> int:
    accepted_at = case.application.handed_in
    assert accepted_at is not None  # noqa: S101 - it is due
    return local_day(accepted_at).year


def slip(case: Case, filing_number: str, query_code: str) -> Face:
    """The filing slip (申报告知单) of an application that was filed."""
    submitted_at = case.application.handed_in
    assert submitted_at is not None  # noqa: S101 - it is due
    return filing_slip.face(
        profile=case.profile,
        filing_number=filing_number,
        query_code=query_code,
        data=case.said,
        submitted_at=submitted_at,
    )
