"""What a command prints: JSON for programs, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from factory.model import SHANGHAI

WIDE = None if sys.stdout.isatty() else 250  # a pipe has no width: nothing is cut

out = Console(highlight=False, soft_wrap=True, width=WIDE)
err = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """The whole result, for programs."""
    click.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Rows for people; no cell is markup.  Columns without a name have no heading."""
    names = tuple(columns)
    table = Table(*names, box=None, pad_edge=False, header_style="bold", show_header=any(names))
    for row in rows:
        table.add_row(*(escape(_cell(cell)) for cell in row))
    out.print(table, soft_wrap=False)


def _cell(cell: object) -> str:
    if isinstance(cell, datetime):
        return local_time(cell)
    return "" if cell is None else str(cell)


def local_time(instant: datetime | str) -> str:
    """An instant as people in China read it; programs get ISO 8601 with its zone.

    >>> local_time("2026-03-02T01:20:00+00:00")
    '2026-03-02 09:20:00'
    """
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return f"{moment.astimezone(SHANGHAI):%F %T}"


def plain(value: Any) -> Any:
    """The same of what JSON can say."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(each) for name, each in asdict(value).items()}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, StrEnum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else value
