"""What tests of the door share: its address, keys for it, and what they hand in."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from factory import specimen
from factory.access_keys import Scope
from jobs import callers
from jobs.callers import Issued
from jobs.wiring import Plant
from portal.app import ROUTES, application
from tests.plants import WHO, JsonObject
from tests.telling import work

CITY, PLATEAU = "urn:example:city-portal", "urn:example:plateau-portal"
FIRST, SECOND, THIRD = "shanghai-constructor", "shanghai-cost-engineer", "gansu-constructor"
SCANS = "shaanxi-constructor"  #: a register of materials
GRANTS = {CITY: (FIRST, SECOND, SCANS), PLATEAU: (THIRD,)}
EVENT = "application/cloudevents+json"


@dataclass
class Door:
    """A door that is open, and the factory behind it.

    log: what its process writes to stderr.
    """

    plant: Plant
    log: Path
    seeds: Iterator[int]

    @property
    def url(self) -> str:
        """Its address."""
        return self.plant.settings.http_public_url

    def issue(self, source: str = CITY, **how: Any) -> Issued:
        """A new access key; no test runs out of them."""
        return callers.issue(
            self.plant, source, **{"label": f"t{secrets.token_hex(6)}", "who": WHO, **how}
        )

    def client(self, token: str | None = None) -> httpx.Client:
        """Asks with that key; None: with none."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def caller(
        self, source: str = CITY, *, scopes: Collection[Scope] = tuple(Scope), **how: Any
    ) -> httpx.Client:
        """Asks with a new key."""
        return self.client(self.issue(source, scopes=scopes, **how).token)

    @cached_property
    def city(self) -> httpx.Client:
        """An upstream system of two registers, which may do everything there."""
        return self.caller(CITY)

    @cached_property
    def plateau(self) -> httpx.Client:
        """Another one, of one other register."""
        return self.caller(PLATEAU)

    @cached_property
    def narrow(self) -> httpx.Client:
        """The first one, with a key for one of its registers."""
        return self.caller(CITY, profiles=[SECOND])

    def work(self) -> None:
        """Everything that is open is made, as the workers would."""
        work(self.plant)

    def logged(self, answer: httpx.Response) -> str:
        """All it has written until that request, which it logs once it is answered."""
        ends = time.monotonic() + 20
        while answer.headers["x-request-id"] not in self.log.read_text("utf-8"):
            assert time.monotonic() < ends, "it does not log that request"
            time.sleep(0.02)
        return self.log.read_text("utf-8")


def of(source: str, event: JsonObject) -> JsonObject:
    """The event, as that upstream system hands it in."""
    return event | {"source": source}


def hand_in(client: httpx.Client, event: JsonObject, source: str = CITY) -> httpx.Response:
    """One event is handed in."""
    return client.post("/v1/events", json=of(source, event), headers={"Content-Type": EVENT})


def accepted(answer: httpx.Response) -> JsonObject:
    """What became of the one event that was taken."""
    assert answer.status_code == 202, answer.text
    [outcome] = answer.json()["outcomes"]
    assert outcome["status"] == "accepted", outcome
    return dict(outcome)


def approve(door: Door, seed: int | None = None, enterprise: int = 1) -> str:
    """An approval whose certificate is made; the registration number."""
    event = specimen.approved(seed or next(door.seeds), enterprise)
    number = accepted(hand_in(door.city, event))["registration"]
    door.work()
    return str(number)


def saved(door: Door, seed: int | None = None, enterprise: int = 1) -> JsonObject:
    """An application that is saved, its form made."""
    event = of(CITY, specimen.saved(seed or next(door.seeds), enterprise))
    accepted(hand_in(door.city, event))
    door.work()
    return event


def number_of(event: JsonObject) -> str:
    """The acceptance number (受理编号) of an application."""
    return str(event["data"]["application"]["acceptance_number"])


# --- every operation that needs a key ---------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One of what the door does, and a request that asks for it."""

    name: str
    method: str
    path: str

    def ask(self, client: httpx.Client, **how: Any) -> httpx.Response:
        """Asked for about what there is not."""
        body = {} if self.method == "GET" else {"json": BODIES.get(self.name, {})}
        kind = {"headers": {"Content-Type": EVENT}} if self.name == "events_submit" else {}
        return client.request(self.method, self.address, **{**body, **kind, **how})

    @property
    def address(self) -> str:
        """Its path, filled in."""
        return re.sub(r"\{(\w+)\}", lambda found: FILLED.get(found[1], "none-such"), self.path)


FILLED = {"batch": "999999", "credit_code": "91310000MA0000000X"}
BODIES: dict[str, JsonObject] = {
    "registrations_link": {"kind": "certificate"},
    "applications_link": {"kind": "application_form"},
    "applications_prepare": {"party": "applicant"},
    "applications_complete": {"value": "AAAA"},
    "batches_confirm": {
        "reason": "notice",
        "on_behalf_of": {"viewer": "enterprise", "credit_code": FILLED["credit_code"]},
    },
    "batches_link": {"kind": "batch_report"},
}


def guarded() -> list[Operation]:
    """Every operation of the application that is not open to everybody."""
    document = application().openapi()
    return [
        Operation(name=operation["operationId"], method=method.upper(), path=path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if "security" in operation
    ]


# --- what is logged ---------------------------------------------------------------------------

NOWHERE = "-"
GARBLED = "WARNING:uvicorn.error:Invalid HTTP request received."
#: what no line of a log may hold, by what it would be
PRIVATE = {
    "an identity number": r"(?<![0-9a-f])\d{17}[\dXx](?![0-9a-f])",
    "a mobile number": r"(?<![0-9a-f.])1[3-9]\d{9}(?![0-9a-f])",
    "a key": r"cfk_",
    "a signature": r"v1,[A-Za-z0-9+/]{20}",
    "a picture, a file or a certificate": r"[A-Za-z0-9+/]{80}|BEGIN CERTIFICATE|%PDF",
    "a name, in Chinese or half": r"[\u3400-\u9fff\ud800-\udfff]|\\u",
    "an address": r"https?://|/v1/\w+/(?!\{)|/collect/(?!\{)|\?\w+=",
    "an escape": r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]",
}


def told_too_much(log: str) -> list[str]:
    """What lines of a door's log say that they should not."""
    return [
        f"{what}: {line}"
        for line in log.splitlines()
        for what, pattern in PRIVATE.items()
        if re.search(pattern, line)
    ]


def faults(log: str) -> list[str]:
    """Lines that tell of a failure nobody foresaw, or are none of ours."""
    return [line for line in log.splitlines() if line != GARBLED and not _is_ours(line)]


def _is_ours(line: str) -> bool:
    try:
        said = json.loads(line)
    except ValueError:
        return False
    routes = {each.path for module in ROUTES for each in module.router.routes}
    known = said["event"] != "request" or said["route"] in {*routes, NOWHERE, "/v1/openapi.json"}
    return known and said["level"] in {"info", "debug"} and said.get("status") != 500
