"""Laying out (排版): what an order prints, each mark in its place, and what goes beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.model import Kind, Order
from factory.page.glance import check
from factory.pressing import Laid
from factory.profile import Profile
from factory.register import local_day
from jobs import typefaces

if TYPE_CHECKING:
    from jobs.wiring import Plant


def of_order(plant: Plant, order: Order) -> Laid:
    """As it was promised.  UnprintableError, LintError: why it cannot be printed."""
    profile = made_by(plant, order)
    return laid(plant, order.kind, profile, order.face, order.pictures, order.signed_at)


def made_by(plant: Plant, order: Order) -> Profile:
    """The version of its profile that an order is made by."""
    return plant.profiles[order.profile].called(order.profile_version, local_day(order.signed_at))


def laid(
    plant: Plant,
    kind: Kind,
    profile: Profile,
    stored: Mapping[str, object],
    pictures: Mapping[str, bytes],
    created: datetime,
) -> Laid:
    """A document of that kind.  Errors as ``of_order``.

    stored: its face.
    """
    made = KINDS[kind]
    face = made.read(stored)  # once for all that is asked of it
    sheet, values = made.sheet(profile, face), made.values(profile, face)
    placed = typefaces.placed(plant, sheet, values)
    check(sheet, placed, values)
    return Laid(
        placed=placed,
        values=values,
        pictures=pictures,
        title=made.title(profile, face),
        created=created,
        twin=twin(stored),
        licence_id=_licence_id(stored),
        profile=profile,
    )


def _licence_id(stored: Mapping[str, object]) -> str | None:
    """Of a certificate (证照标识); nothing else has one."""
    found = stored.get("licence_id")
    return str(found) if found is not None else None
