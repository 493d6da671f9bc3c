"""Servers that drills may kill; a drill's factory is its own."""

from collections.abc import Iterator

import pytest

from jobs.embedded import Embedded, serving
from jobs.settings import Settings


@pytest.fixture(scope="session")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder = tmp_path_factory.mktemp("drilled")
    with serving(Settings.from_env({"FACTORY_DATA_DIR": str(folder)})) as running:
        yield running
