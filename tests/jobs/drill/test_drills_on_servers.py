"""Drills on the production shape: PostgreSQL that crashes, and a broker of its own."""

import os
from pathlib import Path

import pytest

from jobs.drill import place, running
from jobs.drill.database import Database, Postgres
from jobs.embedded import Embedded
from tests.jobs.drill.test_drills import SECONDS, told
from tests.jobs.warmth import ready

SEEDS = tuple(map(int, os.environ.get("TEST_DRILL_SERVER_SEEDS", "8 9 10").split()))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_holds_after_a_drill_on_postgresql(
    drilled: Embedded, postgres: Postgres, postgresql_db_url: str, tmp_path: Path, seed: int
) -> None:
    database = Database(server=postgres.server, url=postgresql_db_url)

    with place.prepared(drilled, tmp_path, database=database, begin=ready().begin) as at:
        report = running.run(at, seed, SECONDS)

    assert report.holds, told(report)
    assert report.taken["accepted"] > 0
