"""Fences (跳号): which numbers may have been given out since a backup, and are passed over.

A series is drawn from in the transaction that uses the number, so a ledger out of a backup would
draw the same numbers again, for others: what was told upstream, printed and sealed would be said
of two.  Objects in the store tell what was sealed, but not what was only promised.  Upstream can
tell how many events it has handed in since; each draws at most one number of a series (an approval
one for each profession, where each is a registration of its own).  So every series that can have
been drawn from goes on that many numbers further, those that somebody had already not counted, and
so does every series that can have begun since; and none gives a number that a certificate in the
store has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from factory import acceptance, numbering, plan
from factory.model import Occupation
from storage.ledger import restoring

if TYPE_CHECKING:
    from factory.profile import Profile
    from jobs.wiring import Plant
    from storage.ledger import Tx
    from storage.ledger.lost import Found

FEED_SKIP = 10_000_000  #: more notices than there can have been; readers of the feed go on
MOST_ACCEPTED = 10_000  #: the first sequence that has no number
FIRST_YEAR = 1990  #: nobody of these professions was registered before
ONE_DAY = timedelta(days=1)


def raised(
    plant: Plant, tx: Tx, since: date, skip: int, lost: Sequence[Found]
) -> Mapping[str, tuple[int, int]]:
    """Series that go on elsewhere: (next until now, next from now on), by name.

    since: the day in China on which the backup was taken.  skip: see above; 0: nothing came.
    lost:  certificates in the store of registrations that the ledger does not know.
    """
    every, until = restoring.series(tx), plant.today(tx)
    found = {name: (old, old + FEED_SKIP) for name, old in every.items() if "/" not in name}
    known = {name: old for name, old in every.items() if "/" in name}
    if skip == 0:
        return found
    names = set(drawn_since(plant, since, until))
    names |= {name for name in known if _is_drawn(name, since, until)}
    sealed = _sealed(plant, lost)
    had = _had(plant, tx, {name: known.get(name, 1) for name in names})
    for name in sorted(names):
        old = known.get(name, 1)
        new = max(old + skip + had[name] + _unclear(name, skip), sealed.get(name, 0) + 1)
        found[name] = (old, min(new, max(MOST_ACCEPTED, old)) if _is_acceptance(name) else new)
    return found


def drawn_since(plant: Plant, since: date, until: date) -> Iterator[str]:
    """The names of all series that can have begun between two days, these included."""
    days = [since + ONE_DAY * n for n in range((until - since).days + 1)]
    years = range(FIRST_YEAR, until.year + 2)  # a decision may name a day to come
    for rules in plant.profiles.values():
        for profile in rules.all:
            yield from _of_years(profile, years)
            yield from _of_days(profile, days)


def _of_years(profile: Profile, years: range) -> Iterator[str]:
    owner = profile.authority.credit_code
    for year in years:
        yield plan.number_series(profile, year)
        yield f"{owner}/notice/{year}"


def _of_days(profile: Profile, days: list[date]) -> Iterator[str]:
    rules, owner = profile.numbering.acceptance, profile.authority.credit_code
    for day in days:
        if rules is not None:
            yield acceptance.series(profile, rules, day)
        if profile.application.filing:
            yield f"{owner}/filing/{day:%Y%m%d}"


def _is_drawn(name: str, since: date, until: date) -> bool:
    """Whether a series that there was can have been drawn from since."""
    kind, last = name.split("/")[1], name.rpartition("/")[2]
    if kind == "acceptance":
        return f"{since:%Y%m}" <= last <= f"{until:%Y%m}"
    if kind == "filing":
        return f"{since:%Y%m%d}" <= last <= f"{until:%Y%m%d}"
    return True


def _is_acceptance(name: str) -> bool:
    return name.split("/")[1] == "acceptance"


def _unclear(name: str, skip: int) -> int:
    """Filing numbers whose check would be read as a digit are passed over: three of 36, by chance.

    Half of all is more than there can be of any run that matters.
    """
    return skip // 2 + 50 if name.split("/")[1] == "filing" else 0


def _had(plant: Plant, tx: Tx, upto: Mapping[str, int]) -> Counter[str]:
    """Numbers beyond a series' next that somebody brought: they were passed over when drawing."""
    every = Counter[str]()
    for name, serial in (*_registered(tx), *_accepted(plant, tx)):
        every[name] += serial >= upto.get(name, serial + 1)
    return every


def _registered(tx: Tx) -> Iterator[tuple[str, int]]:
    for owner, _, number in restoring.registration_numbers(tx):
        yield from _serial(owner, number)


def _sealed(plant: Plant, lost: Sequence[Found]) -> Mapping[str, int]:
    """The highest number of each series that a certificate has."""
    highest: dict[str, int] = {}
    for each in lost:
        owner = plant.profiles[each.profile].authority
        for name, serial in _serial(owner, each.registration):
            highest[name] = max(highest.get(name, 0), serial)
    return highest


def _serial(owner: str, number: str) -> Iterator[tuple[str, int]]:
    """The series that a registration number is of, and its place there, if it has one."""
    constructor = numbering.parse_constructor_number(number)
    engineer = None if constructor else numbering.parse_cost_engineer_number(number)
    if constructor is not None:
        year, serial = constructor.registration_year, constructor.serial
        yield f"{owner}/{Occupation.CONSTRUCTOR}/{year}", serial
    elif engineer is not None:
        yield f"{owner}/{Occupation.COST_ENGINEER}/{engineer.year}", engineer.serial


def _accepted(plant: Plant, tx: Tx) -> Iterator[tuple[str, int]]:
    owners = {name: rules.authority for name, rules in plant.profiles.items()}
    for profile, number in restoring.acceptance_numbers(tx):
        parsed = numbering.parse_acceptance_number(number)
        if parsed is not None and profile in owners:
            month = f"{parsed.year:04}{parsed.month:02}"
            yield f"{owners[profile]}/acceptance/{parsed.department}/{month}", parsed.sequence
