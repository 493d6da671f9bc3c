"""Whether anybody works: told from leases and from what waits, for all machines at once."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

import cli
from factory.errors import SettingsError
from factory.model import BatchId
from jobs import attendance
from jobs.bulk import steering
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import care
from tests.jobs import bulking
from tests.jobs.bulking import begin, confirm, issued, make_all, rename_to, started
from tests.plants import WHO, approve, claim, finish, must_claim, open_chunks

NEW = "上海示例建设集团股份有限公司"
LONG = timedelta(hours=1)


@pytest.fixture
def plant(tmp_path: Path, db_url: str) -> Plant:
    return bulking.changing(tmp_path, db_url)


def steward(plant: Plant, lease: timedelta) -> None:
    """A crew whose steward has leased its duties until then."""
    with plant.ledger.write(WHO) as tx:
        care.take_singleton(tx, "steward", "here", lease=lease)


def wait_for(plant: Plant, waited: timedelta) -> None:
    """Every chunk has been waiting that long, and every file was made that long ago."""
    with plant.ledger.write(WHO) as tx:
        then = tx.now - waited
        tx.run(update(t.chunk).values(run_after=then, rung_at=then))
        tx.run(update(t.file).values(made_at=then))


def test_where_no_crew_ever_was_it_is_said_what_to_start(plant: Plant) -> None:
    why = attendance.absence(plant)

    assert why is not None
    assert "no worker has ever been at work" in why and "certfactory up" in why


def test_a_crew_whose_lease_runs_is_at_work(plant: Plant) -> None:
    steward(plant, LONG)

    assert attendance.absence(plant) is None


def test_a_crew_whose_lease_ended_long_ago_is_not(plant: Plant) -> None:
    steward(plant, -LONG)

    why = attendance.absence(plant)

    assert why is not None
    assert "the last was seen 60 min ago" in why


def test_while_another_crew_takes_over_nobody_is_missed(plant: Plant) -> None:
    steward(plant, timedelta(seconds=-1))

    assert attendance.absence(plant) is None


def test_a_chunk_that_nobody_takes_for_long_is_told(plant: Plant) -> None:
    steward(plant, LONG)
    approve(plant, 1)
    wait_for(plant, LONG)

    why = attendance.absence(plant)

    assert why is not None
    assert "no worker takes it (interactive for 3600 s)" in why


def test_a_chunk_that_came_just_now_is_not(plant: Plant) -> None:
    steward(plant, LONG)
    approve(plant, 1)

    assert attendance.absence(plant) is None


def test_one_that_waits_its_turn_is_not(plant: Plant) -> None:
    """Another of its queue is in hand."""
    steward(plant, LONG)
    approve(plant, 1)
    approve(plant, 2)
    wait_for(plant, LONG)

    must_claim(plant, open_chunks(plant)[0])

    assert attendance.absence(plant) is None


def test_one_whose_queue_has_just_made_another_is_not(plant: Plant) -> None:
    steward(plant, LONG)
    approve(plant, 1)
    approve(plant, 2)
    wait_for(plant, LONG)

    finish(plant, must_claim(plant, open_chunks(plant)[0]))

    assert attendance.absence(plant) is None


def test_the_chunks_of_a_paused_batch_wait_for_nobody(plant: Plant) -> None:
    steward(plant, LONG)
    issued(plant, *range(1, 10))
    batch = started(plant, rename_to(NEW))
    steering.pause(plant, batch, who=WHO, why="by order")
    wait_for(plant, LONG)

    assert claim(plant, open_chunks(plant)[0]) is None
    assert attendance.absence(plant) is None


# --- who tells it -----------------------------------------------------------------------------


def test_the_doctor_finds_work_that_waits_for_nobody(plant: Plant) -> None:
    approve(plant, 1)

    with pytest.raises(SettingsError, match=r"certfactory up.*; 1 chunk\(s\) and steps are open"):
        attendance.workers(plant)


def test_without_work_the_doctor_only_says_that_nobody_is_there(plant: Plant) -> None:
    assert attendance.workers(plant).startswith("none at work, and nothing waits")


def test_the_doctor_tells_what_is_in_hand(plant: Plant) -> None:
    steward(plant, LONG)
    approve(plant, 1)
    must_claim(plant, open_chunks(plant)[0])

    assert attendance.workers(plant) == "at work; chunks in hand: 1 of interactive; open: 1"


def run(plant: Plant, *words: str) -> Result:
    return CliRunner(env=plant.settings.to_env()).invoke(cli.main, ["bulk", *words])


@pytest.fixture
def waiting(plant: Plant) -> BatchId:
    """A rename of two that waits for its confirmation."""
    issued(plant, 1, 2)
    return begin(plant, rename_to(NEW))


def test_whoever_confirms_is_told_that_nobody_works(plant: Plant, waiting: BatchId) -> None:
    done = run(plant, "confirm", str(waiting), "--reason", "notice 7", "--json")

    assert done.exit_code == 0
    assert json.loads(done.stdout)["state"] == "running"
    assert "no worker has ever been at work" in done.stderr


def test_whoever_confirms_while_a_crew_works_is_not(plant: Plant, waiting: BatchId) -> None:
    steward(plant, LONG)

    done = run(plant, "confirm", str(waiting), "--reason", "notice 7")

    assert "at work" not in done.stderr


def test_of_a_batch_that_has_ended_nobody_is_missed(plant: Plant, waiting: BatchId) -> None:
    confirm(plant, waiting)
    make_all(plant, waiting)

    done = run(plant, "watch", str(waiting))

    assert done.exit_code == 0
    assert "at work" not in done.stderr


def test_in_a_pipe_watching_tells_lines(plant: Plant, waiting: BatchId) -> None:
    confirm(plant, waiting)
    make_all(plant, waiting)

    done = run(plant, "watch", str(waiting))

    assert f"batch {waiting}: 2 of 2, completed\n" in done.stderr
