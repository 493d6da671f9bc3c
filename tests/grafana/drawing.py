"""A dashboard as a picture: its panels, drawn from what a real Prometheus answers.

Grafana is not needed for it: the queries are the dashboard's own, sent through the query API.
``python -m tests.grafana.drawing URL [FOLDER]`` draws all of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from tests.grafana import boards, painting
from tests.grafana.asking import Prometheus, Series, Window
from tests.grafana.boards import Board, Panel, Query
from tests.grafana.units import CHINA

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_PX, ROW_PX, HEAD_PX, GAP_PX = 1680, 40, 64, 8
COLUMNS = 24
POINTS = 240  #: of a series, at most
SCRAPES = 4  #: that a rate looks at, as Grafana's $__rate_interval does
GROUND, CARD, EDGE = "#f1f3f5", "#ffffff", "#dde1e6"
TITLE_PX = 30


def draw(
    dashboard: Path,
    prometheus_url: str,
    png: Path,
    *,
    seconds: float | None = None,
    values: Mapping[str, str] | None = None,
) -> None:
    """One PNG of all panels as they are now.

    seconds: how far back to look; None: as far as the dashboard does.
    values:  of its variables, by name; the others take the first that there is.

    OSError: Prometheus is not there, or refuses a query.
    """
    board = boards.read(dashboard)
    source = Source.of(Prometheus(prometheus_url.rstrip("/")), board, seconds, values or {})
    width, height = size(board)
    figure = Figure(figsize=(width / painting.DPI, height / painting.DPI), dpi=painting.DPI)
    _head(figure, board, source, height)
    for panel in board.panels:
        _panel(figure, panel, source, height)
    png.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(png, dpi=painting.DPI, facecolor=GROUND)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whom the panels ask, about which while, with what in place of the variables."""

    prometheus: Prometheus
    window: Window
    values: Mapping[str, str]

    @classmethod
    def of(
        cls, prometheus: Prometheus, board: Board, back: float | None, given: Mapping[str, str]
    ) -> Source:
        """For a dashboard, now."""
        end, back = time.time(), back or board.seconds
        pace = prometheus.scrape_seconds()
        step = max(pace, back / POINTS)
        window = Window(start=end - back, end=end, step=step)
        rate = max(SCRAPES * pace, step + pace)
        times = {"__rate_interval": rate, "__interval": step, "__range": back}
        values = {name: f"{max(1, round(size))}s" for name, size in times.items()}
        values |= {v["name"]: _first(prometheus, v, window) for v in board.variables} | given
        return cls(prometheus=prometheus, window=window, values=values)

    def ask(self, query: Query, *, over: bool) -> list[Series]:
        """over: the whole while; else at its end."""
        expr = boards.filled(query.expr, self.values)
        if over and not query.instant:
            return self.prometheus.over(expr, self.window)
        return self.prometheus.at(expr, self.window.end)


def _first(prometheus: Prometheus, variable: boards.Json, window: Window) -> str:
    """What Grafana would choose: the first value, sorted as the variable says; empty if none."""
    asked = boards.LABEL_VALUES.fullmatch(variable["query"])
    assert asked is not None, variable["query"]
    found = prometheus.label_values(asked["metric"], asked["label"], window)
    falling = variable["sort"] in (2, 4)
    key = int if variable["sort"] in (3, 4) else str
    return next(iter(sorted(found, key=key, reverse=falling)), "")


def size(board: Board) -> tuple[int, int]:
    """Width and height of the picture, in pixels."""
    rows = max(panel.y + panel.h for panel in board.panels)
    return WIDTH_PX, HEAD_PX + rows * ROW_PX + GAP_PX


def place(panel: Panel) -> tuple[int, int, int, int]:
    """Left, top, width and height of a panel's card, in pixels of the picture."""
    column = (WIDTH_PX - GAP_PX) / COLUMNS
    left, right = GAP_PX + panel.x * column, (panel.x + panel.w) * column
    return round(left), HEAD_PX + panel.y * ROW_PX, round(right - left), panel.h * ROW_PX - GAP_PX


def _head(figure: Figure, board: Board, source: Source, height: float) -> None:
    """Title, variables, and which while it is."""
    y = 1 - HEAD_PX / 2 / height
    named = [f"{v['label']} {source.values[v['name']] or '–'}" for v in board.variables]
    title = "  ·  ".join((board.title, *named))
    figure.text(16 / WIDTH_PX, y, title, size=17, weight="bold", va="center", color=painting.INK)
    start, end = (
        datetime.fromtimestamp(t, UTC).astimezone(CHINA)
        for t in (source.window.start, source.window.end)
    )
    told = f"{start:%Y-%m-%d %H:%M:%S} – {end:%H:%M:%S}  {CHINA}"
    figure.text(1 - 16 / WIDTH_PX, y, told, size=11, va="center", ha="right", color=painting.FADED)


def _panel(figure: Figure, panel: Panel, source: Source, height: float) -> None:
    left, top, width, tall = place(panel)
    axes = figure.add_axes(
        (left / WIDTH_PX, 1 - (top + tall) / height, width / WIDTH_PX, tall / height)
    )
    axes.set(xlim=(0, width), ylim=(tall, 0))
    axes.axis("off")
    if panel.type == "row":
        axes.text(
            6, tall / 2, f"▾ {panel.title}", size=13, weight="bold", va="center", color=painting.INK
        )
        return
    _card(axes, panel, width, tall)
    over = panel.type == "timeseries" or panel.options.get("graphMode") == "area"
    found = [(query, source.ask(query, over=over)) for query in panel.queries]
    canvas = painting.Canvas(
        figure=figure, card=axes, left=left, top=top + TITLE_PX, width=width,
        height=tall - TITLE_PX, sheet=(WIDTH_PX, height), window=source.window,
    )  # fmt: skip
    painting.paint(canvas, panel, found)


def _card(axes: Axes, panel: Panel, width: float, tall: float) -> None:
    frame = FancyBboxPatch(
        (0.5, 0.5), width - 1, tall - 1, boxstyle="round,pad=0,rounding_size=4",
        facecolor=CARD, edgecolor=EDGE, linewidth=1,
    )  # fmt: skip
    axes.add_patch(frame)
    axes.text(
        10,
        TITLE_PX / 2 + 1,
        panel.title,
        size=11,
        weight="bold",
        va="center",
        color=painting.INK,
    )


def main() -> int:
    """Draw all dashboards."""
    url, *rest = sys.argv[1:]
    folder = Path(*rest or ("var/dashboards",))
    for path in boards.DASHBOARDS:
        draw(path, url, folder / f"{path.stem}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
