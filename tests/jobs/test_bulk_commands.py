"""Bulk events at the keyboard: what each command answers, and the code it ends with."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import cli
from factory.errors import (
    FactoryError,
    LongTermUnavailableError,
    PictureError,
    SelfCheckError,
)
from factory.model import BatchId
from jobs import operators
from jobs.bulk import steps
from jobs.wiring import Plant
from storage.ledger import record
from tests.jobs import bulking
from tests.jobs.bulking import (
    at,
    begin,
    confirm,
    fail_next,
    issued,
    make_all,
    make_next,
    rename_to,
    version_text,
)
from tests.plants import WHO, must_claim, open_chunks

OK, REFUSED, USAGE, NOT_FOUND, CONFLICT = 0, 1, 2, 4, 5
WHY = ("--reason", "by order")
NEW = "上海示例建设集团股份有限公司"
STEERING = ("confirm", "pause", "resume", "cancel", "retry-failed")


@pytest.fixture
def plant(tmp_path: Path, sqlite_db_url: str) -> Plant:
    return bulking.changing(tmp_path, sqlite_db_url)


@pytest.fixture
def waiting(plant: Plant) -> BatchId:
    """A rename of nine that waits for its confirmation."""
    issued(plant, *range(1, 10))
    return begin(plant, rename_to(NEW))


@pytest.fixture
def running(plant: Plant, waiting: BatchId) -> BatchId:
    """The same, whose first certificate is made."""
    confirm(plant, waiting)
    steps.advance(plant, waiting)
    make_next(plant, waiting)
    return waiting


def run(plant: Plant, *words: str) -> Result:
    """One command on the plant's ledger."""
    return CliRunner(env=plant.settings.to_env()).invoke(cli.main, ["bulk", *words])


def told(plant: Plant, *words: str) -> Any:
    """What a command that succeeds prints for programs."""
    done = run(plant, *words, *WHY, "--json")
    assert done.exit_code == OK, done.stderr
    return json.loads(done.stdout)


def test_a_batch_is_confirmed_paused_resumed_and_cancelled(plant: Plant, waiting: BatchId) -> None:
    batch = str(waiting)

    found = [told(plant, word, batch)["state"] for word in ("confirm", "pause", "resume", "cancel")]

    assert found == ["running", "paused", "running", "cancelled"]


def test_a_rate_and_a_priority_are_set_and_shown(plant: Plant, running: BatchId) -> None:
    found = told(plant, "rate", str(running), "--per-minute", "600", "--priority", "3")

    assert (found["rate"], found["priority"]) == (600, 3)


def test_a_rate_of_nothing_is_none(plant: Plant, running: BatchId) -> None:
    told(plant, "rate", str(running), "--per-minute", "600")

    assert told(plant, "rate", str(running), "--per-minute", "0")["rate"] is None


def test_what_has_failed_goes_to_work_again(plant: Plant, running: BatchId) -> None:
    fail_next(plant, running, PictureError("photo: none"))
    make_all(plant, running)
    assert at(plant, running).held == 2

    found = told(plant, "retry-failed", str(running))

    assert (found["state"], found["held"], found["ordered"]) == ("running", 0, 2)


def test_people_are_told_how_many(plant: Plant, running: BatchId) -> None:
    done = run(plant, "retry-failed", str(running), *WHY)

    assert "0 to work again" in done.stdout


@pytest.mark.parametrize("word", STEERING)
def test_a_batch_that_there_is_not_is_not_found(plant: Plant, word: str) -> None:
    assert run(plant, word, "99", *WHY).exit_code == NOT_FOUND


@pytest.mark.parametrize("word", STEERING)
def test_nothing_is_done_without_a_reason(plant: Plant, waiting: BatchId, word: str) -> None:
    assert run(plant, word, str(waiting)).exit_code == USAGE


