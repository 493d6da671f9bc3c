"""Who asks through the door: the caller the gate has recognised, for itself or for somebody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from factory.access import Viewer
from factory.access_keys import Caller, Scope
from jobs import asker as askers
from jobs.asker import COUNTER, Asker
from jobs.wiring import Plant


class Asked(BaseModel):
    """A body that is asked with; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class ForEnterprise(Asked):
    """The upstream system has let this enterprise in (法人一证通)."""

    viewer: Literal["enterprise"]
    credit_code: str = Field(
        description="Unified social credit code (统一社会信用代码).", pattern=r"^[0-9A-Z]{18}$"
    )


class ForHolder(Asked):
    """The upstream system has let this person in (实名)."""

    viewer: Literal["holder"]
    id_type: str = Field(default="111", description="Kind of identity paper, GB/T 36903.")
    id_number: str = Field(repr=False, min_length=1, max_length=64)


OnBehalfOf = Annotated[
    ForEnterprise | ForHolder | None,
    Field(
        description="Whom the upstream system asks for; none: itself, as the counter would.",
        discriminator="viewer",
    ),
]


# Dependencies that ask nobody are coroutines: FastAPI takes a thread for each of the others.


async def plant_of(request: Request) -> Plant:
    """The factory."""
    found: Plant = request.app.state.plant
    return found


ThisPlant = Annotated[Plant, Depends(plant_of)]


def _needs(scope: Scope) -> Callable[[Request], Awaitable[Caller]]:
    async def caller(request: Request) -> Caller:
        found: Caller = request.state.caller
        found.need(scope)
        return found

    return caller


Submitter = Annotated[Caller, Depends(_needs(Scope.SUBMIT))]
Signer = Annotated[Caller, Depends(_needs(Scope.SIGN))]
Linker = Annotated[Caller, Depends(_needs(Scope.LINK))]
Steerer = Annotated[Caller, Depends(_needs(Scope.BULK))]
Reader = Annotated[Caller, Depends(_needs(Scope.READ))]


def asker_of(caller: Caller, on_behalf_of: ForEnterprise | ForHolder | None = None) -> Asker:
    """Whoever asks, through that caller's source and registers.

    FieldError: what is given is no number of an identity paper.
    """
    return _asker(on_behalf_of).through(caller.source, caller.profiles)


def _asker(given: ForEnterprise | ForHolder | None) -> Asker:
    if given is None:
        return COUNTER
    if isinstance(given, ForHolder):
        return askers.holder(given.id_type, given.id_number)
    return Asker(viewer=Viewer.ENTERPRISE, credit_code=given.credit_code)
