"""Wall seconds of a block, and the CPU seconds of the processes that work below this one."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench import processes

SERVERS = ("s3", "valkey")  #: told apart from whose CPU a certificate costs
ROLES = ("workers", "control", "steward", "notifier", *SERVERS)


@dataclass(slots=True)
class Meter:
    """What a block took; cpu: role -> seconds."""

    seconds: float = 0.0
    cpu: Mapping[str, float] = field(default_factory=dict)

    @property
    def makers(self) -> float:
        """CPU seconds of all but the servers: workers, their masters, steward and notifier."""
        return sum(seconds for role, seconds in self.cpu.items() if role not in SERVERS)

    @property
    def servers(self) -> float:
        """CPU seconds of the embedded broker and store."""
        return sum(self.cpu.get(role, 0.0) for role in SERVERS)


@contextmanager
def metered() -> Iterator[Meter]:
    """Measures every process below this one, not this one itself; its meter is read afterwards.

    A process that ends within the block is missed, so nobody may.
    """
    meter = Meter()
    before, start = _cpu(), time.perf_counter()
    yield meter
    meter.seconds = time.perf_counter() - start
    after = _cpu()
    if lost := before.keys() - after.keys():
        raise SystemExit(f"{len(lost)} processes ended while they were measured; see the logs")
    spent: Counter[str] = Counter()
    for (pid, role), seconds in after.items():
        spent[role] += seconds - before.get((pid, role), 0.0)  # type: ignore[assignment]
    meter.cpu = spent


def _cpu() -> dict[tuple[int, str], float]:
    found = processes.descendants(os.getpid())
    spent = processes.cpu_seconds(found)
    return {(pid, _role(found[pid])): seconds for pid, seconds in spent.items()}


def _role(command: str) -> str:
    program = command.split(" ", 1)[0].rpartition("/")[2]
    if program.startswith("weed"):
        return "s3"
    if program.startswith(("valkey", "redis")):
        return "valkey"
    for role in ("steward", "notifier"):
        if f"jobs.{role}" in command:
            return role
    return "control" if "--queues control" in command else "workers"
