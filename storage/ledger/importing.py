"""Importing: registrations of people nobody has heard of, many at a time, in few statements.

It writes row for row what entering each event by itself comes to; whoever calls has seen that
nothing stands in the way, and what gets there a moment before leaves no trace of any of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.exc import IntegrityError

from factory.errors import ConflictError
from factory.lifecycle import Turn
from factory.model import Enterprise, Holder, Occupation, ProfileId
from factory.register import Fact, RegistrationState
from storage.ledger import facts, inbox, keys, lost, orders, people, registers
from storage.ledger.base import Tx
from storage.sealed import DataKey

OwnKey = tuple[int, DataKey]


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """The edition in the holder's hands, as ``orders.NewEdition`` has it."""

    number: int
    medium: str
    licence_id: str | None
    basis: str
    valid_until: date
    turn: Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One registration with everything its event comes to.

    digest:      the keyed digest of the event's content.
    raw:         the event's bytes.
    correlation: the event's own, if it came with one.
    pictures:    normalised, by keyed digest.
    """

    profile: ProfileId
    authority: str
    occupation: Occupation
    number: str
    fact: Fact
    digest: str
    raw: bytes = field(repr=False)
    outcome: Mapping[str, object]
    correlation: str | None
    holder: Holder = field(repr=False)
    state: RegistrationState
    edition: Foreign
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def write(tx: Tx, imports: Sequence[Import]) -> None:
    """Take them over: keys, holders, pictures, events, employers, registrations, facts, editions.

    ConflictError: somebody took a number, a person or an event meanwhile, or renamed an
    employer; the transaction is spent.
    """
    if not imports:
        return
    try:
        _write(tx, imports)
    except IntegrityError as error:
        raise ConflictError("import: somebody else was faster by a moment") from error


def _write(tx: Tx, imports: Sequence[Import]) -> None:
    own = keys.new_all(tx, len(imports))
    holders = people.add_all(
        tx, [(each.profile, each.holder, key) for each, key in zip(imports, own, strict=True)]
    )
    people.add_pictures(
        tx,
        [
            (holder, key, each.pictures)
            for each, holder, (_, key) in zip(imports, holders, own, strict=True)
        ],
    )
    events = inbox.add_settled(
        tx, [_settled(each, key) for each, key in zip(imports, own, strict=True)]
    )
    employers = _employers(tx, imports)
    begun = lost.begin_all(tx, [_origin(each) for each in imports])
    rows = registers.add_all(
        tx,
        [
            _registration(each, uid, holder.id, employers[each.profile, each.state.employer])
            for each, uid, holder in zip(
                imports, (each.uid for each in begun), holders, strict=True
            )
        ],
    )
    facts.put_applied(
        tx,
        [
            facts.Applied(
                profile=each.profile, holder=holder, key=key, fact=each.fact, inbox_id=event
            )
            for each, holder, (_, key), event in zip(imports, holders, own, events, strict=True)
        ],
    )
    orders.add_foreign_editions(
        tx,
        [
            orders.ForeignEdition(
                _edition(each, row), medium=each.edition.medium, turn=each.edition.turn
            )
            for each, row in zip(imports, rows, strict=True)
        ],
    )


def _settled(each: Import, key: OwnKey) -> inbox.Settled:
    return inbox.Settled(
        source=each.fact.source,
        event_id=each.fact.event_id,
        kind=each.fact.type,
        digest=each.digest,
        raw=each.raw,
        data_key=key,
        outcome=each.outcome,
        correlation=each.correlation,
    )


def _employers(tx: Tx, imports: Sequence[Import]) -> Mapping[tuple[ProfileId, Enterprise], int]:
    wanted = defaultdict(set)
    for each in imports:
        wanted[each.profile].add(each.state.employer)
    return {
        (profile, employer): row
        for profile, employers in sorted(wanted.items())
        for employer, row in people.enterprises(tx, profile, employers).items()
    }


def _origin(each: Import) -> lost.Origin:
    return lost.Origin(
        profile=each.profile,
        authority=each.authority,
        event=each.digest,
        unit=each.state.unit,
        persons=(each.holder,),
        brought=each.number,
    )


def _registration(
    each: Import, uid: str, holder_id: int, enterprise_id: int
) -> registers.NewRegistration:
    return registers.NewRegistration(
        uid=uid,
        profile=each.profile,
        authority=each.authority,
        occupation=each.occupation,
        number=each.number,
        holder_id=holder_id,
        enterprise_id=enterprise_id,
        state=each.state,
    )


def _edition(each: Import, row: int) -> orders.NewEdition:
    return orders.NewEdition(
        registration_id=row,
        profile=each.profile,
        number=each.edition.number,
        licence_id=each.edition.licence_id,
        code=None,
        cause=each.fact.type,
        basis=each.edition.basis,
        valid_until=each.edition.valid_until,
    )