@pytest.mark.parametrize("number", ["11010519491231002X", "13800138000"])
@pytest.mark.parametrize("word", STEERING)
def test_a_reason_with_a_number_of_a_person_is_refused(
    plant: Plant, waiting: BatchId, word: str, number: str
) -> None:
    done = run(plant, word, str(waiting), "--reason", f"as asked by {number}")

    assert done.exit_code == USAGE
    assert "holds what looks like" in done.stderr
    assert number not in done.stderr


@pytest.mark.parametrize("word", ["pause", "resume", "retry-failed"])
def test_a_state_that_does_not_allow_it_says_so(plant: Plant, waiting: BatchId, word: str) -> None:
    done = run(plant, word, str(waiting), *WHY)

    assert done.exit_code == CONFLICT
    assert f"batch {waiting}: " in done.stderr


def test_a_rate_for_an_ended_batch_says_so(plant: Plant, running: BatchId) -> None:
    told(plant, "cancel", str(running))

    assert run(plant, "rate", str(running), "--per-minute", "5", *WHY).exit_code == CONFLICT


def test_a_rate_without_a_figure_is_wrong_usage(plant: Plant, running: BatchId) -> None:
    assert run(plant, "rate", str(running), *WHY).exit_code == USAGE


def test_watching_a_batch_with_failures_ends_with_a_code_of_its_own(
    plant: Plant, running: BatchId
) -> None:
    fail_next(plant, running, PictureError("photo: none"))
    make_all(plant, running)

    assert run(plant, "watch", str(running)).exit_code == REFUSED


def test_watching_one_that_is_all_made_ends_well(plant: Plant, running: BatchId) -> None:
    make_all(plant, running)

    assert run(plant, "watch", str(running)).exit_code == OK


def test_watching_one_that_is_paused_says_who_is_waited_for(plant: Plant, running: BatchId) -> None:
    told(plant, "pause", str(running))

    assert f"certfactory bulk resume {running}" in run(plant, "watch", str(running)).stderr


def test_of_what_was_put_back_is_shown_why(plant: Plant, running: BatchId) -> None:
    put_back(plant, running, LongTermUnavailableError("no list of CN=Some CA is here"))
    told(plant, "pause", str(running))

    watched = run(plant, "watch", str(running))
    found = json.loads(run(plant, "show", str(running), "--json").stdout)
    report = run(plant, "report", str(running))

    count = found["ordered"]
    why = f"{count} tried again later, longterm_unavailable: no list of CN=Some CA is here"
    assert watched.stderr.splitlines().count(why) == 1
    assert report.stderr.splitlines().count(why) == 1
    [waits] = found["waits"]
    assert (waits["reason"], waits["orders"]) == ("longterm_unavailable", count)
    rows = [json.loads(line) for line in report.stdout.splitlines()]
    assert [row["reason"] for row in rows].count("longterm_unavailable") == count


def test_of_what_is_only_slow_nothing_is_said(plant: Plant, running: BatchId) -> None:
    steps.advance(plant, running)
    told(plant, "pause", str(running))

    assert "later" not in run(plant, "watch", str(running)).stderr
    assert json.loads(run(plant, "show", str(running), "--json").stdout)["waits"] == []


def put_back(plant: Plant, batch: BatchId, error: FactoryError) -> None:
    """The next chunks of the batch were tried and may be tried again."""
    steps.advance(plant, batch)
    pause = timedelta(hours=1)
    for chunk in open_chunks(plant):
        found = must_claim(plant, chunk)
        with plant.ledger.write(WHO) as tx:
            record.record(tx, found, [], [], brake=plant.brake, again_after=pause, because=error)


# --- who did what -----------------------------------------------------------------------------


