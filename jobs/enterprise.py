"""An enterprise's view (企业视图): how its people stand, and who of a rename has collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from factory.access import Thing
from factory.errors import NotFoundError
from factory.model import EditionState
from jobs import standing
from jobs.asker import COUNTER, Asker, Concerned
from storage.ledger import Tx, employers
from storage.ledger.employers import Known, Rename, Tally
from storage.ledger.status import RegistrationView

if TYPE_CHECKING:
    from jobs.wiring import Plant


class PersonState(StrEnum):
    """How somebody stands by the newest edition of a registration in force."""

    UNCOLLECTED = "uncollected"
    COLLECTED = "collected"
    OUTDATED = "outdated"  #: the next edition is not ordered yet
    ORDERED = "ordered"  #: it is, and is being made
    HELD = "held"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    NONE = "none"  #: no edition stands


LABELS: Mapping[PersonState, str] = MappingProxyType(
    {
        PersonState.UNCOLLECTED: standing.EDITIONS[EditionState.UNCOLLECTED].label,
        PersonState.COLLECTED: standing.EDITIONS[EditionState.COLLECTED].label,
        PersonState.OUTDATED: standing.EDITIONS[EditionState.OUTDATED].label,
        PersonState.ORDERED: standing.EDITIONS[EditionState.ORDERED].label,
        PersonState.HELD: "需处理",
        PersonState.EXPIRED: standing.EXPIRED.label,
        PersonState.SUSPENDED: "暂扣",
        PersonState.NONE: "无证书",
    }
)
_STATES = {label: state for state, label in LABELS.items()}
NO_ITEMS = employers.tally({})


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameView:
    """A rename in one register: collected n of m (已领证 n / 应领证 m), with it or after it."""

    rename: Rename
    collected: int
    due: int
    items: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterView:
    """An enterprise in one register; people are its registrations in force."""

    known: Known
    total: int
    people: Mapping[PersonState, int]
    renames: tuple[RenameView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterpriseView:
    """An enterprise in every register that knows it; no personal data."""

    credit_code: str
    registers: tuple[RegisterView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uncollected:
    """A registration whose newest edition waits to be collected."""

    profile: str
    registration: str


def overview(
    plant: Plant, credit_code: str, *, profile: str | None = None, asker: Asker = COUNTER
) -> EnterpriseView:
    """How the enterprise stands; a handful of queries, however many people it has.

    profile: in this register alone.
    NotFoundError: no register knows it.  ForbiddenError: it is another's.
    """
    with plant.ledger.read() as tx:
        found = _known(plant, tx, credit_code, profile, asker)
        people, today = employers.people(tx, credit_code), plant.today(tx)
        renames = employers.renames(tx, credit_code)
        tallies = employers.tallies(tx, credit_code, today)
    registers = [
        RegisterView(
            known=each,
            total=len(people.get(each.profile, ())),
            people=_counted(people.get(each.profile, ()), today),
            renames=tuple(
                _rename(rename, tallies.get((rename.batch, each.profile), NO_ITEMS))
                for rename in renames
                if each.profile in rename.profiles
            ),
        )
        for each in found
    ]
    return EnterpriseView(credit_code=credit_code, registers=tuple(registers))


def uncollected(
    plant: Plant, credit_code: str, *, profile: str | None = None, asker: Asker = COUNTER
) -> list[Uncollected]:
    """Whose certificates wait to be collected, by register and in the order of registration.

    NotFoundError and ForbiddenError as `overview`.
    """
    with plant.ledger.read() as tx:
        found = _known(plant, tx, credit_code, profile, asker)
        people, today = employers.people(tx, credit_code), plant.today(tx)
    return [
        Uncollected(profile=each.profile, registration=row.number)
        for each in found
        for row in people.get(each.profile, ())
        if state_of(row, today) is PersonState.UNCOLLECTED
    ]


def state_of(registration: RegistrationView, today: date) -> PersonState:
    """How the holder of a registration in force stands.

    today: the calendar day in China.
    """
    newest = registration.newest
    if newest is None:
        return PersonState.NONE
    stand = standing.of_edition(registration, newest, today)
    return _STATES.get(stand.label, PersonState.NONE)


def _known(
    plant: Plant, tx: Tx, credit_code: str, profile: str | None, asker: Asker
) -> Sequence[Known]:
    """The enterprise in the registers asked for; the states of its people are what is seen."""
    everywhere = [e for e in employers.known(tx, credit_code) if asker.reaches([e.profile])]
    found = [each for each in everywhere if profile in {None, each.profile}]
    for name in {each.profile for each in found} or {profile or ""}:
        about = Concerned(profile=name, employers=frozenset({credit_code}))
        asker.may_see(tx, Thing.EDITION_LIST, about, plant.installed(tx, name))
    if not found:
        raise NotFoundError("credit code: no register knows such an enterprise")
    return found


def _counted(people: Sequence[RegistrationView], today: date) -> Mapping[PersonState, int]:
    counts = Counter(state_of(each, today) for each in people)
    return {state: counts[state] for state in PersonState}


def _rename(rename: Rename, items: Tally) -> RenameView:
    return RenameView(rename=rename, collected=items.collected, due=items.due, items=items)
