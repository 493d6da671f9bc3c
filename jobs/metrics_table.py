"""The table of all metrics, as Markdown for docs/metrics.md.

``python -m jobs.metrics_table docs/metrics.md`` fills the block of that file in again: what stands
there is what the exporter exports, for it is read from the same definitions.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from factory.errors import NotFoundError
from jobs import exporter, metrics
from jobs.exporter import Family

BEGIN, END = "<!-- metrics -->\n", "<!-- /metrics -->"


def definitions() -> Iterator[Family]:
    """Every metric, under the name that is asked for: of a histogram the one before its parts."""
    for each in metrics.INSTRUMENTS:
        [described] = each.describe()
        total = "_total" if described.type == "counter" else ""
        yield Family(
            f"{described.name}{total}",
            described.documentation,
            tuple(each._labelnames),
            described.type,
        )
    yield from exporter.FAMILIES


def table() -> str:
    """A row a metric."""
    rows = ["| metric | type | labels | what it tells |", "|---|---|---|---|"]
    for each in definitions():
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{each.name}` | {each.type} | {labels} | {each.text} |")
    return "\n".join(rows) + "\n"


def filled(text: str) -> str:
    """The text with the block between its marks renewed.  NotFoundError: it has no marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise NotFoundError("docs/metrics.md: has no marks for the table")
    return f"{head}{begin}\n{table()}\n{end}{tail}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
