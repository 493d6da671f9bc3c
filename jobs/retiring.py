"""Retiring an identity (停用印章): one that nothing is sealed with, today or in what is to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory.errors import ConflictError
from storage.ledger import sealed_by

if TYPE_CHECKING:
    from jobs.wiring import Plant


def retire(plant: Plant, name: str) -> list[str]:
    """Take an identity out of the keyring; where keys are that must be destroyed elsewhere.

    ConflictError: a register names it, or orders wait for it.  SettingsError: there is none.
    """
    with plant.ledger.read() as tx:
        today, waiting = plant.today(tx), sealed_by.open_orders(tx, name)
    naming = [
        f"{rules.id} {version.version}"
        for rules in plant.profiles.values()
        for version in rules.since(today)
        if name in version.seal.all
    ]
    if naming:
        raise ConflictError(
            f"{name}: seals for {', '.join(naming)}; a later version must name another first"
        )
    if waiting:
        raise ConflictError(
            f"{name}: {waiting} orders are still to be sealed with it; let them be made, or"
            " have the bulk event cancelled that they are of"
        )
    return plant.keyring.retire(name)
