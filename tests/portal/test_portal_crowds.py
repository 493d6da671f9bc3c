"""Many at once, and too many: nothing happens twice, and who asks too often waits."""

from __future__ import annotations

import asyncio
import copy
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx

from factory import access_keys, specimen
from jobs.pacing import Pacing
from jobs.servers import free_port
from portal.app import served
from tests.portal.doors import Door, accepted, approve, hand_in


def at_once(count: int, ask: Any) -> list[httpx.Response]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: ask(), range(count)))


def test_an_event_handed_in_many_times_at_once_is_taken_once(door: Door) -> None:
    event = specimen.approved(next(door.seeds))

    answers = at_once(8, lambda: hand_in(door.city, event))

    outcomes = [answer.json()["outcomes"][0] for answer in answers]
    assert Counter(each["status"] for each in outcomes) == {"accepted": 1, "duplicate": 7}
    assert len({each["registration"] for each in outcomes}) == 1


def test_a_rename_confirmed_many_times_at_once_is_confirmed_once(door: Door) -> None:
    seed = 86
    approve(door, enterprise=seed)
    batch = accepted(hand_in(door.city, specimen.renamed(next(door.seeds), seed)))["batch"]
    door.work()
    asked = {
        "reason": "notice",
        "on_behalf_of": {"viewer": "enterprise", "credit_code": specimen.credit_code(seed)},
    }

    answers = at_once(6, lambda: door.city.post(f"/v1/batches/{batch}/confirmation", json=asked))

    assert Counter(each.status_code for each in answers) == {200: 1, 409: 5}


def test_a_link_taken_many_times_at_once_is_one_collection(door: Door) -> None:
    number = approve(door)
    links = f"/v1/registrations/{number}/links"
    url = door.city.post(links, json={"kind": "collection"}).json()["url"]

    answers = at_once(6, lambda: httpx.post(url))

    assert {each.status_code for each in answers} == {303}


def paced(door: Door, **changes: Any) -> Any:
    """The same application with other settings; asks so many times with a key, or signed."""
    plant = copy.copy(door.plant)
    namespace = f"t{secrets.token_hex(6)}"
    plant.settings = replace(door.plant.settings, namespace=namespace, **changes)
    vars(plant)["pacing"] = Pacing(plant.settings)
    app = served(plant)

    async def ask(times: int, headers: Mapping[str, str]) -> list[httpx.Response]:
        way = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=way, base_url="http://door") as client:
            return [await client.get("/v1/batches", headers=headers) for _ in range(times)]

    return lambda times, **headers: asyncio.run(ask(times, headers))


def bearer(door: Door) -> dict[str, str]:
    return {"Authorization": f"Bearer {door.issue().token}"}


def test_a_key_that_asks_too_often_waits_and_another_does_not(door: Door) -> None:
    ask = paced(door, http_rate=5)

    answers = ask(7, **bearer(door))

    assert [each.status_code for each in answers] == [200] * 5 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["reason"] == "too_many"
    assert [each.status_code for each in ask(1, **bearer(door))] == [200]


def test_an_address_that_guesses_waits_and_whoever_has_a_key_there_does_not(door: Door) -> None:
    ask = paced(door, http_failures=4, http_rate=1000)

    answers = ask(6)

    assert [each.status_code for each in answers] == [401] * 4 + [429] * 2
    assert "retry-after" in answers[-1].headers
    assert [each.status_code for each in ask(2, **bearer(door))] == [200] * 2


def test_while_the_broker_is_away_keys_open_and_signatures_wait(door: Door) -> None:
    """Which signed requests were here before, only the broker knows."""
    ask = paced(door, redis_url=f"redis://127.0.0.1:{free_port()}")
    issued, ident, moment = door.issue(), secrets.token_hex(8), int(time.time())
    key = access_keys.signing_key(access_keys.read_token(issued.token).secret)
    value = access_keys.signature(
        key, ident=ident, moment=moment, method="GET", target="/v1/batches", body=b""
    )
    said = {"key": issued.kept.key, "id": ident, "timestamp": str(moment), "signature": value}

    signed = ask(1, **{f"Factory-{name}": each for name, each in said.items()})

    assert [each.status_code for each in signed] == [503]
    assert "retry-after" in signed[0].headers
    assert [each.status_code for each in ask(1, **bearer(door))] == [200]
