"""Hostile requests: odd bytes in addresses, headers, bodies and names; each is refused."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from starlette.types import ASGIApp

from factory import specimen
from jobs import callers
from jobs.drill.database import Postgres
from jobs.embedded import Embedded
from portal.app import served
from storage.ledger import inbox
from tests.plants import WHO, on_server
from tests.portal.doors import (
    CITY,
    EVENT,
    FIRST,
    Door,
    accepted,
    guarded,
    hand_in,
    of,
)
from tests.telling import whole_factory

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def token(door: Door) -> str:
    return door.issue().token


@pytest.fixture(scope="module")
def spoken(door: Door, token: str) -> Callable[..., bytes]:
    """Says bytes to the door as they are; all it answers until it hangs up."""

    def say(raw: bytes) -> bytes:
        settings = door.plant.settings
        said = raw.replace(b"TOKEN", token.encode())
        with closing(socket.create_connection((settings.http_host, settings.http_port), 20)) as to:
            with suppress(ConnectionError):  # what is too long is not heard to its end
                to.sendall(said)
            return b"".join(iter(lambda: _heard(to), b""))

    return say


def _heard(to: socket.socket) -> bytes:
    try:
        return to.recv(65536)
    except ConnectionError:
        return b""


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


# --- addresses --------------------------------------------------------------------------------

HIDDEN = ["%00", "a%00b", "%0d%0aX-Injected:%201", "%0A", "%1b[31m", "%E2%80%AE", "%7f", "%C2%85"]


@pytest.mark.parametrize("text", HIDDEN)
@pytest.mark.parametrize(
    "path",
    [
        "/v1/events/{}",
        "/v1/registrations/{}",
        "/v1/applications/{}",
        "/v1/applications/x/materials/{}",
        "/v1/enterprises/91310000MA000000{}X",
        "/v1/schemas/{}",
        "/v1/enterprises/91310000MA0000000X?profile={}",
    ],
)
def test_hidden_characters_in_an_address_are_refused_and_never_said_again(
    door: Door, path: str, text: str
) -> None:
    answer = door.city.get(path.format(text))

    assert answer.status_code in {404, 422}
    assert answer.headers["content-type"] == PROBLEM
    assert "x-injected" not in answer.headers
    assert not any(hidden in answer.text for hidden in ("\\u0000", "\\u202e", "\u202e", "Injected"))


@pytest.mark.parametrize(
    "path",
    [
        "/v1/registrations/..%2F..%2Fetc%2Fpasswd",
        "/v1/registrations/%2e%2e/%2e%2e/livez",
        "/v1/registrations/../../livez",
        "/v1/registrations/..%252f..%252flivez",
        "/v1/applications/x/materials/..%2f..%2f..%2fkeyring",
        "/v1/applications/x/materials/....//....//keyring",
        "/v1/schemas/../events",
        "/v1/schemas/%2e%2e%2fbatches",
        "/v1/schemas/..%5cbatches",
        "/collect/..%2f..%2flivez",
        "/v1//batches",
        "//v1/batches",
        "/V1/batches",
        "/v1/batches/",
        "/v1/batches;x=1",
        "/v1/batches%20",
        "/v1/batches%2f",
        "/v1/registrations/" + "a" * 4000,
        "/" + "%2e%2e/" * 500,
    ],
)
def test_an_address_that_is_bent_leads_nowhere(
    door: Door, spoken: Callable[..., bytes], path: str
) -> None:
    answer = spoken(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\n"
        "Connection: close\r\n\r\n".encode()
    )

    assert status(answer) in {404, 422}
    assert b"location:" not in answer.lower()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/batches", "/v1%2fbatches", "/%76%31/batches", "/v1/schemas/../batches",
        "/v1/schemas%2f..%2fbatches", "//v1/batches", "/v1/openapi.json/../batches",
        "http://door.example/v1/batches", "/./v1/batches", "/v1/./batches",
    ],
)  # fmt: skip
def test_no_way_of_writing_an_address_goes_around_the_gate(
    spoken: Callable[..., bytes], path: str
) -> None:
    answer = spoken(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    assert status(answer) in {401, 404}


def test_an_event_is_found_by_any_id_it_may_have(door: Door) -> None:
    event = specimen.saved(next(door.seeds)) | {"id": "2026/建 设?a=b&c#d;%41/../x"}
    accepted(hand_in(door.city, event))

    answer = door.city.get(f"/v1/events/{quote(event['id'], safe='')}")

    assert answer.status_code == 200
    assert answer.json()["id"] == event["id"]


# --- HTTP -------------------------------------------------------------------------------------

HEAD = (
    b"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\n"
    b"Content-Type: application/json\r\n"
)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /v1/batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\n\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"Content-Length: 2\r\nContent-Length: 60\r\n\r\n{}" + SMUGGLED,
        HEAD + b"Content-Length: 2, 60\r\n\r\n{}" + SMUGGLED,
        HEAD + b"Content-Length: -1\r\n\r\n{}",
        HEAD + b"Content-Length: +2\r\n\r\n{}",
        HEAD + b"Content-Length: 0x2\r\n\r\n{}",
        HEAD + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n{}",
        HEAD + b"Content-Length : 2\r\n\r\n{}",
        HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
        HEAD + CHUNKED + b"\r\nZ\r\n{}\r\n0\r\n\r\n",
        HEAD + b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"X-A: a\rX-B: c\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"X A: b\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b": b\r\nContent-Length: 2\r\n\r\n{}",
        HEAD + b"X-A: " + b"a" * 70_000,
        b"GET /livez\r\n\r\n",
        b"GET /li vez HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /liv\xc3\xa9z HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_refused_and_nothing_behind_it_is_heard(
    spoken: Callable[..., bytes], raw: bytes
) -> None:
    answer = spoken(raw)

    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not answer or status(answer) in {400, 413, 431, 501}
    assert b"Traceback" not in answer


def test_a_chunked_body_with_a_length_beside_it_is_refused(
    spoken: Callable[..., bytes],
) -> None:
    """RFC 9112, 6.1: somebody on the way may have gone by the other one."""
    answer = spoken(HEAD + CHUNKED + b"Content-Length: 6\r\n\r\n0\r\n\r\n" + SMUGGLED)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert status(answer) == 400


def test_http_1_0_is_answered_and_the_connection_closed(spoken: Callable[..., bytes]) -> None:
    answer = spoken(b"GET /v1/batches HTTP/1.0\r\nAuthorization: Bearer TOKEN\r\n\r\n")

    assert status(answer) == 200
    assert b"connection: close" in answer.lower()


def test_an_absolute_address_is_no_way_to_another_host(spoken: Callable[..., bytes]) -> None:
    answer = spoken(
        b"GET http://169.254.169.254/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )

    assert status(answer) == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example\t", "x:y@evil.example", ""])
def test_no_answer_repeats_what_the_host_header_says(
    spoken: Callable[..., bytes], host: str
) -> None:
    for path in ("/v1/batches/", "/livez/", "/v1/registrations/x/links/"):
        answer = spoken(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.example\r\n"
            "Authorization: Bearer TOKEN\r\nConnection: close\r\n\r\n".encode()
        )
        assert b"evil" not in answer


@pytest.mark.parametrize(
    "method", ["TRACE", "CONNECT", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]
)
def test_another_method_is_refused(door: Door, method: str) -> None:
    answer = door.city.request(method, "/v1/batches")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("each", guarded(), ids=lambda each: each.name)
def test_no_answer_may_be_kept_framed_or_guessed_at(door: Door, each: Any) -> None:
    for answer in (each.ask(door.city), each.ask(door.client())):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers
        assert "access-control-allow-origin" not in answer.headers


# --- bodies -----------------------------------------------------------------------------------

ODD = {
    "a name twice": b'{"kind": "application_form", "kind": "filing_slip"}',
    "a name twice, inside": b'{"kind": "application_form", "on_behalf_of": {"viewer": "enterprise",'
    b' "viewer": "holder", "credit_code": "91310000MA0000000X"}}',
    "a number too large": b'{"kind": "application_form", "revision": 1e400}',
    "a number too long": b'{"kind": "application_form", "revision": ' + b"9" * 5000 + b"}",
    "no number": b'{"kind": "application_form", "revision": NaN}',
    "infinity": b'{"kind": "application_form", "revision": -Infinity}',
    "half a character": b'{"kind": "application_form", "profile": "\\ud800"}',
    "half a character in a name": b'{"kind": "application_form", "\\udfff": 1}',
    "a bomb": b"[" * 200_000 + b"]" * 200_000,
    "a bomb of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "nothing": b"",
    "no JSON": b"kind=application_form",
    "cut": b'{"kind": "applica',
    "other bytes": b'{"kind": "application_form\xff"}',
    "another encoding": '{"kind": "application_form"}'.encode("utf-16"),
    "a list": b'["application_form"]',
    "a text": b'"application_form"',
    "null": b"null",
    "an unknown field": b'{"kind": "application_form", "110101199001011237": "x"}',
    "an unknown kind": b'{"kind": "<script>alert(1)</script>"}',
    "an unknown viewer": b'{"kind": "application_form",'
    b' "on_behalf_of": {"viewer": "<script>alert(1)</script>"}}',
    "a hidden character": b'{"kind": "application_form", "profile": "a\\u202eb"}',
    "NUL": b'{"kind": "application_form", "profile": "a\\u0000b"}',
    "a prototype": b'{"kind": "application_form", "__proto__": {"x": 1}}',
}


@pytest.mark.parametrize("why", ODD)
def test_a_body_that_is_odd_is_refused_with_its_rule_and_without_its_words(
    door: Door, why: str
) -> None:
    answer = door.city.post(
        "/v1/applications/x/links", content=ODD[why], headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    said = answer.json()
    assert said["problems"] and all(each["rule"] for each in said["problems"])
    assert len(answer.content) < 4000
    for word in ("script", "110101", "proto", "\\ud800", "\\u202e", "\u202e"):
        assert word not in answer.text


@pytest.mark.parametrize(
    "kind",
    [
        None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
        "application/xml", "application/json-patch+xml", "text/json", "application/json/x",
    ],
)  # fmt: skip
def test_a_body_of_another_kind_is_refused(door: Door, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    for path in ("/v1/applications/x/links", "/v1/events"):
        answer = door.city.post(path, content=b'{"kind": "application_form"}', headers=headers)
        assert answer.status_code == 415
        assert "application/json" in answer.headers["accept"]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    spoken: Callable[..., bytes],
) -> None:
    answer = spoken(HEAD + b"Content-Length: 999999999\r\n\r\n{")

    assert status(answer) == 413
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("key", ["", "Authorization: Bearer none\r\n", "Factory-Key: none\r\n"])
def test_whoever_shows_no_key_is_sent_away_before_a_body_is_awaited(
    spoken: Callable[..., bytes], key: str
) -> None:
    answer = spoken(
        f"POST /v1/events HTTP/1.1\r\nHost: x\r\n{key}Connection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 9000000\r\n\r\n".encode()
    )

    assert status(answer) == 401


@pytest.mark.parametrize("path", ["/collect/x", "/livez", "/v1/schemas", "/none"])
def test_what_is_open_to_everybody_takes_no_large_body(
    spoken: Callable[..., bytes], path: str
) -> None:
    answer = spoken(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n".encode())

    assert status(answer) == 413


def test_too_many_faults_are_not_all_told(door: Door) -> None:
    body = {"kind": "application_form"} | {f"x{place}": 1 for place in range(10_000)}

    answer = door.city.post("/v1/applications/x/links", json=body)

    assert answer.status_code == 422
    assert len(answer.json()["problems"]) == 50


# --- events -----------------------------------------------------------------------------------

NAMES = {
    "<b>张三</b>": "< or >",
    "张\u202e三": "U+202E",
    "张\u200b三": "U+200B",
    "张\u2066三": "U+2066",
    "张\x00三": "U+0000",
    "张\x1b[31m三": "U+001B",
    "张\ufeff三": "U+FEFF",
    "张\U000e0041三": "U+E0041",
    "张\ud800三": "half a surrogate pair",
    "张" * 500: "is longer than",
    "": "is empty",
}


@pytest.mark.parametrize("name", list(NAMES), ids=ascii)
def test_a_name_with_what_no_name_has_is_refused_with_field_and_rule(door: Door, name: str) -> None:
    event = of(CITY, specimen.approved(next(door.seeds)))
    event["data"]["holder"]["name"] = name

    answer = door.city.post(
        "/v1/events", content=json.dumps(event), headers={"Content-Type": EVENT}
    )

    assert answer.status_code == 422
    [problem] = answer.json()["problems"]
    assert problem["field"] == "data.holder.name"
    assert NAMES[name] in problem["rule"]
    assert "张" not in answer.text and "\\u202e" not in answer.text


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("enterprise.name", "上海\u202e公司"),
        ("enterprise.name", "<script>上海公司"),
        ("application.acceptance_number", "W1\u20281"),
        ("professions.0.name", "建筑\x07"),
    ],
)
def test_so_is_any_other_text(door: Door, path: str, value: str) -> None:
    event = of(CITY, specimen.approved(next(door.seeds)))
    *above, last = path.split(".")
    part: Any = event["data"]
    for name in above:
        part = part[int(name) if name.isdigit() else name]
    part[last] = value

    answer = door.city.post(
        "/v1/events", content=json.dumps(event), headers={"Content-Type": EVENT}
    )

    assert answer.status_code == 422
    assert f"data.{path}" in {each["field"] for each in answer.json()["problems"]}


def test_an_address_and_headers_larger_than_may_be_are_refused(door: Door) -> None:
    answer = door.city.get("/v1/batches", headers={"X-Long": "a" * 33_000})

    assert answer.status_code == 431
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"[]", b"{", b"\x00", b"[" * 100_000, b'{"a":' * 50_000, b"null", b"7",
        b'{"specversion": "1.0", "specversion": "1.0"}', b'{"x": 1e999}', b"\xef\xbb\xbf",
        b'{"x": ' + b"9" * 10_000 + b"}", b'[{"a": "' + b"a" * 1_100_000 + b'"}]',
    ],
    ids=lambda raw: repr(raw[:12]),
)  # fmt: skip
@pytest.mark.parametrize("kind", [EVENT, "application/x-ndjson", "application/json"])
def test_what_is_no_event_is_refused(door: Door, kind: str, raw: bytes) -> None:
    answer = door.city.post("/v1/events", content=raw, headers={"Content-Type": kind})

    of_lines = answer.status_code == 202 and kind == "application/x-ndjson"
    outcomes = {each["status"] for each in answer.json()["outcomes"]} if of_lines else {"refused"}
    assert answer.status_code == 422 or of_lines
    assert outcomes == {"refused"}
    assert len(answer.content) < 4000


def test_more_events_than_may_come_at_once_are_refused_whole(door: Door) -> None:
    event = json.dumps(of(CITY, specimen.saved(next(door.seeds))))

    answer = door.city.post(
        "/v1/events",
        content="\n".join([event] * 1001),
        headers={"Content-Type": "application/x-ndjson"},
    )

    assert answer.status_code == 422
    assert "holds more than 1000 events" in answer.json()["detail"]
    assert door.city.get(f"/v1/events/{json.loads(event)['id']}").status_code == 404


# --- the other database -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def on_postgresql(
    postgres: Postgres, store: Embedded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ASGIApp, str]]:
    """The same application before a PostgreSQL ledger, which takes no NUL."""
    url = postgres.url.replace("/postgres?", "/portal?")
    on_server(postgres.url, "CREATE DATABASE portal")
    folder: Path = tmp_path_factory.mktemp("postgresql")
    plant = whole_factory(folder, store.settings, db_url=url, namespace="pgdoor")
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, CITY, FIRST)
    token = callers.issue(plant, CITY, who=WHO).token
    yield served(plant), token
    plant.ledger.engine.dispose()


@pytest.mark.parametrize("operation", guarded(), ids=lambda each: each.name)
def test_a_nul_anywhere_is_refused_before_the_ledger_is_asked(
    on_postgresql: tuple[ASGIApp, str], operation: Any
) -> None:
    app, token = on_postgresql
    path = re.sub(r"\{(\w+)\}", "a%00b", operation.path)
    body = {"json": {"reason": "a\0b", "profile": "a\0b"}} if operation.method == "POST" else {}
    query = "?profile=a%00b&which=awaiting" if operation.method == "GET" else ""

    async def asked() -> httpx.Response:
        way = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=way, base_url="http://door") as client:
            headers = {"Authorization": f"Bearer {token}"}
            return await client.request(operation.method, path + query, headers=headers, **body)

    answer = asyncio.run(asked())

    assert answer.status_code in {200, 404, 415, 422}, answer.text
