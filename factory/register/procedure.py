"""What is done to an application: saved, signed, attached to, moved on, approved."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import BaseModel

from factory.errors import AwaitsError, ConflictError, FieldError, PictureError
from factory.events import (
    ApplicationAttached,
    ApplicationClosed,
    ApplicationSaved,
    ApplicationSigned,
    Applied,
    RegistrationApproved,
)
from factory.model import ApplicationState, ApplicationType, Party
from factory.profile import Profile
from factory.register import professions
from factory.register.applications import (
    AWAITS,
    FILLING_IN,
    FINAL,
    SIGNS,
    Happening,
    check_taker,
    step,
)
from factory.register.facts import Fact, local_day
from factory.register.granting import Grant, grant, target
from factory.register.state import (
    Application,
    MaterialFile,
    Person,
    RegistrationState,
    Signature,
    Step,
)

EDITABLE = frozenset({ApplicationState.DRAFT, ApplicationState.RETURNED})


def saved(person: Person, fact: Fact, data: ApplicationSaved, profile: Profile) -> Person:
    """A new revision; signatures of the former ones are void (作废)."""
    _check_kind(data.kind, profile)
    _check_professions(data, profile)
    if data.submitted and profile.application.signers:
        raise FieldError(
            "submitted",
            f"profile {profile.id}",
            "submitting (提交) is no step here: the parties sign instead (个人签名, 企业签名)",
        )
    number = data.application.acceptance_number
    known = person.applications.get(number)
    _no_other_open(person, fact, number)
    before = known.state if known else None
    known = known or _opened(fact, data)
    if known.kind is not data.kind:
        raise ConflictError(
            f"application.type: is {data.kind}, but it was saved as {known.kind}; another type is"
            " another application"
        )
    if data.revision <= known.revision:
        raise ConflictError(
            f"revision: {data.revision} is not newer than {known.revision}, which was saved before"
        )
    _check_time(known, fact)
    if data.submitted:
        _check_materials(_still_true(known, data, profile), data.kind, profile)
    happening = Happening.SUBMIT if data.submitted else Happening.SAVE
    after = step(profile, data.kind, before, happening)
    void = tuple(replace(each, void=True) for each in known.signatures)
    saved = replace(
        known,
        materials=_still_true(known, data, profile),
        touched=fact.effective,
        state=after,
        revision=data.revision,
        saved=fact,
        registered=_registered(person, data, profile, fact),
        signatures=void,
    )
    person = _with_application(person, fact, saved)
    if after is ApplicationState.COMPLETED:  # nobody signs or reviews it
        return _granted(person, fact, fact, profile)
    if after is not ApplicationState.DRAFT:
        _rehearse(person, fact, profile)
    return person


def _rehearse(person: Person, fact: Fact, profile: Profile) -> None:
    """FieldError: a rule of the profile is broken, whatever else may happen until it is granted."""
    with suppress(AwaitsError, ConflictError, PictureError):
        _granted(person, fact, fact, profile)


def _still_true(
    known: Application, data: ApplicationSaved, profile: Profile
) -> Mapping[str, MaterialFile]:
    """The materials; what was signed outside (线下签字) is void once something else is saved."""
    if known.saved is None or content(known.saved.data) == content(data):
        return known.materials
    signed = {each.id for each in profile.application.materials if each.signed}
    return {name: each for name, each in known.materials.items() if name not in signed}


def content(data: BaseModel) -> Mapping[str, object]:
    """What a form prints, but for the time it was saved."""
    return data.model_dump(exclude={"revision", "saved_at", "submitted"})


def _registered(
    person: Person, data: ApplicationSaved, profile: Profile, fact: Fact
) -> RegistrationState | None:
    """The registration it is about, or that a profession is added to; None: none is known."""
    added = data.kind is ApplicationType.ADDITION or not data.professions
    profession = None if added else data.professions[0].name
    with suppress(AwaitsError, ConflictError):
        return target(person, data.registration_number, profession, profile, fact.day)
    return None


def _opened(fact: Fact, data: Applied) -> Application:
    return Application(
        number=data.application.acceptance_number,
        kind=data.kind,
        state=ApplicationState.DRAFT,
        opened=fact.effective,
        touched=datetime.min.replace(tzinfo=UTC),
    )


def _check_kind(kind: ApplicationType, profile: Profile) -> None:
    if kind not in profile.application.types:
        raise FieldError(
            "application.type",
            f"profile {profile.id}",
            f"this register has no {kind}, but {', '.join(profile.application.types)}",
        )


def _check_professions(data: Applied, profile: Profile) -> None:
    names = [each.name for each in data.professions]
    professions.check(names, profile)
    if len(names) > profile.application.professions_each:
        raise FieldError(
            "professions",
            f"profile {profile.id}",
            f"an application names at most {profile.application.professions_each}",
        )


def _no_other_open(person: Person, fact: Fact, number: str) -> None:
    """ConflictError: on that day another application was open, whatever became of it since."""
    for other in person.applications.values():
        begun = other.number != number and other.opened <= fact.effective
        if begun and (other.ended is None or local_day(other.ended) > fact.day):
            raise ConflictError(
                "application: the holder has another one open (正在审批中); one at a time"
            )


def check_signing(
    profile: Profile,
    kind: ApplicationType,
    state: ApplicationState,
    party: Party,
    attached: Collection[str],
) -> ApplicationState:
    """The state after that party's signature.  PermanentError: they cannot sign now, and why.

    attached: the materials that are there; what is required must be when the first one signs.
    """
    _check_party(profile, kind, party)
    after = step(profile, kind, state, SIGNS[party])
    if party is profile.application.signers_of(kind)[0]:
        _check_materials(attached, kind, profile)
    return after


def _check_materials(materials: Collection[str], kind: ApplicationType, profile: Profile) -> None:
    wanted = {each.id for each in profile.application.materials_of(kind) if each.required}
    if missing := sorted(wanted - set(materials)):
        raise AwaitsError(
            f"materials: {', '.join(missing)} must be attached before it is handed in"
        )


def _check_party(profile: Profile, kind: ApplicationType, party: Party) -> None:
    if party not in profile.application.signers_of(kind):
        raise FieldError("party", f"profile {profile.id}", f"the {party} does not sign this")


def signed(person: Person, fact: Fact, data: ApplicationSigned, profile: Profile) -> Person:
    """One party's signature of the current revision; with the last one it is accepted (受理)."""
    known = _application(person, fact, data.acceptance_number)
    _check_party(profile, known.kind, data.party)
    if data.revision > known.revision:
        raise AwaitsError(f"revision: {data.revision} is not saved yet")
    if data.revision < known.revision:
        raise ConflictError(
            f"revision: {data.revision} is void, revision {known.revision} was saved since (作废)"
        )
    if any(not each.void and each.party is data.party for each in known.signatures):
        raise ConflictError(f"party: the {data.party} has signed revision {data.revision} already")
    after = check_signing(profile, known.kind, known.state, data.party, known.materials)
    signature = Signature(party=data.party, revision=data.revision, at=fact.effective)
    signed = replace(
        known, touched=fact.effective, state=after, signatures=(*known.signatures, signature)
    )
    person = _with_application(person, fact, signed)
    if after is ApplicationState.COMPLETED and signed.saved is not None:
        return _granted(person, signed.saved, fact, profile)
    return person


