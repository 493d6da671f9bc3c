"""CPU time of processes, as the kernel counts it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
STOPPED = "T"


def descendants(root: int) -> dict[int, str]:
    """Every process below one, with its command line."""
    parents = {pid: _parent(pid) for pid in _all()}
    found: dict[int, str] = {}
    front = {root}
    while front:
        front = {pid for pid, parent in parents.items() if parent in front and pid not in found}
        found |= {pid: _command(pid) for pid in front}
    return found


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """User and system time of each process that still runs."""
    return {pid: _cpu(pid) for pid in pids if Path(f"/proc/{pid}/stat").exists()}


def state(pid: int) -> str:
    """The kernel's letter for what a process does; empty when it is gone."""
    fields = _fields(pid)
    return fields[0] if fields else ""


def _all() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _fields(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _parent(pid: int) -> int:
    fields = _fields(pid)
    return int(fields[1]) if fields else 0


def _cpu(pid: int) -> float:
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
