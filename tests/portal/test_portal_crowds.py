"""Many at once, and too many: nothing happens twice, and who asks too often waits."""

from __future__ import annotations

import asyncio
import copy
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx

from factory import specimen
from jobs.pacing import Pacing
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


def paced(door: Door, **rates: int) -> Any:
    """The same application with other rates; asks so many times with a key."""
    plant = copy.copy(door.plant)
    plant.settings = replace(door.plant.settings, namespace=f"paced{len(rates)}", **rates)
    vars(plant)["pacing"] = Pacing(plant.settings)
    app = served(plant)

    async def ask(times: int, token: str | None) -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        way = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=way, base_url="http://door") as client:
            return [await client.get("/v1/batches", headers=headers) for _ in range(times)]

    return lambda times, token=None: asyncio.run(ask(times, token))


def test_a_key_that_asks_too_often_waits_and_another_does_not(door: Door) -> None:
    ask = paced(door, http_rate=5)
    token, other = door.issue().token, door.issue().token

    answers = ask(7, token)

    assert [each.status_code for each in answers] == [200] * 5 + [429] * 2
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert answers[-1].json()["reason"] == "too_many"
    assert [each.status_code for each in ask(1, other)] == [200]


def test_an_address_that_guesses_waits_and_whoever_has_a_key_there_does_not(door: Door) -> None:
    ask = paced(door, http_failures=4, http_rate=1000)

    answers = ask(6)

    assert [each.status_code for each in answers] == [401] * 4 + [429] * 2
    assert "retry-after" in answers[-1].headers
    assert [each.status_code for each in ask(2, door.issue().token)] == [200] * 2
