"""The re-checker: a factory on which every rule holds, and the nearest breach of each, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.recheck import running
from jobs.recheck.running import Order, Result, Share
from jobs.settings import Settings
from jobs.wiring import Plant
from storage.recheck.scope import Scope
from tests.jobs.in_two_formats import approve
from tests.telling import whole_factory, work

EVERY = Share(part=1.0, seed="every")
NONE = Share(part=0.0, seed="none")


@pytest.fixture
def plant(tmp_path: Path, s3: Settings, fresh_bucket: str, db_url: str) -> Plant:
    made = whole_factory(tmp_path, s3, db_url=db_url, s3_bucket=fresh_bucket)
    approve(made)
    work(made)
    return made


def looked(plant: Plant, *, render: Share = NONE, **scope: object) -> Result:
    order = Order(scope=Scope(**scope), files=EVERY, render=render)  # type: ignore[arg-type]
    return running.run(plant, order, tell=lambda *_: None)


@pytest.mark.on_both
def test_a_factory_at_rest_is_clean(plant: Plant) -> None:
    result = looked(plant, render=EVERY)

    assert result.findings == []
    assert result.looked["files"] == 2
