"""What the OpenAPI document says is so: requests made from it, right and wrong, by the thousand.

``PORTAL_EXAMPLES=200`` makes so many of each operation and kind.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from factory import specimen
from portal.app import application
from tests.portal.doors import Door, accepted, approve, hand_in, number_of, saved

EXAMPLES = int(os.environ.get("PORTAL_EXAMPLES", "15"))
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance,
    response_schema_conformance, response_headers_conformance, unsupported_method,
    negative_data_rejection,
]  # fmt: skip
SCHEMA = schemathesis.openapi.from_dict(application().openapi())
OPERATIONS = [each.ok() for each in SCHEMA.get_all_operations()]
ASKED = [each for each in OPERATIONS if each.body or list(each.path_parameters) + list(each.query)]
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE


class Known:
    """What stands in the ledger, so that not every request comes to nothing."""

    def __init__(self, door: Door) -> None:
        event, number = saved(door), approve(door)
        batch = accepted(hand_in(door.city, specimen.renamed(next(door.seeds), 1)))["batch"]
        door.work()
        self.door = door
        self.headers = {"Authorization": f"Bearer {door.issue().token}"}
        self._values: dict[str, dict[str, Any]] = {
            "/v1/events": {"event_id": event["id"]},
            "/v1/registrations": {"number": number},
            "/v1/applications": {"number": number_of(event)},
            "/v1/batches": {"batch": batch, "number": number},
            "/v1/enterprises": {"credit_code": specimen.credit_code(1)},
            "/v1/schemas": {"event_type": event["type"]},
        }

    def named(self, case: Case) -> Case:
        """The request, about what there is."""
        there = self._values.get("/".join(case.path.split("/")[:3]), {})
        for name in case.path_parameters:
            case.path_parameters[name] = there.get(name, case.path_parameters[name])
        return case


@pytest.fixture(scope="module")
def known(door: Door) -> Known:
    return Known(door)


def so_many(examples: int) -> Any:
    """The same ones every time."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


@every_operation
def test_every_answer_is_one_that_is_described(known: Known, operation: APIOperation) -> None:
    @so_many(EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=RIGHT), about=st.booleans())
    def asked(case: Case, about: bool) -> None:
        asks(known, known.named(case) if about else case)

    asked()


@pytest.mark.parametrize("operation", ASKED, ids=lambda each: each.label)
def test_what_breaks_its_description_is_refused(known: Known, operation: APIOperation) -> None:
    @so_many(EXAMPLES)
    @given(case=operation.as_strategy(generation_mode=WRONG))
    def asked(case: Case) -> None:
        asks(known, case)

    asked()


@every_operation
def test_no_operation_forgets_to_ask_for_the_key(known: Known, operation: APIOperation) -> None:
    @so_many(1)
    @given(case=operation.as_strategy(generation_mode=RIGHT))
    def asked(case: Case) -> None:
        case.call_and_validate(
            base_url=known.door.url, headers=known.headers, checks=[ignored_auth]
        )

    asked()


def asks(known: Known, case: Case) -> None:
    case.call_and_validate(base_url=known.door.url, headers=known.headers, checks=CHECKS)
