"""The whole machine: a crew on all cores issues a register anew, and every process is counted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import line_run
from bench.meter import ROLES, metered
from factory.model import BatchState
from jobs import crew, waiting
from jobs.bulk import progress

if TYPE_CHECKING:
    from jobs.wiring import Plant

PATIENCE = 4 * 3600.0
LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRun:
    """Certificates a second, from confirmation to the last; CPU ms of a certificate by role."""

    count: int
    workers: int
    seconds: float
    roles_ms: Mapping[str, float]

    @property
    def cpu_ms(self) -> float:
        """Of all processes, servers included."""
        return sum(self.roles_ms.values())


def run(plant: Plant, profile: str, *, count: int, warm: int) -> MachineRun:
    """A batch of that size after a smaller one, in which every worker opens fonts and keys."""
    rules = plant.profiles[profile].all[-1]
    numbers = line_run.registered(plant, rules, warm + count)
    first = line_run.prepared(plant, rules, numbers[:warm])
    batch = line_run.prepared(plant, rules, numbers[warm:])
    with crew.at_work(plant.settings):
        line_run.confirm(plant, first)
        waiting.until_state(plant, first, BatchState.COMPLETED, seconds=PATIENCE)
        waiting.settle(plant, seconds=PATIENCE)
        with metered() as meter:
            line_run.confirm(plant, batch)
            _until_done(plant, batch)
    line_run.ended(plant, batch)
    found = progress.progress(plant, batch)
    assert found.confirmed_at is not None
    assert found.completed_at is not None
    return MachineRun(
        count=found.done,
        workers=plant.settings.bulk_workers,
        seconds=(found.completed_at - found.confirmed_at).total_seconds(),
        roles_ms={role: 1000 * meter.cpu.get(role, 0.0) / found.done for role in ROLES},
    )


def _until_done(plant: Plant, batch: int) -> None:
    """Looked at often: what the crew does after the end is not part of it."""
    while line_run.state_of(plant, batch) is not BatchState.COMPLETED:
        time.sleep(LOOK_SECONDS)
