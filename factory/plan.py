"""What an event means: event + register + profile -> what is registered and what is printed.

Pure decisions; whoever calls draws the numbers and writes the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from factory import codes, numbering
from factory.errors import ConflictError, FieldError
from factory.events import RegistrationImported
from factory.kinds import certificate
from factory.model import Enterprise, Holder, Registration, same_name
from factory.numbering import LicenceId
from factory.profile import Authority, Profile
from factory.register import Fact, RegistrationState, professions

SERIAL_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerNames:
    """What the register knows of an enterprise's names."""

    current: str
    former: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """The edition made elsewhere that a registration was taken over with."""

    number: int
    licence_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPlan:
    """One edition, ready to be ordered."""

    number: int
    licence_id: str
    code: str
    face: Mapping[str, object]
    face_version: int
    valid_until: date


def employer(given: Enterprise, names: EmployerNames) -> Enterprise:
    """The employer as it is printed today.

    A late approval that carries a former name prints the current one; full-width and
    half-width brackets make no other name.
    ConflictError: a name the register never heard of for this credit code.
    """
    if any(same_name(given.name, known) for known in (names.current, *names.former)):
        return Enterprise(credit_code=given.credit_code, name=names.current)
    raise ConflictError("enterprise.name: differs from the register; a rename comes as an event")


def doubts(holder: Holder, enterprise: Enterprise, profile: Profile) -> list[FieldError]:
    """Well-formed values that break the rule of their number, where the profile holds them."""
    found = []
    if profile.policy.identity_number_check == "hold":
        fault = codes.identity_number_fault(
            holder.id_number, holder.id_type, holder.birth_date, holder.sex
        )
        if fault:
            found.append(_doubt("holder.id_number", fault))
    if profile.policy.credit_code_check == "hold":
        fault = codes.credit_code_fault(enterprise.credit_code)
        if fault:
            found.append(_doubt("enterprise.credit_code", fault))
    return found


def _doubt(field: str, fault: str) -> FieldError:
    """The fault begins with its standard."""
    rule, what = fault.split(": ", 1)
    return FieldError(field, rule, what)


def number_series(profile: Profile, year: int) -> str:
    """The series registration numbers of one authority and year are drawn from."""
    return f"{profile.authority.credit_code}/{profile.occupation}/{year}"


def registration_number(profile: Profile, state: RegistrationState, serial: int) -> str:
    """The number of a registration that begins, as printed.

    A constructor's has the years of the earliest qualification and of the registration; a cost
    engineer's the digit of the profession and the year of issue.

    The rule of constructors names the division and year of the first registration (初始注册), and
    leaves open whether somebody who was cancelled, or comes back by 重新注册, has those of old
    again.  Here what begins is a first registration of its own: it has its own division, year and
    serial, and the number that ended stays with what ended.  Whoever moved in and brought a number
    (沪262…) keeps it: it is imported, never drawn.
    """
    scheme, authority = profile.numbering.registration, profile.authority
    if scheme == "zj14":
        [profession] = state.view.professions
        return numbering.cost_engineer_number(
            profile.professions.digit(profession.name),
            state.begun.year,
            authority.division,
            serial,
            profile.numbering.body,
        )
    return numbering.constructor_number(
        scheme,
        authority.abbreviation,
        authority.division,
        state.qualified,
        state.begun.year,
        serial,
    )


def printed_number(profile: Profile, number: str) -> str:
    """The number as the next edition prints it: by profile, in today's scheme."""
    scheme = profile.numbering.registration
    if not profile.numbering.respell or scheme == "zj14":
        return number
    return numbering.respell(number, scheme)


def as_imported(registration: Registration, fact: Fact, profile: Profile) -> Registration:
    """The registration as its import described it, whatever has changed since."""
    data = fact.data
    assert isinstance(data, RegistrationImported)  # noqa: S101 - the fact it began with
    return replace(
        registration,
        number=data.registration_number,
        holder=data.holder.value(),
        professions=professions.taken_over(data.professions, profile),
        photo=fact.pictures.get("photo"),
        signature=fact.pictures.get("signature"),
    )


def basis(registration: Registration) -> tuple[str, ...]:
    """What an edition rests on: when any of it changes, the next edition is due.

    Whom it names by which paper counts too, though the identity number is not printed.
    """
    holder, enterprise = registration.holder, registration.enterprise
    registered = [
        f"{each.name} {each.validity.first} {each.validity.last} {each.main}"
        for each in registration.professions
    ]
    return (
        registration.number,
        holder.name,
        holder.sex,
        holder.birth_date.isoformat(),
        holder.id_type,
        holder.id_number,
        enterprise.credit_code,
        enterprise.name,
        registration.photo or "",
        registration.signature or "",
        *registered,
    )


def edition(
    profile: Profile,
    registration: Registration,
    *,
    number: int,
    random_bytes: bytes,
    verify_url: str,
    issued_on: date,
    continues: LicenceId | None = None,
    code: str | None = None,
) -> EditionPlan:
    """The next edition of a registration, with everything that will be printed.

    random_bytes: 13 fresh ones, for the verification code.
    code:         the one that this very edition was given before; None: a fresh one.
    continues:    the licence id (证照标识) it gets as the next version of one made elsewhere;
                  None: one under the serial of its number.
    """
    code = code or numbering.verification_code(random_bytes)
    licence_id = str(continues) if continues else _licence_id(profile, registration, number)
    return EditionPlan(
        number=number,
        licence_id=licence_id,
        code=code,
        face=certificate.face(
            profile=profile,
            registration=registration,
            edition=number,
            licence_id=licence_id,
            verification_code=code,
            verify_url=verify_url,
            issued_on=issued_on,
            photo=registration.photo,
        ),
        face_version=certificate.FACE_VERSION,
        valid_until=max(each.validity.last for each in registration.professions),
    )


def continued(brought: Brought, number: int) -> LicenceId | None:
    """The licence id (证照标识) of a later edition, where the one made elsewhere goes on.

    GB/T 36904-2018 5.4: the next file of the same certificate has the same type, issuer and
    serial, and the next version.  None: what was brought is no licence id, or the three digits
    of its versions are used up.
    """
    try:
        first = numbering.parse_licence_id(brought.licence_id)
        return replace(first, version=first.version + number - brought.number)
    except FieldError:
        return None


def _licence_id(profile: Profile, registration: Registration, number: int) -> str:
    return numbering.licence_id(
        profile.numbering.licence_root,
        profile.type_code(registration.professions[0].name),
        profile.authority.credit_code,
        licence_serial(registration.number, profile.authority),
        number,
    )


def licence_serial(number: str, authority: Authority) -> str:
    """The serial part of a licence id: the digits of a number of this authority's own scheme.

    GB/T 36904-2018 allows digits and capital letters.  Both spellings of one number give the
    same serial, so all editions of a registration share it.  Any other number, an old one or
    one brought from another province, gets 32 hex digits of its own: its letters alone could
    be those of a second number.
    """
    constructor = numbering.parse_constructor_number(number)
    if constructor is not None and constructor.province == authority.abbreviation:
        return constructor.jzs16.removeprefix(authority.abbreviation)
    engineer = numbering.parse_cost_engineer_number(number)
    if engineer is not None and engineer.division == authority.division:
        return engineer.digits
    key = numbering.number_key(number)
    return hashlib.sha256(key.encode()).hexdigest()[:SERIAL_LENGTH].upper()
