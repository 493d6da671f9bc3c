"""`certfactory keys master rotate` killed with SIGKILL: all opens, and the next run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

import cli
from jobs import rewrapping
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import inbox
from tests.plants import approve, new_plant

from .dying import killed_at

PEOPLE = 3
#: where it dies, and by which master key new data keys are wrapped after it; what is complete
#: is not gone on with
MOMENTS = {
    "nothing done": ("storage/master_keys.py:stage:call", 1),
    "file half written": ("storage/master_keys.py:_text:return", 1),
    "staged": ("storage/master_keys.py:stage:return", 1),
    "in use here": ("storage/master_keys.py:use:return", 2),
    "ledger not committed": ("storage/ledger/keys.py:advance:return", 2),
    "in use": ("jobs/rewrapping.py:_rewrap:call", 2),
    "a slice not committed": ("storage/ledger/keys.py:rewrap:return", 2),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_any_moment_everything_opens_and_the_next_run_goes_on(
    tmp_path: Path, sqlite_db_url: str, moment: str
) -> None:
    where, version = MOMENTS[moment]
    plant = new_plant(tmp_path, sqlite_db_url)
    for seed in range(1, PEOPLE + 1):
        approve(plant, seed)
    words = ("keys", "master", "rotate")

    assert killed_at(where, *words, settings=plant.settings)
    fresh = Plant(replace(plant.settings))
    approve(fresh, PEOPLE + 1)
    assert rewrapping.masters(fresh).current == version
    opened(fresh)
    done = CliRunner(env=plant.settings.to_env()).invoke(cli.main, words)

    assert done.exit_code == 0, done.output
    found = rewrapping.masters(fresh)
    assert (found.current, dict(found.wrapped)) == (2, {2: PEOPLE + 1})
    assert not found.is_under_way
    opened(Plant(replace(plant.settings)))


def opened(plant: Plant) -> None:
    with plant.ledger.read() as tx:
        for each in tx.run(select(t.inbox.c.id)).scalars().all():
            assert inbox.body(tx, each)
