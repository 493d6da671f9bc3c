"""Health: whether the process lives, and whether it can do its work now."""

from __future__ import annotations

import math
import time
from threading import Lock
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from jobs import doctor
from jobs.doctor import Finding
from jobs.wiring import Plant
from portal.asking import plant_of

router = APIRouter(tags=["health"])
LOOK_SECONDS = 2.0


class Health(BaseModel):
    """By part: `well`, or why not."""

    well: bool
    parts: dict[str, str]


class _Neighbours:
    """How they were when somebody last looked, which anybody may often ask for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: list[Finding] = []
        self._at = -math.inf

    def look(self, plant: Plant) -> list[Finding]:
        """As they are, or were a moment ago."""
        with self._lock:
            if time.monotonic() - self._at > LOOK_SECONDS:
                self._found, self._at = doctor.neighbours(plant), time.monotonic()
            return self._found


_NEIGHBOURS = _Neighbours()


@router.get("/livez", summary="Whether this process answers")
async def livez() -> Health:
    """Asks no neighbour."""
    return Health(well=True, parts={})


@router.get("/readyz", summary="Whether ledger, broker and store answer", response_model=Health)
def readyz(response: Response, plant: Annotated[Plant, Depends(plant_of)]) -> Health:
    """503 where one of them does not."""
    found = _NEIGHBOURS.look(plant)
    well = all(each.well for each in found)
    if not well:
        response.status_code = 503
    return Health(well=well, parts={e.name: "well" if e.well else e.detail for e in found})