def test_it_is_shown_who_paused_it_and_why(plant: Plant, running: BatchId) -> None:
    batch = str(running)
    run(plant, "rate", batch, "--per-minute", "600", "--reason", "slowly")
    run(plant, "pause", batch, "--reason", "the authority telephoned")

    shown = run(plant, "show", batch).stdout
    found = json.loads(run(plant, "show", batch, "--json").stdout)["history"]

    assert [each["action"] for each in found] == [
        "batch confirmed",
        "batch steered",
        "batch paused",
    ]
    assert (found[-1]["why"], found[0]["who"]) == ("the authority telephoned", WHO)
    assert found[-1]["who"] in shown
    for words in ("paused", "the authority telephoned", "steered (rate 600)"):
        assert words in shown


def test_it_is_shown_why_the_brake_stopped_it(plant: Plant, running: BatchId) -> None:
    fail_next(plant, running, SelfCheckError("seal"))

    last = json.loads(run(plant, "show", str(running), "--json").stdout)["history"][-1]

    assert last["action"] == "batch stopped"
    assert "self_check" in last["why"]


def test_a_batch_that_nobody_touched_has_no_history(plant: Plant, waiting: BatchId) -> None:
    assert json.loads(run(plant, "show", str(waiting), "--json").stdout)["history"] == []


# --- the report -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["report.xls", "report", "report.json"])
def test_a_report_whose_name_does_not_say_how_it_is_written_is_refused(
    plant: Plant, running: BatchId, tmp_path: Path, name: str
) -> None:
    done = run(plant, "report", str(running), "-o", str(tmp_path / name))

    assert done.exit_code == USAGE
    assert "give --format" in done.stderr
    assert not (tmp_path / name).exists()


def test_with_a_format_any_name_will_do(plant: Plant, running: BatchId, tmp_path: Path) -> None:
    path = tmp_path / "report.xls"

    run(plant, "report", str(running), "-o", str(path), "--format", "csv")

    assert path.read_text("utf-8").startswith("registration,profile,state")


def test_while_items_are_open_nobody_was_missed_so_far(plant: Plant, running: BatchId) -> None:
    before = run(plant, "report", str(running))
    make_all(plant, running)
    after = run(plant, "report", str(running))

    assert "nobody was missed so far" in before.stderr
    assert "nobody was missed" in after.stderr and "so far" not in after.stderr


# --- two operators ----------------------------------------------------------------------------


@pytest.fixture
def large(tmp_path: Path, plant: Plant) -> str:
    """A rename of two, in a version of the register in which two are too many for one."""
    two = ("second_operator_above = 10000", "second_operator_above = 1")
    text = version_text("2024-06", two)
    (tmp_path / "profiles" / "2024-06.toml").write_text(text, "utf-8")
    fresh = Plant(plant.settings).on(bulking.BEFORE)
    issued(fresh, 1, 2)
    return str(begin(fresh, rename_to(NEW)))


def token(plant: Plant, folder: Path, name: str) -> tuple[str, str]:
    """The option of an operator with a token."""
    file = folder / name
    operators.write_token(file, plant, name, who=WHO, days=30)
    return "--token-file", str(file)


def test_without_a_token_a_large_batch_is_refused(plant: Plant, large: str) -> None:
    done = run(plant, "confirm", large, *WHY)

    assert done.exit_code == REFUSED
    assert "two operators must confirm it" in done.stderr


def test_two_operators_confirm_it_with_a_token_each(
    plant: Plant, large: str, tmp_path: Path
) -> None:
    one, two = (token(plant, tmp_path, name) for name in ("clerk-one", "clerk-two"))

    first = run(plant, "confirm", large, *one, *WHY, "--json")
    second = run(plant, "confirm", large, *two, *WHY, "--json")

    assert "a second operator must confirm it too" in first.stderr
    states = [json.loads(done.stdout)["state"] for done in (first, second)]
    assert states == ["awaiting_confirmation", "running"]


def test_one_operator_twice_does_not(plant: Plant, large: str, tmp_path: Path) -> None:
    one = token(plant, tmp_path, "clerk-one")
    run(plant, "confirm", large, *one, *WHY)

    assert run(plant, "confirm", large, *one, *WHY).exit_code == CONFLICT
