"""What a Prometheus answers: the one client of its HTTP interface that tests and pictures use."""

from __future__ import annotations

import json
import math
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series: labels, and points as (seconds since 1970, value); NaN and Inf left out."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A while that is looked at, in seconds since 1970, with the pace of the points."""

    start: float
    end: float
    step: float


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A server by its address, e.g. ``http://127.0.0.1:9090``.

    OSError: it is not there, or refuses the question.
    """

    url: str

    def at(self, expr: str, time: float | None = None) -> list[Series]:
        """What the expression gives at that time, or now."""
        asked = {"query": expr} | ({} if time is None else {"time": str(time)})
        found = self.ask("query", asked)["result"]
        return _read((each["metric"], [each["value"]]) for each in found)

    def over(self, expr: str, window: Window) -> list[Series]:
        """What it gives over a while."""
        times = {"start": str(window.start), "end": str(window.end), "step": str(window.step)}
        found = self.ask("query_range", {"query": expr} | times)["result"]
        return _read((each["metric"], each["values"]) for each in found)

    def label_values(self, metric: str, label: str, window: Window) -> list[str]:
        """The values that a label of a metric had in a while."""
        asked = {"match[]": metric, "start": str(window.start), "end": str(window.end)}
        return list(self.ask(f"label/{label}/values", asked))

    def scrape_seconds(self) -> float:
        """How often it asks its targets."""
        written = self.ask("status/config", {})["yaml"]
        return seconds(re.findall(r"scrape_interval: (\S+)", written)[0])

    def ask(self, what: str, fields: Mapping[str, str]) -> Any:
        """The ``data`` of an answer of ``/api/v1``."""
        address = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(fields)}"
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - http
            return json.load(answer)["data"]


def seconds(duration: str) -> float:
    """What Prometheus means by a duration of one unit.

    >>> seconds("15s"), seconds("1m"), seconds("500ms")
    (15.0, 60.0, 0.5)
    """
    for unit, size in {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}.items():
        if duration.removesuffix(unit).isdigit():
            return float(duration.removesuffix(unit)) * size
    raise ValueError(duration)


def _read(found: Any) -> list[Series]:
    series = []
    for labels, points in found:
        finite = tuple((float(t), float(v)) for t, v in points if math.isfinite(float(v)))
        if finite:
            series.append(Series(labels=labels, points=finite))
    return series
