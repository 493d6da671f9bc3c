"""A worker that does itself harm when a drill asks for it: ``dramatiq jobs.drill.killer:start``.

A drill is a JSON file in the folder that ``DRILL_DIR`` names, so that a running worker
can be told what to do next.  Kills are taken once, by whoever removes the file, so that the
worker that is started instead goes on.  Production wiring never imports this.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Engine

from factory.model import BatchId, ChunkId
from jobs.bulk import steps
from jobs.drill import DRILLS, clock, room
from jobs.settings import Settings
from jobs.wiring import Plant
from jobs.worker import start_with
from storage.ledger import chunks
from storage.ledger.base import Tx

WORKER = "jobs.drill.killer:start"
ADVANCE = "advance"  #: a step of a batch, as if it were a stage

BEFORE, INSIDE, AFTER = "before", "inside", "after"
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Die at a stage: before it, at its n-th call of anything, or after it; once."""

    queue: str
    stage: str
    where: str
    turn: int = 1  #: the how manyth pass of this process through the stage
    call: int = 0  #: when inside
    signal: int = signal.SIGKILL  #: SIGSTOP: fall asleep instead; 0: fail


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """Die whenever a claim holds one of these orders, as often as it is tried."""

    orders: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Stand still before a stage while the drill's file is there; what is in hand stays in hand.

    What a test wants to see then stays to be seen, however slow the machine is.
    """

    queue: str
    stage: str
    turn: int = 1  #: from the how manyth pass of this process on


Drill = Kill | Poison | Hold


def order(folder: Path, name: str, drill: Drill) -> Path:
    """Put a drill where the workers look."""
    file = folder / f"{name}.json"
    new = file.with_suffix(".new")
    new.write_text(
        json.dumps({"kind": type(drill).__name__, "id": uuid.uuid4().hex, **asdict(drill)})
    )
    new.replace(file)
    return file


def start() -> None:
    """What dramatiq calls in the worker."""
    folder = Path(os.environ[DRILLS])
    clock.watch(folder)
    room.watch(folder, Engine)
    _watch_claims()
    advance = steps.advance

    def watched(plant: Plant, ident: BatchId) -> None:
        with _stage(ADVANCE):
            advance(plant, ident)

    steps.advance = watched
    start_with(_plant)


class WatchedPlant(Plant):
    """A plant whose stages are where drills strike."""

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        """The stage, and whatever was ordered for it."""
        with _stage(stage), super().stage(stage):
            yield


@lru_cache(maxsize=1)
def _plant() -> Plant:
    return WatchedPlant(Settings.from_env(os.environ))


_turns: Counter[str] = Counter()
_claimed = threading.local()


@contextmanager
def _stage(stage: str) -> Iterator[None]:
    drills = list(_drills(stage))
    for file, drill in drills:
        if drill["kind"] == "Poison" and stage == "draw":
            _die_of(drill)
        if drill["kind"] == "Hold":
            _stand_before(file, drill)
        if drill.get("where") == BEFORE and _its_turn(drill):
            _die(file, drill)
    inside = [(file, d) for file, d in drills if d.get("where") == INSIDE and _its_turn(d)]
    if inside:
        _die_at_call(*inside[0])
    try:
        yield
    finally:
        sys.setprofile(None)
    for file, drill in inside:  # the stage ended sooner: then at its end
        _die(file, drill)
    for file, drill in drills:
        if drill.get("where") == AFTER and _its_turn(drill):
            _die(file, drill)


def _drills(stage: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for file in sorted(Path(os.environ[DRILLS]).glob("*.json")):
        with suppress(FileNotFoundError):
            drill = json.loads(file.read_text())
            if drill["kind"] == "Poison" or _is_for_us(drill, stage):
                yield file, drill


def _is_for_us(drill: dict[str, Any], stage: str) -> bool:
    return drill["stage"] == stage and drill["queue"] in sys.argv


def _its_turn(drill: dict[str, Any]) -> bool:
    _turns[drill["id"]] += 1
    return bool(_turns[drill["id"]] == drill["turn"])


def _stand_before(file: Path, drill: dict[str, Any]) -> None:
    _turns[drill["id"]] += 1
    while _turns[drill["id"]] >= drill["turn"] and file.exists():
        _keep()
        time.sleep(LOOK_SECONDS)


def _keep() -> None:
    """A fresh lease on what this thread has in hand, if anything."""
    plant, claim = _plant(), getattr(_claimed, "claim", None)
    if claim is not None:
        with plant.ledger.write("drill", claim.correlation) as tx:
            chunks.renew(tx, claim, lease=timedelta(seconds=plant.settings.lease_seconds))


def _die_at_call(file: Path, drill: dict[str, Any]) -> None:
    left = [int(drill["call"])]

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        if event in {"call", "c_call"}:
            left[0] -= 1
            if left[0] <= 0:
                sys.setprofile(None)
                _die(file, drill)

    sys.setprofile(count)


def _die_of(drill: dict[str, Any]) -> None:
    claim = getattr(_claimed, "claim", None)
    if claim is not None and {each.id for each in claim.orders} & set(drill["orders"]):
        os.kill(os.getpid(), signal.SIGKILL)


def _die(file: Path, drill: dict[str, Any]) -> None:
    with suppress(FileNotFoundError):  # another thread or process took it
        file.unlink()
        if not drill["signal"]:
            raise RuntimeError("a fault of ours")
        os.kill(os.getpid(), drill["signal"])


def _watch_claims() -> None:
    """Remember what this thread has in hand: a stage does not say."""
    claim = chunks.claim

    def watched(tx: Tx, chunk: ChunkId, **options: Any) -> chunks.Claim | None:
        found = claim(tx, chunk, **options)
        _claimed.claim = found
        return found

    chunks.claim = watched
