"""The OpenAPI document: committed, true, whole, and valid."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from fastapi.routing import APIRoute

from portal import describing
from portal.app import ROUTES, application

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
#: pages for people, and the document itself
UNTOLD = {
    "/v1/openapi.json", "/static/{name}", "/", "/v", "/v/",
    "/collect/{token}", "/collect/{token}/file", "/collect/{token}/page.png",
    "/collect/{token}/state", "/collect/{token}/confirm", "/collect/{token}/papers/{document}",
    "/enterprise/{ticket}", "/enterprise/{ticket}/batches/{batch}",
    "/enterprise/{ticket}/state", "/enterprise/{ticket}/batches/{batch}/samples/{profile}.png",
    "/verify", "/verify/keys.json", "/verify/log.pem", "/verify/proof/{sha256}.json",
    "/verify/digest", "/verify/file", "/v/{code}",
    "/trust", "/trust/{name}.cer", "/verify/", "/trust/", "/v/{code}/",
}  # fmt: skip


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return application().openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_the_committed_document_is_what_the_door_says() -> None:
    assert COMMITTED.read_text("utf-8") == describing.text(), "run `make api-docs`"


def test_it_is_a_valid_document_of_openapi_3_1(document: dict[str, Any]) -> None:
    schemathesis.openapi.from_dict(document).validate()

    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": DIALECT, **schema})


def test_every_route_is_in_it_but_pages_for_people(document: dict[str, Any]) -> None:
    routes = [route for module in ROUTES for route in module.router.routes]
    assert all(isinstance(route, APIRoute) for route in routes)

    found = {(r.path_format, method.lower()) for r in routes for method in r.methods}
    told = {(path, method) for path, method, _ in operations(document)}

    assert {each for each in found if each[0] not in UNTOLD} == told


def test_every_operation_has_an_id_of_its_own_and_a_summary(document: dict[str, Any]) -> None:
    found = [operation for _, _, operation in operations(document)]

    assert len({operation["operationId"] for operation in found}) == len(found)
    assert all(operation["summary"] for operation in found)


def test_every_operation_under_v1_asks_for_a_key_but_the_schemas(document: dict[str, Any]) -> None:
    without = {path for path, _, operation in operations(document) if "security" not in operation}

    assert without == {"/v1/schemas", "/v1/schemas/{event_type}", "/livez", "/readyz"}


def test_every_failure_is_told_as_a_problem(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        for code, answer in operation["responses"].items():
            if int(code) >= 400 and (path, code) != ("/readyz", "503"):
                assert list(answer["content"]) == ["application/problem+json"], (path, code)


def test_it_describes_all_it_refers_to_and_nothing_else(document: dict[str, Any]) -> None:
    referred = set(re.findall('"#/components/schemas/(\\w+)"', json.dumps(document)))

    assert referred == set(document["components"]["schemas"])
