"""Health: whether the process lives, and whether it can do its work now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from jobs import doctor
from jobs.wiring import Plant
from portal.asking import plant_of

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """By part: `well`, or why not."""

    well: bool
    parts: dict[str, str]


@router.get("/livez", summary="Whether this process answers")
async def livez() -> Health:
    """Asks no neighbour."""
    return Health(well=True, parts={})


@router.get("/readyz", summary="Whether ledger, broker and store answer", response_model=Health)
def readyz(response: Response, plant: Annotated[Plant, Depends(plant_of)]) -> Health:
    """503 where one of them does not."""
    found = doctor.neighbours(plant)
    well = all(each.well for each in found)
    if not well:
        response.status_code = 503
    return Health(well=well, parts={e.name: "well" if e.well else e.detail for e in found})
