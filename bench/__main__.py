"""``python -m bench``: events and the HTTP interface, then presses and lines, into one file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

import click

from bench.command import DATABASE, Measurement

#: Each in a process of its own; the last is what is asked for most, so its table stands last.
PARTS = ("line", "door", "press")
QUICK: Mapping[str, Sequence[str]] = {
    "line": (
        "--approvals", "6", "--rename", "4", "--rounds", "1", "--naive", "3", "--small", "4",
        "--large", "30", "--staff", "10",
    ),
    "door": ("--requests", "12", "--batches", "1", "--connections", "1", "--naive", "1"),
    "press": ("--quick",),
}  # fmt: skip


@click.command(cls=Measurement)
@click.option("--quick", is_flag=True, help="Little of everything: shows that it works.")
@click.option("--db", type=DATABASE, default="", help="PostgreSQL; else SQLite.")
def main(quick: bool, db: str) -> None:
    """Measure everything; figures go to var/bench/bench.json."""
    for part in PARTS:
        options = [*(QUICK[part] if quick else ()), *(("--db", db) if db else ())]
        done = subprocess.run([sys.executable, "-m", f"bench.{part}", *options], check=False)
        if done.returncode:
            sys.exit(done.returncode)  # it has said why; what was measured before is kept
        print(flush=True)


if __name__ == "__main__":
    main()