def attached(person: Person, fact: Fact, data: ApplicationAttached, profile: Profile) -> Person:
    """A material is uploaded, replaced or deleted, until it is handed in or first signed."""
    known = _application(person, fact, data.acceptance_number)
    asked = [each.id for each in profile.application.materials_of(known.kind)]
    if data.material not in asked and not fact.stands:  # once it was asked for
        raise FieldError(
            "material",
            f"profile {profile.id}",
            f"this register asks for {', '.join(asked) or 'none'}",
        )
    first = [AWAITS[party] for party in profile.application.signers_of(known.kind)[:1]]
    if known.state not in {*EDITABLE, *first}:
        raise ConflictError("material: the application is handed in; nothing can be changed")
    there = data.material in known.materials
    if data.action == "attached" and there:
        raise ConflictError("material: there is one already; replace or delete it")
    if data.action != "attached" and not there:
        raise AwaitsError(f"material: there is none that could be {data.action}")
    files = {name: each for name, each in known.materials.items() if name != data.material}
    if data.file is not None:
        files[data.material] = MaterialFile(
            key=data.file.key, sha256=data.file.sha256, at=fact.effective
        )
    return _with_application(person, fact, replace(known, touched=fact.effective, materials=files))


def closed(person: Person, fact: Fact, data: ApplicationClosed, profile: Profile) -> Person:
    """A step of the procedure; the announcement lets an approval take effect."""
    known = _application(person, fact, data.acceptance_number)
    after = step(profile, known.kind, known.state, Happening(data.outcome))
    check_taker(profile, known.state, Happening(data.outcome), data.by)
    taken = Step(outcome=data.outcome, by=data.by, at=fact.effective)
    moved = replace(known, touched=fact.effective, state=after, steps=(*known.steps, taken))
    person = _with_application(person, fact, moved)
    if after is ApplicationState.COMPLETED and moved.approved and moved.approved_by:
        return _granted(person, moved.approved, fact, moved.approved_by)
    return person


