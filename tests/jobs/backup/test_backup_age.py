"""How old the newest backup is: told by gauge and doctor, and never of a mere trial."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs import doctor, exporter
from jobs.wiring import Plant
from storage import schema
from storage import tables as t
from storage.ledger import audit, backups
from storage.ledger.base import engine_for
from tests.plants import WHO, approve, new_plant
from tests.telling import whole_factory

from . import losing

HOUR = 3600


@pytest.fixture
def plant(tmp_path: Path, s3: Any, fresh_bucket: str, sqlite_db_url: str) -> Plant:
    return whole_factory(tmp_path, s3, db_url=sqlite_db_url, s3_bucket=fresh_bucket)


def age(plant: Plant) -> list[float]:
    [found] = [each for each in exporter.of_ledger(plant) if each.name == exporter.BACKUP_AGE.name]
    return [sample.value for sample in found.samples]


def said(plant: Plant) -> doctor.Finding:
    return next(each for each in doctor.examine(Plant(plant.settings)) if each.name == "backup")


def aged(plant: Plant, hours: int) -> None:
    """The newest backup was taken so many hours earlier."""
    c = t.audit.c
    with plant.ledger.write(WHO) as tx:
        found = backups.newest(tx)
        assert found is not None
        before = (found.at - timedelta(hours=hours)).isoformat()
        tx.run(update(t.audit).where(c.object_id == found.name).values(what={"at": before}))


def in_earnest(plant: Plant) -> None:
    """Its keys are no test keys any more."""
    for home in (plant.settings.keyring_dir / "identities").iterdir():
        (home / "identity.toml").write_text("width_mm = 42.0\n")


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite")


# --- the gauge ------------------------------------------------------------------------------------


def test_a_ledger_of_which_no_backup_was_taken_has_no_age_of_one(plant: Plant) -> None:
    assert age(plant) == []


def test_the_age_is_that_of_the_newest_backup(plant: Plant, tmp_path: Path) -> None:
    losing.take(plant, tmp_path / "backups")
    aged(plant, 30)
    [old] = age(plant)

    losing.take(plant, tmp_path / "backups")

    [new] = age(plant)
    assert 30 * HOUR <= old < 31 * HOUR
    assert 0 <= new < HOUR


def test_a_restored_ledger_counts_from_the_backup_that_it_came_out_of(
    plant: Plant, tmp_path: Path
) -> None:
    taken = losing.take(plant, tmp_path / "backups")
    plant.ledger.engine.dispose()

    losing.restore(plant.settings, tmp_path / "backups", replace=True)

    with Plant(plant.settings).ledger.read() as tx:
        assert backups.newest(tx) == backups.Backup(name=taken.name, at=taken.manifest.at)


def test_the_newest_is_found_without_reading_other_audit_rows(db_url: str, tmp_path: Path) -> None:
    plant = new_plant(tmp_path, db_url)
    at = "2026-11-21T01:30:00+00:00"
    with plant.ledger.write(WHO) as tx:
        audit.note(tx, backups.TAKEN, ("backup", "one"), why="-", what={"at": at})
        audit.note_all(tx, "another", ((("thing", n), {}) for n in range(5_000)), why="-")
    with plant.ledger.engine.begin() as conn:
        conn.exec_driver_sql("ANALYZE")
        c, explain = t.audit.c, "EXPLAIN QUERY PLAN" if is_sqlite(db_url) else "EXPLAIN"
        wanted = select(c.what).where(backups.OF_BACKUPS).order_by(c.id.desc()).limit(1)
        spelt = wanted.compile(conn, compile_kwargs={"literal_binds": True})
        plan = str(conn.exec_driver_sql(f"{explain} {spelt}").all())

    assert "ix_audit_backups" in plan
    with plant.ledger.read() as tx:
        found = backups.newest(tx)
    assert found is not None and found.name == "one"


# --- the doctor -----------------------------------------------------------------------------------


def test_a_trial_needs_no_backup(plant: Plant) -> None:
    approve(plant, 1)

    found = said(plant)

    assert (found.well, "TEST keys" in found.detail) == (True, True)


def test_a_factory_that_seals_in_earnest_is_told_that_it_has_none(plant: Plant) -> None:
    approve(plant, 1)
    in_earnest(plant)

    found = said(plant)

    assert not found.well
    assert "certfactory backup" in found.detail


def test_before_anybody_is_registered_there_is_nothing_to_lose(plant: Plant) -> None:
    in_earnest(plant)

    assert said(plant).well


@pytest.mark.parametrize(("hours", "well"), [(35, True), (37, False)])
def test_one_that_is_older_than_a_night_and_half_a_day_is_told(
    plant: Plant, tmp_path: Path, hours: int, *, well: bool
) -> None:
    losing.take(plant, tmp_path / "backups")
    aged(plant, hours)

    found = said(plant)

    assert (found.well, f"{hours} hours" in found.detail) == (well, True)


def test_a_ledger_of_an_older_schema_is_backed_up_and_its_backup_known_after_migrating(
    tmp_path: Path, sqlite_db_url: str, s3: Any, fresh_bucket: str
) -> None:
    plant = whole_factory(tmp_path, s3, db_url=sqlite_db_url, s3_bucket=fresh_bucket)
    engine = engine_for(sqlite_db_url)
    schema.downgrade(engine, "0015")

    taken = losing.take(plant, tmp_path / "backups")
    schema.migrate(engine)

    assert taken.manifest.revision == "0015"
    with plant.ledger.read() as tx:
        found = backups.newest(tx)
    assert found is not None and found.name == taken.name
