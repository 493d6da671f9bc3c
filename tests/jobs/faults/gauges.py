"""Memory and CPU of every process below this one, looked at again and again."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench import processes

LOOK_SECONDS = 0.5
MEBIBYTE = 1024  #: kilobytes
SERVERS = {"valkey-server": "broker", "weed": "store", "postgres": "database"}
QUEUES = ("interactive", "bulk", "control")


@dataclass(slots=True)
class Gauges:
    """What the processes took so far; a process that died is remembered.

    peaks:  the most memory one process of a role ever had, MiB.
    series: (seconds since the first look, MiB of the largest process), by role.
    """

    peaks: dict[str, float] = field(default_factory=dict)
    series: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    _cpu: dict[tuple[int, str], tuple[float, float]] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """One look at everybody."""
        found = processes.descendants(os.getpid()) | {os.getpid(): "this process"}
        now, largest = time.monotonic() - self._begun, defaultdict(float)
        spent = processes.cpu_seconds(found)
        for pid, command in found.items():
            role = role_of(command)
            largest[role] = max(largest[role], _mebibytes(pid, "VmRSS"))
            self.peaks[role] = max(self.peaks.get(role, 0.0), _mebibytes(pid, "VmHWM"))
            first = self._cpu.get((pid, role), (spent.get(pid, 0.0), 0.0))[0]
            self._cpu[pid, role] = (first, max(first, spent.get(pid, 0.0)))
        for role, size in largest.items():
            self.series[role].append((now, size))

    def cpu_seconds(self, *roles: str) -> float:
        """Of all processes of these roles, dead ones too, since each was first seen."""
        return sum(last - first for (_, role), (first, last) in self._cpu.items() if role in roles)

    def growth(self, role: str) -> tuple[float, float]:
        """MiB of its largest process: the median of the second quarter, and of the last."""
        sizes = [size for _, size in self.series[role]]
        quarter = max(1, len(sizes) // 4)
        return _median(sizes[quarter : 2 * quarter] or sizes), _median(sizes[-quarter:])


@contextmanager
def watched() -> Iterator[Gauges]:
    """Looks from a thread while the block runs, and once more at its end."""
    gauges, over = Gauges(), threading.Event()

    def keep_looking() -> None:
        while not over.wait(LOOK_SECONDS):
            gauges.look()

    gauges.look()
    thread = threading.Thread(target=keep_looking, name="gauges")
    thread.start()
    try:
        yield gauges
    finally:
        over.set()
        thread.join()
        gauges.look()


def role_of(command: str) -> str:
    """What a process is there for, by its command line."""
    program = command.split(" ", 1)[0].rpartition("/")[2].rstrip(":")
    if program in SERVERS:
        return SERVERS[program]
    for module in ("steward", "notifier"):
        if f"jobs.{module}" in command:
            return module
    for queue in QUEUES:
        if f"--queues {queue} " in command:
            return queue
    return "this" if command == "this process" else "other"


def _mebibytes(pid: int, line: str) -> float:
    with suppress(OSError):
        for each in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if each.startswith(f"{line}:"):
                return int(each.split()[1]) / MEBIBYTE
    return 0.0


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
