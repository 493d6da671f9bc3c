"""Examples: synthetic events of the installed registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from factory import courses, specimen
from factory.courses import Case
from factory.errors import NotFoundError
from factory.model import ApplicationType
from factory.profile import Profile
from factory.versions import Versions, installed_are


def found(
    installed: Mapping[str, Versions],
    event_type: str | None,
    profile: str | None,
    kind: ApplicationType | None,
    *,
    seed: int,
    today: date,
) -> Sequence[dict[str, Any]]:
    """The events up to the first of that type; all of an application, where none is named.

    profile: None: the first one that has such an event.
    NotFoundError: no such profile is installed, or it has no such event or application.
    """
    names = [profile] if profile else usual_first(installed)
    for name in names:
        rules = profile_of(installed, name, today)
        try:
            return _of(rules, event_type, kind, seed, courses.first_day(rules, today))
        except NotFoundError:
            if name == names[-1]:
                raise
    raise NotFoundError("no profile is installed")


def profile_of(installed: Mapping[str, Versions], name: str, today: date) -> Profile:
    """The version in force today.  NotFoundError: there is no such profile."""
    if name not in installed:
        raise NotFoundError(f"profile {name}: is not installed; {installed_are(installed)}")
    return installed[name].on(today)


def usual_first(installed: Mapping[str, Versions]) -> Sequence[str]:
    return sorted(installed, key=lambda name: (name != specimen.PROFILE, name))


def _of(
    profile: Profile,
    event_type: str | None,
    kind: ApplicationType | None,
    seed: int,
    first: date,
) -> Sequence[dict[str, Any]]:
    if event_type is not None:
        return courses.example(profile, event_type, kind, seed=seed, first=first)
    asked = kind or profile.application.types[0]
    return courses.life(Case(profile=profile, kind=asked, seed=seed, first=first))
