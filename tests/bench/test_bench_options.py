"""Measurements as commands: what they cannot do they say in a line, and lose no figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bench import __main__ as all_of_it
from bench import bulk, door, kept, line, press, profile
from jobs.commands.exits import NOT_SET_UP, UNAVAILABLE

NOBODY_LISTENS = "postgresql://nobody@127.0.0.1:1/none"
COMMANDS: Sequence[click.Command] = (
    all_of_it.main, press.main, line.main, door.main, bulk.main, profile.main,
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somewhere with figures of an earlier run."""
    monkeypatch.chdir(tmp_path)
    kept.add({"lines": ["earlier"]})
    return tmp_path


def said(command: click.Command, *given: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, given)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (press.main, "--rounds"),
        (press.main, "--line"),
        (press.main, "--machine"),
        (press.main, "--scale"),
        (line.main, "--approvals"),
        (door.main, "--requests"),
        (bulk.main, "--large"),
        (profile.main, "--count"),
    ],
)
@pytest.mark.parametrize("number", ["0", "-3", "two"])
def test_a_count_that_is_none_is_wrong_usage(
    command: click.Command, option: str, number: str
) -> None:
    code, words = said(command, option, number)

    assert code == 2
    assert option in words


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("url", ["nonsense", "sqlite:////nowhere/x.db"])
def test_a_database_that_is_none_is_wrong_usage(command: click.Command, url: str) -> None:
    code, words = said(command, "--db", url)

    assert (code, "postgresql://" in words) == (2, True)
    assert kept.read() == {"lines": ["earlier"]}


@pytest.mark.parametrize("command", [line.main, bulk.main])
def test_a_database_that_is_away_is_told_in_a_line(command: click.Command) -> None:
    code, words = said(command, "--db", NOBODY_LISTENS)

    assert code == UNAVAILABLE
    assert words.startswith("Error: ") and words.count("\n") == 1
    assert kept.read() == {"lines": ["earlier"]}


def test_asked_for_nothing_it_says_so_and_keeps_what_there_is(here: Path) -> None:
    code, words = said(press.main, "--only", "scale_ledger", "--ledger", "0")

    assert (code, "nothing to measure" in words) == (2, True)
    assert json.loads((here / "var/bench/bench.json").read_text("utf-8")) == {"lines": ["earlier"]}


def test_a_place_that_is_no_folder_is_told_in_a_line(here: Path) -> None:
    (here / "var/bench/bench.json").unlink()
    (here / "var/bench").rmdir()
    (here / "var/bench").write_text("in the way")

    code, words = said(line.main, "--approvals", "1")

    assert (code, words.startswith("Error: ")) == (NOT_SET_UP, True)
