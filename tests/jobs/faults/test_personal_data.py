"""No name, identity number, phone or photo is found in clear outside the sealed columns (I9).

A whole day of the factory runs at log level debug; afterwards everything it left behind is
searched, byte by byte, for everything personal that went in.
"""

from __future__ import annotations

import base64
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from factory import specimen
from jobs import desk, enquiry
from jobs.bulk import progress
from jobs.drill.killer import AFTER, Kill
from jobs.embedded import Embedded

from .searching import Secret, broker, files, found, rows, secrets
from .works import WHO, Works, at_work

APPROVED = range(40, 46)
MALFORMED, CHECKSUM, HELD, UNPRINTABLE = 60, 61, 62, 63
PLACES = ("answers", "metrics", "ledger.sqlite3", "interactive-0.log", "broker keys", "outbox")


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What the factory was given, and what it left behind."""

    works: Works
    secrets: Sequence[Secret]
    left: Mapping[str, bytes]


@pytest.fixture(scope="module")
def day(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Approvals, refused and held ones, a fault of ours, a rename, links and verdicts."""
    folder = tmp_path_factory.mktemp("works")
    with at_work(servers, folder, LOG_LEVEL="debug") as works:
        works.drill("fault", Kill(queue="interactive", stage="check", where=AFTER, signal=0))
        events = _events()
        outcomes = [works.submit(event) for event in events]
        texts = [repr(outcome) for outcome in outcomes]
        works.settle()
        numbers = [outcome.registration for outcome in outcomes if outcome.registration]
        texts += _use(works, [number for number in numbers if works.made(number)])
        bulk_ = works.prepare_rename(1)
        works.confirm(bulk_)
        works.settle()
        texts += _use(works, numbers[:2])
        texts += [repr(desk.open_holds(works.plant)), repr(progress.all_progress(works.plant))]
        texts += [repr(enquiry.event_status(works.plant, event["id"])) for event in events]
        left = {"answers": "\n".join(texts).encode(), "metrics": works.metrics().encode()}
        left |= broker(works) | files(folder) | files(servers.settings.data_dir / "log")
        left |= {"object keys": "\n".join(works.plant.store.list()).encode()}
        left |= rows(works)
        yield Day(works=works, secrets=secrets(events), left=left)


def test_the_day_had_every_kind_of_event(day: Day) -> None:
    held = {hold.reason for hold in desk.open_holds(day.works.plant)}
    assert held == {"field", "picture", "character"}
    assert b"'refused'" in day.left["answers"]
    for place in (
        "answers",
        "metrics",
        "ledger.sqlite3",
        "interactive-0.log",
        "broker keys",
        "outbox",
    ):
        assert any(name.endswith(place) and data for name, data in day.left.items()), place


def test_the_search_finds_what_is_there(day: Day) -> None:
    assert any(b"Traceback" in data for name, data in day.left.items() if name.endswith(".log"))
    for secret in day.secrets:
        assert found([secret], {"planted": b"..." + secret.text + b"..."})


def test_nothing_personal_is_left_in_clear(day: Day) -> None:
    assert found(day.secrets, day.left) == []


def _events() -> list[dict[str, Any]]:
    """Six to be made; one refused, three held for a person, and an import."""
    events = [specimen.approved(seed, 1) for seed in APPROVED]
    malformed = specimen.approved(MALFORMED, 1)
    holder = malformed["data"]["holder"]
    holder["sex"], holder["mobile"] = holder["name"], holder["id_number"]  # in the wrong places
    checksum = specimen.approved(CHECKSUM, 1)
    checksum["data"]["holder"]["id_number"] = _other_check(specimen.holder(CHECKSUM)["id_number"])
    no_photo = specimen.approved(HELD, 1)
    no_photo["data"]["photo"] = {"content": base64.b64encode(b"no picture " * 20).decode()}
    unprintable = specimen.approved(UNPRINTABLE, 1)
    unprintable["data"]["holder"]["name"] = "赵\U000f0001明宁"
    return [*events, malformed, checksum, no_photo, unprintable, specimen.imported(70, 3)]


def _other_check(number: str) -> str:
    """The same identity number with a check character that is not its own."""
    return number[:-1] + ("0" if number[-1] != "0" else "1")


def _use(works: Works, numbers: Sequence[str]) -> list[str]:
    """Collect, ask for links, download, verify: what came back, as text."""
    texts = []
    for number in numbers:
        desk.collect(works.plant, number, who=WHO)
        link = desk.link(works.plant, number, who=WHO)
        with urllib.request.urlopen(link.url, timeout=30) as answer:  # noqa: S310 - our own
            data = answer.read()
            texts.append(repr(answer.headers.items()))
        finding = desk.examine(works.plant, data)
        assert finding.genuine
        texts += [link.url, repr(link), repr(finding)]
        texts.append(repr(enquiry.registration_status(works.plant, number).registration))
    return texts
