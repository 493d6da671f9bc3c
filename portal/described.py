"""What the door says of itself: OpenAPI 3.1, and the JSON Schemas of the events."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from factory import events
from factory.errors import NotFoundError
from factory.events import EVENT_TYPES
from portal.paths import EventId
from portal.problems import PROBLEM, TITLES, Problem

router = APIRouter(prefix="/v1/schemas", tags=["schemas"])
TITLE, VERSION = "Certificate factory", "1"
SUMMARY = "Upstream systems hand in events and get sealed certificates, links and reports."
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access key (`certfactory keys issue`): `Authorization: Bearer cfk_…`.",
    },
    "signed": {
        "type": "apiKey",
        "in": "header",
        "name": "Factory-Signature",
        "description": "HMAC-SHA256 of id, timestamp, method, target and body, with"
        " `Factory-Key`, `Factory-Id` and `Factory-Timestamp`; docs/http-keys.md.",
    },
}
OPEN = frozenset({"/livez", "/readyz", "/v1/schemas", "/v1/schemas/{event_type}"})
ALWAYS, GUARDED = ("400", "408", "413", "422", "500", "503"), ("401", "403", "404", "409", "429")
COMPONENTS = "#/components/schemas/"
UNWELL = {
    "description": TITLES[503],
    "content": {"application/json": {"schema": {"$ref": COMPONENTS + "Health"}}},
}
UNUSED = ("HTTPValidationError", "ValidationError")  #: the framework's own; ours is a problem


@router.get("", summary="The types of events that may be handed in")
def types() -> list[str]:
    """Their names; `/v1/schemas/{type}` has the JSON Schema of each."""
    return sorted(EVENT_TYPES)


@router.get("/{event_type}", summary="The JSON Schema of a type of events")
def schema(event_type: EventId) -> dict[str, Any]:
    """Of the whole event, JSON Schema 2020-12."""
    if event_type not in EVENT_TYPES:
        raise NotFoundError("type: there is no such type of events")
    return dict(events.schema(event_type))


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document of the whole interface; the same every time."""
    said = get_openapi(
        title=TITLE, version=VERSION, summary=SUMMARY, routes=app.routes, openapi_version="3.1.0"
    )
    components = said.setdefault("components", {})
    components["securitySchemes"] = SECURITY
    components["schemas"] = _schemas(components["schemas"])
    for path, methods in said["paths"].items():
        for operation in methods.values():
            _complete(operation, _codes(path, operation), open_=path in OPEN)
    said["paths"]["/readyz"]["get"]["responses"]["503"] = UNWELL
    return json.loads(json.dumps(said, ensure_ascii=False))  # type: ignore[no-any-return]


def name_of(route: APIRoute) -> str:
    """What an operation is called, e.g. ``batches_confirm``."""
    return f"{route.tags[0]}_{route.name}"


def _schemas(known: dict[str, Any]) -> dict[str, Any]:
    """Those of requests and answers, and of a problem, by name."""
    own = Problem.model_json_schema(ref_template=COMPONENTS + "{model}")
    found = {name: schema for name, schema in known.items() if name not in UNUSED}
    found |= own.pop("$defs") | {Problem.__name__: own}
    return dict(sorted(found.items()))


def _codes(path: str, operation: dict[str, Any]) -> list[str]:
    """How it may fail."""
    codes = list(ALWAYS if path in OPEN else (*ALWAYS, *GUARDED))
    if "requestBody" in operation:
        codes.append("415")
    if "{" in path and "404" not in codes:
        codes.append("404")
    return codes


def _complete(operation: dict[str, Any], codes: list[str], *, open_: bool) -> None:
    """Every failure is a problem; every guarded call needs a key."""
    if not open_:
        operation["security"] = [{"bearer": []}, {"signed": []}]
    failure = {"content": {PROBLEM: {"schema": {"$ref": COMPONENTS + "Problem"}}}}
    for code in codes:
        operation["responses"][code] = {"description": TITLES[int(code)]} | failure
