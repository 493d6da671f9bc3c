"""Drills on the embedded shape: whatever is done, the promises hold; and what breaks is seen."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from factory import specimen
from jobs import intake
from jobs.drill import evidence, place, privacy, running
from jobs.drill.place import Place
from jobs.drill.running import Report
from jobs.embedded import Embedded
from jobs.intake import Status
from storage import tables as t
from storage.blobs import Blob
from tests.jobs.warmth import ready
from tests.storage.s3_wire import blob_of

SEEDS = tuple(map(int, os.environ.get("TEST_DRILL_SEEDS", "1 2 3 4 5 6 7").split()))
SECONDS = float(os.environ.get("TEST_DRILL_SECONDS", "5"))


def told(report: Report) -> str:
    """Why a drill failed, and of which it was."""
    broken = [f"{each.promise}: {each.broken}" for each in report.evidence if each.broken]
    return "\n".join((f"seed {report.seed}", *map(str, report.faults), *broken))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_holds_after_a_drill(drilled: Embedded, tmp_path: Path, seed: int) -> None:
    with place.prepared(drilled, tmp_path, begin=ready().begin) as at:
        report = running.run(at, seed, SECONDS)

    assert report.holds, told(report)
    assert report.taken["accepted"] > 0
    assert {each.promise for each in report.evidence} == {f"I{n}" for n in range(1, 10)}


# --- what breaks is seen --------------------------------------------------------------------------


@dataclass(frozen=True)
class Drilled:
    place: Place
    report: Report


@pytest.fixture(scope="module")
def after(drilled: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    """After some seconds in which nothing went wrong."""
    quiet = tmp_path_factory.mktemp("quiet")
    with place.prepared(drilled, quiet, begin=ready().begin) as at:
        yield Drilled(at, running.run(at, seed=0, seconds=0.5))


def broken(after: Drilled) -> set[str]:
    return {each.promise for each in evidence.gathered(after.place.plant) if each.broken}


def test_an_object_that_no_row_speaks_of_breaks_the_second_promise(after: Drilled) -> None:
    stray = blob_of(key="stray")
    after.place.plant.store.put_new(stray)

    assert broken(after) == {"I2"}
    after.place.plant.store.delete(stray.key)
    assert broken(after) == set()


def test_a_file_with_other_bytes_breaks_the_seventh(after: Drilled) -> None:
    plant = after.place.plant
    with plant.ledger.read() as tx:
        row = tx.run(select(t.file)).first()
    assert row is not None
    data = plant.store.get(row.object_key)
    plant.store.delete(row.object_key)
    plant.store.put_new(blob_of(data + b" ", key=row.object_key))

    assert broken(after) == {"I7"}
    plant.store.delete(row.object_key)
    put = Blob(key=row.object_key, data=data, content_type=row.content_type, sha256=row.sha256)
    plant.store.put_new(put)
    assert broken(after) == set()


def test_an_edition_of_the_past_that_passes_as_current_breaks_the_fourth(after: Drilled) -> None:
    e = t.edition.c
    with after.place.plant.ledger.write("test") as tx:
        ident, made_at = tx.run(select(e.id, e.made_at).where(e.state == "uncollected")).all()[0]
        tx.run(update(t.edition).where(e.id == ident).values(made_at=None))

    assert {"I4", "I8"} <= broken(after)
    with after.place.plant.ledger.write("test") as tx:
        tx.run(update(t.edition).where(e.id == ident).values(made_at=made_at))
    assert broken(after) == set()


def test_work_that_is_left_open_breaks_the_fifth(after: Drilled) -> None:
    c, plant = t.chunk.c, after.place.plant
    with plant.ledger.write("test") as tx:
        ident = tx.run(select(c.id)).scalars().first()
        later = tx.now + timedelta(hours=1)
        tx.run(update(t.chunk).where(c.id == ident).values(state="ready", run_after=later))

    assert broken(after) == {"I5"}
    with plant.ledger.write("test") as tx:
        tx.run(update(t.chunk).where(c.id == ident).values(state="closed"))
    assert broken(after) == set()


def test_an_event_without_an_outcome_breaks_the_third(after: Drilled) -> None:
    o, plant = t.production_order.c, after.place.plant
    with plant.ledger.write("test") as tx:
        ident = tx.run(select(o.id).where(o.state == "made")).scalars().first()
        tx.run(update(t.production_order).where(o.id == ident).values(state="held"))

    assert "I3" in broken(after)
    with plant.ledger.write("test") as tx:
        tx.run(update(t.production_order).where(o.id == ident).values(state="made"))
    assert broken(after) == set()


def test_an_answer_that_the_ledger_knows_nothing_of_breaks_the_third(after: Drilled) -> None:
    plant, event = after.place.plant, specimen.approved(1, 1)
    told = intake.submit(plant, json.dumps(event).encode(), who="test")
    assert told.status is Status.DUPLICATE and told.registration is not None
    assert evidence.answers_stand(plant, [told]).broken is None

    lost = evidence.answers_stand(plant, [replace(told, event="approval-0")])
    other = evidence.answers_stand(plant, [replace(told, registration="沪0")])

    assert lost.broken == "event approval-0 is not there, though it was taken"
    assert other.broken == f"event {told.event} has another number than upstream was told"


def test_a_name_in_a_log_breaks_the_ninth(after: Drilled) -> None:
    event = specimen.approved(1, 1)
    secrets = privacy.of_event(event)
    log = after.place.plant.settings.data_dir / "log" / "bulk-0.log"
    assert evidence.nothing_in_clear(after.place, secrets).broken is None

    before = log.read_bytes()
    log.write_bytes(before + event["data"]["holder"]["name"].encode())

    assert evidence.nothing_in_clear(after.place, secrets).broken == "a name in bulk-0.log"
    log.write_bytes(before)


def test_a_lost_file_is_found_by_who_checks_again(after: Drilled) -> None:
    plant = after.place.plant
    with plant.ledger.read() as tx:
        row = tx.run(select(t.file)).first()
    assert row is not None
    data = plant.store.get(row.object_key)
    assert evidence.checked_again(plant).broken is None

    plant.store.delete(row.object_key)

    assert evidence.checked_again(plant).broken is not None
    put = Blob(key=row.object_key, data=data, content_type=row.content_type, sha256=row.sha256)
    plant.store.put_new(put)
