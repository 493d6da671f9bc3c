"""What stands in a panel: figures, bars, lines and tables, in Grafana's manner."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import DateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, Locator, MaxNLocator, MultipleLocator

from tests.grafana.asking import Series, Window
from tests.grafana.boards import Json, Panel, Query
from tests.grafana.units import CHINA, written

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
INK, FADED, TRACK, GRID = "#24292f", "#6a737d", "#eceff2", "#e6e9ed"
COLOURS = {
    "green": "#37872d", "red": "#d92b3c", "dark-red": "#9d0014", "orange": "#e8740c",
    "yellow": "#dcae00", "blue": "#3274d9", "purple": "#8f3bb8", "text": "#9aa3ad",
}  # fmt: skip
PALETTE = (
    "#56a64b", "#e0b400", "#3274d9", "#ff780a", "#e02f44", "#8f3bb8",
    "#19a0aa", "#96d98d", "#7a5c37", "#8ab8ff", "#ffa6b0", "#5a6570",
)  # fmt: skip
NOTHING = "no data"
AUTO = "__auto"
LEGEND_PX, LEGEND_LINES, LEGEND_SIZE, AXIS_PX = 20, 2, 9.5, 26
CELL_PX = 24  #: a table's row
CELL_MOST = 60  #: characters
TICKS, MINUTE = 4, 60
LEFT_PX, TIME_PX = 74, 75  #: for the values beside an axis; for a time below one
NICE_SECONDS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600,
    900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800,
)  # fmt: skip
PLAIN = ("Time", "__name__")

Found = Sequence[tuple[Query, Sequence[Series]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """Where a panel's content is drawn.

    card:        axes over the whole panel, in pixels, y downwards; its title has the top.
    left, top:   of the content, in pixels of the sheet.
    sheet:       width and height of all, in pixels.
    """

    figure: Figure
    card: Axes
    left: float
    top: float
    width: float
    height: float
    sheet: tuple[float, float]
    window: Window

    @property
    def head(self) -> float:
        """How far below the card's upper edge the content begins."""
        return self.card.get_ylim()[0] - self.height

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes at a place of the content, in pixels."""
        across, down = self.sheet
        x, y = self.left + left, self.top + top
        return self.figure.add_axes(
            (x / across, 1 - (y + height) / down, width / across, height / down)
        )

    def write(self, x: float, y: float, text: str, **how: Any) -> None:
        """A text at a place of the content."""
        self.card.text(x, self.head + y, text, **{"va": "center", "color": INK} | how)

    def say_nothing(self, text: str) -> None:
        """Instead of a content."""
        self.write(self.width / 2, self.height / 2 - 6, text, size=13, ha="center", color=FADED)


@cache
def _width(text: str, size: float, weight: str = "normal") -> float:
    """Of a text, in pixels."""
    renderer = FigureCanvasAgg(Figure(dpi=DPI)).get_renderer()
    return float(
        renderer.get_text_width_height_descent(
            text, FontProperties(size=size, weight=weight), ismath=False
        )[0]
    )


def _cut(text: str, room: float, size: float) -> str:
    """As much of a text as there is room for."""
    if _width(text, size) <= room:
        return text
    return next(
        (
            f"{text[:end]}…"
            for end in range(len(text), 0, -1)
            if _width(f"{text[:end]}…", size) <= room
        ),
        "…",
    )


def paint(canvas: Canvas, panel: Panel, found: Found) -> None:
    """The content of a panel, or that there is none."""
    if not any(series for _, series in found):
        canvas.say_nothing(panel.defaults.get("noValue", NOTHING))
        return
    PAINTERS[panel.type](canvas, panel, found)


# --- figures ------------------------------------------------------------------------------------


def _stat(canvas: Canvas, panel: Panel, found: Found) -> None:
    """One big figure over its course, or a line for each of several."""
    named = _named(found)
    if len(named) == 1:
        [(_, series)] = named
        _course(canvas, panel, series)
        value = series.points[-1][1]
        text, colour = shown(value, panel.defaults)
        size = min(25.0, 25.0 * (canvas.width - 24) / _width(text, 25, "bold"))
        canvas.write(
            canvas.width / 2, canvas.height * 0.42, text,
            size=size, weight="bold", ha="center", color=colour,
        )  # fmt: skip
        return
    step = min(30.0, (canvas.height - 8) / len(named))
    for place, (name, series) in enumerate(named):
        text, colour = shown(series.points[-1][1], panel.defaults | panel.override(name))
        y = (place + 0.5) * step
        canvas.write(12, y, name, size=12, color=FADED)
        canvas.write(canvas.width - 12, y, text, size=13, weight="bold", ha="right", color=colour)


def _course(canvas: Canvas, panel: Panel, series: Series) -> None:
    """How the figure came about, small and pale."""
    if panel.options.get("graphMode") != "area" or len(series.points) < 2:
        return
    axes = canvas.axes(1, canvas.height * 0.68, canvas.width - 2, canvas.height * 0.32 - 2)
    axes.axis("off")
    times, values = zip(*series.points, strict=True)
    low = min(0.0, *values)
    colour = shown(values[-1], panel.defaults)[1]
    axes.fill_between(times, values, low, color=colour, alpha=0.15, linewidth=0)
    axes.plot(times, values, color=colour, linewidth=1.2)
    axes.set(
        xlim=(canvas.window.start, canvas.window.end), ylim=(low, max(*values, low + 1e-9) * 1.1)
    )


def _bars(canvas: Canvas, panel: Panel, found: Found) -> None:
    """A bar for each series, its name before it and its value behind."""
    named = _named(found)
    step = min(34.0, (canvas.height - 10) / len(named))
    name_px = min(0.5 * canvas.width, 22 + max(_width(name, 10) for name, _ in named))
    texts = [shown(series.points[-1][1], panel.defaults) for _, series in named]
    value_px = 22 + max(_width(text, 11, "bold") for text, _ in texts)
    room = canvas.width - name_px - value_px
    least = panel.defaults.get("min", 0)
    most = panel.defaults.get("max") or max(each.points[-1][1] for _, each in named) or 1
    for place, ((name, series), (text, colour)) in enumerate(zip(named, texts, strict=True)):
        y = 4 + (place + 0.5) * step
        share = min(1.0, max(0.0, (series.points[-1][1] - least) / (most - least)))
        canvas.write(10, y, _cut(name, name_px - 18, 10), size=10)
        for width, fill in ((room, TRACK), (room * share, colour)):
            bar = Rectangle((name_px, canvas.head + y - step * 0.3), width, step * 0.6, color=fill)
            canvas.card.add_patch(bar)
        canvas.write(canvas.width - 10, y, text, size=11, weight="bold", ha="right", color=colour)


def shown(value: float, how: Mapping[str, Any]) -> tuple[str, str]:
    """A value's text and colour, by its unit, mappings and thresholds."""
    colour = COLOURS[level(value, how.get("thresholds"))]
    for mapping in how.get("mappings", ()):
        told = mapping["options"].get(f"{value:g}")
        if told:
            return told["text"], COLOURS.get(told.get("color"), colour)
    return written(value, how.get("unit", "short"), how.get("decimals")), colour


