"""``make bench``: approvals and a rename through the embedded line, beside the naive way.

Figures are process CPU (user + system) and wall seconds of this run on this machine; compare
the ratios, which come from one run.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import click
from dramatiq import Message, Worker, actor, set_broker
from prometheus_client import CollectorRegistry, multiprocess
from rich.console import Console
from rich.table import Table

from bench import naive, processes
from factory import events, specimen
from factory.model import BatchId, BatchState
from jobs import broker as brokers
from jobs import bulk, crew, embedded, intake, logs, opening, waiting, watching
from jobs.metrics import STAGES
from jobs.settings import Settings
from jobs.wiring import Plant, font_files, plant_of

PLACE = Path("var/bench")
PATIENCE = 1800.0
RENAMED = 7  #: seed of the enterprise that is renamed
NAIVE_QUEUE = "naive"

err = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One way to make certificates, measured.

    cpu_ms:     of the processes that make them, a certificate.
    servers_ms: of broker and store, a certificate.
    """

    name: str
    count: int
    seconds: float
    cpu_ms: float
    servers_ms: float

    @property
    def per_s(self) -> float:
        """Certificates a second, wall."""
        return self.count / self.seconds


@dataclass(slots=True)
class Meter:
    """Wall and CPU time of a block, by process."""

    seconds: float = 0.0
    cpu: Mapping[str, float] | None = None


@contextmanager
def metered() -> Iterator[Meter]:
    """Measures this process and everything below it."""
    before, start = _cpu_by_command(), time.perf_counter()
    meter = Meter()
    yield meter
    meter.seconds = time.perf_counter() - start
    after = _cpu_by_command()
    meter.cpu = {name: spent - before.get(name, 0.0) for name, spent in after.items()}


def _cpu_by_command() -> dict[str, float]:
    found = processes.descendants(os.getpid())
    spent = processes.cpu_seconds([*found, os.getpid()])
    sums = {"workers": 0.0, "steward": 0.0, "servers": 0.0, "this": spent.pop(os.getpid())}
    for pid, seconds in spent.items():
        sums[_role(found[pid])] += seconds
    return sums


def _role(command: str) -> str:
    if "dramatiq" in command:
        return "workers"
    return "steward" if "jobs.steward" in command else "servers"


@click.command()
@click.option("--approvals", default=1000, show_default=True)
@click.option("--rename", default=200, show_default=True, help="How many of them are at one firm.")
@click.option("--naive", "naive_count", default=40, show_default=True, help="Sample, naive way.")
@click.option("--json", "as_json", is_flag=True, help="Print bench.json instead of the table.")
def main(approvals: int, rename: int, naive_count: int, as_json: bool) -> None:
    """Measure the line and the naive way in one run; results go to var/bench/bench.json."""
    logs.configure("error")
    shutil.rmtree(PLACE, ignore_errors=True)
    with embedded.embedded(_settings()) as settings:
        plant = plant_of(settings)
        opening.open_embedded(plant)
        intake_s = _submit(plant, approvals, rename)
        figures = [*_line(plant, approvals, rename), _naive(plant, naive_count)]
        result = _result(figures, _stages(settings), intake_s, approvals)
    PLACE.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, ensure_ascii=False, indent=2)
    (PLACE / "bench.json").write_text(text + "\n", encoding="utf-8")
    if as_json:
        click.echo(text)
    else:
        _show(result)


def _settings() -> Settings:
    data = PLACE.absolute() / "data"
    environ = {name: value for name, value in os.environ.items() if name.startswith("FACTORY_")}
    settings = Settings.from_env(environ | {"FACTORY_DATA_DIR": str(data)})
    return replace(settings, keyring_dir=data / "keyring", metrics_port=0)


def _submit(plant: Plant, approvals: int, rename: int) -> float:
    """Seconds it takes to take all approvals in."""
    err.print(f"· taking in {approvals} approvals")
    lines = [
        json.dumps(specimen.approved(seed, _enterprise(seed, rename))).encode()
        for seed in range(1, approvals + 1)
    ]
    start = time.perf_counter()
    for number, _, outcome in intake.submit_all(plant, enumerate(lines, 1), who="bench"):
        if outcome.registration is None:
            raise SystemExit(f"approval {number} was not taken: {outcome.status}")
    return time.perf_counter() - start


def _enterprise(seed: int, rename: int) -> int:
    return RENAMED if seed <= rename else 1000 + seed // 20


def _line(plant: Plant, approvals: int, rename: int) -> Iterator[Figure]:
    with crew.at_work(plant.settings):
        err.print(f"· making {approvals} certificates on the line")
        with metered() as meter:
            waiting.settle(plant, seconds=PATIENCE)
        yield _figure("line, approvals", approvals, meter)
        err.print(f"· renaming a firm of {rename}")
        batch = _prepared_rename(plant)
        with metered() as meter:
            bulk.confirm(plant, batch, who="bench", why="measured")
            waiting.settle(plant, seconds=PATIENCE)
        found = watching.batch(plant, batch)
        if found.done != rename:
            raise SystemExit(f"the rename made {found.done} of {rename}")
        yield _figure("line, rename", rename, meter)


def _prepared_rename(plant: Plant) -> BatchId:
    raw = json.dumps(specimen.renamed(1, RENAMED)).encode()
    outcome = intake.submit(plant, raw, who="bench")
    if outcome.batch is None:
        raise SystemExit(f"the rename was not taken: {outcome.status}")
    batch = BatchId(outcome.batch)
    waiting.until_state(plant, batch, BatchState.AWAITING, seconds=PATIENCE)
    return batch


