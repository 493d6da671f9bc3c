"""The application: the gate, the routes behind it, and how failures are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from factory.errors import FactoryError
from portal import (
    applications,
    batches,
    collecting,
    described,
    enterprises,
    events,
    failing,
    health,
    notices,
    pages,
    registrations,
    trusting,
    verifying,
    visiting,
)
from portal.gate import Gate

if TYPE_CHECKING:
    from jobs.wiring import Plant

ROUTES = (
    events, registrations, applications, batches, enterprises, notices, described, health,
    collecting, visiting, verifying, trusting, pages,
)  # fmt: skip


def application(plant: Plant | None = None) -> FastAPI:
    """The routes; without a plant they can be described and not served."""
    app = FastAPI(
        title=described.TITLE,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # the address would come from the Host header
        generate_unique_id_function=described.name_of,
    )
    app.state.plant = plant
    for each in ROUTES:
        pages.answer_head(each.router)
        app.include_router(each.router)
    app.add_exception_handler(FactoryError, failing.failed)
    app.add_exception_handler(RequestValidationError, failing.invalid)
    app.add_exception_handler(HTTPException, failing.refused)
    app.add_exception_handler(Exception, failing.fault)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def served(plant: Plant) -> ASGIApp:
    """The application behind its gate."""
    return Gate(application(plant), plant)


def _described(app: FastAPI) -> dict[str, Any]:
    """Made once."""
    if app.openapi_schema is None:
        app.openapi_schema = described.openapi(app)
    return app.openapi_schema
