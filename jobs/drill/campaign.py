"""Many drills (演练战役), a line of JSON each, which is where it goes on the next time.

``python -m jobs.drill.campaign docs/soak/drills.log --seeds 1000`` runs those that the log has not,
every fifth on PostgreSQL, two at once; ``--table`` says what came of all that the log has.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from jobs import logs
from jobs.drill import database, place, running, warm
from jobs.drill.database import Database, Postgres
from jobs.drill.place import Place
from jobs.drill.running import Report
from jobs.embedded import serving
from jobs.settings import Settings

EACH_ON_POSTGRESQL = 5
FILE, SERVER = "SQLite", "PostgreSQL"
TURN = 20  #: drills by the same servers; then new ones, so that no store grows
PROMISES = tuple(f"I{number}" for number in range(1, 10))

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Some drills, one after the other, of one shape."""

    shape: str
    seeds: Sequence[int]
    seconds: float
    log: Path


def _finite(_: click.Context, param: click.Parameter, minutes: float) -> float:
    """BadParameter: no drill would end after that."""
    if not math.isfinite(minutes):
        raise click.BadParameter(f"{minutes} is no number that is finite", param=param)
    return minutes


@click.command()
@click.argument("log", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--seeds", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option(
    "--minutes", type=click.FloatRange(min=0.05), default=0.1, show_default=True, callback=_finite
)
@click.option("--at-once", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--table", is_flag=True, help="Run nothing; print what the log has, as Markdown.")
def main(log: Path, seeds: int, minutes: float, at_once: int, *, table: bool) -> None:
    """Run the drills of seeds 1 to N that the log has not, and say what came of all it has."""
    if not table:
        _run(log, seeds, minutes * 60, at_once)
    for line in summary(read(log)):
        click.echo(line)
    sys.exit(any(each["broken"] for each in read(log)))


def shape_of(seed: int) -> str:
    """Where the ledger of that drill is."""
    return SERVER if seed % EACH_ON_POSTGRESQL == 0 else FILE


def read(log: Path) -> list[Line]:
    """What the log has; a last line that was being written when all was killed is none."""
    if not log.exists():
        return []
    lines = log.read_text("utf-8").splitlines(keepends=True)
    return [json.loads(each) for each in lines if each.endswith("\n")]


def turns(done: Sequence[Line], seeds: int, seconds: float, log: Path) -> list[Turn]:
    """What is left to do."""
    there = {each["seed"] for each in done}
    left = [seed for seed in range(1, seeds + 1) if seed not in there]
    return [
        Turn(shape=shape, seeds=some, seconds=seconds, log=log)
        for shape in (SERVER, FILE)
        for some in _batched([seed for seed in left if shape_of(seed) == shape])
    ]


def summary(lines: Sequence[Line]) -> Iterator[str]:
    """Markdown: a row for each kind of fault, and what came of all together."""
    thrown, drills, failed = Counter[str](), Counter[str](), Counter[str]()
    for line in lines:
        thrown.update(line["faults"])
        drills.update(line["faults"].keys())
        failed.update(line["faults"].keys() if line["broken"] else ())
    yield "| fault | thrown | in drills | of which broke a promise |"
    yield "|---|---|---|---|"
    for kind, count in sorted(thrown.items()):
        yield f"| {kind} | {count} | {drills[kind]} | {failed[kind]} |"
    shapes = Counter(line["shape"] for line in lines)
    files = sum(line["files"] for line in lines)
    hours = sum(line["seconds"] for line in lines) / 3600
    yield ""
    yield (
        f"{len(lines)} drills ({', '.join(f'{n} on {name}' for name, n in sorted(shapes.items()))})"
        f" with {thrown.total()} faults and {files} files in {hours:.1f} h of drills; every"
        f" promise kept in {sum(not line['broken'] for line in lines)}"
    )
    for line in lines:
        if line["broken"]:
            yield f"seed {line['seed']} ({line['shape']}): {line['broken']}"


def _batched(seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    return (seeds[start : start + TURN] for start in range(0, len(seeds), TURN))


def _run(log: Path, seeds: int, seconds: float, at_once: int) -> None:
    """Each turn in a process of its own: servers end with the thread that started them."""
    log.parent.mkdir(parents=True, exist_ok=True)
    _mend(log)
    todo = turns(read(log), seeds, seconds, log)
    with ProcessPoolExecutor(
        at_once, mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        for each in as_completed([pool.submit(take, turn) for turn in todo]):
            each.result()


def _mend(log: Path) -> None:
    """A line without its end goes, so that the next is not written behind it."""
    if log.exists():
        data = log.read_bytes()
        os.truncate(log, data.rfind(b"\n") + 1)


def take(turn: Turn) -> None:
    """One turn, with servers of its own; a line in the log for each drill."""
    logs.configure("critical")
    with tempfile.TemporaryDirectory(prefix="drills-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        own = Settings.from_env({"FACTORY_DATA_DIR": str(home / "servers")})
        on_server = turn.shape == SERVER
        with (
            serving(own) as servers,
            database.serving() if on_server else nullcontext() as postgres,
            warm.warmed(own.prefetch) as ready,
        ):
            for seed in turn.seeds:
                where = partial(place.prepared, servers, home / str(seed), begin=ready.begin)
                _note(turn.log, _drill(turn, seed, where, postgres))


def _drill(
    turn: Turn,
    seed: int,
    where: Callable[..., AbstractContextManager[Place]],
    postgres: Postgres | None,
) -> Line:
    begun = time.monotonic()
    try:
        with _empty(postgres) as ledger, where(database=ledger) as at:
            report = running.run(at, seed, turn.seconds)
            found = _line(report)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}: {error}"
        found = {"faults": {}, "struck": {}, "files": 0, "restarts": 0, "broken": {"drill": what}}
    took = round(time.monotonic() - begun, 1)
    return {"seed": seed, "shape": turn.shape, "seconds": took, **found}


@contextmanager
def _empty(postgres: Postgres | None) -> Iterator[Database | None]:
    with nullcontext() if postgres is None else database.fresh(postgres) as ledger:
        yield ledger


def _line(report: Report) -> Line:
    broken: dict[str, str] = {}
    for each in report.evidence:
        if each.broken is not None:
            broken.setdefault(each.promise, each.broken)
    return {
        "faults": dict(sorted(Counter(str(fault.kind) for fault in report.faults).items())),
        "struck": dict(report.struck),
        "files": report.files,
        "restarts": report.restarts,
        "kept": [promise for promise in PROMISES if promise not in broken],
        "broken": broken,
    }


def _note(log: Path, line: Line) -> None:
    """A whole line at once: several processes write."""
    with log.open("ab", buffering=0) as file:
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


if __name__ == "__main__":
    main()
