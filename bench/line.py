"""``python -m bench.line``: approvals and a rename through the embedded line, beside the naive way.

Every process is warm when it is measured: the crew has issued some certificates, and the first
rename, in which the bulk workers open their fonts and keys, is told apart.  The steward sleeps
while events are taken in, so that intake and line are measured one after the other.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import click
from prometheus_client import CollectorRegistry, multiprocess
from rich.console import Console

from bench import bulk_run, kept, naive_run, ofd_run, processes, report
from bench.command import DATABASE, SOME, Measurement
from bench.kept import PLACE
from bench.meter import Meter, metered
from factory import specimen
from factory.model import BatchId, BatchState
from factory.page.fonts import UMING
from factory.seals.picture import draw_test_seal
from jobs import crew, embedded, intake, logs, opening, waiting, watching
from jobs.bulk import confirming, progress
from jobs.metrics import STAGES
from jobs.settings import Settings
from jobs.wiring import Plant, font_files, plant_of
from storage import new_keyring, schema

NAMESPACE = "factory_bench"
WHO = "bench"
PATIENCE = 1800.0
LOOK_SECONDS = 0.01
RENAMED = 7  #: seed of the enterprise that is renamed
FIRST_WARM_SEED = 900_000
#: Variables of the installation that the measurement heeds: where programs are, and speed.
OBEYED = (
    "FACTORY_FONT_DIRS",
    "FACTORY_VALKEY_BINARY",
    "FACTORY_WEED_BINARY",
    "FACTORY_INTERACTIVE_WORKERS",
    "FACTORY_BULK_WORKERS",
    "FACTORY_CHUNK_ITEMS",
    "FACTORY_PREFETCH",
)
OWN = ("data", "naive")  #: folders that are made anew
NAIVE_OFD = 3  #: OFD made the naive way; one takes about a second
STAFF = 20  #: certificates at each of the other enterprises

err = Console(stderr=True, highlight=False, quiet=not sys.stderr.isatty())


def told(line: str) -> None:
    """What is measured now, for whoever sits at a terminal."""
    err.print(f"· {line}")


Stages = Mapping[str, tuple[float, float]]  #: stage -> CPU seconds, wall seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Certificates that the line made, measured.

    seconds: wall; of a rename from its confirmation until the last is recorded, by the ledger.
    """

    count: int
    workers: int
    seconds: float
    meter: Meter
    stages: Stages


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Events taken in by one process."""

    count: int
    seconds: float
    cpu_seconds: float


@click.command(cls=Measurement)
@click.option("--approvals", type=SOME, default=1000, show_default=True, help="One by one.")
@click.option(
    "--rename", type=SOME, default=200, show_default=True, help="How many of them are at one firm."
)
@click.option(
    "--rounds", type=SOME, default=3, show_default=True, help="Renames measured beside the first."
)
@click.option(
    "--naive", "sample", type=SOME, default=40, show_default=True, help="Sample, the naive way."
)
@click.option(
    "--small", type=SOME, default=2000, show_default=True, help="Small renames, all at once."
)
@click.option(
    "--large", type=SOME, default=2000, show_default=True, help="Registrations of the large batch."
)
@click.option(
    "--staff", type=SOME, default=300, show_default=True, help="People of the large firm."
)
@click.option("--key", type=click.Choice(["p256", "rsa2048"]), default="p256", show_default=True)
@click.option("--db", type=DATABASE, default="", help="PostgreSQL for both; else SQLite.")
@click.option("--json", "as_json", is_flag=True, help="Print figures instead of tables.")
def main(
    approvals: int,
    rename: int,
    rounds: int,
    sample: int,
    small: int,
    large: int,
    staff: int,
    key: str,
    db: str,
    as_json: bool,
) -> None:
    """Measure the line and the naive way in one run; figures go to var/bench/bench.json."""
    logs.configure("error")
    for left in OWN:
        shutil.rmtree(PLACE / left, ignore_errors=True)
    load = os.getloadavg()[0]
    sizes = bulk_run.Sizes(staff=staff, rounds=rounds, renames=small, large=large)
    with embedded.embedded(settings_for(db)) as settings:
        plant = opened(settings, key)
        with crew.at_work(settings) as people:
            _warm_up(plant, settings)
            taken, issued = _approvals(plant, people, approvals, rename)
            renames = list(_renames(plant, rename, rounds))
            bulk = bulk_run.run(plant, sizes=sizes, tell=told)
        err.print(f"· making {sample} certificates the naive way")
        workers = settings.bulk_workers
        naive = naive_run.run(plant, PLACE.absolute() / "naive", count=sample, workers=workers)
        err.print(f"· sealing {min(sample, approvals)} certificates as OFD")
        ofd = ofd_run.run(plant, PLACE, count=min(sample, approvals), naive_count=NAIVE_OFD)
    machine = report.machine(load, "PostgreSQL" if db else "SQLite", settings)
    lines = {"line": [issued], "rename_first": renames[:1], "rename": renames[1:]}
    measured = {name: runs for name, runs in lines.items() if runs}
    result = report.result(machine, key, taken, measured, naive)
    result |= {"ofd": report.ofd(ofd), "bulk": report.bulk(bulk, naive)}
    kept.add({"events": result})
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        report.show(result)


def settings_for(db: str, folder: Path = PLACE) -> Settings:
    """All in a place of its own; of the environment only ``OBEYED``."""
    data = folder.absolute() / "data"
    settings = Settings.from_env(
        {name: os.environ[name] for name in OBEYED if name in os.environ}
        | {"FACTORY_DATA_DIR": str(data), "FACTORY_LOG_LEVEL": "info"}
    )
    settings = replace(settings, namespace=NAMESPACE, metrics_port=0, time_stamps=False)
    if not db:
        return settings
    schema.fresh_namespace(db, NAMESPACE)
    return replace(settings, db_url=schema.in_namespace(db, NAMESPACE))


def opened(settings: Settings, algorithm: str) -> Plant:
    """A plant with everything it needs, its keyring made with that algorithm."""
    plant = plant_of(settings)
    face = font_files(settings.font_dirs)[UMING.file]
    new_keyring.create_test_keyring(
        settings.keyring_dir,
        identities={
            each.seal.identity: each.authority.name
            for rules in plant.profiles.values()
            for each in rules.all
        },
        now=datetime.now(UTC),
        draw_seal=lambda name: draw_test_seal(name, face),
        algorithm=algorithm,
    )
    opening.open_embedded(plant)
    return plant


def _warm_up(plant: Plant, settings: Settings) -> None:
    """Some certificates through every interactive worker."""
    count = 10 * max(settings.interactive_workers, 1)
    err.print(f"· warming up with {count} approvals")
    seeds = range(FIRST_WARM_SEED, FIRST_WARM_SEED + count)
    _submit(plant, [specimen.approved(seed, seed) for seed in seeds])
    waiting.settle(plant, seconds=PATIENCE)


def _approvals(plant: Plant, people: crew.Crew, count: int, rename: int) -> tuple[Intake, Run]:
    err.print(f"· taking in {count} approvals")
    events = [specimen.approved(seed, _employer(seed, rename)) for seed in range(1, count + 1)]
    with steward_asleep(plant, people):
        wall, cpu = time.perf_counter(), time.process_time()
        _submit(plant, events)
        seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
        before = _stages(plant.settings)
    err.print(f"· making {count} certificates on the line")
    with metered() as meter:
        waiting.settle(plant, seconds=PATIENCE)
    _must_be(watching.overview(plant).orders.get("held", 0), 0, "held")
    run = Run(
        count=count,
        workers=plant.settings.interactive_workers,
        seconds=meter.seconds,
        meter=meter,
        stages=_since(before, plant.settings),
    )
    return Intake(count=count, seconds=seconds, cpu_seconds=cpu_seconds), run


def _employer(seed: int, rename: int) -> int:
    return RENAMED if seed <= rename else 1000 + seed // STAFF


def _submit(plant: Plant, events: Sequence[specimen.JsonObject]) -> None:
    """One after the other, in this process."""
    lines = enumerate((json.dumps(event).encode() for event in events), 1)
    for number, _, outcome in intake.submit_all(plant, lines, who=WHO):
        if outcome.registration is None:
            raise SystemExit(f"approval {number} was not taken: {outcome.status}")


@contextmanager
def steward_asleep(plant: Plant, people: crew.Crew) -> Iterator[None]:
    """No bell is carried while the block runs.

    The steward falls asleep while this process holds the ledger: inside a write of its own it
    would keep every other writer out of SQLite.
    """
    stewards = [m.process for m in people.members if m.name == "steward" and m.process]
    with plant.ledger.write(WHO):
        for process in stewards:
            process.send_signal(signal.SIGSTOP)
            while processes.state(process.pid) != processes.STOPPED:
                time.sleep(LOOK_SECONDS)
    try:
        yield
    finally:
        for process in stewards:
            process.send_signal(signal.SIGCONT)


def _renames(plant: Plant, count: int, rounds: int) -> Iterator[Run]:
    """The same enterprise again and again, to the new name and back."""
    for turn in range(1 + rounds):
        err.print(f"· renaming a firm of {count}, {turn + 1} of {1 + rounds}")
        batch = _prepared_rename(plant, turn)
        before = _stages(plant.settings)
        with metered() as meter:
            confirming.confirm(plant, batch, who=WHO, why="measured")
            waiting.settle(plant, seconds=PATIENCE)
        found = progress.progress(plant, batch)
        _must_be(found.done, count, f"done of batch {batch}")
        assert found.completed_at is not None
        assert found.confirmed_at is not None
        yield Run(
            count=count,
            workers=plant.settings.bulk_workers,
            seconds=(found.completed_at - found.confirmed_at).total_seconds(),
            meter=meter,
            stages=_since(before, plant.settings),
        )


def _prepared_rename(plant: Plant, turn: int) -> BatchId:
    event = specimen.renamed(turn, RENAMED)
    names = event["data"]["enterprise"]
    if turn % 2:
        names["old_name"], names["new_name"] = names["new_name"], names["old_name"]
    outcome = intake.submit(plant, json.dumps(event).encode(), who=WHO)
    if outcome.batch is None:
        raise SystemExit(f"the rename was not taken: {outcome.status} {outcome.reason}")
    batch = BatchId(outcome.batch)
    waiting.until_state(plant, batch, BatchState.AWAITING, seconds=PATIENCE)
    return batch


def _must_be(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise SystemExit(f"{what}: {found} instead of {wanted}; see {PLACE}/data/log")


def _stages(settings: Settings) -> Stages:
    """CPU and wall seconds of each stage, of all workers, since the crew began."""
    found = CollectorRegistry()
    multiprocess.MultiProcessCollector(found, path=str(settings.metrics_dir))  # type: ignore[no-untyped-call]

    def sample(name: str, stage: str) -> float:
        return found.get_sample_value(name, {"stage": stage}) or 0.0

    names = ("factory_stage_cpu_seconds_total", "factory_stage_seconds_sum")
    return {stage: (sample(names[0], stage), sample(names[1], stage)) for stage in STAGES}


def _since(before: Stages, settings: Settings) -> Stages:
    return {
        stage: (cpu - before[stage][0], wall - before[stage][1])
        for stage, (cpu, wall) in _stages(settings).items()
    }


if __name__ == "__main__":
    main()
