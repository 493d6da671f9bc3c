"""The linter of dashboards: what Grafana would show without a word, and nobody understand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import combinations

from jobs import exporter
from tests.grafana import asked, units
from tests.grafana.boards import GRAFANA, LABEL_VALUES, Json

SCHEMA = 39
COLUMNS = 24
TAG = "certificate-factory"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
LINK = re.compile(r"/d/(?P<uid>[a-z-]+)\?")
LEAST_WORDS = 3
PER_MINUTE = re.compile(r"60 \* ")
#: read from one ledger, and so the same on every host: to be taken once, not added up
PER_HOST = {exporter.RESTARTS, exporter.MEMORY, exporter.WORKERS, exporter.BUILD}
ONCE = {each.name for each in exporter.FAMILIES if each not in PER_HOST}
ADDED = re.compile(
    r"\bsum(?: by \([^)]*\))? \(?(?P<metric>factory_\w+)|\bsum\((?P<bare>factory_\w+)"
)
COUNTERS = ("_total", *asked.SERIES)


def findings(board: Json, uids: Collection[str]) -> list[str]:
    """What is wrong with a dashboard.

    uids: of all dashboards there are.
    """
    found = list(_of_board(board))
    drawn = [each for each in board["panels"] if each["type"] != "row"]
    found += _of_grid(board["panels"])
    for panel in drawn:
        found += [f"{panel['title']}: {each}" for each in _of_panel(panel, uids)]
    return found


def _of_board(board: Json) -> Iterator[str]:
    wanted = {
        "schemaVersion": SCHEMA,
        "timezone": "Asia/Shanghai",
        "refresh": "30s",
        "graphTooltip": 1,
        "tags": [TAG],
    }
    for key, value in wanted.items():
        if board.get(key) != value:
            yield f"{key} is not {value!r}"
    if not board["title"].startswith("Certificate factory: ") or not board.get("description"):
        yield "its title or description does not say what it is"
    if not re.fullmatch(r"now-\d+[mhd]", board["time"]["from"]) or board["time"]["to"] != "now":
        yield "it does not look back from now"
    links = [(each["type"], each["tags"], each["keepTime"]) for each in board["links"]]
    if ("dashboards", [TAG], True) not in links:
        yield "no link leads to the other dashboards at the same time"
    yield from _of_variables(board["templating"]["list"])


def _of_variables(variables: list[Json]) -> Iterator[str]:
    first, *others = variables
    if (first["type"], first["name"], first["query"]) != ("datasource", "datasource", "prometheus"):
        yield "its first variable is not the data source"
    for each in others:
        if each.get("datasource") != SOURCE or not LABEL_VALUES.fullmatch(each["query"]):
            yield f"variable {each['name']} does not ask that data source for values of a label"


def _of_grid(panels: list[Json]) -> Iterator[str]:
    for key in ("id", "title"):
        named = Counter(each[key] for each in panels)
        yield from (f"{key} {name!r} twice" for name, times in named.items() if times > 1)
    for each in panels:
        place = each["gridPos"]
        if place["x"] < 0 or place["x"] + place["w"] > COLUMNS or min(place["w"], place["h"]) < 1:
            yield f"{each['title']}: is not on the grid"
    for one, other in combinations(panels, 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']}: lies over {other['title']}"


def _overlap(a: Json, b: Json) -> bool:
    beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
    below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
    return not (beside or below)


def _of_panel(panel: Json, uids: Collection[str]) -> Iterator[str]:
    defaults, targets = panel["fieldConfig"]["defaults"], panel["targets"]
    text = panel["description"]
    if not text.endswith(".") or len(text.split()) < LEAST_WORDS:
        yield "its description says nothing"
    if not units.known(defaults.get("unit", "")):
        yield "its unit is not one of ours"
    if any(each != SOURCE for each in (panel["datasource"], *(t["datasource"] for t in targets))):
        yield "it does not ask the chosen data source"
    if len({each["refId"] for each in targets}) < len(targets) or not targets:
        yield "its queries are not told apart"
    if panel["type"] in ("stat", "bargauge") and "thresholds" not in defaults:
        yield "nothing says which values are bad"
    if panel["type"] == "timeseries":
        yield from _of_legend(panel)
    for link in defaults.get("links", ()):
        led = LINK.match(link["url"])
        if led is None or led["uid"] not in uids:
            yield f"its link leads nowhere: {link['url']}"
    for target in targets:
        yield from _of_query(target["expr"], panel)


def _of_legend(panel: Json) -> Iterator[str]:
    if not panel["options"]["legend"]["showLegend"]:
        yield "it has no legend"
    for each in panel["targets"]:
        if each["legendFormat"] == "__auto":
            yield "its series have no name of their own"
        named = set(re.findall(r"\{\{(\w+)\}\}", each["legendFormat"]))
        by = {label for one in asked.asked(each["expr"]) for label in one.labels}
        if not named <= by:
            yield f"its legend names what the query has not: {sorted(named - by)}"


def _of_query(expr: str, panel: Json) -> Iterator[str]:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    several = panel["type"] == "table"
    for each in asked.asked(expr):
        if each.metric.endswith(COUNTERS) and not each.growth:
            yield f"{each.metric} only grows: its rate or increase is wanted"
        if not several and (fits := _unit(expr, each)) not in (None, unit):
            yield f"{each.metric} is shown in {unit}, not in {fits}"
    for match in ADDED.finditer(expr):
        if (match["metric"] or match["bare"]) in ONCE:
            yield f"{match[0]}…: every host says the same, so it is not to be added up"


def _unit(expr: str, one: asked.Asked) -> str | None:
    """What the query's values are in; None: it does not show."""
    if PER_MINUTE.match(expr):
        return "suffix:/min"
    if "histogram_quantile" in expr and one.metric.endswith("_seconds_bucket"):
        return "s"
    if "/" in expr or one.metric == "factory_ledger_up":
        return None
    for end, unit in (("_ratio", "percentunit"), ("_bytes", "bytes"), ("_bytes_total", "Bps")):
        if one.metric.endswith(end):
            return unit
    return "s" if one.metric.endswith("_seconds") else None


def uid(stem: str) -> str:
    """Of the dashboard in a file of that name."""
    return f"factory-{stem}"


def uids() -> frozenset[str]:
    """Of all there are."""
    return frozenset(uid(path.stem) for path in (GRAFANA / "dashboards").glob("*.json"))
