"""Versions of a profile: which one is in force on a day.

A register's rules change from a day on.  What happened before is judged by the rules of its own
day, however late it is heard of; what is done now, by today's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from factory.errors import ProfileError
from factory.model import ProfileId
from factory.profile import Profile, parse


def installed_are(profiles: Iterable[str]) -> str:
    """Which profiles there are, for whoever named another."""
    return f"installed are {', '.join(sorted(profiles)) or 'none'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """All dated versions of one profile, oldest first: the same register under changing rules.

    ProfileError: they are of several registers, or cannot follow each other.
    """

    all: tuple[Profile, ...]

    def __post_init__(self) -> None:
        if not self.all:
            raise ProfileError("profile: there is no version of it")
        for before, after in zip(self.all, self.all[1:], strict=False):
            _check_follows(before, after)

    @classmethod
    def of(cls, *profiles: Profile) -> Versions:
        """These versions, given in any order."""
        return cls(all=tuple(sorted(profiles, key=lambda each: each.effective_from)))

    @property
    def id(self) -> ProfileId:
        """What all of them are called."""
        return self.all[0].id

    @property
    def authority(self) -> str:
        """The authority's credit code: numbers are unique among its registers."""
        return self.all[0].authority.credit_code

    def on(self, day: date) -> Profile:
        """The version in force on that day.

        Before the first one's day the first counts: nobody has written down what held earlier.
        """
        begun = [each for each in self.all if each.effective_from <= day]
        return begun[-1] if begun else self.all[0]

    def called(self, version: str, day: date) -> Profile:
        """The version of that name, by which something was promised; if it is gone, that day's."""
        named = (each for each in self.all if each.version == version)
        return next(named, None) or self.on(day)

    def since(self, day: date) -> tuple[Profile, ...]:
        """The version in force on that day, and those that follow."""
        return self.all[self.all.index(self.on(day)) :]


def gathered(files: Iterable[tuple[str, str]]) -> Mapping[str, Versions]:
    """Profile files, each its name and text, as the versions of each profile.

    ProfileError: one is broken, two are the same version, or one cannot follow another.
    """
    found: dict[str, list[tuple[str, Profile]]] = {}
    for name, text in files:
        try:
            profile = parse(text)
        except ProfileError as error:
            raise ProfileError(f"profile file {name}: {error}") from error
        found.setdefault(profile.id, []).append((name, profile))
    return {ident: _versions(named) for ident, named in found.items()}


def _versions(named: Sequence[tuple[str, Profile]]) -> Versions:
    seen: dict[object, str] = {}
    files = " and ".join(name for name, _ in named)
    for name, profile in named:
        for mark in (profile.effective_from, profile.version):
            other = seen.setdefault(mark, name)
            if other != name:
                raise ProfileError(f"profile {profile.id}: {other} and {name} are both of {mark}")
    try:
        return Versions.of(*(profile for _, profile in named))
    except ProfileError as error:
        raise ProfileError(f"profile files {files}: {error}") from error


def _check_follows(before: Profile, after: Profile) -> None:
    """ProfileError: what stands in the register would no longer fit the later version."""
    where = f"profile {after.id} from {after.effective_from}"
    if after.id != before.id:
        raise ProfileError(f"{where}: follows none of {before.id}")
    if after.effective_from == before.effective_from:
        raise ProfileError(f"{where}: two versions are of that day")
    lasting = {
        "occupation": (before.occupation, after.occupation),
        "authority.credit_code": (before.authority.credit_code, after.authority.credit_code),
        "certificate.unit": (before.certificate.unit, after.certificate.unit),
    }
    for field, (old, new) in lasting.items():
        if new != old:
            raise ProfileError(f"{where}: {field} differs, so it is another register")
    if not set(before.professions.names) <= set(after.professions.names):
        raise ProfileError(f"{where}: professions.names lacks one that may be registered already")
