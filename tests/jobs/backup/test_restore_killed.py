"""A restore that is killed: nobody takes what it left for a ledger, and the same again does."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, func, select

import cli
from factory.errors import ConflictError
from jobs import opening
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.backup import shelf
from storage.ledger import backups
from tests.conftest import Postgres
from tests.plants import WHO, approve, on_server
from tests.telling import whole_factory, work

from . import losing

ROOT = Path(__file__).parents[3]
OK, CONFLICT = 0, 5
SEEDS, LATER = (1, 2, 3), 4
WRITTEN_LAST = 7

#: dies where it is told to, with nothing to clean up after it
DIES = """
import os, shutil, signal, sys
from pathlib import Path
from jobs.settings import Settings
from jobs.backup import restoring
from storage.backup import snapshot

def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)

def after(module, name):
    whole = getattr(module, name)
    setattr(module, name, lambda *words, **named: (whole(*words, **named), die()))

def half(source, target):
    data = Path(source).read_bytes()
    Path(target).write_bytes(data[: len(data) // 2])
    die()

def at_renaming(place):
    rename = Path.rename
    def renamed(self, to):
        done = rename(self, to)
        if self.name.endswith(place):
            die()
        return done
    Path.rename = renamed

POINTS = {
    "nothing but a mark is there": lambda: after(snapshot, "begin_postgresql"),
    "the copy is half there": lambda: setattr(shutil, "copyfile", half),
    "it is read": lambda: (after(snapshot, "put_sqlite"), after(snapshot, "put_postgresql")),
    "its schema is today's": lambda: after(restoring.opening, "upgrade"),
    "numbers are passed over": lambda: setattr(restoring.again, "erase_again", die),
    "it is ready": lambda: (
        setattr(snapshot, "publish_sqlite", die), setattr(snapshot, "end_postgresql", die)
    ),
    "the former one is aside": lambda: at_renaming("ledger.sqlite3"),
    "it is in its place": lambda: (
        after(snapshot, "publish_sqlite"), after(snapshot, "end_postgresql")
    ),
    "pg_restore reads": lambda: None,
}
where, folder, replace = sys.argv[1:]
POINTS[where]()
how = {"at": None, "skip": 1, "replace": replace == "replace", "who": "t", "why": "t"}
wanted = restoring.Wanted(folder=Path(folder), **how)
restoring.restore(Settings.from_env(os.environ), wanted, lambda *_: None)
"""
BEFORE_ITS_END = (
    "it is read", "its schema is today's", "numbers are passed over", "it is ready",
)  # fmt: skip


def killed(settings: Settings, folder: Path, where: str, *, replace: bool = False) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DIES, where, str(folder), "replace" if replace else "-"],
        env=os.environ | settings.to_env(),
        cwd=ROOT,
        capture_output=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def backed_up(plant: Plant, folder: Path) -> None:
    """A backup of three people; a fourth came since."""
    for seed in SEEDS:
        approve(plant, seed)
    work(plant)
    losing.take(plant, folder)
    approve(plant, LATER)
    work(plant)
    plant.ledger.engine.dispose()


def nobody_works_with_it(settings: Settings, folder: Path) -> None:
    """No door is opened, no schema made, no event taken, no backup said to be one."""
    plant = Plant(settings)
    for start in (opening.check_schema, opening.migrate, opening.open_embedded):
        with pytest.raises(ConflictError, match="certfactory restore"):
            start(plant)
    taken = len(shelf.look(folder).backups)
    with pytest.raises(ConflictError, match="certfactory restore"):
        losing.take(plant, folder)
    plant.ledger.engine.dispose()
    assert len(shelf.look(folder).backups) == taken
    environment = settings.to_env() | {"FACTORY_REDIS_URL": "redis://broker.invalid"}
    for words in (("migrate",), ("submit", "-"), ("backup", str(folder))):
        done = CliRunner(env=environment).invoke(cli.main, list(words), input="")
        assert (done.exit_code, "certfactory restore" in done.stderr) == (CONFLICT, True), words


def is_whole(settings: Settings) -> None:
    """The three of the backup; it goes on as a restored one, and gives no number twice."""
    plant = Plant(settings)
    opening.check_schema(plant)
    with plant.ledger.read() as tx:
        assert tx.run(select(func.count()).select_from(t.registration)).scalar_one() == 3
        passed = select(func.count()).where(t.audit.c.action == "numbers passed over")
        assert tx.run(passed).scalar_one() > 0
        done = select(func.count()).where(t.audit.c.action == backups.RESTORED)
        assert tx.run(done).scalar_one() == 1
    approve(plant, LATER)
    work(plant)
    assert losing.used_twice(losing.printed(plant)) == []
    plant.ledger.engine.dispose()


# --- SQLite ---------------------------------------------------------------------------------------


@pytest.fixture
def plant(tmp_path: Path, s3: Any, fresh_bucket: str) -> Plant:
    return whole_factory(tmp_path, s3, s3_bucket=fresh_bucket)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def lose(plant: Plant) -> None:
    for each in plant.settings.data_dir.glob("ledger.sqlite3*"):
        each.unlink()


def people(file: Path) -> int:
    with sqlite3.connect(file) as conn:
        found: int = conn.execute("SELECT count(*) FROM registration").fetchone()[0]
        return found


@pytest.mark.parametrize("where", ["the copy is half there", *BEFORE_ITS_END])
def test_what_a_killed_restore_left_is_no_ledger_and_the_same_again_does(
    plant: Plant, folder: Path, where: str
) -> None:
    backed_up(plant, folder)
    lose(plant)

    killed(plant.settings, folder, where)

    nobody_works_with_it(plant.settings, folder)
    losing.restore(plant.settings, folder, skip=1)
    is_whole(plant.settings)


@pytest.mark.parametrize("where", ["the copy is half there", *BEFORE_ITS_END])
def test_killed_before_the_former_ledger_was_moved_the_factory_stays_on_that(
    plant: Plant, folder: Path, where: str
) -> None:
    backed_up(plant, folder)

    killed(plant.settings, folder, where, replace=True)

    opening.open_embedded(plant)
    assert people(plant.settings.data_dir / "ledger.sqlite3") == 4
    plant.ledger.engine.dispose()
    losing.restore(plant.settings, folder, skip=1, replace=True)
    is_whole(plant.settings)


def test_killed_between_the_former_ledger_and_the_new_one_there_is_none(
    plant: Plant, folder: Path
) -> None:
    backed_up(plant, folder)
    left_open(plant)

    killed(plant.settings, folder, "the former one is aside", replace=True)

    [aside] = plant.settings.data_dir.glob("ledger.sqlite3.replaced-*")
    assert people(aside) == 4
    with sqlite3.connect(aside) as conn:
        assert conn.execute("PRAGMA user_version").fetchone() == (WRITTEN_LAST,)
    nobody_works_with_it(plant.settings, folder)
    losing.restore(plant.settings, folder, skip=1)
    is_whole(plant.settings)


def left_open(plant: Plant) -> None:
    """What was written last stands in the log beside it alone, as after a kill."""
    file = plant.settings.data_dir / "ledger.sqlite3"
    write = (
        "import os, signal, sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('PRAGMA journal_mode=WAL');"
        f"c.execute('PRAGMA user_version={WRITTEN_LAST}'); c.commit();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", write, str(file)], check=False)
    assert file.with_name(f"{file.name}-wal").stat().st_size


def test_killed_when_it_is_in_its_place_it_is_the_ledger(plant: Plant, folder: Path) -> None:
    backed_up(plant, folder)
    lose(plant)

    killed(plant.settings, folder, "it is in its place")

    is_whole(plant.settings)
    with pytest.raises(ConflictError, match="--replace"):
        losing.restore(plant.settings, folder, skip=1)


def test_whoever_only_looked_meanwhile_is_in_nobodys_way(plant: Plant, folder: Path) -> None:
    backed_up(plant, folder)
    lose(plant)
    CliRunner(env=plant.settings.to_env()).invoke(cli.main, ["doctor"])
    assert (plant.settings.data_dir / "ledger.sqlite3").exists()  # with nothing in it

    losing.restore(plant.settings, folder, skip=1)

    is_whole(plant.settings)


# --- PostgreSQL -----------------------------------------------------------------------------------


@pytest.fixture
def on_postgres(
    tmp_path: Path,
    s3: Any,
    fresh_bucket: str,
    postgresql_db_url: str,
    postgres_tools: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Plant:
    monkeypatch.setenv("PATH", postgres_tools)
    return whole_factory(tmp_path, s3, db_url=postgresql_db_url, s3_bucket=fresh_bucket)


@pytest.fixture
def emptied(postgres: Postgres, postgresql_db_url: str) -> Callable[[], None]:
    """The database is there, and nothing in it."""
    name = postgresql_db_url.partition("?")[0].rpartition("/")[2]

    def empty() -> None:
        on_server(postgres.url, f"DROP DATABASE {name} WITH (FORCE)")
        on_server(postgres.url, f"CREATE DATABASE {name}")

    return empty


@pytest.mark.parametrize("where", ["nothing but a mark is there", *BEFORE_ITS_END])
def test_a_database_that_a_killed_restore_left_is_no_ledger_either(
    on_postgres: Plant, folder: Path, emptied: Callable[[], None], where: str
) -> None:
    backed_up(on_postgres, folder)
    emptied()

    killed(on_postgres.settings, folder, where)

    nobody_works_with_it(on_postgres.settings, folder)
    losing.restore(on_postgres.settings, folder, skip=1)
    is_whole(on_postgres.settings)


def test_a_database_that_is_whole_is_one_whoever_was_killed_then(
    on_postgres: Plant, folder: Path, emptied: Callable[[], None]
) -> None:
    backed_up(on_postgres, folder)
    emptied()

    killed(on_postgres.settings, folder, "it is in its place")

    is_whole(on_postgres.settings)
    with pytest.raises(ConflictError, match="not empty"):
        losing.restore(on_postgres.settings, folder, skip=1)


def test_a_pg_restore_that_outlived_its_restore_disturbs_the_next_one_by_nothing(
    on_postgres: Plant,
    folder: Path,
    emptied: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    backed_up(on_postgres, folder)
    emptied()
    real, bin_ = shutil.which("pg_restore"), tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "pg_restore").write_text(f'#!/bin/sh\nkill -9 $PPID\nexec {real} "$@"\n')
    (bin_ / "pg_restore").chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setenv("PATH", f"{bin_}{os.pathsep}{os.environ['PATH']}")
        killed(on_postgres.settings, folder, "pg_restore reads")

    nobody_works_with_it(on_postgres.settings, folder)
    losing.restore(on_postgres.settings, folder, skip=1)
    is_whole(on_postgres.settings)


def test_nor_does_one_that_hangs_in_its_transaction(
    on_postgres: Plant, folder: Path, emptied: Callable[[], None]
) -> None:
    backed_up(on_postgres, folder)
    emptied()
    killed(on_postgres.settings, folder, "nothing but a mark is there")
    url = f"{on_postgres.settings.db_url}"
    hanging = create_engine(
        url,
        connect_args={
            "application_name": "pg_restore", "options": "-c default_transaction_read_only=off",
        },
    )  # fmt: skip
    with hanging.connect() as conn:
        conn.exec_driver_sql("CREATE TABLE audit (id bigint)")

        losing.restore(on_postgres.settings, folder, skip=1)

        conn.invalidate()
    hanging.dispose()
    is_whole(on_postgres.settings)


def test_into_what_a_restore_left_nobody_writes_by_hand_either(
    on_postgres: Plant, folder: Path, emptied: Callable[[], None]
) -> None:
    backed_up(on_postgres, folder)
    emptied()
    killed(on_postgres.settings, folder, "it is ready")
    plant = Plant(on_postgres.settings)

    with pytest.raises(Exception, match="read-only"):
        approve(plant, LATER)

    with plant.ledger.read(WHO) as tx:
        assert tx.run(select(func.count()).select_from(t.registration)).scalar_one() == 3
    plant.ledger.engine.dispose()
