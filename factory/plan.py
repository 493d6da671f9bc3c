"""What an event means: event + register + profile -> what is registered and what is printed.

Pure decisions; whoever calls draws the numbers and writes the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from factory import codes, numbering
from factory.errors import ConflictError, FieldError
from factory.events import ApprovedProfession, RegistrationApproved, RegistrationImported
from factory.kinds import certificate
from factory.model import Enterprise, Holder, Period, Profession, Registration
from factory.profile import Profile
from factory.register import View

SERIAL_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EmployerNames:
    """What the register knows of an enterprise's names."""

    current: str
    former: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionPlan:
    """One edition, ready to be ordered."""

    number: int
    licence_id: str
    code: str
    face: Mapping[str, object]
    face_version: int
    valid_until: date


def approved_view(data: RegistrationApproved, profile: Profile, photo: str | None) -> View:
    """What an initial approval registers, professions in the profile's order.

    FieldError: a profession the profile does not know, or more than one certificate holds.
    """
    check_professions([each.name for each in data.professions], profile)
    born = data.holder.birth_date
    professions = [
        Profession(
            name=each.name,
            validity=_validity(each, data.approved_on, born, profile),
            main=each.main,
        )
        for each in data.professions
    ]
    return View(professions=_in_order(professions, profile), photo=photo)


def imported_view(data: RegistrationImported, profile: Profile, photo: str | None) -> View:
    """What an import registers, taken over as it stands."""
    check_professions([each.name for each in data.professions], profile)
    professions = [
        Profession(
            name=each.name,
            validity=Period(first=each.valid_from, last=each.valid_to),
            main=each.main,
        )
        for each in data.professions
    ]
    return View(professions=_in_order(professions, profile), photo=photo)


def check_professions(names: list[str], profile: Profile) -> None:
    """FieldError: a profession outside the profile, or too many for one certificate."""
    rule = f"profile {profile.id}"
    if not set(names) <= set(profile.professions.names):
        raise FieldError("professions", rule, "names a profession this register does not have")
    if len(names) > profile.professions.per_certificate:
        raise FieldError("professions", rule, f"{len(names)} do not fit one certificate")


def _validity(each: ApprovedProfession, approved_on: date, born: date, profile: Profile) -> Period:
    if each.valid_from and each.valid_to:
        return Period(first=each.valid_from, last=each.valid_to)
    return profile.validity_from(approved_on, born)


def _in_order(professions: list[Profession], profile: Profile) -> tuple[Profession, ...]:
    order = profile.professions.names.index
    return tuple(sorted(professions, key=lambda each: (not each.main, order(each.name))))


def employer(given: Enterprise, names: EmployerNames) -> Enterprise:
    """The employer as it is printed today.

    A late approval that carries a former name prints the current one.
    ConflictError: a name the register never heard of for this credit code.
    """
    if given.name == names.current:
        return given
    if given.name in names.former:
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
            found.append(FieldError("holder.id_number", "GB 11643-1999", fault))
    if profile.policy.credit_code_check == "hold":
        fault = codes.credit_code_fault(enterprise.credit_code)
        if fault:
            found.append(FieldError("enterprise.credit_code", "GB 32100-2015", fault))
    return found


def number_series(profile: Profile, year: int) -> str:
    """The series registration numbers of one authority and year are drawn from."""
    return f"{profile.authority.credit_code}/{profile.occupation}/{year}"


def registration_number(profile: Profile, data: RegistrationApproved, serial: int) -> str:
    """The number of a newly approved registration, as printed.

    The qualification year is that of the earliest qualification; the other is the year of
    the first registration.
    """
    qualified = min(each.qualified_on for each in data.professions)
    return numbering.constructor_number(
        profile.numbering.registration,
        profile.authority.abbreviation,
        profile.authority.division,
        qualified.year,
        data.approved_on.year,
        serial,
    )


def edition(
    profile: Profile,
    registration: Registration,
    *,
    number: int,
    random_bytes: bytes,
    verify_url: str,
    issued_on: date,
) -> EditionPlan:
    """The next edition of a registration, with everything that will be printed.

    random_bytes: 13 fresh ones, for the verification code.
    """
    code = numbering.verification_code(random_bytes)
    licence_id = numbering.licence_id(
        profile.numbering.licence_root,
        profile.certificate.type_code,
        profile.authority.credit_code,
        licence_serial(registration.number, profile.authority.abbreviation),
        number,
    )
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


def licence_serial(number: str, abbreviation: str) -> str:
    """The serial part of a licence id: the digits of a number of this authority's own scheme.

    GB/T 36904-2018 allows digits and capital letters.  Both spellings of one number give the
    same serial, so all editions of a registration share it.  Any other number, an old one or
    one brought from another province, gets 32 hex digits of its own: its letters alone could
    be those of a second number.

    >>> licence_serial("沪231161800057", "沪")
    '2312016201800057'
    """
    parts = numbering.parse_constructor_number(number)
    if parts is not None and parts.province == abbreviation:
        return parts.jzs16.removeprefix(abbreviation)
    key = numbering.number_key(number)
    return hashlib.sha256(key.encode()).hexdigest()[:SERIAL_LENGTH].upper()
