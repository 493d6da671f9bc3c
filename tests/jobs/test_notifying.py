"""Notices, from the work to a real receiver."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import notices
from jobs.notices import Added
from jobs.notifying import Sender
from jobs.wiring import Plant
from tests.plants import PROFILE, SOURCE, WHO, issue, new_plant
from tests.receiving import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def plant(tmp_path: Path, db_url: str, receiver: Receiver) -> Plant:
    return new_plant(tmp_path, db_url, notify_hosts=receiver.host)


def added(plant: Plant, receiver: Receiver) -> Added:
    return notices.add(plant, SOURCE, receiver.url, who=WHO)


def test_a_made_certificate_is_told_with_a_signature_that_others_take(
    plant: Plant, receiver: Receiver
) -> None:
    endpoint = added(plant, receiver)
    number = issue(plant, 1)

    Sender(plant).drain()

    [told] = receiver.told
    event = told.judged(endpoint.secret)
    assert (event["subject"], event["type"]) == (number, "certificate.made")
    assert event["data"] == {
        "profile": PROFILE, "registration": number, "edition": 1, "state": "uncollected",
    }  # fmt: skip
    assert told.headers["content-type"] == "application/cloudevents+json"
    assert told.headers["webhook-id"] == event["id"] == "1"
