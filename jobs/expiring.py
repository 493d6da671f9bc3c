"""What ends soon (到期): certificates, told to upstream on request; keys, seals, CAs and tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from factory import ending
from factory.ending import Ending, Thing
from jobs import callers
from jobs.callers import KeyView
from jobs.figures import check_profile
from storage import endings
from storage.ledger import expiring as ledger
from storage.ledger.expiring import Count, Expiring

if TYPE_CHECKING:
    from jobs.wiring import Plant

__all__ = ["Outlook", "check_profile", "listed", "outlook", "tell"]

ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What ends from today to the last day, that day included.

    certificates: by register and month.
    things:       keys, seals and what they rest on, those that have ended too.
    """

    today: str
    last: str
    certificates: tuple[Count, ...]
    things: tuple[Ending, ...]


def outlook(plant: Plant, within: timedelta, *, profile: str | None = None) -> Outlook:
    """What ends within the span, by the ledger's clock.

    profile: certificates of this register alone.  NotFoundError: there is no such register.
    SettingsError: a file of the keyring is broken.
    """
    check_profile(plant, profile)
    with plant.ledger.read() as tx:
        today, now = plant.today(tx), tx.now
        last = ending.last_day(today, within)
        counts = ledger.counts(tx, today, last, profile=profile)
    folder = plant.settings.keyring_dir
    found = [
        *endings.of_keyring(plant.keyring, folder, now=now),
        *(
            ending.ending(Thing.ACCESS_KEY, _called(each), each.expires, now=now)
            for each in callers.listed(plant)
            if each.state == ACTIVE
        ),
    ]
    return Outlook(
        today=today.isoformat(),
        last=last.isoformat(),
        certificates=tuple(counts),
        things=ending.within(found, within, now=now),
    )


def _called(key: KeyView) -> str:
    """As the metric and its alert call it, and which of several it is."""
    return f"{key.source} {key.label} {key.key}"


def listed(plant: Plant, within: timedelta, *, profile: str | None = None) -> Iterator[Expiring]:
    """The certificates, the first to end first; numbers and states, no names."""
    today, last = _days(plant, within)
    return ledger.listed(plant.ledger, today, last, profile=profile)


def tell(plant: Plant, within: timedelta, *, profile: str | None = None, who: str) -> int:
    """Tell upstream of each of them that it was not told of yet; of how many it was.

    Done again, it tells of whatever has come nearer since, and of nothing twice; stopped halfway,
    the next run goes on.
    """
    check_profile(plant, profile)
    today, last = _days(plant, within)
    told, looked_at = 0, 1
    while looked_at:
        with plant.ledger.write(who) as tx:
            looked_at, count = ledger.tell(tx, today, last, profile=profile)
        told += count
    return told


def _days(plant: Plant, within: timedelta) -> tuple[date, date]:
    with plant.ledger.read() as tx:
        today = plant.today(tx)
    return today, ending.last_day(today, within)
