"""`/v1/enterprises`: an enterprise's people, its renames, and what it has to confirm."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from jobs import confirmations, visiting
from jobs import enterprise as view
from jobs.confirmations import Which
from jobs.wiring import Plant
from portal.asking import Asked, Reader, Steerer, asker_of, plant_of
from portal.paths import CreditCode, ProfileName
from portal.reading import Strict
from portal.shown import EnterpriseShown, LinkShown, ListedShown, UncollectedShown

router = APIRouter(prefix="/v1/enterprises", tags=["enterprises"], route_class=Strict)


class EnterpriseLink(Asked):
    """A page on which the enterprise sees its people and confirms its renames."""

    kind: Literal["enterprise"]


@router.get("/{credit_code}", summary="An enterprise: its people by state, collected n of m")
def show(
    credit_code: CreditCode,
    caller: Reader,
    plant: Annotated[Plant, Depends(plant_of)],
    profile: ProfileName = None,
) -> EnterpriseShown:
    """How its people stand in each register, and who of each rename has collected."""
    asker = asker_of(caller)
    return EnterpriseShown.of(view.overview(plant, credit_code, profile=profile, asker=asker))


@router.get("/{credit_code}/uncollected", summary="Whose certificates wait to be collected")
def uncollected(
    credit_code: CreditCode,
    caller: Reader,
    plant: Annotated[Plant, Depends(plant_of)],
    profile: ProfileName = None,
) -> list[UncollectedShown]:
    """Registration numbers, by register."""
    found = view.uncollected(plant, credit_code, profile=profile, asker=asker_of(caller))
    return [UncollectedShown.model_validate(each) for each in found]


@router.get("/{credit_code}/applications", summary="待企业确认, 企业已确认查询")
def listed(
    credit_code: CreditCode,
    caller: Reader,
    plant: Annotated[Plant, Depends(plant_of)],
    which: Annotated[Which, Query(description="awaiting: 待企业确认; confirmed: 企业已确认.")],
    profile: ProfileName = None,
) -> list[ListedShown]:
    """Applications of its people: whose turn is the enterprise's, or that it has confirmed."""
    asker = asker_of(caller)
    found = confirmations.listed(plant, credit_code, which, profile=profile, asker=asker)
    return list(map(ListedShown.of, found))


@router.post("/{credit_code}/links", summary="A link to the enterprise's page")
def link(
    credit_code: CreditCode,
    asked: EnterpriseLink,
    caller: Steerer,
    plant: Annotated[Plant, Depends(plant_of)],
) -> LinkShown:
    """Give it to nobody but the enterprise, which you have let in (法人一证通).

    On the page it sees how its people stand, what waits for its signature, and confirms a rename
    where the register leaves that to it; within the registers of this key.
    """
    page = visiting.link(plant, credit_code, who=caller.who, asker=asker_of(caller))
    return LinkShown(url=page.url, seconds=page.seconds, kind=asked.kind)
