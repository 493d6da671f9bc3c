"""What several tests of the jobs share."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import pytest
import structlog

from factory import pictures
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tsa
from storage.ledger import inbox
from tests import stamping
from tests.jobs.living import PROFILES, Works
from tests.plants import WHO, new_plant, put_scans, stored
from tests.stamping import Authority, Service
from tests.telling import whole_factory


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ten thousand events need no log lines, and a picture is normalised once."""
    for role, normalise in pictures.NORMALISE.items():
        monkeypatch.setitem(pictures.NORMALISE, role, lru_cache(normalise))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


@pytest.fixture
def service() -> Iterator[Service]:
    """A time-stamping authority that tests may have answer wrongly, or not at all."""
    with stamping.running(stamping.authority(datetime.now(UTC))) as running:
        yield running


@pytest.fixture
def stamping_plant(
    tmp_path: Path, s3: Settings, fresh_bucket: str, sqlite_db_url: str, service: Service
) -> Plant:
    """A factory that stamps, whose keyring's authority is the service."""
    made = whole_factory(tmp_path, s3, db_url=sqlite_db_url)
    settings = replace(made.settings, time_stamps=True, tsa_url=service.url, s3_bucket=fresh_bucket)
    service.authority = Authority(
        tsa.load(settings.keyring_dir, "default").roots[0],
        tsa.open_test(settings.keyring_dir),
    )
    return Plant(settings)


@pytest.fixture
def works(tmp_path: Path, s3: Settings) -> Works:
    """A plant on an empty ledger; sources may each submit for the register they are named by."""
    file = tmp_path / "ledger.sqlite3"
    plant = new_plant(tmp_path, f"sqlite:///{file}", **stored(s3))
    put_scans(plant)
    with plant.ledger.write(WHO) as tx:
        for name in PROFILES:
            inbox.grant(tx, f"urn:example:{name}", name)
    plant.ledger.engine.dispose()
    empty = tmp_path / "empty.sqlite3"
    shutil.copyfile(file, empty)
    return Works(plant=plant, empty=empty, file=file, seen=Counter())
