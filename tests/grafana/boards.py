"""Dashboards as they lie in grafana/dashboards: panels, queries, variables in their places."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

GRAFANA = Path(__file__).parents[2] / "grafana"
DASHBOARDS = tuple(sorted((GRAFANA / "dashboards").glob("*.json")))
LABEL_VALUES = re.compile(r"label_values\((?P<metric>[a-z_]+), (?P<label>[a-z_]+)\)")
VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::\w+)?\}|(?P<bare>\w+))")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query of a panel; table: its labels become columns; instant: of now, not of a while."""

    ref: str
    expr: str
    legend: str
    instant: bool
    table: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel as Grafana reads it; x, y, w and h in squares of the grid, 24 of them across."""

    id: int
    type: str
    title: str
    description: str
    x: int
    y: int
    w: int
    h: int
    defaults: Json
    overrides: tuple[Json, ...]
    options: Json
    transformations: tuple[Json, ...]
    queries: tuple[Query, ...]

    def override(self, name: str) -> Json:
        """What is set otherwise for the field of that name."""
        found: Json = {}
        for each in self.overrides:
            if each["matcher"] == {"id": "byName", "options": name}:
                found |= {part["id"]: part["value"] for part in each["properties"]}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A dashboard; raw: as it lies in its file."""

    uid: str
    title: str
    raw: Json
    panels: tuple[Panel, ...]

    @property
    def variables(self) -> tuple[Json, ...]:
        """Those that a query fills, the data source's left out."""
        return tuple(v for v in self.raw["templating"]["list"] if v["type"] == "query")

    @property
    def seconds(self) -> int:
        """How far back it looks: its ``now-3h`` in seconds."""
        number, unit = re.fullmatch(r"now-(\d+)([mhd])", self.raw["time"]["from"]).groups()  # type: ignore[union-attr]
        return int(number) * {"m": 60, "h": 3600, "d": 86400}[unit]


def read(path: Path) -> Board:
    """The dashboard that lies there."""
    raw: Json = json.loads(path.read_text("utf-8"))
    panels = tuple(_panel(each) for each in raw["panels"])
    return Board(uid=raw["uid"], title=raw["title"], raw=raw, panels=panels)


def _panel(raw: Json) -> Panel:
    config = raw.get("fieldConfig", {"defaults": {}, "overrides": []})
    place = raw["gridPos"]
    return Panel(
        id=raw["id"],
        type=raw["type"],
        title=raw["title"],
        description=raw.get("description", ""),
        **{side: place[side] for side in ("x", "y", "w", "h")},
        defaults=config["defaults"],
        overrides=tuple(config["overrides"]),
        options=raw.get("options", {}),
        transformations=tuple(raw.get("transformations", ())),
        queries=tuple(_query(each) for each in raw.get("targets", ())),
    )


def _query(raw: Json) -> Query:
    return Query(
        ref=raw["refId"],
        expr=raw["expr"],
        legend=raw["legendFormat"],
        instant=raw.get("instant", False),
        table=raw.get("format") == "table",
    )


def expressions(board: Board) -> Iterator[str]:
    """Every query of a dashboard, as it is written there."""
    for panel in board.panels:
        yield from (query.expr for query in panel.queries)


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with ``$name`` and ``${name}`` replaced.  KeyError: a name nobody gave a value.

    >>> filled('x{batch="$batch"}[$__rate_interval]', {"batch": "7", "__rate_interval": "1m"})
    'x{batch="7"}[1m]'
    """
    return VARIABLE.sub(lambda found: values[found["braced"] or found["bare"]], text)
