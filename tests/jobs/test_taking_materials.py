"""Materials on their way in: fetched from a real store, looked at, taken or refused."""

import hashlib
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from factory import specimen
from factory.errors import FieldError, StoreUnavailableError
from factory.versions import Versions
from jobs import desk, enquiry, intake
from jobs.intake import Status
from jobs.servers import free_port
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import inbox
from tests.plants import SOURCE, WHO, JsonObject, new_plant, put, put_scans, stored, submit

SHAANXI = "shaanxi-constructor"
NUMBER = specimen.acceptance_number(1)
REASON = "material: the PDF holds a script (脚本): print it to a new PDF, or scan it"


@pytest.fixture
def plant(tmp_path: Path, sqlite_db_url: str, s3: Settings) -> Plant:
    """A plant in which the application was saved."""
    plant = new_plant(tmp_path, sqlite_db_url, **stored(s3))
    put_scans(plant)
    with plant.ledger.write(WHO) as tx:
        inbox.grant(tx, SOURCE, SHAANXI)
    saved = specimen.saved(1)
    saved["data"] |= {"profile": SHAANXI}
    assert submit(plant, saved).status is Status.ACCEPTED
    return plant


def attached(data: bytes | None, plant: Plant, **changes: object) -> JsonObject:
    """The event of a file, which lies in the store."""
    event = specimen.attached(1)
    if data is not None:
        key = f"tests/{uuid.uuid4().hex}"
        event["data"]["file"] = {"key": key, "sha256": put(plant, key, data)}
    return event | {"data": event["data"] | changes}


def rows(plant: Plant) -> int:
    with plant.ledger.read() as tx:
        return len(tx.run(t.inbox.select()).all())


def test_a_clean_scan_is_taken_and_given_back_as_it_is(plant: Plant) -> None:
    scan = specimen.scan("the signed form")

    outcome = submit(plant, attached(scan, plant))

    assert outcome.status is Status.ACCEPTED
    assert enquiry.material(plant, NUMBER, "signed_form") == scan


@pytest.mark.parametrize("fault", [each for each in specimen.SCAN_FAULTS if each])
def test_a_scan_with_a_fault_is_refused_and_leaves_nothing(plant: Plant, fault: str) -> None:
    before = rows(plant)

    outcome = submit(plant, attached(specimen.scan("form", fault), plant))

    assert outcome.status is Status.REFUSED
    [(field, rule)] = outcome.problems
    assert field == "data.file" and "print it to a new PDF, or scan it" in rule
    assert rows(plant) == before and not desk.open_holds(plant)


def test_what_was_refused_is_taken_once_it_is_clean(plant: Plant) -> None:
    refused = submit(plant, attached(specimen.scan("form", "script"), plant))

    taken = submit(plant, attached(specimen.scan("form"), plant))

    assert refused.problems == (("data.file", f"{REASON} (signed_form of profile {SHAANXI})"),)
    assert taken.status is Status.ACCEPTED


def test_a_file_that_is_not_there_or_is_another_is_refused(plant: Plant) -> None:
    there = specimen.stored_scan()
    absent = attached(None, plant, file=there | {"key": "tests/nowhere"})
    other = attached(None, plant, file=there | {"sha256": "0" * 64})

    told = [submit(plant, each).problems[0][1] for each in (absent, other)]

    assert "no object of that key" in told[0] and "another SHA-256" in told[1]


def test_a_file_too_large_is_refused_without_being_read(plant: Plant) -> None:
    outcome = submit(plant, attached(bytes(10_485_761), plant))

    assert "文件过大" in outcome.problems[0][1]


def test_a_material_nobody_asks_for_is_left_to_the_register(plant: Plant) -> None:
    outcome = submit(plant, attached(b"no PDF", plant, material="diploma"))

    assert outcome.status is Status.HELD and "asks for signed_form" in outcome.reason


def test_an_event_that_was_taken_is_a_repetition_even_if_its_file_is_gone(plant: Plant) -> None:
    event = attached(specimen.scan("form"), plant)
    submit(plant, event)
    plant.intake_store.delete(event["data"]["file"]["key"])

    assert submit(plant, event).status is Status.DUPLICATE


def test_the_rules_are_those_of_the_day_it_was_attached(plant: Plant) -> None:
    """Since the day after only pictures are taken."""
    now = plant.profiles[SHAANXI].all[0]
    later = now.model_copy(
        update={
            "version": "later",
            "effective_from": specimen.FIRST_TIME.date().replace(day=2),
            "application": now.application.model_copy(
                update={
                    "materials": tuple(
                        each.model_copy(update={"formats": ("jpeg",)})
                        for each in now.application.materials
                    )
                }
            ),
        }
    )
    earlier = now.model_copy(update={"effective_from": later.effective_from.replace(day=1)})
    plant.profiles[SHAANXI] = Versions.of(earlier, later)  # type: ignore[index]
    late = attached(None, plant, attached_at="2024-03-02T09:00:00+08:00")

    assert submit(plant, attached(None, plant)).status is Status.ACCEPTED
    assert "send JPEG" in submit(plant, late | {"id": "late"}).problems[0][1]


def test_a_store_that_is_away_stores_nothing_and_says_so(plant: Plant) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    alone = Plant(replace(plant.settings, s3_endpoint=away))
    before = rows(plant)

    with pytest.raises(StoreUnavailableError):
        submit(alone, attached(None, plant))

    assert rows(plant) == before


def test_a_held_event_is_looked_at_again_when_it_is_retried(plant: Plant) -> None:
    """It waits for its application; meanwhile its file went, and another came under its key."""
    event = specimen.attached(2)
    data = specimen.scan("of somebody else")
    key = f"tests/{uuid.uuid4().hex}"
    event["data"]["file"] = {"key": key, "sha256": put(plant, key, data)}
    held = submit(plant, event)
    assert held.status is Status.HELD and held.hold is not None
    plant.intake_store.delete(key)
    put(plant, key, specimen.scan("of somebody else", "script"))

    with pytest.raises(FieldError, match="another SHA-256"):
        intake.retry(plant, held.hold, who=WHO, why="again")

    assert hashlib.sha256(data).hexdigest() == event["data"]["file"]["sha256"]
    assert [each.id for each in desk.open_holds(plant)] == [held.hold]
