"""What was measured, as JSON and as tables; compare ratios, which come from one run."""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from jobs.metrics import STAGES

if TYPE_CHECKING:
    from bench.bulk_run import BulkRun
    from bench.door import Naive
    from bench.line import Intake, Run
    from bench.load import Load
    from bench.naive_run import NaiveRun
    from bench.ofd_run import OfdRun
    from jobs.settings import Settings

PACKAGES = ("reportlab", "pyhanko", "cryptography", "boto3", "dramatiq", "SQLAlchemy", "pillow")
SPEED = ("interactive_workers", "bulk_workers", "chunk_items", "prefetch")
WIDTH = 180
LEAST_MS = 0.001  #: CPU time is counted in ticks, and a short run may have none
DOOR_WORDS = {
    "livez": "GET /livez, the floor",
    "read": "GET a registration",
    "link": "POST a link to a certificate",
    "submit": "POST one event",
    "submit_batch": "POST 100 events",
}
WORDS = {"line": "approvals", "rename_first": "rename, first", "rename": "rename, warm"}

JsonObject = dict[str, Any]


def machine(load: float, database: str, settings: Settings) -> JsonObject:
    """What the figures were taken on.

    load: processes that wanted a core in the minute before.
    """
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(load, 2),
        "python": platform.python_version(),
        "database": database,
        "settings": {name: getattr(settings, name) for name in SPEED},
        "packages": {name: version(name) for name in PACKAGES},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def result(
    machine: JsonObject,
    key: str,
    taken: Intake,
    lines: Mapping[str, Sequence[Run]],
    naive: NaiveRun,
) -> JsonObject:
    """Everything, medians where a line was measured more than once."""
    return {
        "machine": machine,
        "lines": [_line(f"{name}_{key}", runs, naive) for name, runs in lines.items()],
        "naive": {
            "name": f"naive_{key}",
            "count": naive.count,
            "workers": naive.workers,
            "seconds": round(naive.meter.seconds, 3),
            "per_s": round(_naive_rate(naive), 2),
            "cpu_ms": round(naive.cpu_ms, 2),
            "lean_cpu_ms": round(naive.lean_cpu_ms, 2),
            "servers_ms": round(1000 * naive.meter.servers / naive.count, 2),
            "stages_ms": {stage: round(ms, 2) for stage, ms in naive.stages_ms.items()},
        },
        "stages": {f"{name}_{key}": _stages(runs) for name, runs in lines.items()},
        "intake": {
            "count": taken.count,
            "per_s": round(taken.count / taken.seconds, 1),
            "cpu_ms": round(1000 * taken.cpu_seconds / taken.count, 2),
        },
    }


def _naive_rate(naive: NaiveRun) -> float:
    return naive.count / naive.meter.seconds


def _line(name: str, runs: Sequence[Run], naive: NaiveRun) -> JsonObject:
    cpu_ms = statistics.median(1000 * run.meter.makers / run.count for run in runs)
    steward = statistics.median(1000 * run.meter.cpu["steward"] / run.count for run in runs)
    servers = statistics.median(1000 * run.meter.servers / run.count for run in runs)
    per_s = statistics.median(run.count / run.seconds for run in runs)
    return {
        "name": name,
        "count": runs[0].count,
        "times": len(runs),
        "workers": runs[0].workers,
        "seconds": round(statistics.median(run.seconds for run in runs), 3),
        "per_s": round(per_s, 2),
        "cpu_ms": round(cpu_ms, 2),
        "steward_ms": round(steward, 2),
        "servers_ms": round(servers, 2),
        "naive_ms": round(naive.cpu_ms, 2),
        "ratio": round(naive.cpu_ms / cpu_ms, 2),
        "lean_ratio": round(naive.lean_cpu_ms / cpu_ms, 2),
        "rate_ratio": round(per_s / _naive_rate(naive), 2),
    }


def _stages(runs: Sequence[Run]) -> JsonObject:
    """CPU and wall ms of each stage, a certificate."""
    return {
        stage: {
            what: round(
                statistics.median(1000 * run.stages[stage][place] / run.count for run in runs), 3
            )
            for place, what in enumerate(("cpu_ms", "wall_ms"))
        }
        for stage in STAGES
    }


def ofd(run: OfdRun) -> JsonObject:
    """OFD files of one process beside their limit and the naive way."""
    return {
        "name": "ofd_sm2",
        "count": run.count,
        "cpu_ms": round(run.cpu_ms, 2),
        "stages_ms": {stage: round(ms, 3) for stage, ms in run.stages_ms.items()},
        "size_bytes": run.size_bytes,
        "operation_ms": {name: round(ms, 3) for name, ms in run.operation_ms.items()},
        "to_limit": round(run.cpu_ms / run.limit_ms, 1),
        "naive_count": run.naive_count,
        "naive_ms": round(run.naive_ms, 1),
        "ratio": round(run.naive_ms / run.cpu_ms, 2),
    }


