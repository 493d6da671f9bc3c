"""The door, served as an installation serves it: its own process, before a real ledger and store.

One for all tests of a test process; each test has people, numbers and events of its own.
After the last of them its log is read: it tells of no fault, and nothing that is anybody's own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from itertools import count

import pytest

from jobs import door as served
from jobs.embedded import Embedded
from jobs.servers import free_port
from storage.ledger import inbox
from tests.plants import WHO
from tests.portal.doors import GRANTS, Door, faults, told_too_much
from tests.telling import whole_factory

MANY = 1_000_000


@pytest.fixture(scope="session")
def door(
    broker: Embedded, store: Embedded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Door]:
    """Two upstream systems with registers of their own, and the door they come to."""
    folder, port = tmp_path_factory.mktemp("door"), free_port()
    plant = whole_factory(
        folder,
        store.settings,
        redis_url=broker.settings.redis_url,
        namespace="door",
        http_port=port,
        http_public_url=f"http://127.0.0.1:{port}",
        http_rate=MANY,
        http_failures=MANY,
        http_visits=MANY,
        http_metrics_port=free_port(),
    )
    with plant.ledger.write(WHO) as tx:
        for source, profiles in GRANTS.items():
            for profile in profiles:
                inbox.grant(tx, source, profile)
    plant.settings.metrics_dir.mkdir()
    counters = {"PROMETHEUS_MULTIPROC_DIR": str(plant.settings.metrics_dir)}
    log, env = folder / "door.log", dict(os.environ) | plant.settings.to_env() | counters
    with log.open("wb") as stderr, subprocess.Popen(served.COMMAND, env=env, stderr=stderr) as run:
        try:
            served.wait_until_open(plant.settings)
            yield Door(plant=plant, log=log, seeds=count(61_001))
        finally:
            run.terminate()
    said = log.read_text("utf-8")
    assert told_too_much(said) == []
    assert faults(said) == []
