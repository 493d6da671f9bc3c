"""Rows that lists and reports of a batch share: the title, a head of columns, a label."""

from __future__ import annotations

from collections.abc import Iterable

from factory.page.rows import Row, Words

WIDTH_MM, LABEL_MM = 170.0, 36.0
TITLE_PT, HEAD_PT, ROW_PT, SMALL_PT = 20.0, 11.0, 11.0, 9.0


def heading(title: str, height_mm: float) -> Row:
    """The title, as wide as the page."""
    words = Words(width_mm=WIDTH_MM, lines=(title,), size_pt=TITLE_PT, bold_mm=0.12)
    return Row(cells=(words,), min_height_mm=height_mm, ruled=False)


def head(columns: Iterable[tuple[str, float]], height_mm: float) -> Row:
    """What stands above each column.

    columns: words and width.
    """
    cells = tuple(
        Words(width_mm=width, lines=(label,), size_pt=HEAD_PT, bold_mm=0.06)
        for label, width in columns
    )
    return Row(cells=cells, min_height_mm=height_mm)


def caption(text: str, width_mm: float = LABEL_MM) -> Words:
    """What stands before a value."""
    return Words(width_mm=width_mm, lines=(text,), size_pt=10.5, spread_em=4)
