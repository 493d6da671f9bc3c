"""Bars that move while a command works, on a terminal and nowhere else."""

from __future__ import annotations

import time
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

LINE_SECONDS = 3.0  #: between two lines


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


class Lines:
    """What moves where there is no terminal: a line now and then, for a log or a pipe."""

    def __init__(self) -> None:
        self.last, self.due, self.shown = "", 0.0, not err.is_terminal

    def tell(self, text: str, *, at_once: bool = False) -> None:
        """Prints what is new, some seconds after the line before it.

        at_once: it is not waited for.
        """
        now = time.monotonic()
        if self.shown and text != self.last and (at_once or now >= self.due):
            self.last, self.due = text, now + LINE_SECONDS
            err.print(text, markup=False, soft_wrap=True)


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
