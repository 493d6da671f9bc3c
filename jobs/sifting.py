"""Sifting: which rows of a slice nothing stands in the way of, and which go one by one.

Those are plain whose person, numbers, licence id and employer's name meet nothing that the
ledger has and no other row of the slice; what they come to is folded as for any other event.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from factory import numbering
from factory.errors import PermanentError
from factory.events import Event, RegistrationImported
from factory.events.takeover import Row
from factory.model import Holder, ProfileId
from factory.profile import Profile
from factory.register import Fact, Person, RegistrationState, effects, fact_of
from jobs.entering import Pictures
from jobs.intake import Outcome, Status
from storage.ledger import Tx, inbox, orders, people, registers

if TYPE_CHECKING:
    from jobs.wiring import Plant

CHANGED = (
    "was imported before with other content; what has changed since comes as an event of its own"
)
NOBODY = Person()
AGAIN = Outcome(status=Status.DUPLICATE)

Given = Mapping[int, Pictures]  #: by line
Values = Collection[tuple[str, ...]]
#: what one registration alone may have: kind, where it counts, value
Thing = tuple[str, str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A row nothing stands in the way of, and what it comes to.

    pictures: normalised, by keyed digest.
    """

    row: Row
    profile: Profile
    fact: Fact
    digest: str
    holder: Holder
    state: RegistrationState
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """A slice, sorted by what is to be done.

    settled: by line, what was imported before.
    """

    plain: list[Plain] = field(default_factory=list)
    special: list[Row] = field(default_factory=list)
    settled: dict[int, Outcome] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[int, Outcome]:
        """What became, or becomes, of the rows that are not special."""
        return self.settled | {
            each.row.line: Outcome(status=Status.ACCEPTED, registration=each.state.number)
            for each in self.plain
        }


def sift(plant: Plant, tx: Tx, rows: Sequence[Row], given: Given) -> Sifted:
    """The rows by what is to be done; ``given``: the pictures of those that come with some."""
    found, crowd, today = Sifted(), _Crowd(plant, tx, rows), plant.today(tx)
    for row in rows:
        event, _ = said(row)
        digest = tx.vault.lookup("event", event.canonical.decode()).hex()
        before = crowd.digests.get((event.source, event.id))
        if before is not None:
            found.settled[row.line] = AGAIN if before == digest else _changed(row)
            continue
        shown = _digested(tx, given.get(row.line, {}))
        meets = shown is None or crowd.meets(row)
        plain = None if meets else _plain(plant, row, digest, today, shown or {})
        if plain is None:
            found.special.append(row)
        else:
            found.plain.append(plain)
    return found


def _digested(tx: Tx, given: Pictures) -> Mapping[str, tuple[str, bytes]] | None:
    """Role -> keyed digest and picture; None: one cannot be used."""
    found = {}
    for role, picture in given.items():
        if isinstance(picture, PermanentError):
            return None
        found[role] = tx.vault.picture_digest(picture), picture
    return found


def _plain(
    plant: Plant, row: Row, digest: str, today: date, shown: Mapping[str, tuple[str, bytes]]
) -> Plain | None:
    """What the row comes to for somebody new; None: the register refuses it."""
    event, data = said(row)
    rules = plant.profiles[data.profile]
    fact = fact_of(event, rules, {role: key for role, (key, _) in shown.items()})
    profile = rules.on(fact.day)
    if fact.day > today:
        return None
    try:
        person = effects.apply(NOBODY, fact, profile)  # one fact replayed is the fact applied
    except PermanentError:
        return None
    [state] = person.registrations
    holder = data.holder.value()
    return Plain(
        row=row,
        profile=profile,
        fact=fact,
        digest=digest,
        holder=holder,
        state=state,
        pictures=dict(shown.values()),
    )


def said(row: Row) -> tuple[Event, RegistrationImported]:
    """What a row that can be read says."""
    assert row.event is not None  # noqa: S101 - the others never get here
    assert isinstance(row.event.data, RegistrationImported)  # noqa: S101 - no other type is read
    return row.event, row.event.data


def naming(row: Row) -> str:
    """The column that says which event a row is."""
    return "registration_number" if row.by_number else "id"


def _changed(row: Row) -> Outcome:
    return Outcome(status=Status.REFUSED, problems=((naming(row), CHANGED),))


class _Crowd:
    """What the rows of a slice have to do with the ledger and with each other."""

    def __init__(self, plant: Plant, tx: Tx, rows: Sequence[Row]) -> None:
        self._plant = plant
        told = [said(row) for row in rows]
        events = _grouped((event.source, event.id) for event, _ in told)
        self.digests = {
            (source, event_id): digest
            for source, ids in events.items()
            for event_id, digest in inbox.digests(tx, source, ids).items()
        }
        things = [self._things(data) for _, data in told]
        counts = Counter(each for row in things for each in row)
        self._often = {each for each, count in counts.items() if count > 1}
        self._taken = _in_the_ledger(tx, counts)
        names = {(d.profile, d.enterprise.credit_code, d.enterprise.name) for _, d in told}
        self._named = Counter((profile, code) for profile, code, _ in names)
        codes = _grouped(self._named)
        self._names = {
            (profile, code): name
            for profile, wanted in codes.items()
            for code, name in people.enterprise_names(tx, ProfileId(profile), wanted).items()
        }

    def meets(self, row: Row) -> bool:
        """Whether the row meets something that is there, or another row of the slice."""
        _, data = said(row)
        things = set(self._things(data))
        return bool(things & self._often) or bool(things & self._taken) or self._is_renamed(data)

    def _is_renamed(self, data: RegistrationImported) -> bool:
        key = data.profile, data.enterprise.credit_code
        if key in self._names:
            return self._names[key] != data.enterprise.name
        return self._named[key] > 1

    def _things(self, data: RegistrationImported) -> tuple[Thing, ...]:
        """What only one registration may have, each with where it counts."""
        authority = self._plant.profiles[data.profile].authority
        numbers = {
            numbering.number_key(each) for each in (data.registration_number, *data.former_numbers)
        }
        licence = data.edition.licence_id
        return (
            ("paper", data.profile, (data.holder.id_type, data.holder.id_number)),
            *(("number", authority, (number,)) for number in numbers),
            *((("licence", "", (licence,)),) if licence is not None else ()),
        )


def _in_the_ledger(tx: Tx, things: Iterable[Thing]) -> set[Thing]:
    wanted: dict[tuple[str, str], set[tuple[str, ...]]] = defaultdict(set)
    for kind, where, value in things:
        wanted[kind, where].add(value)
    return {
        (kind, where, value)
        for (kind, where), values in wanted.items()
        for value in _LOOK[kind](tx, where, values)
    }


def _papers(tx: Tx, profile: str, values: Values) -> Values:
    return people.known(tx, ProfileId(profile), [(kind, number) for kind, number in values])


def _numbers(tx: Tx, authority: str, values: Values) -> Values:
    return [(key,) for key in registers.taken_among(tx, authority, [key for (key,) in values])]


def _licences(tx: Tx, _: str, values: Values) -> Values:
    return [(each,) for each in orders.licensed(tx, [each for (each,) in values])]


_LOOK: Mapping[str, Callable[[Tx, str, Values], Values]] = {
    "paper": _papers,
    "number": _numbers,
    "licence": _licences,
}


def _grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found
