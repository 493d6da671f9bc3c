"""What a certificate costs each way, as bars on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bench.kept import JsonObject

WAYS = {
    "naive_ms": ("naive", "#c8553d"),
    "tuned_ms": ("tuned (OFD: straightforward writer)", "#e0a458"),
    "cpu_ms": ("ours", "#2f6690"),
    "limit_ms": ("key operation alone", "#9db4c0"),
}
BAR = 0.19  #: of a group of four
INCHES = (10.0, 0.75)  #: wide, and tall for each line
DPI = 130


def draw(lines: Sequence[JsonObject], file: Path) -> None:
    """A PNG: a group of bars for each line, the first on top.  OSError: it cannot be written."""
    file.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(INCHES[0], 1.6 + INCHES[1] * len(lines)), layout="constrained")
    axes = figure.subplots()
    for place, (way, (label, colour)) in enumerate(WAYS.items()):
        _bars(axes, lines, way, label, colour, offset=(place - 1.5) * BAR)
    axes.set_xscale("log")
    axes.set_xlabel("CPU milliseconds a certificate (logarithmic)")
    axes.set_yticks(range(len(lines)), [line["name"] for line in lines])
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.margins(x=0.12)
    axes.grid(axis="x", which="major", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(WAYS), frameon=False)
    figure.savefig(file, dpi=DPI)


def _bars(
    axes: Axes, lines: Sequence[JsonObject], way: str, label: str, colour: str, offset: float
) -> None:
    """One way's bars, each with its figure behind it."""
    found = [(place, line[way]) for place, line in enumerate(lines) if line[way]]
    if not found:
        return
    bars = axes.barh(
        [place + offset for place, _ in found],
        [ms for _, ms in found],
        height=BAR * 0.92,
        color=colour,
        label=label,
    )
    axes.bar_label(bars, labels=[_figure(ms) for _, ms in found], padding=3, fontsize=7)


def _figure(ms: float) -> str:
    """Three digits that count.

    >>> _figure(0.02169), _figure(0.356), _figure(24.57), _figure(232.4)
    ('0.0217', '0.356', '24.6', '232')
    """
    return f"{ms:#.3g}".rstrip(".")