def _figure(name: str, count: int, meter: Meter) -> Figure:
    spent = meter.cpu or {}
    makers = spent["workers"] + spent["steward"]
    return Figure(
        name=name,
        count=count,
        seconds=meter.seconds,
        cpu_ms=1000 * makers / count,
        servers_ms=1000 * spent["servers"] / count,
    )


def _naive(plant: Plant, count: int) -> Figure:
    """The obvious pipeline: real broker, one message a certificate, one worker thread."""
    err.print(f"· making {count} certificates the naive way")
    setup = _naive_setup(plant)
    naive.create(setup, dict(_naive_faces(plant, count)))
    broker = brokers.connect(replace(plant.settings, namespace="naive"))
    set_broker(broker)
    spent: list[float] = []
    broker.declare_queue(NAIVE_QUEUE)
    actor(_timed(lambda ident: naive.make(setup, ident), spent), actor_name="make",
          queue_name=NAIVE_QUEUE, broker=broker)  # fmt: skip
    with metered() as meter:
        for ident in range(count):
            message: Message[None] = Message(
                queue_name=NAIVE_QUEUE, actor_name="make", args=(ident,), kwargs={}, options={}
            )
            broker.enqueue(message)
        worker = Worker(broker, queues={NAIVE_QUEUE}, worker_threads=1)
        worker.start()
        while len(spent) < count:
            time.sleep(0.05)
        worker.stop()
    cpu = meter.cpu or {}
    err.print(f"  median of one: {1000 * statistics.median(spent):.0f} ms CPU")
    return Figure(
        name="naive",
        count=count,
        seconds=meter.seconds,
        cpu_ms=1000 * cpu["this"] / count,
        servers_ms=1000 * cpu["servers"] / count,
    )


def _timed(make: Callable[[int], None], spent: list[float]) -> Callable[[int], None]:
    def timed(ident: int) -> None:
        start = time.thread_time()
        make(ident)
        spent.append(time.thread_time() - start)

    return timed


def _naive_setup(plant: Plant) -> naive.Setup:
    s, folder = plant.settings, PLACE.absolute() / "naive"
    folder.mkdir(parents=True)
    font = folder / "kai.ttf"
    font.write_bytes(font_files(s.font_dirs)["LXGWWenKai-Regular.ttf"])
    home = s.keyring_dir / "identities" / "shanghai-constructor"
    passphrase = (home / "passphrase").read_bytes()
    naive.write_pkcs12(home, folder / "seal.p12", passphrase)
    return naive.Setup(
        font=font,
        seal=home / "seal.png",
        pkcs12=folder / "seal.p12",
        passphrase=passphrase,
        database=folder / "naive.sqlite3",
        endpoint=s.s3_endpoint,
        region=s.s3_region,
        key=s.s3_key,
        secret=s.s3_secret,
        bucket=s.s3_bucket,
    )


def _naive_faces(plant: Plant, count: int) -> Iterator[tuple[int, tuple[str, bytes]]]:
    """The same texts that our page prints, and the same photo."""
    profile = plant.profiles["shanghai-constructor"]
    for seed in range(count):
        event = events.parse(json.dumps(specimen.approved(seed + 1, 1)).encode())
        text = naive.lines_of(event, profile)
        yield seed, (text, specimen.portrait(seed + 1))


def _stages(settings: Settings) -> dict[str, float]:
    """CPU seconds of each stage, over everything the line made."""
    found = CollectorRegistry()
    multiprocess.MultiProcessCollector(found, path=str(crew.metrics_dir(settings)))  # type: ignore[no-untyped-call]
    name = "factory_stage_cpu_seconds_total"
    return {stage: found.get_sample_value(name, {"stage": stage}) or 0.0 for stage in STAGES}


def _result(
    figures: list[Figure], stages: Mapping[str, float], intake_s: float, approvals: int
) -> dict[str, object]:
    naive_way = figures[-1]
    made = sum(figure.count for figure in figures[:-1])
    return {
        "machine": machine(),
        "lines": [
            {
                "name": figure.name,
                "count": figure.count,
                "seconds": round(figure.seconds, 3),
                "per_s": round(figure.per_s, 2),
                "cpu_ms": round(figure.cpu_ms, 3),
                "servers_ms": round(figure.servers_ms, 3),
                "cpu_ratio": round(naive_way.cpu_ms / figure.cpu_ms, 2),
                "rate_ratio": round(figure.per_s / naive_way.per_s, 2),
            }
            for figure in figures
        ],
        "stages_cpu_ms": {
            stage: round(1000 * seconds / made, 3) for stage, seconds in stages.items()
        },
        "intake_per_s": round(approvals / intake_s, 1),
    }


def machine() -> dict[str, object]:
    """What the figures were taken on."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "packages": {
            name: version(name) for name in ("reportlab", "pyhanko", "cryptography", "boto3")
        },
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _show(result: dict[str, object]) -> None:
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    table = Table(
        "", "count", "seconds", "a second", "CPU ms each", "servers' CPU ms each",
        "naive CPU / this", "this rate / naive", box=None, header_style="bold",
    )  # fmt: skip
    lines: list[dict[str, object]] = result["lines"]  # type: ignore[assignment]
    for line in lines:
        table.add_row(*(str(line[key]) for key in (
            "name", "count", "seconds", "per_s", "cpu_ms", "servers_ms", "cpu_ratio", "rate_ratio"
        )))  # fmt: skip
    out.print(table)
    out.print(f"\nCPU ms a certificate by stage: {result['stages_cpu_ms']}")
    out.print(f"intake: {result['intake_per_s']} events a second   (var/bench/bench.json)")


if __name__ == "__main__":
    main()
