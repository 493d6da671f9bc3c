"""An enterprise's lists: whose applications wait for it (待企业确认), and which it has confirmed
(企业已确认查询)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from factory.access import Thing
from factory.errors import NotFoundError
from factory.model import ApplicationState, ApplicationType, Party
from jobs import standing
from jobs.asker import COUNTER, Asker, Concerned
from jobs.standing import Stand
from storage.ledger import Tx, applications
from storage.ledger.applications import ApplicationRow

if TYPE_CHECKING:
    from jobs.wiring import Plant

AWAITING = frozenset({ApplicationState.AWAITS_ENTERPRISE, ApplicationState.ENTERPRISE_REVIEW})


class Which(StrEnum):
    """One of the lists."""

    AWAITING = "awaiting"  #: 待企业确认: it is the enterprise's turn
    CONFIRMED = "confirmed"  #: 企业已确认: it has signed, or let it pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An application of one of its people; no personal data.

    id: its row.
    """

    profile: str
    application: str
    kind: ApplicationType
    revision: int
    stand: Stand
    changed_at: datetime
    id: int


def listed(
    plant: Plant,
    credit_code: str,
    which: Which,
    *,
    profile: str | None = None,
    asker: Asker = COUNTER,
) -> list[Listed]:
    """The applications of the enterprise's people, what changed last first.

    profile: in this register alone.
    NotFoundError: there is no such register.  ForbiddenError: it is another enterprise.
    """
    with plant.ledger.read() as tx:
        profiles = _profiles(plant, tx, credit_code, profile, asker)
        found = applications.of_employer(tx, profiles, credit_code)
    wanted = [row for row in found if IS[which](row)]
    return [_listed(row) for row in sorted(wanted, key=lambda row: row.changed_at, reverse=True)]


def _profiles(
    plant: Plant, tx: Tx, credit_code: str, profile: str | None, asker: Asker
) -> list[str]:
    wanted = [profile] if profile else sorted(plant.profiles)
    seen = [name for name in wanted if name in plant.profiles and asker.reaches([name])]
    for name in seen:
        about = Concerned(profile=name, employers=frozenset({credit_code}))
        asker.may_see(tx, Thing.APPLICATION_FORM, about, plant.profile(tx, name))
    if not seen:
        raise NotFoundError("profile: there is no such register")
    return seen


def _listed(row: ApplicationRow) -> Listed:
    return Listed(
        profile=row.profile,
        application=row.number,
        kind=row.kind,
        revision=row.revision,
        stand=standing.of_application(row),
        changed_at=row.changed_at,
        id=row.id,
    )


def _has_confirmed(row: ApplicationRow) -> bool:
    """Whether the enterprise has signed what is saved now, or taken a step with it."""
    signed = any(
        each["party"] == Party.ENTERPRISE and not each["void"] for each in row.view["signatures"]
    )
    return signed or any(each["by"] == Party.ENTERPRISE for each in row.view["steps"])


IS = MappingProxyType(
    {Which.AWAITING: lambda row: row.state in AWAITING, Which.CONFIRMED: _has_confirmed}
)
