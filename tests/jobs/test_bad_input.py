"""Bad input: each case of ``tests/examples/bad.toml`` is submitted between two good events.

The file says what comes before, what is wrong, what is told and how it ends; this reads it.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import tomllib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from factory import events, pictures, specimen
from factory.model import BatchId
from jobs import desk, enquiry, intake
from jobs.bulk import confirming, steps
from jobs.intake import Outcome, Status
from jobs.settings import Settings
from jobs.wiring import Plant, load_profiles
from storage import tables
from storage.ledger import inbox
from storage.ledger.holds import Held
from tests.plants import (
    SOURCE,
    WHO,
    finish,
    must_claim,
    new_plant,
    open_chunks,
    put,
    put_scans,
    stored,
    submit,
)

JsonObject = dict[str, Any]

pytestmark = pytest.mark.usefixtures("stated_signatures")

FILE = tomllib.loads((Path(__file__).parents[1] / "examples" / "bad.toml").read_text("utf-8"))
NAMED: Mapping[str, JsonObject] = FILE["events"]
TODAY = date(2027, 12, 31)  #: nothing of the cases is still to come
CASES: list[JsonObject] = FILE["cases"]


def kind_of(name: str) -> str:
    """The type of the event of that name; nothing: something that is done."""
    entry = NAMED.get(name, {})
    return str(entry.get("type", "")) if "like" not in entry else kind_of(entry["like"])


def needs_store(case: JsonObject) -> bool:
    """Whether a file of the intake store is asked for."""
    names = [case.get("event", ""), case.get("right", "")]
    told = [*case.get("before", []), *names, *case.get("then", [])]
    stored = "key" in case.get("change", {}).get("data", {}).get("photo", {})
    return "application.attached" in map(kind_of, told) or (case["outcome"] == "held" and stored)


PROFILES = sorted(load_profiles(None))
NEIGHBOURS = (7, 8)  #: seeds of who is approved just before and just after
THEIR_EMPLOYER = 9
PLAIN_PHOTO = b64decode(FILE["pictures"]["plain"])
PICTURE = {"content": b64encode(specimen.portrait(3)).decode()}
COST_ENGINEER = "shanghai-cost-engineer"
COST_PROFESSIONS = {"建筑工程": "土木建筑工程", "公路工程": "安装工程"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one case.

    added:      rows that the bad event left, by table.
    held:       the open holds on it or on what it caused, once all three had been sent.
    neighbours: what became of the good events around it.
    ended:      what became of it, or of the right one, in the end.
    """

    case: JsonObject
    event: JsonObject
    outcome: Outcome
    added: Counter[str]
    held: list[Held]
    neighbours: list[Outcome]
    ended: str
    open_at_the_end: Sequence[Held]

    @property
    def told(self) -> str:
        """All that is said of it."""
        problems = [f"{field}: {rule}" for field, rule in self.outcome.problems]
        return "; ".join(problems) or self.outcome.reason


# --- events -----------------------------------------------------------------------------------


def named(name: str, profile: str) -> JsonObject:
    """The event of that name, as it is said in that profile."""
    entry = dict(NAMED[name])
    while "like" in entry:
        entry = merged(dict(NAMED[entry.pop("like")]), entry)
    kind, seed, without = entry.pop("type"), entry.pop("person", 1), entry.pop("without", [])
    event = merged(specimen.EVENTS[kind](seed), entry)
    event["id"] = re.sub(r"\W+", "-", name)
    return adapted(bare(event, without), profile)


def adapted(event: JsonObject, profile: str) -> JsonObject:
    """Its register, and for cost engineers their professions and the signature they print."""
    data = event["data"]
    if event["type"] != "enterprise.renamed":
        data["profile"] = profile
    if profile != COST_ENGINEER:
        return event
    for each in data.get("professions", []):
        each["name"] = COST_PROFESSIONS[each["name"]]
    if "photo" in data:
        data["signature"] = PICTURE
    return event


def good(seed: int, profile: str) -> JsonObject:
    """Somebody else's approval, at another employer."""
    event = merged(specimen.approved(seed, THEIR_EMPLOYER), {"id": f"neighbour-{seed}"})
    event["data"]["professions"] = NAMED["initial approved"]["data"]["professions"]
    return adapted(copy.deepcopy(event), profile)


def bad(case: JsonObject) -> JsonObject:
    """The event of the case with its fault."""
    event = merged(named(case["event"], case["profile"]), case.get("change", {}))
    if "scan" in case:
        event["data"]["file"] = faulty_scan(case["scan"])
    return bare(event, case.get("without", []))


