"""Killed with SIGKILL between a signature and the store, at any call: nothing is lost, and there
is one file for a step.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
import structlog

from factory.errors import ConflictError
from factory.model import Party
from jobs.embedded import Embedded
from jobs.intake import Status
from jobs.wiring import Plant
from tests.jobs.applying import Application
from tests.telling import whole_factory

KILLS = int(os.environ.get("TEST_SIGNING_KILLS", "6"))  #: more of them find more
NEVER = sys.maxsize
#: where the calls are counted from: the whole of it, and from just before it is stored
STARTS = ("complete", "put_new")


@pytest.fixture(scope="module")
def plant(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    """One factory for all kills, each of an application of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    yield whole_factory(tmp_path_factory.mktemp("factory"), servers.settings)
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def calls(plant: Plant) -> dict[str, int]:
    """How many calls it takes, from each start; the second of two, with all caches filled."""
    found = {}
    for place, start in enumerate(STARTS):
        application = Application(plant, 900 + place)
        act = application.complete(application.prepare())
        found[start] = _counted(plant, act, start)
    return found


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("place", range(KILLS))
def test_a_kill_at_any_call_loses_nothing(
    plant: Plant, calls: dict[str, int], start: str, place: int
) -> None:
    application = Application(plant, 1 + place + KILLS * STARTS.index(start))
    waiting = application.prepare()
    act = application.complete(waiting)
    call = 1 + (calls[start] - 1) * place // max(1, KILLS - 1)

    killed = _in_child(plant, act, start, call)

    signed = application.form.file is not None and application.form.file.step == 1
    assert killed or signed
    application.check()
    if place % 2 and not signed:
        _another_comes_first(application, act)
    else:
        assert act().status is (Status.DUPLICATE if signed else Status.ACCEPTED)
        assert application.complete(waiting)().status is Status.REFUSED
    assert [each.step for each in application.form.files] == [0, 1]
    application.check()
    then = application.prepare(Party.ENTERPRISE)
    assert application.complete(then)().status is Status.ACCEPTED
    application.check()


def _another_comes_first(application: Application, act: Callable[[], Any]) -> None:
    """What lies in the store, and nobody recorded, hinders nobody."""
    other = application.complete(application.prepare())
    assert other().status is Status.ACCEPTED
    late = act()
    assert late.status is Status.REFUSED
    assert any("signed meanwhile" in said for _, said in late.problems)
    with pytest.raises(ConflictError):
        application.prepare()


def _in_child(plant: Plant, act: Callable[[], Any], start: str, call: int) -> bool:
    """Whether a process of its own was killed at that call; else it came to its end."""
    child = _forked(plant, lambda: _counting(act, start, call))
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def _counted(plant: Plant, act: Callable[[], Any], start: str) -> int:
    """How many calls it makes when nobody kills it."""
    reader, writer = os.pipe()
    child = _forked(
        plant, lambda: os.write(writer, str(_counting(act, start, NEVER)).encode()) and None
    )
    os.close(writer)
    with os.fdopen(reader) as told:
        found = int(told.read())
    os.waitpid(child, 0)
    return found


def _forked(plant: Plant, run: Callable[[], Any]) -> int:
    """A child that runs it and ends, with connections of its own."""
    plant.ledger.engine.dispose()
    child = os.fork()
    if child:
        return child
    for part in ("ledger", "store", "intake_store", "links", "typefaces"):
        plant.__dict__.pop(part, None)
    try:
        run()
        os._exit(0)
    finally:
        os._exit(1)


def _counting(act: Callable[[], Any], start: str, last: int) -> int:
    """The calls from the start on; at the last of them the process is gone."""
    calls, begun = [0], [False]

    def count(frame: FrameType, what: str, _called: object) -> None:
        begun[0] = begun[0] or (what == "call" and frame.f_code.co_name == start)
        if begun[0] and what in {"call", "c_call"}:
            calls[0] += 1
            if calls[0] == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    act()
    sys.setprofile(None)
    return calls[0]
