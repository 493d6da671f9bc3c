"""No name, identity number, phone or photo is found in clear outside the sealed columns (I9).

A whole day of the factory runs at log level debug; afterwards everything it left behind is
searched, byte by byte, for everything personal that went in.
"""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from factory import specimen
from jobs import broker as brokers
from jobs import desk, enquiry
from jobs.bulk import progress
from jobs.drill.killer import AFTER, Kill
from jobs.embedded import Embedded
from storage import tables as t

from .works import WHO, Works, at_work

APPROVED = range(40, 46)
MALFORMED, CHECKSUM, HELD, UNPRINTABLE = 60, 61, 62, 63
PLACES = ("answers", "metrics", "ledger.sqlite3", "interactive-0.log", "broker keys", "outbox")
PIECE = 60  #: bytes of a photo, and characters of its base64, that are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Something personal, in one of the spellings in which it might turn up."""

    what: str
    spelling: str
    text: bytes


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
        left |= _broker(works) | _files(folder) | _files(servers.settings.data_dir / "log")
        left |= {"object keys": "\n".join(works.plant.store.list()).encode()}
        left |= _rows(works)
        yield Day(works=works, secrets=_secrets(events), left=left)


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
        assert _found([secret], {"planted": b"..." + secret.text + b"..."})


def test_nothing_personal_is_left_in_clear(day: Day) -> None:
    assert _found(day.secrets, day.left) == []


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


def _secrets(events: Sequence[Mapping[str, Any]]) -> list[Secret]:
    found = []
    for event in events:
        holder = event["data"]["holder"]
        for what in ("name", "id_number", "mobile"):
            found += _spelled(f"{what} of {event['id']}", holder[what])
        photo = event["data"].get("photo", {}).get("content")
        if photo:
            raw = base64.b64decode(photo)
            middle = len(raw) // 2 // 3 * 3  # base64 of a piece is a piece of the base64
            piece = raw[middle : middle + PIECE]
            found.append(Secret(what=f"photo of {event['id']}", spelling="bytes", text=piece))
            text = base64.b64encode(piece)
            found.append(Secret(what=f"photo of {event['id']}", spelling="base64", text=text))
    return found


def _spelled(what: str, text: str) -> Iterator[Secret]:
    spellings = {
        "UTF-8": text.encode(),
        "UTF-16 LE": text.encode("utf-16-le"),
        "UTF-16 BE": text.encode("utf-16-be"),
        "JSON": json.dumps(text)[1:-1].encode(),
        "repr": repr(text.encode())[2:-1].encode(),
        "base64": base64.b64encode(text.encode())[: len(text.encode()) * 4 // 3],
        "URL": urllib.request.quote(text).encode(),
    }
    yield from (
        Secret(what=what, spelling=spelling, text=data) for spelling, data in spellings.items()
    )


def _broker(works: Works) -> dict[str, bytes]:
    """Every key and value, and the append-only file with what was and is gone."""
    assert works.servers.broker is not None
    kept = works.servers.broker.folder / "appendonlydir"
    with brokers.client(works.plant.settings) as client:
        keys = list(client.scan_iter("*"))
        dumps = [client.dump(key) or b"" for key in keys]
    return {"broker keys": b"\n".join(keys), "broker values": b"\n".join(dumps)} | _files(kept)


def _files(folder: Path) -> dict[str, bytes]:
    """Whatever lies in a folder: logs, counters, the ledger with its log."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _rows(works: Works) -> dict[str, bytes]:
    """Every table, as people see it: what is not sealed must be fit to be read."""
    with works.plant.ledger.read() as tx:
        return {
            table.name: json.dumps(
                [list(map(str, row)) for row in tx.run(select(table))], ensure_ascii=False
            ).encode()
            for table in t.metadata.sorted_tables
        }


def _found(secrets: Sequence[Secret], left: Mapping[str, bytes]) -> list[str]:
    """Where anything personal stands; says which and how, not the thing itself."""
    return [
        f"{secret.what} as {secret.spelling} in {place}"
        for place, data in left.items()
        for secret in secrets
        if secret.text in data
    ]