def wire(event: JsonObject) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def merged(old: JsonObject, new: Mapping[str, Any]) -> JsonObject:
    """The old with what the new says; arrays and pictures are replaced whole."""
    found = copy.deepcopy(old)
    for name, value in new.items():
        both = isinstance(value, dict) and isinstance(found.get(name), dict)
        found[name] = (
            merged(found[name], value) if both and name not in {"photo", "signature"} else value
        )
    return copy.deepcopy(found)


def bare(event: JsonObject, without: list[str]) -> JsonObject:
    """The event without these fields, each given as ``data.holder.name``."""
    for path in without:
        *way, last = path.split(".")
        part: Any = event
        for name in way:
            part = part[int(name)] if name.isdecimal() else part[name]
        del part[last]
    return event


# --- one case ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated ledger and its keyring; each case begins with a copy."""
    folder = tmp_path_factory.mktemp("template")
    plant = new_plant(folder, f"sqlite:///{folder / 'ledger.sqlite3'}")
    with plant.ledger.write(WHO) as tx:
        for profile in PROFILES:
            inbox.grant(tx, SOURCE, profile)
    plant.ledger.engine.dispose()
    return folder


@pytest.fixture(scope="module")
def told_once(
    request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[JsonObject], Sent]:
    """Runs a case when it is first asked for; every test looks at the same run."""
    found: dict[str, Sent] = {}

    def sent_once(case: JsonObject) -> Sent:
        if case["title"] not in found:
            folder = shutil.copytree(template, tmp_path_factory.mktemp("case") / "plant")
            store = request.getfixturevalue("store").settings if needs_store(case) else None
            plant = plant_in(folder, store)
            found[case["title"]] = run(plant, case)
            plant.ledger.engine.dispose()
            shutil.rmtree(folder)
        return found[case["title"]]

    return sent_once


@pytest.fixture
def sent(request: pytest.FixtureRequest, told_once: Callable[[JsonObject], Sent]) -> Sent:
    return told_once(request.param)


def plant_in(folder: Path, store: Settings | None) -> Plant:
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(folder)})
    if store is None:
        return Plant(settings).on(TODAY)
    plant = Plant(replace(settings, **stored(store)))
    put_scans(plant)
    return plant.on(TODAY)


def run(plant: Plant, case: JsonObject) -> Sent:
    """Send what came before, then one file of a good, the bad and a good event; then end it."""
    for name in case.get("before", []):
        do(plant, name, case["profile"])
    event = {} if "raw" in case else bad(case)
    first, last = (wire(good(seed, case["profile"])) for seed in NEIGHBOURS)
    middle = case["raw"].encode() if "raw" in case else wire(event)
    stream = BytesIO(b"\n".join((first, middle, last)))
    told = intake.submit_all(plant, events.split_lines(stream), who=WHO)
    (_, _, before), rows = next(told), counted(plant)
    (_, _, outcome), after = next(told), counted(plant)
    neighbours = [before, *(each for _, _, each in told)]
    held = held_of(plant, outcome)
    ended = end(plant, case, outcome, held)
    return Sent(
        case=case,
        event=event,
        outcome=outcome,
        added=after - rows,
        held=held,
        neighbours=neighbours,
        ended=ended,
        open_at_the_end=desk.open_holds(plant),
    )


def counted(plant: Plant) -> Counter[str]:
    with plant.ledger.read() as tx:
        return Counter(
            {
                table.name: tx.run(select(func.count()).select_from(table)).scalar_one()
                for table in tables.metadata.sorted_tables
            }
        )


def held_of(plant: Plant, outcome: Outcome) -> list[Held]:
    if outcome.status is Status.REFUSED:
        return []
    [found] = enquiry.event_status(plant, outcome.event)
    return list(found.held)


def end(plant: Plant, case: JsonObject, outcome: Outcome, held: list[Held]) -> str:
    """How the case says that it ends: by itself, by a retry, by the right one sent instead."""
    for name in case.get("then", []):
        do(plant, name, case["profile"])
    if case.get("retry"):
        return desk.retry(plant, held[0].id, who=WHO, why="its cause is mended").state
    if "then" in case:
        [found] = enquiry.event_status(plant, outcome.event)
        return found.event.state
    if case.get("ends") == "dismissed":
        return desk.dismiss(plant, held[0].id, who=WHO, why="there is nothing to be done").state
    right = named(case["right"] if "right" in case else case["event"], case["profile"])
    if outcome.status is Status.HELD:
        right["id"] += "-right"
        ended = submit(plant, right).status
        desk.dismiss(plant, held[0].id, who=WHO, why="sent right as another event")
        return ended
    return submit(plant, right).status


