"""What an approval does to the register, by the type of the application.

Professions begin, are added, renewed or end; a certificate is exchanged.  Validity is counted
by the calendar of China from the day of approval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from factory.errors import AwaitsError, ConflictError, FieldError, PictureError
from factory.events import Applied
from factory.lifecycle import Fate, befall
from factory.model import ApplicationType, Holder, Profession, Standing
from factory.profile import Profile
from factory.register import professions
from factory.register.facts import Fact, local_day
from factory.register.state import Person, RegistrationState, View

ELSEWHERE = (
    "enterprise.credit_code: is registered at another employer; a change of employer is a"
    " cancellation, then an initial registration"
)

EXPIRED = "registration: had expired before the application; initial instead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was applied for, as it comes true.

    fact: the approval, or the saved application that needs none.
    day:  of the approval: validity counts from it, and it is printed as the day of issue.
    at:   the day it takes effect, that of the announcement or of the last signature.
    profile: the version in force on that day of approval.
    """

    fact: Fact
    data: Applied
    profile: Profile
    day: date
    at: date


def grant(person: Person, granted: Grant) -> Person:
    """The person once it has come true.  PermanentError: it cannot, and why."""
    return _GRANTS[granted.data.kind](_described(person, granted), granted)


def _described(person: Person, granted: Grant) -> Person:
    """The holder as the register has them; only who begins or changes says who they are.

    ConflictError: the application is about somebody who never was called so.
    """
    given = granted.data.holder.value()
    begins = not any(each.stands for each in person.registrations)
    if begins or granted.data.kind is ApplicationType.CHANGE:
        return person.described(given)
    return known_as(person, given)


def known_as(person: Person, given: Holder) -> Person:
    """The person, told by that name; what was corrected since is not taken back.

    ConflictError: the register knows them otherwise, and always did.
    """
    if person.holder is None:
        return person.described(given)
    if not person.is_or_was(given):
        raise ConflictError(
            "holder: the register describes the person otherwise; a change (变更注册) or a"
            " correction comes first"
        )
    return person.described(replace(person.holder, mobile=given.mobile or person.holder.mobile))


def _begin(person: Person, granted: Grant) -> Person:
    """A registration begins; a lapsed one is over then."""
    fact, data, profile, day = granted.fact, granted.data, granted.profile, granted.day
    unit = _unit(data, profile)
    person = lapse(person, unit, day)
    if any(each.stands and each.unit == unit for each in person.registrations):
        raise ConflictError(
            "holder: is registered already; another employer is a cancellation, then an initial"
        )
    _check_one_employer(person, granted)
    _check_former(person, data.kind, unit, profile)
    view = View(
        professions=professions.in_order(_registered(person, granted), profile),
        photo=fact.pictures.get("photo") or _last_photo(person),
        signature=fact.pictures.get("signature"),
    )
    if not fact.stands:
        check_pictures(view, profile)
    begun = RegistrationState(
        origin=fact.key,
        begun=day,
        unit=unit,
        employer=data.enterprise.value(),
        view=view,
        changed_on=day,
        touched=granted.at,
        cause=fact.type,
        applied_for=data.kind,
        number=person.numbers.get(fact.key),
        qualified=min(each.qualified_on.year for each in data.professions if each.qualified_on),
    )
    return replace(person, registrations=(*person.registrations, begun))


def check_pictures(view: View, profile: Profile) -> None:
    """PictureError: the certificate prints a picture that is not there."""
    if view.photo is None:
        raise PictureError("photo: this register prints one; there is none")
    if profile.certificate.holder_signature and view.signature is None:
        raise PictureError("signature: this register prints the holder's signature; there is none")


def lacks_picture(view: View, profile: Profile) -> bool:
    """Whether the certificate prints a picture that is not there."""
    try:
        check_pictures(view, profile)
    except PictureError:
        return True
    return False


def _last_photo(person: Person) -> str | None:
    photos = [each.view.photo for each in person.registrations if each.view.photo]
    return photos[-1] if photos else None


def _unit(data: Applied, profile: Profile) -> str:
    if profile.certificate.unit == "person":
        return ""
    if len(data.professions) != 1:
        raise FieldError(
            "professions", f"profile {profile.id}", "a certificate is about one profession"
        )
    return data.professions[0].name


def lapse(person: Person, unit: str, day: date) -> Person:
    """A registration that had expired before the day is over when another one begins."""

    def lapsed(each: RegistrationState) -> RegistrationState:
        after = befall(each.standing, Fate.LAPSE)
        if after is None or each.unit != unit or day <= each.view.valid_until:
            return each
        return replace(each, standing=after, ended=day)

    return replace(person, registrations=tuple(map(lapsed, person.registrations)))


