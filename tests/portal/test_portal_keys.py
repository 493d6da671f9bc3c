"""Who is let in: every operation asks for a key, for its scope, and takes no request twice."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from factory import access_keys, tokens
from factory.access_keys import Scope
from jobs import callers
from storage import tables as t
from storage.ledger import inbox
from tests.plants import WHO
from tests.portal.doors import CITY, THIRD, Door, Operation, guarded

READ, SUBMIT, SIGN, LINK, BULK = Scope.READ, Scope.SUBMIT, Scope.SIGN, Scope.LINK, Scope.BULK
SCOPES = {
    "events_submit": SUBMIT,
    "events_show": READ,
    "registrations_show": READ,
    "registrations_collect": LINK,
    "registrations_link": LINK,
    "applications_show": READ,
    "applications_material": READ,
    "applications_link": LINK,
    "applications_prepare": SIGN,
    "applications_complete": SIGN,
    "batches_listed": READ,
    "batches_show": READ,
    "batches_previewed": BULK,
    "batches_confirm": BULK,
    "batches_reported": READ,
    "batches_papers": READ,
    "batches_link": LINK,
    "batches_prove": READ,
    "enterprises_show": READ,
    "enterprises_uncollected": READ,
    "enterprises_listed": READ,
    "enterprises_link": BULK,
    "notices_feed": READ,
}
every_guarded = pytest.mark.parametrize("operation", guarded(), ids=lambda each: each.name)


@pytest.fixture(scope="module")
def refused(door: Door) -> Mapping[str, httpx.Client]:
    """What is no key, by what is wrong with it."""
    good, revoked = door.issue(), door.issue()
    callers.revoke(door.plant, revoked.kept.key, who=WHO, why="lost")
    foreign = access_keys.mint(secrets.token_bytes(8), secrets.token_bytes(32))[1]
    other_secret = tokens.written(f"cfk_{good.kept.key}", secrets.token_bytes(32))
    said = {
        "missing": {},
        "empty": {"Authorization": ""},
        "basic": {"Authorization": "Basic Y2ZrXzpjZmtf"},
        "no token": {"Authorization": "Bearer"},
        "cut": {"Authorization": f"Bearer {good.token[:-1]}"},
        "two words": {"Authorization": f"Bearer {good.token} {good.token}"},
        "a letter wrong": {"Authorization": f"Bearer {_mistyped(good.token)}"},
        "foreign": {"Authorization": f"Bearer {foreign}"},
        "of another secret": {"Authorization": f"Bearer {other_secret}"},
        "revoked": {"Authorization": f"Bearer {revoked.token}"},
        "expired": {"Authorization": f"Bearer {door.issue(days=0).token}"},
        "unsigned": {"Factory-Key": good.kept.key},
    }
    return {why: httpx.Client(base_url=door.url, headers=each) for why, each in said.items()}


@every_guarded
def test_nobody_is_let_in_without_a_key_that_holds(
    refused: Mapping[str, httpx.Client], operation: Operation
) -> None:
    answers = {why: operation.ask(client) for why, client in refused.items()}

    for why, answer in answers.items():
        assert answer.status_code == 401, why
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    said = {why: answer.json()["detail"] for why, answer in answers.items()}
    assert said["foreign"] == said["revoked"] == said["of another secret"] == callers.WRONG
    assert said["expired"].startswith("access key: expired on ")


@every_guarded
def test_a_key_for_other_scopes_is_told_which_it_lacks(door: Door, operation: Operation) -> None:
    scope = SCOPES[operation.name]
    lacking, having = _scoped(door, set(Scope) - {scope}), _scoped(door, {scope})

    answer = operation.ask(lacking)

    assert answer.status_code == 403
    assert answer.json()["detail"].startswith(f"key: has no scope {scope.value};")
    assert operation.ask(having).status_code not in {401, 403}


def test_every_guarded_operation_has_its_scope_here() -> None:
    assert {each.name for each in guarded()} == set(SCOPES)


def test_a_key_that_is_revoked_opens_nothing_from_then_on(door: Door) -> None:
    issued = door.issue()
    client = door.client(issued.token)
    assert client.get("/v1/batches").status_code == 200

    callers.revoke(door.plant, issued.kept.key, who=WHO, why="lost")

    assert client.get("/v1/batches").status_code == 401


def test_a_scheme_may_be_written_in_any_case(door: Door) -> None:
    headers = {"authorization": f"bEaReR {door.issue().token}"}

    assert httpx.get(f"{door.url}/v1/batches", headers=headers).status_code == 200


def test_a_key_for_a_register_its_source_has_lost_sees_nothing(door: Door) -> None:
    source = "urn:example:passing-portal"
    with door.plant.ledger.write(WHO) as tx:
        inbox.grant(tx, source, THIRD)
    client = door.caller(source)
    granted = client.get(f"/v1/enterprises/{'0' * 18}/applications?which=awaiting")
    with door.plant.ledger.write(WHO) as tx:
        tx.run(delete(t.source_grant).where(t.source_grant.c.source == source))

    lost = client.get(f"/v1/enterprises/{'0' * 18}/applications?which=awaiting")

    assert (granted.status_code, lost.status_code) == (200, 404)


# --- signed requests --------------------------------------------------------------------------

Signing = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def signing(door: Door) -> Signing:
    """Signs a request with a key, as the documents say."""
    issued = door.issue()
    key = access_keys.signing_key(access_keys.read_token(issued.token).secret)

    def signed(method: str, target: str, body: bytes = b"", **other: Any) -> dict[str, str]:
        given = {"ident": secrets.token_hex(8), "moment": int(time.time()), **other}
        value = access_keys.signature(key, method=method, target=target, body=body, **given)
        return {
            "Factory-Key": issued.kept.key,
            "Factory-Id": given["ident"],
            "Factory-Timestamp": str(given["moment"]),
            "Factory-Signature": value,
        }

    return signed


TARGET = "/v1/enterprises/91310000MA0000000X/applications?which=awaiting&profile=a%20b"
PREPARE = "/v1/applications/none-such/links"
FORM = b'{"kind": "application_form"}'


def get(door: Door, headers: dict[str, str], target: str = TARGET) -> httpx.Response:
    return httpx.get(f"{door.url}{target}", headers=headers)


def post(door: Door, headers: dict[str, str], body: bytes = FORM) -> httpx.Response:
    said = headers | {"Content-Type": "application/json"}
    return httpx.post(f"{door.url}{PREPARE}", headers=said, content=body)


def test_a_signed_request_is_taken_once(door: Door, signing: Signing) -> None:
    headers = signing("GET", TARGET)

    first, again = get(door, headers), get(door, headers)

    assert first.status_code == 404  # let in: there is no such register
    assert again.status_code == 401
    assert again.json()["detail"].startswith("Factory-Id: came before with this key")


def test_a_signed_body_is_taken_and_another_is_not(door: Door, signing: Signing) -> None:
    assert post(door, signing("POST", PREPARE, FORM)).status_code == 404
    for other in (b"", FORM + b" ", FORM.replace(b"form", b"slip")):
        answer = post(door, signing("POST", PREPARE, FORM), other)
        assert (answer.status_code, answer.json()["detail"]) == (401, callers.WRONG)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", TARGET),
        ("HEAD", TARGET),
        ("GET", TARGET.partition("?")[0]),
        ("GET", TARGET.replace("%20", "+")),
        ("GET", TARGET.replace("awaiting", "confirmed")),
        ("GET", "/v1/enterprises/91310000MA0000001X/applications?which=awaiting&profile=a%20b"),
    ],
)
def test_a_signature_over_another_request_is_not_taken(
    door: Door, signing: Signing, method: str, target: str
) -> None:
    answer = get(door, signing(method, target))

    assert (answer.status_code, answer.json()["detail"]) == (401, callers.WRONG)


@pytest.mark.parametrize("seconds", [-310, 310, -(10**8)])
def test_a_signature_that_is_too_old_or_from_the_future_is_not_taken(
    door: Door, signing: Signing, seconds: int
) -> None:
    answer = get(door, signing("GET", TARGET, moment=int(time.time()) + seconds))

    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("Factory-Timestamp: is ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Factory-Key", "0" * 15),
        ("Factory-Key", "../../../../etc/x"),
        ("Factory-Id", "short"),
        ("Factory-Id", "a" * 65),
        ("Factory-Id", "abcdefgh*"),
        ("Factory-Timestamp", "1e9"),
        ("Factory-Timestamp", "-1"),
        ("Factory-Timestamp", "9" * 5000),
        ("Factory-Signature", "v0,AAAA"),
        ("Factory-Signature", ""),
        ("Factory-Signature", "v1," + "A" * 5000),
    ],
)
def test_a_header_that_is_not_as_it_should_be_is_named(
    door: Door, signing: Signing, name: str, value: str
) -> None:
    answer = get(door, signing("GET", TARGET) | {name: value})

    assert answer.status_code == 401
    assert answer.json()["detail"].startswith(f"{name}: is not ")


def test_a_header_that_is_missing_is_named(door: Door, signing: Signing) -> None:
    headers = signing("GET", TARGET)
    for name in headers:
        answer = get(door, {each: headers[each] for each in headers if each != name})
        assert answer.status_code == 401
        assert answer.json()["detail"].startswith(f"{name}: is missing")


def test_key_and_signature_together_are_not_taken(door: Door, signing: Signing) -> None:
    answer = get(door, signing("GET", TARGET) | {"Authorization": f"Bearer {door.issue().token}"})

    assert answer.status_code == 401
    assert "send one kind" in answer.json()["detail"]


@pytest.mark.parametrize(
    "name", ["Authorization", "Factory-Key", "Factory-Id", "Factory-Timestamp", "Factory-Signature"]
)
def test_a_header_that_comes_twice_is_not_taken(door: Door, signing: Signing, name: str) -> None:
    bearer = {"Authorization": f"Bearer {door.issue().token}"}
    said = list((bearer if name == "Authorization" else signing("GET", TARGET)).items())

    answer = httpx.get(f"{door.url}{TARGET}", headers=[*said, (name, dict(said)[name])])

    assert answer.status_code == 401
    assert answer.json()["detail"] == f"{name}: comes more than once"


def _scoped(door: Door, scopes: set[Scope]) -> httpx.Client:
    """One key for each set of scopes is enough."""
    kept: dict[frozenset[Scope], httpx.Client] = door.__dict__.setdefault("scoped", {})
    wanted = frozenset(scopes)
    if wanted not in kept:
        kept[wanted] = door.caller(CITY, scopes=wanted)
    return kept[wanted]


def _mistyped(token: str) -> str:
    last = "a" if token[-1] != "a" else "b"
    return token[:-1] + last
