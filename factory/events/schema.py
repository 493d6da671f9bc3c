"""JSON Schemas (2020-12) of the events and a complete example of each."""

from __future__ import annotations

from typing import Any

from factory import specimen
from factory.errors import NotFoundError
from factory.events.envelope import ENVELOPES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
EXTENSIONS = {"^(?!data$)[a-z0-9]{1,20}$": {"type": ["string", "integer", "boolean", "null"]}}


def schema(event_type: str) -> dict[str, Any]:
    """The JSON Schema of the whole CloudEvent of that type.  NotFoundError: no such type."""
    model = ENVELOPES.get(event_type)
    if model is None:
        raise _unknown()
    found = model.model_json_schema()
    found["properties"]["type"]["const"] = event_type
    return {
        **found,
        "$schema": DIALECT,
        "$id": f"urn:certificate-factory:event:{event_type}",
        "title": event_type,
        "patternProperties": EXTENSIONS,
        "additionalProperties": False,
    }


def example(event_type: str) -> dict[str, Any]:
    """A complete synthetic event of that type, always the same.  NotFoundError: no such type."""
    if event_type not in ENVELOPES:
        raise _unknown()
    return specimen.EVENTS[event_type](1)


def _unknown() -> NotFoundError:
    return NotFoundError(f"no such event type; known are {', '.join(ENVELOPES)}")