def _check_one_employer(person: Person, granted: Grant) -> None:
    """Nobody is registered at two employers, as the applicant declares (申请人意见)."""
    code = granted.data.enterprise.credit_code
    valid = [
        each
        for each in person.registrations
        if each.stands and granted.day <= each.view.valid_until
    ]
    if any(each.employer.credit_code != code for each in valid):
        raise ConflictError(ELSEWHERE)


def _check_former(person: Person, kind: ApplicationType, unit: str, profile: Profile) -> None:
    former = any(each.unit == unit for each in person.registrations)
    if kind is ApplicationType.REREGISTRATION and not former:
        raise AwaitsError("application.type: no former registration of the holder is known")
    own_type = profile.application.after_lapse == "reregistration"
    if kind is ApplicationType.INITIAL and former and own_type:
        raise ConflictError(
            "application.type: the holder was registered before; this is a reregistration"
            " (重新注册)"
        )


def _add(person: Person, granted: Grant) -> Person:
    """Further professions: on the same certificate, or each on one of its own."""
    data, profile, day = granted.data, granted.profile, granted.day
    if profile.certificate.unit == "profession":
        _check_any_valid(person, granted)
        return _begin(person, granted)
    known = _valid(person, granted)
    new = {each.name for each in data.professions}
    valid = {each.name for each in known.view.professions if day <= each.validity.last}
    for place, each in enumerate(data.professions):
        if each.name in valid:
            raise ConflictError(
                f"professions.{place}: is registered and valid; renew it instead (延续注册)"
            )
    kept = [each for each in known.view.professions if each.name not in new]
    added = _registered(person, granted)
    if any(each.main for each in added):
        kept = [replace(each, main=False) for each in kept]
    return _changed(person, known, granted, professions.in_order([*kept, *added], profile))


def _registered(person: Person, granted: Grant) -> list[Profession]:
    """Professions that begin; whether they may is asked before they have taken effect."""
    data, day, profile = granted.data, granted.day, granted.profile
    born = data.holder.birth_date
    if granted.fact.stands:
        return professions.as_granted(data.professions, day, born, profile)
    asked_on = _asked_on(person, granted)
    return professions.registered(data.professions, day, born, profile, asked_on=asked_on)


def _check_any_valid(person: Person, granted: Grant) -> None:
    """Something must be registered, and valid, that the new one is added to."""
    stood = [each for each in person.registrations if each.stands and each.stood(granted.at)]
    if not stood:
        raise AwaitsError("registration: none in force on that day is known of the holder")
    if all(each.view.valid_until < _asked_on(person, granted) for each in stood):
        raise ConflictError(EXPIRED)


def _renew(person: Person, granted: Grant) -> Person:
    """Professions go on; only while they are valid on the day of the application."""
    data, profile, day = granted.data, granted.profile, granted.day
    known = _in_use(person, granted)
    asked_on = _asked_on(person, granted)
    born = data.holder.birth_date
    now = {each.name: each for each in known.view.professions}
    for place, each in enumerate(data.professions):
        old = now.get(each.name)
        if old is None:
            raise ConflictError(
                f"professions.{place}: is not registered; add it instead (增项注册)"
            )
        if old.validity.last < asked_on:
            raise ConflictError(
                f"professions.{place}: had expired before the application; initial or addition"
                " instead"
            )
        if old.validity.first > asked_on:
            raise ConflictError(
                f"professions.{place}: is renewed already; its next period has not begun"
            )
        now[each.name] = professions.renewed(old, each, day, born, profile)
    return _changed(person, known, granted, professions.in_order([*now.values()], profile))


def _cancel(person: Person, granted: Grant) -> Person:
    """Professions end: some of them, and the rest is collected again; all, and nothing is."""
    known = _of_same_employer(person, granted)
    ending = {each.name for each in granted.data.professions}
    there = {each.name for each in known.view.professions}
    for place, each in enumerate(granted.data.professions):
        if each.name not in there:
            raise ConflictError(
                f"professions.{place}: is not registered, so it cannot be cancelled"
            )
    kept = tuple(each for each in known.view.professions if each.name not in ending)
    if not kept:
        return with_registration(person, ended(known, granted.at))
    return _changed(person, known, granted, kept)


