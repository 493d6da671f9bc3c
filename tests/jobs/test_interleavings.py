"""Whatever happens while two parties sign, in whatever order: one valid outcome (seeded)."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.embedded import Embedded
from jobs.settings import Settings
from jobs.wiring import Plant
from tests.jobs.interleaving import Interleaving, World
from tests.telling import opened, whole_factory

pytestmark = pytest.mark.usefixtures("brief")

INTERLEAVINGS = int(os.environ.get("TEST_INTERLEAVINGS", "8"))  #: more of them find more
ON_POSTGRESQL = 8  #: every how manyth runs there too


@pytest.fixture(scope="module")
def world(store: Embedded, tmp_path_factory: pytest.TempPathFactory) -> World:
    """One factory for all of them; each has an application of its own."""
    return World(whole_factory(tmp_path_factory.mktemp("factory"), store.settings))


@pytest.mark.parametrize("seed", range(1, INTERLEAVINGS + 1))
def test_every_interleaving_has_one_valid_outcome(world: World, seed: int) -> None:
    Interleaving(world, seed).run()


def test_on_postgresql_too(s3: Settings, postgresql_db_url: str, tmp_path: Path) -> None:
    settings = replace(
        s3, data_dir=tmp_path, keyring_dir=tmp_path / "keyring", db_url=postgresql_db_url
    )
    world = World(opened(Plant(settings)))

    for seed in range(ON_POSTGRESQL, INTERLEAVINGS + 1, ON_POSTGRESQL):
        Interleaving(world, seed).run()
