"""What several tests of the jobs share."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest
import structlog

from factory import pictures
from jobs.settings import Settings
from storage.ledger import inbox
from tests.jobs.living import PROFILES, Works
from tests.plants import WHO, new_plant, put_scans, stored


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ten thousand events need no log lines, and a picture is normalised once."""
    for role, normalise in pictures.NORMALISE.items():
        monkeypatch.setitem(pictures.NORMALISE, role, lru_cache(normalise))
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield
    structlog.reset_defaults()


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
