"""Forecasts: what is expected to keep an item's certificate from being made.

They are looked at before confirmation, and never decide: at its turn each is planned anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from factory import plan
from factory.errors import PermanentError
from factory.page.fonts import is_refused
from factory.profile import Profile
from factory.register import check_pictures
from jobs.bulk.scopes import ERASED, Item, scope_of, why_skip
from storage.ledger import Tx, orders, registers
from storage.ledger.batches import Batch
from storage.ledger.items import Affected
from storage.ledger.registers import RegistrationRow

if TYPE_CHECKING:
    from jobs.wiring import Plant

REFUSED, UNPRINTABLE = "character", "unprintable"  #: as their failures are called


def forecasts(
    plant: Plant, tx: Tx, batch: Batch, affected: Sequence[Affected]
) -> Mapping[int, str]:
    """By registration, a closed word for why it would be skipped or held; most have none."""
    ids = [each.registration_id for each in affected]
    rows, newest = registers.load(tx, ids), orders.newest_of(tx, ids)
    made = orders.last_made(tx, ids)
    found = {}
    for each in affected:
        ident = each.registration_id
        if ident not in rows:
            found[ident] = ERASED
            continue
        rules, then = scope_of(batch).then(plant, tx, batch, rows[ident])
        item = Item(row=then, newest=newest.get(ident), expected=each.edition_id)
        word = why_skip(plant, tx, batch, item)
        word = word or _why_held(plant, rules, then, looked_at=ident in made)
        if word:
            found[ident] = word
    return found


def _why_held(
    plant: Plant, rules: Profile, then: RegistrationRow, *, looked_at: bool
) -> str | None:
    """looked_at: whether one of it was made, so that somebody has let its doubts pass."""
    try:
        check_pictures(then.view, rules)
    except PermanentError as error:
        return error.reason
    holder, enterprise = then.value.holder, then.value.enterprise
    names = holder.name + enterprise.name
    if any(is_refused(character) for character in names):
        return REFUSED
    if plant.typefaces.book.unprintable(names):
        return UNPRINTABLE
    doubts = [] if looked_at else plan.doubts(holder, enterprise, rules)
    return doubts[0].reason if doubts else None
