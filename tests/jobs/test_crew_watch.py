"""The crew is looked after whatever the machine cannot give for a while."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from jobs.crew import Crew, Member
from jobs.settings import Settings

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]
MISSING = ["/nowhere/python"]
SOON = 60.0


@contextmanager
def watched(folder: Path) -> Iterator[Crew]:
    (folder / "metrics").mkdir()
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(folder)})
    crew = Crew(settings, [Member("one", SLEEPS), Member("two", SLEEPS)])
    crew.start()
    watcher = Thread(target=crew.watch)
    watcher.start()
    try:
        yield crew
    finally:
        crew.stop()
        watcher.join()


def kill(member: Member) -> None:
    assert member.process is not None
    member.process.kill()


def restarted(member: Member, times: int) -> Callable[[], bool]:
    return lambda: member.process is not None and member.restarts == times


def soon(done: Callable[[], bool]) -> bool:
    ends = time.monotonic() + SOON
    while not done() and time.monotonic() < ends:
        time.sleep(0.05)
    return done()


def test_one_that_cannot_be_started_leaves_the_others_looked_after(tmp_path: Path) -> None:
    with watched(tmp_path) as crew:
        one, two = crew.members
        one.command = MISSING
        kill(one)
        assert soon(lambda: one.process is None)

        kill(two)
        assert soon(restarted(two, 1))

        one.command = SLEEPS
        assert soon(restarted(one, 1))


def test_a_disk_without_room_leaves_them_looked_after(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with watched(tmp_path) as crew:
        one, _ = crew.members
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            kill(one)
            assert soon(restarted(one, 1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_who_starts_a_crew_is_told_that_a_program_is_missing(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    settings = Settings.from_env({"FACTORY_DATA_DIR": str(tmp_path)})

    with pytest.raises(FileNotFoundError):
        Crew(settings, [Member("one", MISSING)]).start()
