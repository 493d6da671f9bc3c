"""Every dashboard can be understood, and the linter that says so sees what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.grafana import boards, linting
from tests.grafana.asked import STANDING_IN, asked, parsed
from tests.grafana.boards import DASHBOARDS, Json


def raw(name: str) -> Json:
    """A dashboard as it lies in its file."""
    found: Json = json.loads((boards.GRAFANA / "dashboards" / f"{name}.json").read_text("utf-8"))
    return found


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_can_be_understood(path: Path) -> None:
    board = raw(path.stem)

    assert board["uid"] == linting.uid(path.stem)
    assert linting.findings(board, linting.uids()) == []


def test_there_is_one_for_each_question() -> None:
    assert {path.stem for path in DASHBOARDS} == {"overview", "bulk", "line", "queues", "trust"}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_is_promql(path: Path) -> None:
    for expr in boards.expressions(boards.read(path)):
        parsed(expr)


@pytest.mark.parametrize("wrong", ["sum by kind (up)", "rate(up)", "up[5m", "sum(up))"])
def test_what_is_no_promql_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError):  # in the parser's own words
        parsed(wrong)


def test_only_one_bulk_event_is_shown_at_a_time() -> None:
    board = boards.read(boards.GRAFANA / "dashboards" / "bulk.json")

    [variable] = board.variables

    assert (variable["name"], variable["sort"], variable["refresh"]) == ("batch", 4, 2)
    assert STANDING_IN.keys() >= {variable["name"]}


def test_grafana_is_told_where_they_lie_and_how_often_prometheus_looks() -> None:
    provisioning = boards.GRAFANA / "provisioning"
    [provider] = yaml.safe_load((provisioning / "dashboards" / "factory.yml").read_text("utf-8"))[
        "providers"
    ]
    sources = provisioning / "datasources" / "prometheus.yml"
    [source] = yaml.safe_load(sources.read_text("utf-8"))["datasources"]
    scraping = yaml.safe_load((boards.GRAFANA / "prometheus" / "prometheus.yml").read_text("utf-8"))

    assert provider["options"] == {"path": "/etc/grafana/dashboards"}
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    assert source["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]


def test_a_query_is_taken_apart() -> None:
    [one, other] = asked('sum by (a) (rate(x_total{b=~"1|2", c!="3"}[5m])) or 0 * max(y)')

    assert (one.metric, one.growth, one.labels) == ("x_total", True, {"a", "b", "c"})
    assert one.chosen == {("b", "1"), ("b", "2")}
    assert (other.metric, other.growth, other.labels) == ("y", False, frozenset())


Spoil = Callable[[Json], None]


def panel(board: Json, called: str) -> Json:
    """One panel of it, to be changed."""
    found: Json
    [found] = [each for each in board["panels"] if each["title"] == called]
    return found


def field(called: str, **values: object) -> Spoil:
    """Another value in a panel's field."""
    return lambda board: panel(board, called)["fieldConfig"]["defaults"].update(values)


def in_panel(called: str, **values: object) -> Spoil:
    return lambda board: panel(board, called).update(values)


def query(called: str, **values: object) -> Spoil:
    return lambda board: panel(board, called)["targets"][0].update(values)


def moved(called: str, **place: int) -> Spoil:
    return lambda board: panel(board, called)["gridPos"].update(place)


def on_top(**values: object) -> Spoil:
    return lambda board: board.update(values)


OLDEST, SEEN = "Age of the oldest", "In time, last hour"
OTHER = {"type": "prometheus", "uid": "prod-7"}
BATCHES = {"type": "query", "name": "batch", "query": "label_values(factory_batch_rate, batch)"}

SPOILT: dict[str, tuple[Spoil, str]] = {
    "another schema": (on_top(schemaVersion=16), "schemaVersion"),
    "the browser's time zone": (on_top(timezone="browser"), "timezone"),
    "never refreshed": (on_top(refresh=""), "refresh"),
    "not said what for": (on_top(description=""), "does not say what it is"),
    "yesterday": (on_top(time={"from": "2026-01-01", "to": "now"}), "look back from now"),
    "no way to the others": (on_top(links=[]), "no link leads"),
    "no choice of data source": (
        lambda board: board["templating"]["list"][0].update(type="constant"),
        "first variable is not the data source",
    ),
    "a variable that asks elsewhere": (
        lambda board: board["templating"]["list"].append(BATCHES | {"datasource": OTHER}),
        "does not ask that data source",
    ),
    "an id twice": (in_panel(OLDEST, id=1), "id 1 twice"),
    "a title twice": (in_panel(OLDEST, title=SEEN), f"title {SEEN!r} twice"),
    "over its neighbour": (moved(OLDEST, x=7), "lies over"),
    "beyond the edge": (moved(OLDEST, x=17), "is not on the grid"),
    "no description": (in_panel(OLDEST, description=""), "description says nothing"),
    "a title as description": (in_panel(OLDEST, description="Oldest."), "description says nothing"),
    "no unit": (field(OLDEST, unit=""), "unit is not one of ours"),
    "a made-up unit": (field(OLDEST, unit="furlongs"), "unit is not one of ours"),
    "another unit": (field(OLDEST, unit="bytes"), "is shown in bytes, not in s"),
    "a fixed data source": (query(OLDEST, datasource=OTHER), "the chosen data source"),
    "no queries": (in_panel(OLDEST, targets=[]), "not told apart"),
    "nothing is bad": (
        lambda board: panel(board, SEEN)["fieldConfig"]["defaults"].pop("thresholds"),
        "which values are bad",
    ),
    "no legend": (
        lambda board: panel(board, OLDEST)["options"]["legend"].update(showLegend=False),
        "no legend",
    ),
    "names of its own": (query(OLDEST, legendFormat="__auto"), "no name of their own"),
    "a name that is not there": (query(OLDEST, legendFormat="{{host}}"), "['host']"),
    "a link to nowhere": (
        field(SEEN, links=[{"title": "more", "url": "/d/factory-gone?x"}]), "leads nowhere",
    ),
    "a counter as it is": (query(OLDEST, expr="max(factory_drawn_total)"), "only grows"),
    "hosts added up": (query(OLDEST, expr="sum(factory_queue_depth)"), "not to be added up"),
    "hosts added up by label": (
        query(OLDEST, expr="sum by (queue) (factory_queue_oldest_seconds)"), "not to be added up",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "said"), SPOILT.values(), ids=SPOILT.keys())
def test_the_linter_sees(spoil: Spoil, said: str) -> None:
    board = raw("overview")
    spoil(board)

    found = linting.findings(board, linting.uids())

    assert any(said in each for each in found), found
