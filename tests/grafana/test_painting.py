"""What a panel shows: values in words and colours, and tables as Grafana arranges them."""

import doctest
from types import ModuleType
from typing import Any

import pytest

from tests.grafana import asking, boards, painting, units
from tests.grafana.asking import Series
from tests.grafana.boards import Panel, Query
from tests.grafana.painting import COLOURS, arranged, shown

STEPS = {"steps": [{"color": "green", "value": None}, {"color": "red", "value": 30}]}
UP = {"options": {"0": {"text": "down", "color": "red"}, "1": {"text": "up", "color": "green"}}}


@pytest.mark.parametrize("module", [units, boards, asking], ids=lambda module: module.__name__)
def test_examples_are_true(module: ModuleType) -> None:
    failed, tried = doctest.testmod(module)

    assert tried and not failed


@pytest.mark.parametrize(("value", "colour"), [(29.9, "green"), (30, "red"), (-1, "green")])
def test_a_value_has_the_colour_of_the_highest_threshold_it_reaches(
    value: float, colour: str
) -> None:
    assert shown(value, {"unit": "s", "decimals": 0, "thresholds": STEPS})[1] == COLOURS[colour]


def test_a_value_that_has_a_word_is_shown_by_it() -> None:
    how = {"unit": "none", "mappings": [UP]}

    assert [shown(value, how) for value in (0, 1)] == [
        ("down", COLOURS["red"]),
        ("up", COLOURS["green"]),
    ]


def test_a_value_without_a_word_keeps_its_figure() -> None:
    assert shown(2, {"unit": "none", "mappings": [UP]})[0] == "2"


def table(*, sort: str, several: bool, **organise: Any) -> Panel:
    """A panel of a table, sorted with the greatest first."""
    options = {"excludeByName": {}, "indexByName": {}, "renameByName": {}} | organise
    query = Query(ref="A", expr="up", legend="__auto", instant=True, table=True)
    return Panel(
        id=1, type="table", title="t", description="", x=0, y=0, w=24, h=8,
        defaults={"unit": "short"}, overrides=(),
        options={"sortBy": [{"displayName": sort, "desc": True}]},
        transformations=({"id": "organize", "options": options},),
        queries=(query,) * (2 if several else 1),
    )  # fmt: skip


def one(value: float, **labels: str) -> Series:
    return Series(labels=labels, points=((0.0, value),))


def queried(ref: str) -> Query:
    return Query(ref=ref, expr="up", legend="__auto", instant=True, table=True)


def test_a_table_has_a_column_for_each_label_and_its_rows_sorted() -> None:
    panel = table(
        sort="held", several=False, indexByName={"reason": 0}, renameByName={"Value": "held"}
    )
    found = [(queried("A"), [one(2, profile="a", reason="x"), one(10, profile="b", reason="y")])]

    header, rows = arranged(panel, found)

    assert header == ["reason", "held", "profile"]
    assert rows == [["y", 10.0, "b"], ["x", 2.0, "a"]]


def test_a_table_of_two_queries_has_a_row_for_the_same_labels() -> None:
    panel = table(sort="batch", several=True, excludeByName={"kind": True})
    found = [
        (queried("A"), [one(0.5, batch="9", kind="k"), one(1, batch="10", kind="k")]),
        (queried("B"), [one(60, batch="9", kind="k")]),
    ]

    header, rows = arranged(panel, found)

    assert header == ["Value #A", "Value #B", "batch"]
    assert rows == [[1.0, None, "10"], [0.5, 60.0, "9"]]


def test_a_unit_that_nobody_knows_is_refused() -> None:
    assert not units.known("furlongs")
    with pytest.raises(KeyError):
        units.written(1, "furlongs")


def test_every_kind_of_panel_on_a_dashboard_can_be_painted() -> None:
    used = {panel.type for path in boards.DASHBOARDS for panel in boards.read(path).panels}

    assert used - {"row"} <= painting.PAINTERS.keys()
