"""``python -m tests.fuzz TARGET [--minutes M | --runs N]``: looks for inputs that break a parser.

TARGET: one of `targets.py`, or ``all``.  What the run keeps is in ``corpus/TARGET``, as far as it
is small; an input that breaks the parser is written to ``found/TARGET`` and stays there as a seed
once the parser is mended.  The exit code says whether there was one.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from tests.fuzz import world
from tests.fuzz.targets import TARGETS, Target

MOST_KEPT = 200
MOST_KEPT_BYTES = 100_000  #: of a target's corpus
LARGEST_KEPT = 20_000  #: bytes of one file of it
SEEN = re.compile(r"^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)/", re.MULTILINE)
WRITTEN = re.compile(r"Test unit written to (\S+)")
RSS_MB = 2048


def main() -> int:
    """Every target that is asked for, one after another."""
    asked = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    asked.add_argument("target", choices=[*TARGETS, "all"])
    for_how_long = asked.add_mutually_exclusive_group()
    for_how_long.add_argument("--minutes", type=float, default=1.0)
    for_how_long.add_argument("--runs", type=int)
    given = asked.parse_args()
    names = list(TARGETS) if given.target == "all" else [given.target]
    limit = (
        f"-runs={given.runs}"
        if given.runs is not None
        else f"-max_total_time={timedelta(minutes=given.minutes).total_seconds():.0f}"
    )
    broken = [name for name in names if fuzzed(name, TARGETS[name], limit)]
    return int(bool(broken))


def fuzzed(name: str, target: Target, limit: str) -> bool:
    """Runs the fuzzer of one target and tells of it; whether it broke the parser."""
    found = world.FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = gathered(name, Path(scratch) / "work")
        done = child(
            name, limit, f"-max_len={target.most_bytes}", f"-artifact_prefix={found}/",
            "-timeout=120", f"-rss_limit_mb={RSS_MB}", "-print_final_stats=1", "-len_control=0",
            str(work),
        )  # fmt: skip
        if SEEN.search(done.stderr):
            keep(name, work)
    told(name, done)
    broken = done.returncode != 0
    if broken:
        print(done.stderr[-3000:])  # noqa: T201
    elif not any(found.iterdir()):
        found.rmdir()
    return broken


def gathered(name: str, work: Path) -> Path:
    """All that is known of a target, where libFuzzer may add to it."""
    work.mkdir()
    for place, data in enumerate(world.seeds(name)):
        (work / f"seed-{place}").write_bytes(data)
    for path in world.kept(name):
        shutil.copy(path, work / path.name)
    return work


def child(name: str, *options: str) -> subprocess.CompletedProcess[str]:
    """libFuzzer, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", name, *options],
        capture_output=True,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=False,
    )


def keep(name: str, work: Path) -> None:
    """What reached something new, the smallest first, as far as there is room.

    libFuzzer has put a smaller file in the place of each that reaches no more.
    """
    seeds, room = frozenset(world.seeds(name)), MOST_KEPT_BYTES
    known = [path.read_bytes() for path in sorted(work.iterdir(), key=lambda it: it.stat().st_size)]
    corpus = world.CORPUS / name
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    for data in known[:MOST_KEPT]:
        room -= len(data)
        if room < 0 or len(data) > LARGEST_KEPT:
            break
        if data not in seeds:
            (corpus / sha256(data).hexdigest()[:16]).write_bytes(data)


def told(name: str, done: subprocess.CompletedProcess[str]) -> None:
    """A line for the log."""
    seen = SEEN.findall(done.stderr)
    runs, edges, features, _ = seen[-1] if seen else ("0", "0", "0", "0")
    total = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
    kept = list((world.CORPUS / name).glob("*"))
    size = sum(path.stat().st_size for path in kept)
    written = WRITTEN.findall(done.stderr)
    print(  # noqa: T201
        f"fuzz: {name}: {total[1] if total else runs} executions, {edges} edges, "
        f"{features} features, corpus {len(kept)} files of {size} bytes, found {len(written)}"
        f"{': ' + ', '.join(Path(each).name for each in written) if written else ''}",
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
