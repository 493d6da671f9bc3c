"""`/v1/notices`: what was told to upstream, pulled from a cursor on."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from factory.notices import Notice, as_event
from jobs import notices
from jobs.wiring import Plant
from portal.asking import Reader, plant_of
from portal.shown import NoticesShown

router = APIRouter(prefix="/v1/notices", tags=["notices"])
MOST = 1000


@router.get("", summary="What was told, from a cursor on")
def feed(
    caller: Reader,
    plant: Annotated[Plant, Depends(plant_of)],
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="The last one you have.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> NoticesShown:
    """The notices of this key's registers after that number, the oldest first."""
    found = notices.feed(plant, profiles=caller.profiles, after=after, limit=limit)
    return NoticesShown(notices=[_told(plant, e) for e in found], next=_next(found, after))


def _told(plant: Plant, notice: Notice) -> dict[str, Any]:
    return as_event(notice, plant.settings.notice_source)


def _next(found: list[Notice], after: int) -> int:
    return found[-1].cursor if found else after