def do(plant: Plant, name: str, profile: str) -> None:
    """An event that is taken, or something that people or workers do."""
    if name in ACTIONS:
        ACTIONS[name](plant)
        return
    outcome = submit(plant, named(name, profile))
    assert outcome.status is Status.ACCEPTED, (name, outcome)


def make_all(plant: Plant) -> None:
    for chunk in open_chunks(plant):
        finish(plant, must_claim(plant, chunk))


def end_batch(plant: Plant) -> None:
    make_all(plant)
    step(plant)
    confirming.confirm(plant, BatchId(1), who=WHO, why="notice of the authority")
    step(plant)
    make_all(plant)


def step(plant: Plant) -> None:
    for _ in range(5):
        steps.advance(plant, BatchId(1))


def faulty_scan(fault: str) -> JsonObject:
    """The scan with that fault, as it is named."""
    data = specimen.scan(specimen.SCAN_TEXT, fault)
    return {"key": f"bad/{fault}.pdf", "sha256": sha256(data).hexdigest()}


def put_faulty_scans(plant: Plant) -> None:
    for fault in filter(None, specimen.SCAN_FAULTS):
        put(plant, f"bad/{fault}.pdf", specimen.scan(specimen.SCAN_TEXT, fault))


ACTIONS: Mapping[str, Callable[[Plant], object]] = {
    "the scans with faults are put into the store": put_faulty_scans,
    "the certificates are made": make_all,
    "the bulk event is confirmed and ends": end_batch,
    "the photo is put into the store": lambda plant: put(plant, "bad/late.png", PLAIN_PHOTO),
    "another photo is put into the store": lambda plant: put(
        plant, "bad/other.jpg", specimen.portrait(1)
    ),
    "a photo too large is put into the store": lambda plant: put(
        plant, "bad/large.jpg", bytes(pictures.MAX_INPUT_BYTES + 1)
    ),
}


# --- what is asked of every case --------------------------------------------------------------


def each_case(*, outcome: str | None = None) -> pytest.MarkDecorator:
    wanted = [case for case in CASES if outcome in {None, case["outcome"]}]
    names = [case["title"] for case in wanted]
    return pytest.mark.parametrize("sent", wanted, ids=names, indirect=True)


@each_case()
def test_bad_input_is_told_whole(sent: Sent) -> None:
    expected = expected_message(sent.case)

    assert (sent.outcome.status.value, sent.told) == (sent.case["outcome"], expected)


@each_case(outcome="refused")
def test_what_is_refused_leaves_no_row(sent: Sent) -> None:
    assert not sent.added
    assert (sent.outcome.hold, sent.held) == (None, [])


@each_case(outcome="held")
def test_what_is_held_has_one_open_hold_and_its_owner(sent: Sent) -> None:
    [held] = sent.held

    expected = expected_message(sent.case)
    assert (held.id, held.detail) == (sent.outcome.hold, expected)
    assert (held.reason, held.owner) == (sent.case["reason"], sent.case["owner"])


@each_case()
def test_no_message_names_anybody(sent: Sent) -> None:
    said = f"{sent.outcome} {sent.held}"

    assert not [each for each in private(sent.event) if each in said]


@each_case()
def test_the_good_events_around_it_are_taken(sent: Sent) -> None:
    assert [each.status for each in sent.neighbours] == [Status.ACCEPTED] * len(NEIGHBOURS)


@each_case()
def test_in_the_end_what_is_right_is_taken_and_nothing_waits(sent: Sent) -> None:
    assert (sent.ended, list(sent.open_at_the_end)) == (sent.case.get("ends", "accepted"), [])


def expected_message(case: JsonObject) -> str:
    message = str(case["message"]).replace("{profiles}", ", ".join(PROFILES))
    return f"{case['field']}: {message}"


def private(value: object, field: str = "") -> Iterator[str]:
    """Names, identity numbers and telephone numbers of people, names of enterprises."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name != "professions":
                yield from private(each, name)
    elif field in {"name", "id_number", "mobile", "old_name", "new_name"} and value:
        yield str(value)


@pytest.mark.parametrize("profile", PROFILES)
def test_each_register_has_its_cases(profile: str) -> None:
    assert [case for case in CASES if case["profile"] == profile]


@pytest.mark.parametrize("kind", events.EVENT_TYPES)
def test_each_type_of_event_has_a_case_refused_and_one_held(kind: str) -> None:
    found = {
        case["outcome"] for case in CASES if "event" in case and kind_of(case["event"]) == kind
    }

    assert found == {"refused", "held"}


def test_no_case_comes_twice() -> None:
    titles = [case["title"] for case in CASES]

    assert len(titles) == len(set(titles))
