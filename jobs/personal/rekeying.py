"""Another data key for one person (换密钥): all that is sealed of them, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.errors import ConflictError
from storage.ledger import audit, erasing, keys, personal

if TYPE_CHECKING:
    from jobs.wiring import Plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Rekeyed:
    """What was done.

    sealed:    values under the new key, by place.
    destroyed: rows of the former data keys.
    """

    holder: int
    sealed: Mapping[str, int]
    destroyed: tuple[int, ...]


def rekey(plant: Plant, holder: int, *, who: str, why: str) -> Rekeyed:
    """Seal everything of a person under a fresh key, and destroy those it was under.

    why: names nobody.
    NotFoundError: no such row.  ConflictError: something is under way for them, or they have been
    erased.  SealedDataError: something of theirs does not open; nothing is changed.
    """
    with plant.ledger.write(who) as tx:
        person = personal.locked(tx, holder)
        refusals = list(erasing.under_way(tx, person))
        if person.erased_at is not None:
            refusals = [personal.ERASED]
        if refusals:
            raise ConflictError(f"holder-{person.id}: {'; '.join(refusals)}")
        new = keys.new(tx)
        sealed = personal.reseal(tx, person, new, keys.load(tx, new))
        destroyed = keys.destroy(tx, person.keys)
        what = {"data_key": new, "destroyed": destroyed, "sealed": sealed}
        audit.note(tx, "data key changed", ("holder", person.id), why=why, what=what)
    erasing.scrub(plant.ledger)
    return Rekeyed(holder=person.id, sealed=sealed, destroyed=tuple(destroyed))
