"""`certfactory upkeep` killed with SIGKILL: run again, each file has one next step, stamped."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

import cli
from factory import specimen
from factory.model import ChunkId
from factory.verify_verdict import VerdictWord
from jobs import desk, line
from jobs.upkeep import slices
from jobs.wiring import Plant
from storage import tables as t
from storage.own_objects import is_own
from tests.jobs.bulking import COMING, version_text
from tests.plants import open_chunks, submit
from tests.stamping import Service

from .dying import killed_at

PEOPLE = 2
FILES = PEOPLE * 2  #: a PDF and an OFD each
RULES = (
    ('when_down = "wait"', 'when_down = "later"'),
    ('formats = ["pdf"]', 'formats = ["pdf", "ofd"]'),
)
STEP = re.compile(rf"\.1-([0-9a-f]{{{slices.KEY_DIGITS}}})\.(?:pdf|ofd)$")

#: where it dies, how many files it may leave that nothing names, and how many it had recorded
MOMENTS = {
    "nothing stored": ("jobs/upkeep/slices.py:_recorded:call", range(1), 0),
    "some stored": ("storage/bulk_blobs.py:put_new:return", range(1, FILES + 1), 0),
    "all stored": ("storage/ledger/proofs.py:add:call", range(FILES, FILES + 1), 0),
    "recorded": ("storage/ledger/proofs.py:add:return", range(FILES, FILES + 1), 0),
    "committed": ("jobs/upkeep/slices.py:_recorded:return", range(1), FILES),
}


@pytest.fixture
def plant(stamping_plant: Plant, service: Service, tmp_path: Path) -> Plant:
    """Files that were released while the authority was away; it is back."""
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / f"{COMING}.toml").write_text(version_text(COMING, *RULES), "utf-8")
    found = Plant(replace(stamping_plant.settings, profiles_dir=profiles))
    service.behave = lambda _: (503, b"")
    for seed in range(1, PEOPLE + 1):
        submit(found, specimen.approved(seed) | {"source": "urn:certfactory:operations"})
    for chunk in open_chunks(found):
        line.produce(found, ChunkId(chunk))
    assert [(each.step, each.awaits) for each in rows(found)] == [(0, "stamp")] * FILES
    service.behave = lambda answer: (200, answer)
    return found


def rows(plant: Plant) -> list[Any]:
    with plant.ledger.read() as tx:
        return list(tx.run(select(t.file).order_by(t.file.c.id)))


def run_again(plant: Plant) -> dict[str, Any]:
    """The same command, which nobody kills; what it says."""
    done = CliRunner(env=plant.settings.to_env()).invoke(cli.main, ("upkeep", "--json"))
    assert done.exit_code == 0, done.output
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_is_finished_by_the_next_run(plant: Plant, moment: str) -> None:
    where, left_over, recorded = MOMENTS[moment]
    before = rows(plant)

    assert killed_at(where, "upkeep", settings=plant.settings)
    assert len(rows(plant)) == FILES + recorded
    told = run_again(plant)

    still = FILES - recorded
    assert (told["waiting"], told["stamped"], told["failed"]) == (still, still, {})
    assert_each_has_one_next_step(plant, before)
    assert len(orphans(plant)) in left_over
    assert (told := run_again(plant))["waiting"] == told["stamped"] == 0


def test_where_nobody_kills_it_nothing_is_left_over(plant: Plant) -> None:
    before = rows(plant)

    assert not killed_at("jobs/upkeep/slices.py:give_up:call", "upkeep", settings=plant.settings)

    assert_each_has_one_next_step(plant, before)
    assert orphans(plant) == set()


def assert_each_has_one_next_step(plant: Plant, before: list[Any]) -> None:
    """The first file as it was, the second with its stamp, and valid."""
    after = rows(plant)
    assert [each.sha256 for each in after if each.step == 0] == [each.sha256 for each in before]
    assert sorted((each.order_id, each.format, each.step) for each in after) == sorted(
        (each.order_id, each.format, step) for each in before for step in (0, 1)
    )
    assert {each.awaits for each in after} == {None}
    for each in after:
        data = plant.store.get(each.object_key)
        assert sha256(data).hexdigest() == each.sha256
        verdict = desk.judged(plant, data, datetime.now(UTC))
        assert verdict.verdict is VerdictWord.VALID
        assert (verdict.proved_at is not None) == (each.step == 1)


def orphans(plant: Plant) -> set[str]:
    """What the ledger does not name: next steps only, each under its own digest."""
    named = {each.object_key for each in rows(plant)}
    found = {key for key in plant.store.list() if not is_own(key)} - named
    for key in found:
        digits = STEP.search(key)
        assert digits is not None, key
        assert sha256(plant.store.get(key)).hexdigest().startswith(digits[1])
    return found
