"""docs/backup.md is true: its boxes are typed as they stand, by somebody who loses the ledger."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, make_url, select

from jobs.wiring import Plant
from storage import tables as t
from tests.conftest import Postgres
from tests.plants import approve, on_server
from tests.runbooks import quick
from tests.runbooks.books import Box, boxes, comes_in
from tests.telling import whole_factory, work

from . import losing

GUIDE = (Path(__file__).parents[3] / "docs" / "backup.md").read_text("utf-8")
FOLDER = "/backup/certfactory"
BEFORE, SINCE = (1, 2, 3), (4, 5)


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with quick.answering(tmp_path_factory.mktemp("bin")) as folder:
        yield folder


def guide() -> list[Box]:
    """Its boxes, those below a number of a list too."""
    return boxes(re.sub(r"^ {3}", "", GUIDE, flags=re.MULTILINE))


def typed(box: Box, plant: Plant, commands: Path) -> None:
    """It ends well, and shows what the guide says."""
    folder = plant.settings.data_dir
    wide = {"COLUMNS": "300", "LC_ALL": "C.UTF-8", "FACTORY_REDIS_URL": "redis://broker.invalid"}
    environment = os.environ | plant.settings.to_env() | wide
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", box.commands.replace(FOLDER, str(folder / "backups"))],
        cwd=folder,
        env=environment | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, (box.commands, done.stdout)
    assert box.shown, box.commands
    assert comes_in(box.shown, done.stdout), (box.commands, done.stdout)


def followed(plant: Plant, lose: Callable[[], object], commands: Path) -> None:
    """Backup, loss, restore, and what is done when all is made again."""
    back_up, restore, afterwards = guide()
    for seed in BEFORE:
        approve(plant, seed)
    work(plant)
    losing.audited(plant)
    typed(back_up, plant, commands)
    lost = [approve(plant, seed).registration for seed in SINCE]
    plant.ledger.engine.dispose()
    lose()

    typed(restore, plant, commands)

    restored = Plant(plant.settings)
    now = [approve(restored, seed).registration for seed in SINCE]
    work(restored)
    losing.audited(restored)
    typed(afterwards, restored, commands)
    assert set(now).isdisjoint(lost)
    with restored.ledger.read() as tx:
        assert tx.run(select(func.count()).select_from(t.registration)).scalar_one() == 5
    restored.ledger.engine.dispose()


def test_the_guide_is_followed_on_sqlite(
    tmp_path: Path, s3: Any, fresh_bucket: str, commands: Path
) -> None:
    plant = whole_factory(tmp_path, s3, s3_bucket=fresh_bucket)

    def lose() -> None:
        for each in tmp_path.glob("ledger.sqlite3*"):
            each.unlink()

    followed(plant, lose, commands)


def test_the_guide_is_followed_on_postgresql(
    tmp_path: Path,
    s3: Any,
    fresh_bucket: str,
    commands: Path,
    postgres: Postgres,
    postgresql_db_url: str,
    postgres_tools: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", postgres_tools)
    plant = whole_factory(tmp_path, s3, db_url=postgresql_db_url, s3_bucket=fresh_bucket)
    name = make_url(postgresql_db_url).database

    def lose() -> None:
        on_server(postgres.url, f"DROP DATABASE {name} WITH (FORCE)")
        on_server(postgres.url, f"CREATE DATABASE {name}")

    followed(plant, lose, commands)
