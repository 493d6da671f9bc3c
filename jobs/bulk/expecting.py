"""Expecting: what a batch would come to if it took effect now, or as it was prepared.

To look again costs about 0.1 ms an item, so it is done up to some size.  Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from factory.model import ItemState
from jobs.bulk import scopes
from jobs.bulk.forecasting import forecasts
from storage.ledger import Tx, items
from storage.ledger import forecasts as prepared
from storage.ledger.batches import Batch
from storage.ledger.items import Affected

if TYPE_CHECKING:
    from jobs.wiring import Plant

LOOKED_AGAIN = 20_000  #: items; of a larger batch it is told what was expected when it was prepared
SLICE = 1000  #: items that are looked at in one transaction
CANDIDATES = 200  #: of each profile, looked at to find the most telling
LISTED = 1000  #: who would be held

Counted = tuple[str, ItemState, str | None, int]  #: profile, state, forecast, how many


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What is expected of the items of a batch; the counts add up to all it concerns.

    as_of:      when they were looked at; None: now.
    held:       (registration number, forecast) of the first that are not expected to be made.
    candidates: the rows of which samples are chosen, each with its forecast of now.
    """

    as_of: datetime | None
    counts: Sequence[Counted]
    held: Sequence[tuple[str, str]]
    candidates: Mapping[int, str | None]


def expected(plant: Plant, batch: Batch) -> Expectation:
    """Of now, with whoever has come since; of a large batch as it was when it was prepared."""
    with plant.ledger.read() as tx:
        since = items.late(tx, batch.id, scopes.scope_of(batch).concerned(plant, tx, batch))
        size = sum(items.counts(tx, batch.id).values()) + len(since)
        if size > LOOKED_AGAIN:
            return _as_prepared(plant, tx, batch)
    return _now(plant, batch, since)


def _as_prepared(plant: Plant, tx: Tx, batch: Batch) -> Expectation:
    """Only what a sample may be taken of is looked at again."""
    spread = prepared.spread(tx, batch.id, CANDIDATES)
    affected = items.some(tx, batch.id, [each.registration for each in spread])
    words = forecasts(plant, tx, batch, affected)
    return Expectation(
        as_of=batch.created_at,
        counts=prepared.counts(tx, batch.id),
        held=prepared.expected_holds(tx, batch.id, LISTED, but=scopes.SKIPS),
        candidates={each.registration: words.get(each.registration) for each in spread},
    )


def _now(plant: Plant, batch: Batch, since: Sequence[Affected]) -> Expectation:
    """Slice by slice, so that no transaction is long."""
    found: dict[int, tuple[str, str | None]] = {}
    after = 0
    while True:
        with plant.ledger.read() as tx:
            part = items.slice_of(tx, batch.id, after=after, limit=SLICE)
            found |= _looked(plant, tx, batch, part)
        if len(part) < SLICE:
            break
        after = part[-1].registration_id
    with plant.ledger.read() as tx:
        found |= _looked(plant, tx, batch, since)
        held = [ident for ident, (_, word) in found.items() if word and word not in scopes.SKIPS]
        numbers = prepared.numbers(tx, sorted(held)[:LISTED])
    counts = Counter(found.values())
    return Expectation(
        as_of=None,
        counts=[
            (profile, ItemState.PENDING, word, counts[profile, word])
            for profile, word in sorted(counts, key=lambda each: (each[0], each[1] or ""))
        ],
        held=[(number, found[ident][1] or "") for ident, number in numbers.items()],
        candidates=_spread(found),
    )


def _looked(
    plant: Plant, tx: Tx, batch: Batch, affected: Sequence[Affected]
) -> dict[int, tuple[str, str | None]]:
    words = forecasts(plant, tx, batch, affected)
    return {
        each.registration_id: (each.profile, words.get(each.registration_id)) for each in affected
    }


def _spread(found: Mapping[int, tuple[str, str | None]]) -> dict[int, str | None]:
    """At most about so many of each profile that are expected to be made, evenly apart."""
    by_profile: dict[str, list[int]] = {}
    for ident, (profile, word) in sorted(found.items()):
        if word is None:
            by_profile.setdefault(profile, []).append(ident)
    return {
        ident: None
        for made in by_profile.values()
        for ident in made[:: -(-len(made) // CANDIDATES)]
    }