def bulk(run: BulkRun, naive: NaiveRun | None) -> JsonObject:
    """Bulk events: a firm of hundreds, many small renames at once, a large register."""
    waits, large = run.renames.waits, run.large
    made = run.renames.certificates
    found = {
        "firms": [
            {
                "formats": list(firm.formats),
                "count": firm.count,
                "seconds": round(statistics.median(firm.seconds), 2),
                "most_seconds": round(max(firm.seconds), 2),
                "times": len(firm.seconds),
            }
            for firm in run.firms
        ],
        "renames": {
            "count": len(waits),
            "certificates": made,
            "seconds": round(run.renames.seconds, 2),
            "per_s": round(made / run.renames.seconds, 2),
            "cpu_ms": round(1000 * run.renames.meter.makers / made, 2),
            "least_s": round(waits[0], 2),
            "p50_s": round(waits[len(waits) // 2], 2),
            "p99_s": round(waits[min(len(waits) - 1, int(0.99 * len(waits)))], 2),
            "most_s": round(waits[-1], 2),
            "overtaken": run.renames.overtaken,
        },
        "large": {
            "count": large.count,
            "workers": large.workers,
            "prepare_s": round(large.prepare_seconds, 2),
            "seconds": round(large.seconds, 2),
            "per_s": round(large.count / large.seconds, 2),
            "per_minute": round(60 * large.count / large.seconds),
            "cpu_ms": round(1000 * large.meter.makers / large.count, 2),
            "servers_ms": round(1000 * large.meter.servers / large.count, 2),
        },
    }
    if naive is not None:
        cpu_ms = found["large"]["cpu_ms"]
        found["large"] |= {
            "naive_ms": round(naive.cpu_ms, 2),
            "ratio": round(naive.cpu_ms / cpu_ms, 2),
            "rate_ratio": round(found["large"]["per_s"] / _naive_rate(naive), 2),
        }
    return found


def bulk_table(bulk: JsonObject) -> Table:
    """What was asked of each bulk event, and what it took."""
    table = _table("bulk", "certificates", "seconds", "a minute", "CPU ms each", "remarks")
    for firm in bulk["firms"]:
        seconds, count = firm["seconds"], firm["count"]
        table.add_row(
            f"a firm, {' and '.join(firm['formats'])}", str(count), f"{seconds:.2f}",
            f"{60 * count / seconds:.0f}", "-",
            f"confirmed to all collectable; median of {firm['times']},"
            f" most {firm['most_seconds']:.2f}",
        )  # fmt: skip
    few, large = bulk["renames"], bulk["large"]
    table.add_row(
        f"{few['count']} small renames at once", str(few["certificates"]),
        f"{few['seconds']:.2f}", f"{60 * few['per_s']:.0f}", f"{few['cpu_ms']:.2f}",
        f"confirmed to collectable: least {few['least_s']:.2f}, p50 {few['p50_s']:.2f},"
        f" p99 {few['p99_s']:.2f}, most {few['most_s']:.2f} s; overtaken by at most"
        f" {few['overtaken']}",
    )  # fmt: skip
    beside = (
        f"; naive {large['naive_ms']:.2f} CPU ms, naive CPU / this {large['ratio']:.2f},"
        f" this rate / naive {large['rate_ratio']:.2f}"
        if "ratio" in large
        else ""
    )
    table.add_row(
        "a large batch", str(large["count"]), f"{large['seconds']:.2f}",
        str(large["per_minute"]), f"{large['cpu_ms']:.2f}",
        f"prepared in {large['prepare_s']:.2f} s{beside}",
    )  # fmt: skip
    return table


def door(loads: Sequence[Load], naive: Naive, *, batch: int) -> JsonObject:
    """Each kind of request at each load; submits beside a process an event."""
    cpu_ms = 1000 * naive.cpu_seconds / naive.count
    per_s = naive.count / naive.seconds
    events = {"submit": 1, "submit_batch": batch}
    return {
        "loads": [_door_load(load, events.get(load.name, 0), cpu_ms, per_s) for load in loads],
        "naive": {
            "name": "a process an event",
            "count": naive.count,
            "per_s": round(per_s, 2),
            "cpu_ms": round(cpu_ms, 2),
        },
    }


def _door_load(load: Load, events: int, naive_ms: float, naive_per_s: float) -> JsonObject:
    """events: how many a request hands in."""
    per_s, cpu_ms = load.count / load.seconds, 1000 * load.cpu_seconds / load.count
    found: JsonObject = {
        "name": load.name,
        "connections": load.connections,
        "count": load.count,
        "errors": load.errors,
        "per_s": round(per_s, 1),
        "p50_ms": round(1000 * load.wait(0.5), 2),
        "p99_ms": round(1000 * load.wait(0.99), 2),
        "cpu_ms": round(cpu_ms, 3),
    }
    if events:
        found |= {
            "events_per_s": round(events * per_s, 1),
            "ratio": round(events * naive_ms / max(cpu_ms, LEAST_MS), 2),
            "rate_ratio": round(events * per_s / naive_per_s, 2),
        }
    return found


def show_door(result: JsonObject) -> None:
    """A table for a person."""
    out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    here, naive = result["machine"], result["naive"]
    out.print(
        f"{here['cpu']}, {here['cores']} cores, load {here['load_before']} before,"
        f" Python {here['python']}, {here['database']}\n"
    )
    table = _table(
        "HTTP", "connections", "requests", "errors", "a second", "p50 ms", "p99 ms",
        "door's CPU ms each", "events a second", "naive CPU / this", "this rate / naive",
    )  # fmt: skip
    for each in result["loads"]:
        beside = ("events_per_s", "ratio", "rate_ratio")
        table.add_row(
            DOOR_WORDS[each["name"]],
            *(str(each[key]) for key in ("connections", "count", "errors")),
            *(f"{each[key]:.1f}" for key in ("per_s", "p50_ms", "p99_ms")),
            f"{each['cpu_ms']:.2f}",
            *(f"{each[key]:.1f}" if key in each else "-" for key in beside),
        )
    out.print(table)
    out.print(
        f"\nnaive: `certfactory submit -` {naive['count']} times, {naive['per_s']} events a second,"
        f" {naive['cpu_ms']} CPU ms each"
    )
    out.print('figures: var/bench/bench.json, under "door"')


def show(result: JsonObject) -> None:
    """Tables for a person."""
    out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    here = result["machine"]
    out.print(
        f"{here['cpu']}, {here['cores']} cores, load {here['load_before']} before,"
        f" Python {here['python']}, {here['database']}"
    )
    out.print(", ".join(f"{name} {value}" for name, value in here["settings"].items()) + "\n")
    out.print(_ways(result))
    out.print("\nCPU / wall ms a certificate, by stage")
    out.print(_stage_table(result))
    naive, taken = result["naive"], result["intake"]
    parts = ", ".join(f"{stage} {ms}" for stage, ms in naive["stages_ms"].items())
    out.print(f"\nnaive, CPU ms by stage (median of {naive['count']}): {parts}")
    out.print(f"lean: naive without fonts, key and client, {naive['lean_cpu_ms']} CPU ms each")
    for line in result["lines"]:
        if line["name"].startswith("rename"):
            out.print(
                f"{_words(line['name'])}: {line['seconds']:.2f} s from confirmation until all"
                f" {line['count']} can be collected"
            )
    out.print(
        f"intake: {taken['per_s']} events a second by one process, {taken['cpu_ms']} CPU ms each"
    )
    for line in _ofd_lines(result["ofd"]):
        out.print(line)
    out.print("")
    out.print(bulk_table(result["bulk"]))
    out.print('\nfigures: var/bench/bench.json, under "events"')


def _ofd_lines(ofd: JsonObject) -> Iterator[str]:
    parts = ", ".join(f"{stage} {ms}" for stage, ms in ofd["stages_ms"].items())
    limits = ", ".join(f"{name} {ms}" for name, ms in ofd["operation_ms"].items())
    yield (
        f"\n{ofd['name']}: {ofd['cpu_ms']} CPU ms a sealed OFD of {ofd['size_bytes']} bytes"
        f" (median of {ofd['count']}): {parts}"
    )
    yield f"limit, ms of one SM2 signature: {limits}; this / limit {ofd['to_limit']}"
    yield (
        f"naive OFD: {ofd['naive_ms']} CPU ms (median of {ofd['naive_count']});"
        f" naive / this {ofd['ratio']}"
    )


def _ways(result: JsonObject) -> Table:
    table = _table(
        "", "made", "workers", "seconds", "a second", "CPU ms each", "of it steward",
        "servers' CPU ms", "naive CPU / this", "lean / this", "this rate / naive",
    )  # fmt: skip
    for line in result["lines"]:
        times = f" x {line['times']}" if line["times"] > 1 else ""
        table.add_row(
            _words(line["name"]), f"{line['count']}{times}", str(line["workers"]),
            *(f"{line[key]:.2f}" for key in ("seconds", "per_s", "cpu_ms", "steward_ms")),
            *(f"{line[key]:.2f}" for key in ("servers_ms", "ratio", "lean_ratio", "rate_ratio")),
        )  # fmt: skip
    naive = result["naive"]
    table.add_row(
        f"{_words(naive['name'])} (sample)", str(naive["count"]), str(naive["workers"]),
        *(f"{naive[key]:.2f}" for key in ("seconds", "per_s", "cpu_ms")), "-",
        f"{naive['servers_ms']:.2f}", "1.00", f"{naive['lean_cpu_ms'] / naive['cpu_ms']:.2f}",
        "1.00",
    )  # fmt: skip
    return table


def _stage_table(result: JsonObject) -> Table:
    table = _table("", *STAGES, "outside the stages")
    cpu = {line["name"]: line["cpu_ms"] for line in result["lines"]}
    for name, stages in result["stages"].items():
        cells = [f"{each['cpu_ms']:.2f} / {each['wall_ms']:.2f}" for each in stages.values()]
        rest = cpu[name] - sum(each["cpu_ms"] for each in stages.values())
        table.add_row(_words(name), *cells, f"{rest:.2f}")
    return table


def _table(first: str, *columns: str) -> Table:
    table = Table(first, box=None, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _words(name: str) -> str:
    what, _, key = name.rpartition("_")
    return f"{WORDS.get(what, what)}, {key}"
