"""What the log and the audit keep of a request: the route, the outcome, whose key, and no more."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
import structlog
from sqlalchemy import select
from starlette.types import Receive, Send
from starlette.types import Scope as Asgi

from factory import specimen
from jobs import logs
from portal import gate
from portal.gate import Gate
from storage import tables as t
from storage.ledger import audit, inbox
from tests.plants import JsonObject
from tests.portal.doors import (
    CITY,
    GARBLED,
    Door,
    accepted,
    approve,
    faults,
    hand_in,
    number_of,
    saved,
    told_too_much,
)

SECRET = "张三 110101199001011237 13800000000"


def lines(log: str) -> list[JsonObject]:
    return [json.loads(line) for line in log.splitlines() if line != GARBLED]


def test_a_request_is_logged_by_its_route_its_outcome_and_its_key(door: Door) -> None:
    issued = door.issue()
    number = approve(door)

    answer = door.client(issued.token).get(f"/v1/registrations/{number}")

    ident = answer.headers["x-request-id"]
    log = door.logged(answer)
    [line] = [each for each in lines(log) if each.get("request") == ident]
    assert (line["method"], line["status"], line["key"]) == ("GET", 200, issued.kept.key)
    assert line["route"] == "/v1/registrations/{number}"
    assert number not in log


def test_nothing_of_a_person_and_no_secret_is_logged_whatever_goes_wrong(door: Door) -> None:
    seed = next(door.seeds)
    event, person = specimen.approved(seed), specimen.holder(seed)
    number = str(accepted(hand_in(door.city, event))["registration"])
    issued, wrong = door.issue(), {"viewer": "holder", **specimen.paper(seed + 1)}
    client = door.client(issued.token)
    client.get(f"/v1/registrations/{person['id_number']}?profile={person['name']}")
    client.get(f"/v1/{person['id_number']}/{person['name']}")
    client.post(f"/v1/registrations/{number}/links", json={"kind": "x", "on_behalf_of": wrong})
    client.post(f"/v1/registrations/{number}/collection", json={"on_behalf_of": wrong})
    client.post(f"/v1/registrations/{number}/collection", content=person["name"].encode())
    hand_in(client, event | {"id": person["id_number"], "source": person["name"]})
    link = client.post(f"/v1/registrations/{number}/links", json={"kind": "collection"}).json()
    httpx.get(link["url"])
    httpx.get(f"{link['url']}{person['id_number']}")
    last = door.client(issued.token + "0").get("/v1/batches")

    log = door.logged(last)

    for word in (
        person["id_number"], person["name"], person["mobile"], number, issued.token,
        issued.token[-60:], link["url"], event["data"]["photo"]["content"][:60],
        event["data"]["enterprise"]["name"],
    ):  # fmt: skip
        assert word not in log and json.dumps(word)[1:-1] not in log
    assert told_too_much(log) == []
    assert faults(log) == []


def test_what_says_too_much_would_be_seen() -> None:
    """Or the tests above would say nothing."""
    for said in (
        SECRET, "cfk_0123", "110101199001011237", "13800000000", "GET /v1/events/abc",
        "/collect/1-abc", "\x1b[31m", "http://x/", "/v1/events?after=1",
    ):  # fmt: skip
        assert told_too_much(said)
    assert faults('{"event": "request", "level": "error", "route": "-"}')
    assert faults("Traceback (most recent call last):")


def test_a_failure_nobody_foresaw_is_logged_with_its_place_and_without_its_words(
    door: Door, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "log", structlog.get_logger())  # the first test to log keeps its own

    async def failing(scope: Asgi, receive: Receive, send: Send) -> None:
        raise ValueError(SECRET)

    async def asked() -> httpx.Response:
        way = httpx.ASGITransport(Gate(failing, door.plant))
        async with httpx.AsyncClient(transport=way, base_url="http://door") as client:
            return await client.get("/livez")

    try:
        logs.configure("info")
        answer = asyncio.run(asked())
    finally:
        structlog.reset_defaults()

    log = capfd.readouterr().err
    assert answer.status_code == 500
    assert answer.json()["request"] == answer.headers["x-request-id"]
    assert "张三" not in answer.text + log and "110101" not in answer.text + log
    [failed] = [each for each in lines(log) if each["event"] == "request failed"]
    assert (failed["error"], failed["request"]) == ("ValueError", answer.json()["request"])
    assert any("failing" in place for place in failed["where"])


def test_the_audit_names_the_key_of_whatever_is_changed(door: Door) -> None:
    issued = door.issue()
    client, who = door.client(issued.token), f"key:{issued.kept.key}"
    event = specimen.approved(next(door.seeds))
    number = str(accepted(hand_in(client, event))["registration"])
    door.work()
    client.post(f"/v1/registrations/{number}/collection", json={})
    client.post(f"/v1/registrations/{number}/links", json={"kind": "certificate"})
    form = number_of(saved(door))
    client.post(f"/v1/applications/{form}/links", json={"kind": "application_form"})
    client.post(f"/v1/applications/{form}/preparations", json={"party": "applicant"})

    with door.plant.ledger.read() as tx:
        found = inbox.expect(tx, CITY, event["id"])
        assert {each.who for each in audit.of(tx, "event", found.id)} == {who}
        rows = tx.run(select(t.audit.c.action).where(t.audit.c.who == who)).scalars()
        assert {"event accepted", "link given", "form prepared"} <= set(rows)


def test_an_enterprises_confirmation_is_kept_with_the_key_that_brought_it(
    door: Door,
) -> None:
    seed = 85
    approve(door, enterprise=seed)
    batch = accepted(hand_in(door.city, specimen.renamed(next(door.seeds), seed)))["batch"]
    door.work()
    code = specimen.credit_code(seed)
    asked = {"reason": "notice", "on_behalf_of": {"viewer": "enterprise", "credit_code": code}}
    assert door.city.post(f"/v1/batches/{batch}/confirmation", json=asked).status_code == 200

    with door.plant.ledger.read() as tx:
        noted = audit.of(tx, "batch", batch)
    brought = next(each for each in noted if each.action == "confirmation brought")
    assert brought.who == f"enterprise:{code}"
    assert str(brought.what["through"]).startswith("key:")
