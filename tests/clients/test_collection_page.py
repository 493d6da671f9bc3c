"""The page a collection link opens: what a holder sees and can do, without a key."""

import json
from typing import Any

import httpx
import pytest
from certfactory_client import Client

from tests.clients.conftest import REGISTER, ROOT, SOURCE, Running, certfactory, example

GANSU = "gansu-constructor"


@pytest.fixture(scope="module")
def client(factory: Running) -> Client:
    return Client(factory.address, factory.key)


def made(client: Client, *events: Any) -> str:
    """The registration that the events end in, its certificate made."""
    outcomes = client.submit_many(events)
    assert all(each.status == "accepted" for each in outcomes), outcomes
    client.wait_for_event(outcomes[-1].event)
    number = outcomes[-1].registration
    assert number is not None
    return number


def page(client: Client, number: str) -> str:
    return client.collection_link(number).url


def test_looking_takes_nothing_and_confirming_does(client: Client, seed: int) -> None:
    number = made(client, example("registration.approved", seed))
    url = page(client, number)

    before = httpx.get(url)
    assert number in before.text and "未领证" in before.text and ">领证</a>" in before.text
    assert "上一版本" not in before.text
    assert "<button>确认</button>" in httpx.get(f"{url}/confirm").text
    assert client.registration(number).editions[-1].state == "uncollected"

    after = httpx.post(url, follow_redirects=True)
    assert "已领证" in after.text and "下载证书（PDF）" in after.text
    assert httpx.get(f"{url}/file", follow_redirects=True).content.startswith(b"%PDF-")


def test_of_several_files_each_can_be_downloaded(client: Client, seed: int) -> None:
    words = ("events", "example", "--profile", GANSU, "--seed", str(seed))
    events = [json.loads(line) for line in certfactory(ROOT, *words).splitlines()]
    approved = next(each for each in events if each["type"] == "registration.approved")
    announced = next(each for each in events if each["data"].get("outcome") == "announced")
    url = page(client, made(client, approved, announced))

    found = httpx.post(url, follow_redirects=True).text

    assert found.index("下载证书（OFD）") < found.index("下载证书（PDF）")
    for fmt, magic in (("ofd", b"PK"), ("pdf", b"%PDF-")):
        file = httpx.get(f"{url}/file", params={"format": fmt}, follow_redirects=True)
        assert file.content.startswith(magic)


def test_a_new_edition_says_that_it_replaces_the_former(factory: Running, seed: int) -> None:
    with Client(factory.address, factory.rename_key) as client:
        number = made(client, example("registration.approved", seed, SOURCE))
        event = example("holder.corrected", seed, SOURCE)
        made(client, event)

        found = httpx.get(page(client, number))

    assert ">领证</a>" in found.text and "上一版本" in found.text
    assert event["data"]["profile"] == REGISTER


def test_the_page_shows_what_is_confirmed_and_no_more(client: Client, seed: int) -> None:
    event = example("registration.approved", seed)
    found = httpx.get(page(client, made(client, event)) + "/confirm")

    assert event["data"]["holder"]["name"] in found.text
    assert event["data"]["enterprise"]["name"] in found.text
    for own in ("id_number", "mobile"):
        assert event["data"]["holder"][own] not in found.text
    assert "<script" not in found.text and "default-src 'none'" in str(found.headers)
    assert found.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_nobody_gave_is_told_in_the_holders_words(
    client: Client, seed: int, method: str
) -> None:
    url = page(client, made(client, example("registration.approved", seed)))
    other = url[:-1] + ("A" if url[-1] != "A" else "B")

    found = httpx.request(method, other)

    assert found.status_code == 404 and "链接无效" in found.text


def test_a_download_before_collecting_is_refused(client: Client, seed: int) -> None:
    url = page(client, made(client, example("registration.approved", seed)))

    found = httpx.get(f"{url}/file")

    assert found.status_code == 409 and "状态已经变化" in found.text