def _application(person: Person, fact: Fact, number: str) -> Application:
    known = person.applications.get(number)
    if known is None:
        raise AwaitsError("acceptance_number: no application is known under it yet")
    _check_time(known, fact)
    return known


def _check_time(known: Application, fact: Fact) -> None:
    """ConflictError: it was done before what had to come first."""
    if fact.effective < known.touched:
        raise ConflictError("application: was done before the step it needs; it must be done again")


def _with_application(person: Person, fact: Fact, application: Application) -> Person:
    before = person.applications.get(application.number)
    if application.state not in FILLING_IN and (before is None or before.state in FILLING_IN):
        application = replace(application, handed_in=fact.effective)
    if application.state in FINAL and application.ended is None:
        application = replace(application, ended=fact.effective)
    return replace(person, applications={**person.applications, application.number: application})


def _granted(person: Person, content: Fact, last: Fact, profile: Profile) -> Person:
    """What the content applied for comes true with the last step."""
    assert isinstance(content.data, Applied)  # noqa: S101 - only such facts are kept as content
    day = content.day if isinstance(content.data, RegistrationApproved) else last.day
    return grant(
        person,
        Grant(fact=content, data=content.data, profile=profile, day=day, at=last.day),
    )


def approved(person: Person, fact: Fact, data: RegistrationApproved, profile: Profile) -> Person:
    """The authority approves: at once, or once it is announced."""
    _check_kind(data.kind, profile)
    _check_professions(data, profile)
    number = data.application.acceptance_number
    known = person.applications.get(number)
    if known is not None and known.kind is not data.kind:
        raise ConflictError(f"application.type: is {data.kind}, but {known.kind} was applied for")
    before = known.state if known else None
    after = step(profile, data.kind, before, Happening.APPROVE)
    if known is not None and before is ApplicationState.COMPLETED:
        _check_same(known, data)
        return person  # it took effect at the last signature
    if known is not None:
        _check_time(known, fact)
    fact = _with_pictures_of_form(fact, known)
    approved = replace(
        known or _opened(fact, data), state=after, approved=fact, approved_by=profile
    )
    person = _with_application(person, fact, approved)
    if after is ApplicationState.COMPLETED:
        return _granted(person, fact, fact, profile)
    _rehearse(person, fact, profile)
    return person


def _with_pictures_of_form(fact: Fact, known: Application | None) -> Fact:
    """The approval, with the pictures that came with the form where it brings none."""
    if known is None or known.saved is None:
        return fact
    return replace(fact, pictures={**known.saved.pictures, **fact.pictures})


def _check_same(known: Application, data: Applied) -> None:
    """ConflictError: what took effect was about other professions, or another employer."""
    content = known.approved or known.saved
    assert content is not None and isinstance(content.data, Applied)  # noqa: S101 - it took effect
    if {each.name for each in content.data.professions} != {each.name for each in data.professions}:
        raise ConflictError("professions: the application has ended (办结) with others than these")
    if content.data.enterprise.credit_code != data.enterprise.credit_code:
        raise ConflictError("enterprise: the application has ended (办结) at another employer")
