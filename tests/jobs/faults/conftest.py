"""One broker and one store for all fault tests of a test process; factories come and go."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.embedded import Embedded, serving
from jobs.settings import Settings


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Servers that tests may kill and must leave running; and a time authority, for who asks."""
    folder = tmp_path_factory.mktemp("servers")
    with serving(Settings.from_env({"FACTORY_DATA_DIR": str(folder)})) as running:
        yield running
