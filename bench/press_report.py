"""Figures of presses, lines, machine and scale: as parts of ``bench.json``, and as tables."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from bench.report import WIDTH

if TYPE_CHECKING:
    from bench.kept import JsonObject
    from bench.line_run import LineRun
    from bench.machine_run import MachineRun
    from bench.press_run import Pressed
    from bench.scale_run import Scale, Together
    from bench.signer_run import SignerRun
    from bench.stamp_run import StampRun
    from bench.targets import Judged, Target

DIGITS = 4
WAYS = {
    "cpu_ms": "CPU",
    "limit_ms": "key operation",
    "above_ms": "above the key operation",
    "tuned_ms": "tuned",
    "naive_ms": "naive",
    "rate_ratio": "two processes / one",
    "cost_ratio": "cost / that of scale_1k",
    "memory_ratio": "memory at the end / after a tenth",
}


def _figures(
    name: str,
    cpu_ms: float,
    limit: float,
    *,
    naive: float | None = None,
    tuned: float | None = None,
    per_s: float | None = None,
) -> JsonObject:
    """What every line has; per_s: of one core at work, unless it was measured by the clock."""
    return {
        "name": name,
        "cpu_ms": round(cpu_ms, DIGITS),
        "per_s": round(1000 / cpu_ms if per_s is None else per_s, 1),
        "per_s_by": "core" if per_s is None else "clock",
        "limit_ms": round(limit, DIGITS),
        "naive_ms": None if naive is None else round(naive, DIGITS),
        "tuned_ms": None if tuned is None else round(tuned, DIGITS),
    }


def press(run: Pressed) -> JsonObject:
    """A press beside its contenders."""
    figures = _figures(run.name, run.cpu_ms, run.limit_ms, naive=run.naive_ms, tuned=run.tuned_ms)
    return figures | {
        "reference_ms": round(run.reference_ms, DIGITS),
        "count": run.made,
        "by_reference": run.by_reference,
    }


def signer(run: SignerRun) -> JsonObject:
    """Signatures by another process."""
    return _figures(run.name, run.cpu_ms, run.limit_ms) | {
        "above_ms": round(run.cpu_ms - run.limit_ms, DIGITS),
        "asker_ms": round(run.asker_ms, DIGITS),
        "holder_ms": round(run.holder_ms, DIGITS),
        "signer_mb": round(run.memory_mb, 1),
        "count": run.count,
    }


def stamped(run: StampRun) -> JsonObject:
    """Documents with a time stamp beside those without."""
    return _figures(run.name, run.cpu_ms, run.limit_ms) | {
        "plain_ms": round(run.plain_ms, DIGITS),
        "stamp_ms": round(run.cpu_ms - run.plain_ms, DIGITS),
        "authority_ms": round(run.authority_ms, DIGITS),
        "token_bytes": run.token_bytes,
        "count": run.count,
    }


def line(name: str, run: LineRun) -> JsonObject:
    """A line, with the share of each stage; of many chunks also how cost and memory went on."""
    figures = _figures(name, run.cpu_ms, run.limit_ms, naive=run.naive_ms, tuned=run.tuned_ms)
    rest = run.cpu_ms - sum(run.stages_ms.values())
    stages = {**run.stages_ms, "rest": rest}
    third = max(1, len(run.chunks_ms) // 3)
    return figures | {
        "count": run.count,
        "stages_ms": {stage: round(ms, DIGITS) for stage, ms in stages.items()},
        "shares": {stage: round(ms / run.cpu_ms, 3) for stage, ms in stages.items()},
        "order_ms": round(run.order_ms, DIGITS),
        "size_bytes": run.size_bytes,
        "cost_ratio": round(
            statistics.median(run.chunks_ms[-third:]) / statistics.median(run.chunks_ms[:third]), 3
        ),
        **_memory(run.memory),
    }


def whole_machine(name: str, run: MachineRun, limit: float) -> JsonObject:
    """The crew, its servers named."""
    figures = _figures(name, run.cpu_ms, limit, per_s=run.count / run.seconds)
    return figures | {
        "count": run.count,
        "workers": run.workers,
        "seconds": round(run.seconds, 2),
        "roles_ms": {role: round(ms, DIGITS) for role, ms in run.roles_ms.items()},
        "s3_share": round(run.roles_ms["s3"] / run.cpu_ms, 3),
    }


def together(run: Together, limit: float) -> JsonObject:
    """Two processes against one."""
    figures = _figures("press_2p", run.cpu_ms, limit, per_s=run.two_per_s)
    return figures | {
        "count": run.count,
        "one_per_s": round(run.one_per_s, 1),
        "rate_ratio": round(run.ratio, 3),
    }


def scale(name: str, run: Scale, limit: float) -> JsonObject:
    """Many certificates by one process."""
    return _figures(name, run.cpu_ms, limit) | {
        "count": run.count,
        "by_reference": run.by_reference,
        **_memory(run.memory),
    }


def _memory(memory: Sequence[float]) -> JsonObject:
    """memory_ratio: at the end to after a tenth."""
    tenth = memory[len(memory) // 10]
    return {
        "memory_mb": [round(each, 1) for each in memory[:: max(1, len(memory) // 10)]],
        "memory_ratio": round(memory[-1] / tenth, 3),
    }


def with_cost_ratios(lines: Sequence[JsonObject]) -> Iterator[JsonObject]:
    """Of scales what one costs, to what it costs where there are a thousand."""
    few = next((each["cpu_ms"] for each in lines if each["name"] == "scale_1k"), None)
    for each in lines:
        is_scale = each["name"] in {"scale_1k", "scale_100k"} and few
        yield each | ({"cost_ratio": round(each["cpu_ms"] / few, 3)} if is_scale else {})


def told(judged: Sequence[Judged]) -> list[JsonObject]:
    """Every target, as it is kept."""
    return [
        {
            "line": each.target.line,
            "what": _what(each.target),
            "target": round(each.bound, 3),
            "least": each.target.least is not None,
            "reached": None if each.reached is None else round(each.reached, 3),
            "ok": each.ok,
        }
        for each in judged
    ]


def _what(target: Target) -> str:
    words = WAYS[target.figure]
    if target.over is not None:
        return f"{words} / {WAYS[target.over]}"
    return f"{words}, ms" if target.figure.endswith("_ms") else words


# --- for a person -----------------------------------------------------------------------------


def show(result: JsonObject) -> None:
    """Tables."""
    out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    here = result["machine"]
    out.print(
        f"{here['cpu']}, {here['cores']} cores, load {here['load_before']} before,"
        f" Python {here['python']}, {here['database']}\n"
    )
    out.print("CPU ms a certificate, medians")
    out.print(_lines_table(result["lines"]))
    out.print("")
    if result["quick"]:
        out.print("quick: too little of everything for figures that count; no target is judged")
    else:
        out.print(_targets_table(result["targets"]))
    out.print("\nfigures: var/bench/bench.json, chart: var/bench/bench.png")


def _lines_table(lines: Sequence[JsonObject]) -> Table:
    table = _table(
        "", "ours", "a second", "key operation", "tuned", "naive",
        "/ key operation", "tuned /", "naive /",
    )  # fmt: skip
    table.add_column("", justify="left")
    for each in lines:
        cpu, tuned, naive = each["cpu_ms"], each["tuned_ms"], each["naive_ms"]
        table.add_row(
            each["name"], f"{cpu:.3f}", f"{each['per_s']:.0f}", f"{each['limit_ms']:.3f}",
            *(_number(ms, 2) for ms in (tuned, naive)), f"{cpu / each['limit_ms']:.2f}",
            *(_number(ms and ms / cpu, 1) for ms in (tuned, naive)), "; ".join(_remarks(each)),
        )  # fmt: skip
    return table


def _remarks(each: JsonObject) -> Iterator[str]:
    if each.get("by_reference"):
        yield f"{each['by_reference']} of {each['count']} by the reference writer"
    if "shares" in each:
        yield ", ".join(f"{stage} {100 * share:.0f} %" for stage, share in each["shares"].items())
    if "roles_ms" in each:
        yield ", ".join(f"{role} {ms:.2f}" for role, ms in each["roles_ms"].items())
        yield f"S3 server {100 * each['s3_share']:.0f} %"
    if each["per_s_by"] == "clock":
        yield "a second by the clock"
    if "above_ms" in each:
        yield f"{each['above_ms']:.3f} above, the process has {each['signer_mb']:.0f} MB"
    if "stamp_ms" in each:
        yield f"the stamp {each['stamp_ms']:.3f}, without {each['plain_ms']:.3f}"
        yield f"the authority {each['authority_ms']:.2f}, a token {each['token_bytes']} bytes"
    if "one_per_s" in each:
        yield f"one process {each['one_per_s']:.0f}"
    if "memory_mb" in each:
        yield f"{each['memory_mb'][0]:.0f} to {each['memory_mb'][-1]:.0f} MB"


def _targets_table(targets: Sequence[JsonObject]) -> Table:
    table = _table("what", "target", "reached", "")
    for each in targets:
        sign = "≥" if each["least"] else "≤"
        table.add_row(
            f"{each['line']}: {each['what']}", f"{sign} {each['target']:g}",
            _number(each["reached"], 3), "ok" if each["ok"] else "[red]short[/red]",
        )  # fmt: skip
    return table


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _table(first: str, *columns: str) -> Table:
    table = Table(first, box=None, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right")
    return table
