"""Members that are forked from a process which has read the code: as good as started cold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.crew import Process
from jobs.drill import warm
from jobs.drill.warm import Warm

SOON = 30.0


@pytest.fixture(scope="module")
def ready() -> Iterator[Warm]:
    with warm.warmed(2) as running:
        yield running


def begun(ready: Warm, code: str, out: Path, **environment: str) -> Process:
    """A child that runs this code."""
    words = [sys.executable, "-m", "timeit", "-n", "1", "-r", "1", f"import os, sys, time; {code}"]
    with out.open("ab") as file:
        return ready.begin(words, environment, file, ())


def said(out: Path) -> str:
    return out.read_text().partition("\n1 loop")[0].strip()


def test_it_has_an_environment_of_its_own_and_writes_to_its_own_log(
    ready: Warm, tmp_path: Path
) -> None:
    out = tmp_path / "log"

    code = begun(ready, "print(sorted(os.environ)); print('to', file=sys.stderr)", out, ONE="1")

    assert code.wait(SOON) == 0
    assert "['ONE']" in said(out) and "to" in said(out)


def test_it_is_our_child_and_leads_a_session(ready: Warm, tmp_path: Path) -> None:
    out = tmp_path / "log"
    child = begun(ready, "print(os.getppid(), os.getsid(0))", out)
    child.wait(SOON)

    assert said(out).split() == [str(os.getpid()), str(child.pid)]


def test_the_code_is_read_before_it_begins(ready: Warm, tmp_path: Path) -> None:
    out = tmp_path / "log"
    begun(ready, "print('jobs.intake' in sys.modules, 'jobs.steward' in sys.modules)", out).wait(
        SOON
    )

    assert said(out) == "True False"


def test_its_exit_code_is_told(ready: Warm, tmp_path: Path) -> None:
    assert begun(ready, "os._exit(7)", tmp_path / "log").wait(SOON) == 7


def test_one_that_is_killed_says_by_what(ready: Warm, tmp_path: Path) -> None:
    child = begun(ready, "time.sleep(600)", tmp_path / "log")
    assert child.poll() is None

    child.kill()

    assert child.wait(SOON) == -signal.SIGKILL


def test_one_that_does_not_end_is_not_waited_for_without_end(ready: Warm, tmp_path: Path) -> None:
    child = begun(ready, "time.sleep(600)", tmp_path / "log")

    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.05)

    child.kill()
    child.wait(SOON)


def test_whom_a_killed_one_leaves_behind_ends_with_its_group_and_is_buried(
    ready: Warm, tmp_path: Path
) -> None:
    out = tmp_path / "log"
    child = begun(ready, "print(os.fork(), flush=True); time.sleep(600)", out)
    ends = time.monotonic() + SOON
    while len(out.read_text().split()) < 2 and time.monotonic() < ends:
        time.sleep(0.02)
    [orphan] = {int(each) for each in out.read_text().split()} - {0}
    child.kill()
    child.wait(SOON)

    os.killpg(child.pid, signal.SIGKILL)
    while Path(f"/proc/{orphan}").exists() and time.monotonic() < ends:
        begun(ready, "pass", tmp_path / "next").wait(SOON)

    assert not Path(f"/proc/{orphan}").exists()


def test_another_program_is_started_cold(ready: Warm, tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as out:
        child = ready.begin(["sh", "-c", "echo $PPID $ONE"], {"ONE": "1"}, out, ())
    child.wait(SOON)

    assert (tmp_path / "log").read_text().split() == [str(os.getpid()), "1"]
