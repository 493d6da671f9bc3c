"""Backups of other schemas, without their keys, of another log: migrated, or refused unwritten."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, inspect, select, text, update

import cli
from factory.errors import ConflictError
from jobs import opening
from jobs.log import kept
from jobs.wiring import Plant
from storage import schema
from storage import tables as t
from storage.ledger.base import engine_for
from tests.conftest import Postgres
from tests.plants import WHO, approve, on_server
from tests.telling import whole_factory, work

from . import losing

OLDER = "0015"  #: of the first backups there were
NOT_SET_UP, CONFLICT = 3, 5
Lose = Callable[[], None]


@pytest.fixture(params=["sqlite", "postgresql"])
def lost(
    request: pytest.FixtureRequest, tmp_path: Path, s3: Any, fresh_bucket: str
) -> tuple[Plant, Lose]:
    """A factory of three people, and what takes its ledger away."""
    if request.param == "sqlite":
        plant = whole_factory(tmp_path, s3, s3_bucket=fresh_bucket)
        lose: Lose = partial(no_files, tmp_path)
    else:
        url: str = request.getfixturevalue("postgresql_db_url")
        server: Postgres = request.getfixturevalue("postgres")
        patched: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
        patched.setenv("PATH", request.getfixturevalue("postgres_tools"))
        plant = whole_factory(tmp_path, s3, db_url=url, s3_bucket=fresh_bucket)
        lose = partial(anew, server, url)
    for seed in (1, 2, 3):
        approve(plant, seed)
    work(plant)
    return plant, lose


def no_files(folder: Path) -> None:
    for each in folder.glob("ledger.sqlite3*"):
        each.unlink()


def anew(server: Postgres, url: str) -> None:
    name = url.partition("?")[0].rpartition("/")[2]
    on_server(server.url, f"DROP DATABASE {name} WITH (FORCE)")
    on_server(server.url, f"CREATE DATABASE {name}")


def refused(plant: Plant, folder: Path) -> str:
    """What is said; the place is as empty as before."""
    said = said_to(plant, folder, NOT_SET_UP)
    assert is_empty(plant)
    return said


def said_to(plant: Plant, folder: Path, code: int) -> str:
    environment = plant.settings.to_env() | {"FACTORY_REDIS_URL": "redis://broker.invalid"}
    words = ["restore", str(folder), "--skip-numbers", "0", "--reason", "a drill"]
    done = CliRunner(env=environment).invoke(cli.main, words)
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.stderr


def is_empty(plant: Plant) -> bool:
    if plant.settings.db_url.startswith("sqlite"):
        return not list(plant.settings.data_dir.glob("*ledger.sqlite3*"))
    engine = engine_for(plant.settings.db_url)
    try:
        return inspect(engine).get_table_names() == []
    finally:
        engine.dispose()


# --- another schema -------------------------------------------------------------------------------


def test_a_backup_of_an_older_schema_is_brought_to_that_of_this_program(
    lost: tuple[Plant, Lose], tmp_path: Path
) -> None:
    plant, lose = lost
    schema.downgrade(plant.ledger.engine, OLDER)
    taken = losing.take(plant, tmp_path / "backups")
    plant.ledger.engine.dispose()
    lose()

    losing.restore(plant.settings, tmp_path / "backups", skip=1)

    assert taken.manifest.revision == OLDER
    restored = Plant(plant.settings)
    opening.check_schema(restored)
    assert schema.drift(restored.ledger.engine) == []
    with restored.ledger.read() as tx:
        assert tx.run(select(func.count()).select_from(t.registration)).scalar_one() == 3
    approve(restored, 4)
    work(restored)
    assert losing.used_twice(losing.printed(restored)) == []
    restored.ledger.engine.dispose()


def test_a_backup_of_a_later_schema_is_refused_by_the_version_that_it_wants(
    lost: tuple[Plant, Lose], tmp_path: Path
) -> None:
    plant, lose = lost
    with plant.ledger.engine.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    taken = losing.take(plant, tmp_path / "backups")
    plant.ledger.engine.dispose()
    lose()

    said = refused(plant, tmp_path / "backups")

    assert "schema 9999" in said
    assert taken.manifest.program in said


# --- keys that are gone ---------------------------------------------------------------------------


def without(_: Any) -> None:
    return None


def another_key(keys: Any) -> Any:
    return keys | {"keys": {"1": "ab" * 32}}


def another_look_up_key(keys: Any) -> Any:
    return keys | {"lookup": "cd" * 32}


@pytest.mark.parametrize("change", [without, another_key, another_look_up_key])
def test_without_the_master_key_nothing_is_written_and_it_is_said_which_file_is_wanted(
    lost: tuple[Plant, Lose], tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    plant, lose = lost
    losing.take(plant, tmp_path / "backups")
    plant.ledger.engine.dispose()
    lose()
    file = plant.settings.keyring_dir / "master.json"
    left = change(json.loads(file.read_text("ascii")))
    file.unlink()
    if left is not None:
        file.write_text(json.dumps(left), "ascii")
        file.chmod(0o600)

    said = refused(plant, tmp_path / "backups")

    assert "master.json" in said
    assert "Traceback" not in said


def test_without_a_keyring_at_all_neither(lost: tuple[Plant, Lose], tmp_path: Path) -> None:
    plant, lose = lost
    losing.take(plant, tmp_path / "backups")
    plant.ledger.engine.dispose()
    lose()
    plant.settings.keyring_dir.rename(tmp_path / "elsewhere")

    said = refused(plant, tmp_path / "backups")

    assert "keyring" in said
    assert not plant.settings.keyring_dir.exists()


# --- heads that the store keeps -------------------------------------------------------------------


def test_what_was_logged_since_is_counted_by_the_heads_in_the_store_which_are_set_aside(
    lost: tuple[Plant, Lose], tmp_path: Path
) -> None:
    plant, lose = lost
    losing.audited(plant)
    [before] = kept.every(plant)
    losing.take(plant, tmp_path / "backups")
    approve(plant, 4)
    losing.audited(plant)
    [since] = kept.every(plant)
    plant.ledger.engine.dispose()
    lose()

    done = losing.restore(plant.settings, tmp_path / "backups", skip=5)

    restored = Plant(plant.settings)
    assert done.unlogged == since.head.size - before.head.size
    assert kept.every(restored) == []
    assert list(restored.store.list(kept.LOST)) == [since.key.replace(kept.HEADS, kept.LOST)]
    assert losing.audited(restored).findings == []


def test_a_backup_of_a_ledger_that_was_altered_before_is_refused_by_the_head_in_the_store(
    lost: tuple[Plant, Lose], tmp_path: Path
) -> None:
    plant, lose = lost
    losing.audited(plant)
    with plant.ledger.write(WHO) as tx:
        first = t.log_entry.c.seq == 0
        tx.run(update(t.log_entry).where(first).values(digest="0" * 64))
    losing.take(plant, tmp_path / "backups")
    plant.ledger.engine.dispose()
    lose()

    said = said_to(plant, tmp_path / "backups", CONFLICT)

    assert "is of another log" in said
    with pytest.raises(ConflictError):
        opening.check_schema(Plant(plant.settings))  # nothing starts with it
