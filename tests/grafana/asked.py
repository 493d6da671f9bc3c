"""What a dashboard's queries ask for: parsed by a second implementation of PromQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser as promql

from tests.grafana.boards import filled

#: for Grafana's own variables and those of the dashboards, while nothing is known of real ones
STANDING_IN = {"__rate_interval": "1m", "__interval": "15s", "__range": "1h", "batch": "1"}
OUR_OWN = "factory_"
SERIES = ("_bucket", "_count", "_sum")  #: of a histogram
GROWING = ("rate", "increase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One metric of a query.

    labels:  that are grouped by or chosen by.
    chosen:  (label, value) that must be equal, or one of several.
    growth:  of a counter, by one of `GROWING`.
    """

    metric: str
    labels: frozenset[str]
    chosen: frozenset[tuple[str, str]]
    growth: bool


def parsed(expr: str) -> promql.Expr:
    """The query with something in place of its variables.  ValueError: it is none."""
    return promql.parse(filled(expr, STANDING_IN))


def asked(expr: str) -> Iterator[Asked]:
    """Every metric that a query names."""
    yield from _in(parsed(expr), frozenset(), growth=False)


def _in(node: promql.Expr, labels: frozenset[str], *, growth: bool) -> Iterator[Asked]:
    match node:
        case promql.AggregateExpr():
            grouped = frozenset(node.modifier.labels if node.modifier else ())
            yield from _in(node.expr, labels | grouped, growth=growth)
        case promql.BinaryExpr():
            for side in (node.lhs, node.rhs):
                yield from _in(side, labels, growth=growth)
        case promql.Call():
            for each in node.args:
                yield from _in(each, labels, growth=node.func.name in GROWING)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from _in(node.expr, labels, growth=growth)
        case promql.MatrixSelector():
            yield from _in(node.vector_selector, labels, growth=growth)
        case promql.VectorSelector():
            yield _selected(node, labels, growth=growth)


def _selected(node: promql.VectorSelector, labels: frozenset[str], *, growth: bool) -> Asked:
    matchers = node.matchers.matchers
    positive = [m for m in matchers if m.op in (promql.MatchOp.Equal, promql.MatchOp.Re)]
    chosen = {(m.name, value) for m in positive for value in m.value.split("|")}
    return Asked(
        metric=node.name,
        labels=labels | {m.name for m in matchers},
        chosen=frozenset(chosen),
        growth=growth,
    )


def without_default(expr: str) -> str:
    """The query without what it falls back to where there is nothing, and what hides zeros."""
    node = parsed(expr)
    while isinstance(node, promql.BinaryExpr) and (_falls_back(node) or _hides_zeros(node)):
        node = node.lhs
    return str(node)


def _falls_back(node: promql.BinaryExpr) -> bool:
    return str(node.op) == "or"


def _hides_zeros(node: promql.BinaryExpr) -> bool:
    return str(node.op) == ">" and isinstance(node.rhs, promql.NumberLiteral) and node.rhs.val == 0


def family(metric: str) -> str:
    """The name under which a series' metric is exported."""
    return next((metric.removesuffix(end) for end in SERIES if metric.endswith(end)), metric)