def _change(person: Person, granted: Grant) -> Person:
    """Name or papers of the holder; what was described in the application counts."""
    data, profile, day = granted.data, granted.profile, granted.day
    known = _valid(person, granted)
    kept = known.view.professions
    if not profile.validity.change_keeps:
        born = data.holder.birth_date
        kept = tuple(replace(each, validity=profile.validity_from(day, born)) for each in kept)
    return _changed(person, known, granted, kept)


def _exchange(person: Person, granted: Grant) -> Person:
    """A paper certificate becomes electronic; the register itself stays."""
    known = _valid(person, granted)
    if not known.on_paper:
        raise ConflictError("registration: its certificate is electronic already")
    return _changed(person, known, granted, known.view.professions)


def _valid(person: Person, granted: Grant) -> RegistrationState:
    """The registration that is meant, while any of its professions is valid."""
    known = _in_use(person, granted)
    if known.view.valid_until < _asked_on(person, granted):
        raise ConflictError(EXPIRED)
    return known


def _asked_on(person: Person, granted: Grant) -> date:
    """The day it was handed in: what was valid then is not lost while it is examined."""
    handed_in = person.applications[granted.data.application.acceptance_number].handed_in
    return granted.day if handed_in is None else min(granted.day, local_day(handed_in))


def _in_use(person: Person, granted: Grant) -> RegistrationState:
    """The registration that is meant; a suspended one is not to be changed."""
    known = _of_same_employer(person, granted)
    if known.standing is Standing.SUSPENDED:
        raise ConflictError("registration: is suspended (暂扣); it must be resumed first")
    return known


def _of_same_employer(person: Person, granted: Grant) -> RegistrationState:
    """The registration that is meant, at the employer that signs for it."""
    known = _meant(person, granted)
    if known.employer.credit_code != granted.data.enterprise.credit_code:
        raise ConflictError(ELSEWHERE)
    return known


def _meant(person: Person, granted: Grant) -> RegistrationState:
    data = granted.data
    profession = data.professions[0].name if data.professions else None
    return target(person, data.registration_number, profession, granted.profile, granted.at)


def _changed(
    person: Person, known: RegistrationState, granted: Grant, kept: tuple[Profession, ...]
) -> Person:
    fact = granted.fact
    view = View(
        professions=kept,
        photo=fact.pictures.get("photo") or known.view.photo,
        signature=fact.pictures.get("signature") or known.view.signature,
    )
    if not fact.stands:
        check_pictures(view, granted.profile)
    return with_registration(
        person,
        replace(
            known,
            view=view,
            changed_on=granted.day,
            touched=granted.at,
            cause=fact.type,
            applied_for=granted.data.kind,
            on_paper=False,
        ),
    )


def target(
    person: Person, number: str | None, profession: str | None, profile: Profile, day: date
) -> RegistrationState:
    """The registration that is meant and stood on that day.

    AwaitsError: none is known that did.  ConflictError: several did, or it has changed since.
    """
    stood = [each for each in person.registrations if each.stood(day)]
    if profile.certificate.unit == "profession" and profession is not None:
        stood = [each for each in stood if each.unit == profession]
    if number is not None:
        stood = [each for each in stood if each.has(number)]
    if not stood:
        which = " under that number" if number is not None else ""
        raise AwaitsError(f"registration: none in force on that day is known of the holder{which}")
    if len(stood) > 1:
        raise ConflictError("registration: the holder has several; name the number or profession")
    if not stood[0].stands or day < stood[0].touched:
        raise ConflictError(
            "registration: something of a later day has happened to it already; is its day right?"
        )
    return stood[0]


def ended(known: RegistrationState, day: date) -> RegistrationState:
    """The registration, cancelled on that day.  ConflictError: it has ended already."""
    after = befall(known.standing, Fate.CANCEL)
    if after is None:
        raise ConflictError("registration: has ended already (注销)")
    return replace(known, standing=after, touched=day, ended=day)


def with_registration(person: Person, state: RegistrationState) -> Person:
    """The person with that registration as it is now."""
    return replace(
        person,
        registrations=tuple(
            state if each.origin == state.origin else each for each in person.registrations
        ),
    )


_GRANTS: Mapping[ApplicationType, Callable[[Person, Grant], Person]] = {
    ApplicationType.INITIAL: _begin,
    ApplicationType.REREGISTRATION: _begin,
    ApplicationType.ADDITION: _add,
    ApplicationType.RENEWAL: _renew,
    ApplicationType.CANCELLATION: _cancel,
    ApplicationType.FORCED_CANCELLATION: _cancel,
    ApplicationType.CHANGE: _change,
    ApplicationType.PAPER_EXCHANGE: _exchange,
}
