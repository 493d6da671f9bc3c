"""The doctor's line about the log: what waits for a head is told only once it waits too long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from factory.errors import SettingsError
from jobs import doctor
from jobs.log import heads
from jobs.log.sequencing import append_all
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import audit
from tests.plants import WHO, issue, new_plant, stored

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def plant(tmp_path: Path, db_url: str, s3: Settings) -> Plant:
    """One edition, appended, under no head yet."""
    made = new_plant(tmp_path, db_url, **stored(s3))
    issue(made, 1)
    append_all(made.ledger)
    return made


def an_hour_passes(plant: Plant) -> None:
    """Everything that is on record was an hour earlier."""
    with plant.ledger.write(WHO) as tx:
        tx.run(update(t.audit).values(at=tx.now - AN_HOUR))
        tx.run(update(t.log_head).values(at=tx.now - AN_HOUR))


def a_row_more(plant: Plant) -> None:
    with plant.ledger.write(WHO) as tx:
        audit.note(tx, "tried", ("thing", 1), why="a test")
    append_all(plant.ledger)


def test_what_was_just_appended_may_wait_for_its_head(plant: Plant) -> None:
    assert "0 of them under a signed head" in doctor._log(plant)


def test_what_has_waited_for_an_hour_may_not(plant: Plant) -> None:
    an_hour_passes(plant)

    with pytest.raises(SettingsError, match=r"no head is signed .* docs/runbooks/log-behind\.md"):
        doctor._log(plant)


def test_after_a_quiet_hour_the_first_row_may_wait_as_well(plant: Plant) -> None:
    assert heads.sign(plant, pause=timedelta(0))
    an_hour_passes(plant)
    a_row_more(plant)

    assert "under a signed head" in doctor._log(plant)