def level(value: float, thresholds: Json | None) -> str:
    """The name of the colour of the highest step that the value reaches."""
    if thresholds is None:
        return "text"
    steps = thresholds["steps"]
    reached = [each for each in steps if each["value"] is None or value >= each["value"]]
    return str(reached[-1]["color"])


# --- lines --------------------------------------------------------------------------------------


def _lines(canvas: Canvas, panel: Panel, found: Found) -> None:
    """Series over time, with a legend below."""
    named = _named(found)
    colours = [_colour(panel, name, place) for place, (name, _) in enumerate(named)]
    below = _legend(canvas, [name for name, _ in named], colours)
    unit, decimals = panel.defaults["unit"], panel.defaults.get("decimals")
    axes = canvas.axes(LEFT_PX, 4, canvas.width - LEFT_PX - 14, canvas.height - below - AXIS_PX - 6)
    _curves(axes, panel, [series for _, series in named], colours, canvas.window)
    _limits(axes, panel)
    axes.yaxis.set_major_locator(_ticks(axes, unit, whole=decimals == 0))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: written(value, unit)))
    _clock(axes, canvas.window, int((canvas.width - LEFT_PX) // TIME_PX))
    axes.tick_params(labelsize=9, colors=FADED, length=0, pad=6)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_facecolor("none")
    for spine in axes.spines.values():
        spine.set_visible(False)


def _curves(
    axes: Axes, panel: Panel, series: Sequence[Series], colours: Sequence[str], window: Window
) -> None:
    custom = panel.defaults.get("custom", {})
    grid = np.arange(window.start, window.end + window.step / 2, window.step)
    times = np.array([_day(each) for each in grid])
    values = [_on(grid, each, window.step) for each in series]
    if custom.get("stacking", {}).get("mode") == "normal":
        filled = [np.nan_to_num(each) for each in values]
        axes.stackplot(times, *filled, colors=colours, alpha=0.75, linewidth=0)
        return
    for each, colour in zip(values, colours, strict=True):
        axes.plot(times, each, color=colour, linewidth=1.7, solid_joinstyle="round")
        alone = np.isfinite(each) & ~np.isfinite(np.roll(each, 1)) & ~np.isfinite(np.roll(each, -1))
        axes.plot(times[alone], each[alone], "o", color=colour, markersize=3)
        if custom.get("fillOpacity"):
            alpha = custom["fillOpacity"] / 100
            axes.fill_between(times, each, 0, color=colour, alpha=alpha, linewidth=0)


def _on(grid: np.ndarray, series: Series, step: float) -> np.ndarray:
    """The series' values at these times; NaN where it has none."""
    values = np.full(len(grid), np.nan)
    for at, value in series.points:
        place = round((at - grid[0]) / step)
        if 0 <= place < len(grid):
            values[place] = value
    return values


def _limits(axes: Axes, panel: Panel) -> None:
    """The range of values, and the lines of thresholds."""
    low, high = axes.get_ylim()
    low, high = panel.defaults.get("min", low), panel.defaults.get("max", high)
    limits = panel.defaults.get("thresholds", {"steps": []})["steps"]
    marked = panel.defaults.get("custom", {}).get("thresholdsStyle", {}).get("mode")
    for each in limits if marked else ():
        if each["value"] is None:
            continue
        colour = COLOURS["red" if each["color"] == "transparent" else each["color"]]
        axes.axhline(each["value"], color=colour, linewidth=1.2, linestyle=(0, (5, 4)))
        low, high = min(low, each["value"] * 1.15), max(high, each["value"] * 1.15)
    least = 1e-3 if panel.defaults["unit"] in ("s", "percentunit") else 1.0
    axes.set_ylim(low, max(high, low + least))


def _ticks(axes: Axes, unit: str, *, whole: bool) -> Locator:
    """Where the values stand that are written beside the axis."""
    low, high = axes.get_ylim()
    if unit == "s":
        wide = [each for each in NICE_SECONDS if (high - low) / each <= TICKS + 1]
        return MultipleLocator(wide[0] if wide else NICE_SECONDS[-1])
    if unit == "bytes":
        return MultipleLocator(2 ** np.ceil(np.log2((high - low) / TICKS)))
    return MaxNLocator(TICKS, integer=whole and not unit.startswith("percent"))


def _clock(axes: Axes, window: Window, most: int) -> None:
    """Times of day below the axis, at round minutes; there is room for so many."""
    long = window.end - window.start
    step = next((each for each in NICE_SECONDS if long / each <= most), NICE_SECONDS[-1])
    round_ones = np.arange(np.ceil(window.start / step) * step, window.end, step)
    axes.set_xlim(_day(window.start), _day(window.end))
    axes.set_xticks([_day(each) for each in round_ones])
    axes.xaxis.set_major_formatter(
        DateFormatter("%H:%M:%S" if step < MINUTE else "%H:%M", tz=CHINA)
    )


def _day(time: float) -> float:
    """As matplotlib counts days."""
    return float(date2num(datetime.fromtimestamp(time, UTC)))


def _legend(canvas: Canvas, names: Sequence[str], colours: Sequence[str]) -> float:
    """Names with their colours at the foot, in as many lines as they need; how high it is."""
    lines: list[list[tuple[float, str, str]]] = [[]]
    x, right = 12.0, canvas.width - 12
    for place, (name, colour) in enumerate(zip(names, colours, strict=True)):
        text = _cut(name, right - 30, LEGEND_SIZE)
        wide = 34 + _width(text, LEGEND_SIZE)
        if x + wide > right and lines[-1]:
            if len(lines) == LEGEND_LINES:
                lines[-1].append((x, f"+{len(names) - place}", FADED))
                break
            lines.append([])
            x = 12.0
        lines[-1].append((x, text, colour))
        x += wide
    height = LEGEND_PX * len(lines)
    for row, line in enumerate(lines):
        y = canvas.height - height + (row + 0.5) * LEGEND_PX - 3
        for at, text, colour in line:
            canvas.card.plot([at, at + 12], [canvas.head + y] * 2, color=colour, linewidth=3)
            canvas.write(at + 17, y, text, size=LEGEND_SIZE)
    return height


def _colour(panel: Panel, name: str, place: int) -> str:
    fixed = panel.override(name).get("color", {}).get("fixedColor")
    return COLOURS[fixed] if fixed else PALETTE[place % len(PALETTE)]


# --- tables -------------------------------------------------------------------------------------


def _table(canvas: Canvas, panel: Panel, found: Found) -> None:
    """Rows and columns, as the transformations of the panel leave them."""
    header, rows = arranged(panel, found)
    cells = [[_cell(panel, *each) for each in zip(header, row, strict=True)] for row in rows]
    ends = _columns(header, cells, canvas.width)
    for left, name in zip(ends, header, strict=True):
        canvas.write(left, CELL_PX / 2, name, size=10, weight="bold", color=FADED)
    room = int((canvas.height - 10) // CELL_PX) - 1
    for place, row in enumerate(cells[:room], start=1):
        y = canvas.head + place * CELL_PX
        canvas.card.plot([8, canvas.width - 8], [y, y], color=GRID, linewidth=1)
        for left, (text, colour) in zip(ends, row, strict=True):
            canvas.write(left, (place + 0.5) * CELL_PX, text, size=10, color=colour)
    if len(cells) > room:
        more = f"and {len(cells) - room} more"
        canvas.write(
            canvas.width - 12, canvas.height - 10, more, size=9, ha="right", color=FADED
        )  # fmt: skip


def _columns(
    header: Sequence[str], cells: Sequence[Sequence[tuple[str, str]]], wide: float
) -> list[float]:
    """Where each column begins."""
    needed = [
        max(_width(name, 10, "bold"), *(_width(row[place][0], 10) for row in cells)) + 24
        for place, name in enumerate(header)
    ]
    stretched = max(1.0, (wide - 20) / sum(needed))
    return [10 + stretched * sum(needed[:place]) for place in range(len(needed))]


def arranged(panel: Panel, found: Found) -> tuple[list[str], list[list[str | float | None]]]:
    """The header and the rows: merged over the queries, columns left out, renamed and sorted."""
    rows: dict[tuple[tuple[str, str], ...], Json] = {}
    several = len(found) > 1
    for query, series in found:
        value = f"Value #{query.ref}" if several else "Value"
        for each in series:
            key = tuple(sorted(each.labels.items()))
            rows.setdefault(key, dict(each.labels))[value] = each.points[-1][1]
    [how] = [each["options"] for each in panel.transformations if each["id"] == "organize"]
    named = sorted({name for row in rows.values() for name in row} - set(PLAIN))
    kept = [each for each in named if not how["excludeByName"].get(each)]
    columns = sorted(kept, key=lambda name: how["indexByName"].get(name, len(kept)))
    table = [[row.get(name) for name in columns] for row in rows.values()]
    header = [how["renameByName"].get(name, name) for name in columns]
    for by in reversed(panel.options.get("sortBy", [])):
        place = header.index(by["displayName"])
        table.sort(key=_rank(place), reverse=by["desc"])
    return header, table


def _rank(place: int) -> Callable[[Sequence[Any]], tuple[bool, Any]]:
    """Numbers before texts; what is a number in words counts as one."""

    def key(row: Sequence[Any]) -> tuple[bool, Any]:
        value = row[place]
        text = isinstance(value, str) and not value.isdigit()
        return text, value if text else float(value or 0)

    return key


def _cell(panel: Panel, name: str, value: str | float | None) -> tuple[str, str]:
    how = panel.defaults | panel.override(name)
    if value is None:
        return "", INK
    if isinstance(value, str):
        return value[:CELL_MOST], INK
    text, colour = shown(value, how)
    coloured = "custom.cellOptions" in how or (how.get("mappings") and colour != COLOURS["text"])
    return text, colour if coloured else INK


# --- what they share ----------------------------------------------------------------------------


def _named(found: Found) -> list[tuple[str, Series]]:
    """Every series under the name that its query gives it."""
    return [(_name(query, each), each) for query, series in found for each in series]


def _name(query: Query, series: Series) -> str:
    if query.legend == AUTO:
        return ", ".join(series.labels.values()) or query.ref
    name = query.legend
    for label, value in series.labels.items():
        name = name.replace("{{" + label + "}}", value)
    return name


PAINTERS: Mapping[str, Callable[[Canvas, Panel, Found], None]] = {
    "stat": _stat,
    "bargauge": _bars,
    "timeseries": _lines,
    "table": _table,
}
