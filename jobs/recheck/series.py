"""Number series: every number that was drawn is somebody's, or its own rule passed it over.

Of each series one bit a number is kept, 125 kB for a million; the rows are read once for all
series of a kind and authority.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import chain, islice
from typing import TYPE_CHECKING

from factory import numbering
from factory.model import Occupation
from jobs.recheck.findings import Finding, Looked, Rule
from storage.ledger import Ledger
from storage.recheck import erasures, numbers
from storage.recheck.scope import Scope, snapshot

if TYPE_CHECKING:
    from jobs.wiring import Plant

REGISTRATION = "registration"
OCCUPATIONS = {each.value for each in Occupation}
FEED = "feed"  #: what upstream is told, in one series for all
FULL = 0xFF
MOST_TOLD = 10  #: gaps of one series that are told one by one
FILING = re.compile(r"(?P<prefix>.*)(?P<day>[0-9]{8})(?P<serial>[0-9]{6}).")
NOTICE = re.compile(r".*〔(?P<year>[0-9]{4})〕(?P<serial>[0-9]+)号")


class Marks:
    """Which numbers of some series somebody has."""

    def __init__(self, upto: Mapping[str, int]) -> None:
        self._upto = dict(upto)
        self._bits = {name: bytearray(most // 8 + 1) for name, most in upto.items()}

    def mark(self, series: str, serial: int) -> None:
        """Somebody has it."""
        if 0 < serial < self._upto.get(series, 0):
            self._bits[series][serial >> 3] |= 1 << (serial & 7)

    def mark_all(self, series: str, first: int, last: int) -> None:
        """All of a run have been passed over, eight at a time where they fill a byte."""
        last = min(last, self._upto.get(series, 0) - 1)
        while first <= last:
            if first & 7 == 0 and (whole := (last + 1 - first) >> 3):
                at = first >> 3
                self._bits[series][at : at + whole] = bytes([FULL]) * whole
                first += whole << 3
                continue
            self.mark(series, first)
            first += 1

    def missing(self, series: str) -> Iterator[int]:
        """Those that nobody has."""
        bits = self._bits[series]
        for at, byte in enumerate(bits):
            if byte != FULL:
                yield from (
                    8 * at + n
                    for n in range(8)
                    if not byte >> n & 1 and 0 < 8 * at + n < self._upto[series]
                )


def look(plant: Plant, scope: Scope) -> Looked:
    """Gaps in any series, of one register's authority or of all."""
    with snapshot(plant.ledger) as tx:
        every = dict(numbers.series(tx))  # first: what is drawn afterwards is not missed
    groups: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for name, most in every.items():
        owner, kind = _kind(name)
        if scope.profile is None or scope.profile in _registers(plant, owner):
            groups[owner, kind][name] = most
    findings: list[Finding] = []
    for (owner, kind), group in sorted(groups.items()):
        findings += _gaps(plant, owner, kind, group)
    return Looked(looked=sum(map(len, groups.values())), findings=tuple(findings))


def _kind(series: str) -> tuple[str, str]:
    """Whose it is, and what its numbers are."""
    owner, slash, rest = series.partition("/")
    kind = rest.partition("/")[0]
    if not slash:
        return "", FEED
    return owner, REGISTRATION if kind in OCCUPATIONS else kind


def _registers(plant: Plant, authority: str) -> frozenset[str]:
    """The installed ones of an authority."""
    return frozenset(
        name
        for name, rules in plant.profiles.items()
        if any(each.authority.credit_code == authority for each in rules.all)
    )


def _gaps(plant: Plant, owner: str, kind: str, group: Mapping[str, int]) -> list[Finding]:
    numbered = NUMBERED.get(kind)
    if numbered is None:
        return []
    marks = Marks(group)
    for series, serial in numbered(plant.ledger, owner, _registers(plant, owner)):
        marks.mark(series, serial)
    for series, first, last in numbers.passed_over(plant.ledger):
        marks.mark_all(series, first, last)
    return [finding for series in group for finding in _told(plant, marks, series, kind)]


def _told(plant: Plant, marks: Marks, series: str, kind: str) -> Iterator[Finding]:
    passed = _passed_over(plant, series) if kind == "filing" else lambda _: False
    gaps = (serial for serial in marks.missing(series) if not passed(serial))
    for serial in islice(gaps, MOST_TOLD):
        sentence = f"number {serial} was drawn, and no row has it"
        yield Finding(rule=Rule.GAP, kind="series", id=series, sentence=sentence)
    more = sum(1 for _ in gaps)
    if more:
        sentence = f"{more} more were drawn, and no row has them"
        yield Finding(rule=Rule.GAP, kind="series", id=series, sentence=sentence)


def _passed_over(plant: Plant, series: str) -> Callable[[int], bool]:
    """Whether a filing number is left out, since its check would be read as a digit."""
    owner, day = series.partition("/")[0], datetime.strptime(series[-8:], "%Y%m%d").date()  # noqa: DTZ007
    prefixes = {
        each.application.filing_prefix
        for rules in plant.profiles.values()
        for each in rules.all
        if each.authority.credit_code == owner and each.application.filing
    }
    return lambda serial: any(not numbering.is_clear(each, day, serial) for each in prefixes)


# --- whose numbers ----------------------------------------------------------------------------

Numbered = Iterator[tuple[str, int]]  #: (series, serial) of every row


def _registrations(ledger: Ledger, owner: str, _: frozenset[str]) -> Numbered:
    for number in numbers.registration_numbers(ledger, owner):
        constructor = numbering.parse_constructor_number(number)
        engineer = None if constructor else numbering.parse_cost_engineer_number(number)
        if constructor is not None:
            year, serial = constructor.registration_year, constructor.serial
            yield f"{owner}/{Occupation.CONSTRUCTOR}/{year}", serial
        elif engineer is not None:
            yield f"{owner}/{Occupation.COST_ENGINEER}/{engineer.year}", engineer.serial


def _acceptances(ledger: Ledger, owner: str, registers: frozenset[str]) -> Numbered:
    for every in (
        numbers.acceptance_numbers(ledger, registers),
        numbers.given_away(ledger, registers),
    ):
        for number in every:
            parsed = numbering.parse_acceptance_number(number)
            if parsed is not None:
                series = f"acceptance/{parsed.department}/{parsed.year:04}{parsed.month:02}"
                yield f"{owner}/{series}", parsed.sequence


def _filings(ledger: Ledger, owner: str, registers: frozenset[str]) -> Numbered:
    for number in numbers.filing_numbers(ledger, registers):
        if found := FILING.fullmatch(number):
            yield f"{owner}/filing/{found['day']}", int(found["serial"])


def _notices(ledger: Ledger, owner: str, registers: frozenset[str]) -> Numbered:
    with snapshot(ledger) as tx:
        erased = list(erasures.notice_numbers(tx, registers))
    for number in chain(erased, numbers.notice_numbers(ledger, registers)):
        if number is not None and (found := NOTICE.fullmatch(number)):
            yield f"{owner}/notice/{found['year']}", int(found["serial"])


def _feed(ledger: Ledger, _: str, __: frozenset[str]) -> Numbered:
    return (("notice", number) for number in numbers.feed_numbers(ledger))


NUMBERED: Mapping[str, Callable[[Ledger, str, frozenset[str]], Numbered]] = {
    REGISTRATION: _registrations,
    "acceptance": _acceptances,
    "filing": _filings,
    "notice": _notices,
    FEED: _feed,
}
