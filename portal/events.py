"""`/v1/events`: handing events in, and asking what became of one."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from factory import events
from factory.errors import FieldError, InvalidEventError, NotFoundError
from jobs import documents, enquiry, intake
from jobs.intake import Outcome, Status
from jobs.wiring import Plant
from portal.asking import Reader, Submitter, asker_of, plant_of
from portal.paths import EventId
from portal.reading import JSON, check_kind
from portal.shown import EventShown, OutcomeShown, OutcomesShown

router = APIRouter(prefix="/v1/events", tags=["events"])
MOST_EVENTS, MOST_IDENT = 1000, 255
ONE, MANY, LINES = (
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson",
)  # fmt: skip
KINDS = {ONE, MANY, LINES, JSON}
EVENT = {"type": "object", "description": "A CloudEvent 1.0; /v1/schemas has each type's."}
EACH = {"description": "A CloudEvent 1.0; what is none is refused in its place, the others go on."}
EVENTS = {"type": "array", "items": EACH, "minItems": 1}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            ONE: {"schema": EVENT},
            MANY: {"schema": EVENTS},
            LINES: {"schema": {"type": "string", "description": "An event a line."}},
            JSON: {"schema": {"anyOf": [EVENT, EVENTS]}},
        },
    }
}


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post("", status_code=202, openapi_extra=BODY, summary="Hand in one event, or many")
def submit(
    request: Request,
    body: Annotated[bytes, Depends(_body)],
    caller: Submitter,
    plant: Annotated[Plant, Depends(plant_of)],
) -> OutcomesShown:
    """Take CloudEvents 1.0 in JSON: one, a batch (a JSON array), or JSON Lines.

    Each event is taken for itself, and told of for itself: `accepted`; `held`, stored and stopped
    for a person; `duplicate`, taken before, nothing changed; `refused`, with every field and its
    rule, nothing stored.  Handing in the same again changes nothing, so after a lost answer just
    send again.  An event sent by itself that is refused is answered with 422; of batches and JSON
    Lines each outcome says so.
    """
    kind = check_kind(request, KINDS)
    asker = asker_of(caller)
    found = [
        OutcomeShown.of(place, _named(intake.submit(plant, raw, who=caller.who, asker=asker), raw))
        for place, raw in _each(body)
    ]
    if not found:
        raise FieldError("body", "CloudEvents 1.0", "holds no event")
    if len(found) == 1 and found[0].status == Status.REFUSED and _is_one(kind, body):
        raise InvalidEventError(tuple((e.field, e.rule) for e in found[0].problems))
    counts = {each.value: sum(o.status == each.value for o in found) for each in Status}
    return OutcomesShown(counts=counts, outcomes=found)


def _named(outcome: Outcome, raw: bytes) -> Outcome:
    """A refused event by its id, where it has one that could be read."""
    if outcome.event:
        return outcome
    try:
        found = json.loads(raw)["id"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return outcome
    return replace(outcome, event=found) if _is_ident(found) else outcome


def _is_ident(found: object) -> bool:
    return isinstance(found, str) and len(found) <= MOST_IDENT and found.isprintable()


def _is_one(kind: str, body: bytes) -> bool:
    """Whether the body is one event by itself, or no whole batch, rather than a batch of one."""
    if kind != MANY:
        return kind != LINES
    try:
        return not isinstance(json.loads(body), list)
    except (ValueError, RecursionError):
        return True


def _each(body: bytes) -> list[tuple[int, bytes]]:
    """FieldError: too many at once; nothing is taken."""
    found = list(islice(events.split_lines(io.BytesIO(body)), MOST_EVENTS + 1))
    if len(found) > MOST_EVENTS:
        raise FieldError("body", "POST /v1/events", f"holds more than {MOST_EVENTS} events")
    return found


@router.get("/{event_id:path}", summary="What became of an event")
def show(
    event_id: EventId, caller: Reader, plant: Annotated[Plant, Depends(plant_of)]
) -> EventShown:
    """The event of that id that this source handed in, and what followed from it."""
    asker = asker_of(caller)
    found = enquiry.event_status(plant, event_id, asker=asker)
    if not found:
        raise NotFoundError("event: there is no such event")
    numbers = {each.application.number for each in found[0].applications}
    papers = {each: documents.of_application(plant, each, asker=asker) for each in numbers}
    return EventShown.of(found[0], papers)
