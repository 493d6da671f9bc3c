"""What each fact does to what the register knows of a person; domain rules, no province.

Every function takes a Person and gives the next one, or says why not: AwaitsError where
something must come first, ConflictError where it contradicts what stands, FieldError where a
rule of the profile is broken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from factory.errors import AwaitsError, ConflictError, FieldError
from factory.events import (
    ApplicationAttached,
    ApplicationClosed,
    ApplicationSaved,
    ApplicationSigned,
    HolderCorrected,
    RegistrationApproved,
    RegistrationCancelled,
    RegistrationImported,
    RegistrationResumed,
    RegistrationSuspended,
)
from factory.lifecycle import Fate, befall
from factory.model import CANCELLING, ApplicationState, ApplicationType, Standing
from factory.profile import Profile
from factory.register import procedure, professions
from factory.register.facts import Fact
from factory.register.granting import (
    check_pictures,
    ended,
    known_as,
    lapse,
    target,
    with_registration,
)
from factory.register.state import Person, RegistrationState, View


def apply(person: Person, fact: Fact, profile: Profile) -> Person:
    """The person after the fact.  PermanentError: it cannot take effect, and why."""
    return _EFFECTS[type(fact.data)](person, fact, fact.data, profile)


def _imported(person: Person, fact: Fact, data: RegistrationImported, profile: Profile) -> Person:
    names = [each.name for each in data.professions]
    professions.check(names, profile)
    unit = names[0] if profile.certificate.unit == "profession" else ""
    begun = data.edition.issued_on
    person = lapse(person, unit, begun)
    over = data.standing is Standing.CANCELLED
    if not over and any(each.stands and each.unit == unit for each in person.registrations):
        raise ConflictError("holder: is registered already, under another number")
    state = RegistrationState(
        origin=fact.key,
        begun=begun,
        unit=unit,
        employer=data.enterprise.value(),
        view=View(
            professions=professions.taken_over(data.professions, profile),
            photo=fact.pictures.get("photo"),
            signature=fact.pictures.get("signature"),
        ),
        changed_on=begun,
        touched=begun,
        ended=begun if over else None,
        cause=fact.type,
        standing=data.standing,
        number=data.registration_number,
        former_numbers=data.former_numbers,
        foreign=data.edition,
        on_paper=data.edition.medium == "paper",
    )
    person = known_as(person, data.holder.value())
    return replace(person, registrations=(*person.registrations, state))


def _cancelled(person: Person, fact: Fact, data: RegistrationCancelled, profile: Profile) -> Person:
    forced = ApplicationType.FORCED_CANCELLATION in profile.application.types
    if data.by == "enterprise" and not forced:
        raise FieldError("by", f"profile {profile.id}", "an enterprise cannot cancel by itself")
    try:
        known = target(person, data.registration_number, data.profession, profile, fact.day)
    except AwaitsError:
        if _cancelled_already(person, data, fact.day):
            return person
        raise
    return with_registration(person, ended(known, fact.day))


def _cancelled_already(person: Person, data: RegistrationCancelled, day: date) -> bool:
    """Whether its application has ended it: said once more, it changes nothing."""
    applied = any(
        each.kind in CANCELLING and each.state is ApplicationState.COMPLETED
        for each in person.applications.values()
    )
    return applied and any(
        each.standing is Standing.CANCELLED
        and each.begun <= day
        and (not each.unit or data.profession in {None, each.unit})
        for each in person.registrations
    )


def _suspended(person: Person, fact: Fact, data: RegistrationSuspended, profile: Profile) -> Person:
    known = target(person, data.registration_number, data.profession, profile, fact.day)
    after = befall(known.standing, Fate.SUSPEND)
    if after is None:
        raise ConflictError("registration: is suspended already (暂扣)")
    return with_registration(person, replace(known, standing=after, touched=fact.day))


def _resumed(person: Person, fact: Fact, data: RegistrationResumed, profile: Profile) -> Person:
    known = target(person, data.registration_number, data.profession, profile, fact.day)
    after = befall(known.standing, Fate.RESUME)
    if after is None:
        raise AwaitsError("registration: is not suspended (暂扣)")
    return with_registration(person, replace(known, standing=after, touched=fact.day))


def _corrected(person: Person, fact: Fact, data: HolderCorrected, profile: Profile) -> Person:
    standing = [each for each in person.registrations if each.stands and each.stood(fact.day)]
    if not standing:
        raise AwaitsError("holder: no registration in force on that day is known")
    if any(fact.day < each.touched for each in standing):
        raise ConflictError(
            "registration: something of a later day has happened to it already; is its day right?"
        )

    def corrected(each: RegistrationState) -> RegistrationState:
        if each not in standing:
            return each
        view = replace(
            each.view,
            photo=fact.pictures.get("photo") or each.view.photo,
            signature=fact.pictures.get("signature") or each.view.signature,
        )
        if not fact.stands:
            check_pictures(view, profile)
        return replace(
            each,
            view=view,
            changed_on=fact.day,
            touched=fact.day,
            cause=fact.type,
            applied_for=None,
            on_paper=False,
        )

    return replace(
        person.described(data.corrected.value()),
        registrations=tuple(map(corrected, person.registrations)),
    )


_EFFECTS: Mapping[type, Callable[[Person, Fact, Any, Profile], Person]] = {
    RegistrationImported: _imported,
    ApplicationSaved: procedure.saved,
    ApplicationSigned: procedure.signed,
    ApplicationAttached: procedure.attached,
    ApplicationClosed: procedure.closed,
    RegistrationApproved: procedure.approved,
    RegistrationCancelled: _cancelled,
    RegistrationSuspended: _suspended,
    RegistrationResumed: _resumed,
    HolderCorrected: _corrected,
}
