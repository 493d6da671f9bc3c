"""What a steward does besides ringing: the log goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.settings import Settings
from jobs.steward import duties
from jobs.wiring import Plant
from storage.ledger import log
from tests.plants import issue, new_plant, stored


@pytest.fixture
def plant(
    tmp_path: Path, sqlite_db_url: str, valkey_url: str, namespace: str, s3: Settings
) -> Plant:
    where = stored(s3) | {"redis_url": valkey_url, "namespace": namespace}
    return new_plant(tmp_path, sqlite_db_url, **where)


def test_a_steward_appends_to_the_log_and_has_its_head_signed(plant: Plant) -> None:
    issue(plant, 1)
    done: list[str] = []

    for duty in duties(plant, on_done=done.append):
        duty.run_if_due(1.0)

    with plant.ledger.read() as tx:
        head, size = log.newest_head(tx), log.size(tx)
    assert head is not None
    assert head.size == size > 0
    assert "sequencer" in done
