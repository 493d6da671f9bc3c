"""`drill` at the keyboard: what it refuses before it begins, and how it ends when told to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import cli

USAGE, NOT_SET_UP = 2, 3
ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 90.0  #: much less than the drill would go on
AT_ONCE_SECONDS = 3.0


@pytest.mark.parametrize("seed", ["-1", f"{2**63}", "1.5", "many"])
def test_a_seed_that_is_none_is_wrong_usage(seed: str) -> None:
    """The nearest that is one gets as far as its database."""
    nowhere = ["drill", "--database", "postgresql://127.0.0.1:1/drill"]

    refused = CliRunner().invoke(cli.main, [*nowhere, "--seed", seed])
    taken = [CliRunner().invoke(cli.main, [*nowhere, "--seed", s]) for s in ("0", f"{2**63 - 1}")]

    assert refused.exit_code == USAGE
    assert [each.exit_code for each in taken] == [NOT_SET_UP, NOT_SET_UP]


@pytest.mark.parametrize("url", ["sqlite:///", "sqlite:///ledger.sqlite3", "drill", "mysql://h/d"])
def test_what_names_no_database_of_postgresql_is_wrong_usage(url: str) -> None:
    done = CliRunner().invoke(cli.main, ["drill", "--database", url])

    assert (done.exit_code, "names no database of PostgreSQL" in done.stderr) == (USAGE, True)


def test_a_database_of_postgresql_that_gives_no_answer_is_no_wrong_usage() -> None:
    done = CliRunner().invoke(cli.main, ["drill", "--database", "postgresql://127.0.0.1:1/drill"])

    assert (done.exit_code, "gives no answer" in done.stderr) == (NOT_SET_UP, True)


@pytest.mark.parametrize("words", [("--database", "postgresql://127.0.0.1:1/drill"), ()])
def test_a_server_of_its_own_and_a_database_of_somebody_exclude_each_other(
    words: tuple[str, ...],
) -> None:
    named = {} if words else {"DRILL_DATABASE": "postgresql://127.0.0.1:1/drill"}

    done = CliRunner(env=named).invoke(cli.main, ["drill", "--server", *words])

    assert (done.exit_code, "give one of them" in done.stderr) == (USAGE, True)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_told_to_stop_it_says_so_at_once_and_leaves_nothing(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    drill = subprocess.Popen(
        [sys.executable, "-m", "cli", "drill", "--minutes", "30"],
        cwd=ROOT,
        env=dict(os.environ) | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert drill.stderr is not None
        heard = iter(drill.stderr.readline, "")
        next(line for line in heard if " s  " in line)  # the first fault
        told = time.monotonic()
        drill.send_signal(number)

        next(line for line in heard if line.startswith("· stopping"))
        assert time.monotonic() - told < AT_ONCE_SECONDS
        assert drill.wait(PATIENCE_SECONDS) == code
    finally:
        drill.kill()
    assert list(tmp_path.glob("drill-*")) == []
