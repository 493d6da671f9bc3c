"""Professions (注册专业) of a registration: which there may be, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from factory.errors import FieldError
from factory.events import AppliedProfession, Hours, ImportedProfession
from factory.model import Period, Profession
from factory.profile import Profile, years_later

ONE_DAY = timedelta(days=1)
NO_HOURS = Hours(compulsory=0, elective=0)


def check(names: Sequence[str], profile: Profile) -> None:
    """FieldError: a profession outside the profile, or too many for one certificate."""
    rule = f"profile {profile.id}"
    for place, name in enumerate(names):
        if name not in profile.professions.names:
            there = ", ".join(profile.professions.names)
            raise FieldError(f"professions.{place}.name", rule, f"this register has only {there}")
    _check_count(len(names), profile)


def _check_count(count: int, profile: Profile) -> None:
    most = profile.professions.per_certificate
    if count > most:
        detail = f"{count} do not fit one certificate, which holds {most}"
        raise FieldError("professions", f"profile {profile.id}", detail)


def registered(
    applied: Sequence[AppliedProfession],
    day: date,
    born: date,
    profile: Profile,
    *,
    asked_on: date | None = None,
) -> list[Profession]:
    """Professions registered on that day.

    asked_on: when it was applied for, if not that day: whether it is late counts from then.
    FieldError: one is registered late (逾期注册) without its hours or before it was qualified,
    or the age cap is reached.
    """
    for place, each in enumerate(applied):
        _check_qualified(place, each, asked_on or day, profile)
        _check_hours(place, each, asked_on or day, profile)
        _check_end(each, born, profile)
    return as_granted(applied, day, born, profile)


def as_granted(
    applied: Sequence[AppliedProfession], day: date, born: date, profile: Profile
) -> list[Profession]:
    """The same of what has taken effect before: it is not asked again whether it may.

    FieldError: the age cap is reached on that day.
    """
    return [
        Profession(name=each.name, validity=_validity(each, day, born, profile), main=each.main)
        for each in applied
    ]


def renewed(
    old: Profession, each: AppliedProfession, day: date, born: date, profile: Profile
) -> Profession:
    """The profession with its next period; it stays the main one if it was.

    FieldError: the age cap is reached.
    """
    first = old.validity.last + ONE_DAY
    if profile.validity.renewal_from == "approval" or first < day:
        first = day
    _check_end(each, born, profile)
    return replace(old, validity=_validity(each, first, born, profile))


def taken_over(
    professions: Sequence[ImportedProfession], profile: Profile
) -> tuple[Profession, ...]:
    """The professions of an imported registration, as they stand."""
    return in_order(
        [
            Profession(
                name=each.name,
                validity=Period(first=each.valid_from, last=each.valid_to),
                main=each.main,
            )
            for each in professions
        ],
        profile,
    )


def in_order(professions: Sequence[Profession], profile: Profile) -> tuple[Profession, ...]:
    """The main one (主项) first, then the profile's order.

    FieldError: more than one certificate holds.
    """
    _check_count(len(professions), profile)
    order = profile.professions.names.index
    return tuple(sorted(professions, key=lambda each: (not each.main, order(each.name))))


def _validity(each: AppliedProfession, first: date, born: date, profile: Profile) -> Period:
    if each.valid_from and each.valid_to:
        return Period(first=each.valid_from, last=each.valid_to)
    return profile.validity_from(first, born)


def _check_end(each: AppliedProfession, born: date, profile: Profile) -> None:
    if each.valid_to is not None:
        profile.check_age(each.valid_to, born, "professions.valid_to")


def _check_qualified(place: int, each: AppliedProfession, day: date, profile: Profile) -> None:
    if each.qualified_on is not None and day < each.qualified_on:
        raise FieldError(
            f"professions.{place}.qualified_on",
            f"profile {profile.id}",
            "is after the application",
        )


def _check_hours(place: int, each: AppliedProfession, day: date, profile: Profile) -> None:
    rules = profile.late
    if each.qualified_on is None or day <= years_later(each.qualified_on, rules.after_years):
        return
    given = each.hours or NO_HOURS
    if given.compulsory < rules.compulsory or given.elective < rules.elective:
        raise FieldError(
            f"professions.{place}.hours",
            f"profile {profile.id}, 逾期注册",
            f"registered more than {rules.after_years} years after the qualification, which needs"
            f" {rules.compulsory} compulsory and {rules.elective} elective hours",
        )
