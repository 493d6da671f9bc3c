"""`certfactory personal erase` killed with SIGKILL: run again, it is complete, and proved once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

import cli
from factory.errors import ErasedError
from factory.retention import Ground
from jobs.personal import erasing
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import audit, personal
from tests.jobs.personal.lives import REASON, Life, factory, live

from .dying import killed_at

#: where it dies, and how far it was: what the ledger says of it, and whether anything opens still
MOMENTS = {
    "before the promise": ("jobs/personal/erasing.py:_promise:call", None, True),
    "promise not committed": ("jobs/personal/erasing.py:_promise:return", None, True),
    "promised": ("jobs/personal/erasing.py:_shred:call", "promised", True),
    "keys not committed": ("storage/ledger/erasing.py:shred:return", "promised", True),
    "keys destroyed": ("jobs/personal/erasing.py:_delete:call", "shredded", False),
    "some files deleted": ("storage/blobs.py:delete:return", "shredded", False),
    "files deleted": ("jobs/personal/erasing.py:_finish:call", "shredded", False),
    "proof not committed": ("storage/ledger/erasing.py:finish:return", "shredded", False),
    "proved": ("jobs/personal/erasing.py:_finish:return", "done", False),
    "looked at again": ("jobs/personal/erasing.py:left:return", "done", False),
}

pytestmark = pytest.mark.usefixtures("stated_signatures")


@pytest.fixture
def life(tmp_path: Path, s3: Settings, fresh_bucket: str, sqlite_db_url: str) -> Life:
    return live(factory(tmp_path, s3, fresh_bucket, sqlite_db_url), 31).end()


def words(life: Life) -> tuple[str, ...]:
    return ("personal", "erase", life.number, "--reason", REASON)


def run_again(life: Life) -> list[dict[str, Any]]:
    done = CliRunner(env=life.plant.settings.to_env()).invoke(cli.main, (*words(life), "--json"))
    assert done.exit_code == 0, done.output
    told: list[dict[str, Any]] = json.loads(done.stdout)
    return told


def how_far(plant: Plant, holder: int) -> str | None:
    with plant.ledger.read() as tx:
        wanted = select(t.erasure.c.state).where(t.erasure.c.holder_id == holder)
        found: str | None = tx.run(wanted).scalar_one_or_none()
        return found


def opens(plant: Plant, holder: int) -> bool:
    with plant.ledger.read() as tx:
        try:
            return bool(list(personal.values(tx, personal.of(tx, holder))))
        except ErasedError:
            return False


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_it_is_finished_by_the_next_run(life: Life, moment: str) -> None:
    where, state, is_open = MOMENTS[moment]
    plant, holder = life.plant, life.holder

    assert killed_at(where, *words(life), settings=plant.settings)
    assert (how_far(plant, holder), opens(plant, holder)) == (state, is_open)
    [told] = run_again(life)

    assert told["left"] == {}
    assert (how_far(plant, holder), opens(plant, holder)) == ("done", False)
    assert erasing.left(plant, holder) == {}
    assert plant.intake_store.head(life.photo) is None
    with plant.ledger.read() as tx:
        [proof] = [each for each in audit.of(tx, "holder", holder) if each.action == "erased"]
    assert proof.what == told["proof"] == run_again(life)[0]["proof"]
    assert proof.what["data_keys"] and proof.what["files"]


def test_where_nobody_kills_it_the_first_run_is_complete(life: Life) -> None:
    nowhere = "jobs/personal/finding.py:by_paper:call"

    assert not killed_at(nowhere, *words(life), settings=life.plant.settings)

    assert how_far(life.plant, life.holder) == "done"
    assert erasing.left(life.plant, life.holder) == {}


def test_an_erasure_that_was_begun_is_finished_by_those_who_erase_what_is_due(life: Life) -> None:
    assert killed_at(MOMENTS["promised"][0], *words(life), settings=life.plant.settings)

    assert list(erasing.due(life.plant)) == [life.holder]
    erasing.erase(life.plant, life.holder, who="due", ground=Ground.DUE, why=REASON)

    assert list(erasing.due(life.plant)) == []
    assert how_far(life.plant, life.holder) == "done"
