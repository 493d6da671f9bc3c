"""`verify` at the keyboard: each file by itself, as of which time, and what the register says."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

import cli
from jobs.commands.exits import NOT_FOUND, NOT_IN_FORCE, REFUSED
from jobs.wiring import Plant
from storage import tables as t
from tests.jobs.sealed_pages import put_on_record, sealed_page
from tests.plants import PROFILE, new_plant

OK = 0
HOUR = timedelta(hours=1)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return new_plant(tmp_path, f"sqlite:///{tmp_path / 'ledger.sqlite3'}")


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """No document at all."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"hello")
    return path


@pytest.fixture
def file(plant: Plant, tmp_path: Path) -> Path:
    """Ours, and on record."""
    path = tmp_path / "b.pdf"
    path.write_bytes(sealed_page(plant, datetime.now(UTC) - HOUR))
    put_on_record(plant, path.read_bytes())
    return path


def run(plant: Plant, *words: str | Path) -> Result:
    environment = {"FACTORY_DATA_DIR": str(plant.settings.data_dir)}
    return CliRunner(env=environment).invoke(cli.main, [*map(str, words)])


def verify(plant: Plant, *words: str | Path) -> Result:
    return run(plant, "verify", *words)


def told(plant: Plant, *words: str | Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(verify(plant, *words, "--json").stdout)
    return found


def last_day(plant: Plant) -> date:
    with plant.ledger.read() as tx:
        return date.fromisoformat(tx.run(select(t.edition.c.valid_until)).scalar_one())


# --- as of when -----------------------------------------------------------------------------------


def test_on_the_last_day_of_its_term_in_china_a_certificate_is_in_force(
    plant: Plant, file: Path
) -> None:
    done = verify(plant, file, "--at", f"{last_day(plant)} 23:59:59")

    assert (done.exit_code, "valid uncollected" in done.stdout) == (OK, True)


def test_as_of_the_day_after_its_term_a_certificate_has_expired_and_its_seal_is_valid(
    plant: Plant, file: Path
) -> None:
    done = verify(plant, file, "--at", str(last_day(plant) + timedelta(days=1)))

    assert (done.exit_code, "valid expired" in done.stdout) == (NOT_IN_FORCE, True)


# --- many files -----------------------------------------------------------------------------------


def test_a_file_that_is_not_there_keeps_no_other_from_being_judged(
    plant: Plant, file: Path, tmp_path: Path
) -> None:
    missing = tmp_path / "none.pdf"

    done = verify(plant, missing, file)
    first, second = told(plant, missing, file)

    assert done.exit_code == NOT_FOUND
    assert f"not found {missing}" in done.stdout
    assert f"valid uncollected {file}" in done.stdout
    assert (first["file"], first["word"], first["verdict"]) == (str(missing), "not_found", None)
    assert (second["word"], second["on_record"]) == ("valid", True)
    assert first.keys() == second.keys()


def test_a_file_that_is_not_genuine_weighs_more_than_one_that_is_not_there(
    plant: Plant, stranger: Path, tmp_path: Path
) -> None:
    done = verify(plant, tmp_path / "none.pdf", stranger)

    assert done.exit_code == REFUSED


def test_a_file_that_is_not_there_weighs_more_than_one_that_has_expired(
    plant: Plant, file: Path, tmp_path: Path
) -> None:
    late = str(last_day(plant) + timedelta(days=1))

    done = verify(plant, file, tmp_path / "none.pdf", "--at", late)

    assert done.exit_code == NOT_FOUND


# --- what the register says beside it -------------------------------------------------------------


def test_the_registers_state_never_stands_beside_a_verdict_against_the_file(
    plant: Plant, file: Path
) -> None:
    """The very file on record, whose seal was revoked before it was recorded."""
    before = (datetime.now(UTC) - 2 * HOUR).isoformat()
    run(plant, "keys", "test-revoke", PROFILE, "--at", before, "--reason", "keyCompromise")

    done = verify(plant, file)

    assert done.exit_code == REFUSED
    assert f"untrusted {file}" in done.stdout
    assert "this very file is on record: uncollected" in done.stdout


def test_a_step_that_was_not_asked_is_not_marked_as_failed(plant: Plant, file: Path) -> None:
    done = verify(plant, file, "--at", "2001-01-01")

    marks = {line.split()[0] for line in done.stdout.splitlines() if "was not asked" in line}
    assert marks == {"–"}
