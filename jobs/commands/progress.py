"""Bars that move while a command works, on a terminal and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from jobs.commands.output import err


@contextmanager
def bar(text: str) -> Iterator[Progress]:
    """One bar; how long it is may be said later."""
    with _progress() as progress:
        progress.add_task(text, total=None)
        yield progress


@contextmanager
def passes() -> Iterator[Passes]:
    """One bar after another, a pass over a file each, with its rate."""
    with _progress(_Rate()) as progress:
        yield Passes(progress)


def _progress(*more: ProgressColumn) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, *more, console=err, transient=True, disable=not err.is_terminal)


class Passes:
    """Shows each pass over a file on stderr, with a bar only on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.task = progress.add_task("", visible=False)

    def begin(self, what: str, rows: int | None) -> None:
        self.progress.remove_task(self.task)
        self.task = self.progress.add_task(f"{what} rows", total=rows)

    def advance(self, rows: int) -> None:
        self.progress.advance(self.task, rows)


class _Rate(ProgressColumn):
    """Rows a minute."""

    def render(self, task: Task) -> Text:
        """The rate of the last moments."""
        return Text(f"{(task.speed or 0) * 60:,.0f} a minute")
