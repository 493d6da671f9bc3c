"""`submit`: events are taken in, and what became of each is told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click

from factory import events
from jobs import intake, opening
from jobs.commands import machine
from jobs.commands.exits import CONFLICT, REFUSED
from jobs.commands.options import Place, check_rejects, json_option
from jobs.commands.output import out, plain, print_json, print_table
from jobs.commands.progress import bar
from jobs.commands.shown import held_because
from jobs.intake import Outcome, Status
from jobs.rejects import Rejects


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--rejects", type=Place(),
    help="Where refused lines go, to correct and submit again.  [default: FILE.rejects.jsonl]",
)  # fmt: skip
@click.option(
    "--strict", is_flag=True, help="Exit with 5 when an event is held and none is refused."
)
@json_option
def submit(file: BinaryIO, rejects: Path | None, strict: bool, as_json: bool) -> None:
    """Take events from FILE (- for standard input): CloudEvents JSON or JSON Lines.

    Good lines are taken even when others are refused.  Submitting a file again changes
    nothing.  Refused lines are written to the rejects file (mode 0600).

    A held event is taken and waits for a person: the exit code stays 0, the last line counts
    it, and --json has its status, hold and reason.
    """
    source = _source_path(file)
    path = rejects or _rejects_path(source)
    check_rejects(path, source)
    plant, results = machine.plant(), []
    opening.check_schema(plant)
    lines = events.split_lines(file)
    with bar("events") as progress, Rejects(path) as refused:
        for line, raw, outcome in intake.submit_all(plant, lines, who=machine.who()):
            progress.advance(progress.task_ids[0])
            results.append((line, outcome))
            if outcome.status is Status.REFUSED:
                refused.add(raw)
    _show_outcomes(results, refused.path if refused.count else None, as_json=as_json)
    if refused.count:
        sys.exit(REFUSED)
    if strict and any(outcome.status is Status.HELD for _, outcome in results):
        sys.exit(CONFLICT)


def _source_path(file: BinaryIO) -> Path | None:
    """The file the events are in; None: they come through a pipe."""
    name = getattr(file, "name", "-")
    return None if name in {"-", "<stdin>"} else Path(name)


def _rejects_path(source: Path | None) -> Path:
    """Beside the file of the events; of a pipe, here."""
    is_file = source is not None and source.is_file()
    return Path(f"{source}.rejects.jsonl") if is_file else Path("stdin.rejects.jsonl")


def _show_outcomes(
    results: Sequence[tuple[int, Outcome]], rejects: Path | None, *, as_json: bool
) -> None:
    counts = {s.value: sum(o.status is s for _, o in results) for s in Status}
    if as_json:
        lines = [{"line": line} | plain(outcome) for line, outcome in results]
        print_json({"counts": counts, "rejects": str(rejects) if rejects else None, "lines": lines})
        return
    print_table(("line", "outcome", "what"), ((n, o.status, _what(o)) for n, o in results))
    if rejects:
        out.print(f"refused lines are in {rejects}; correct them and submit that file")
    out.print("  ".join(f"{count} {name}" for name, count in counts.items() if count))


def _what(outcome: Outcome) -> str:
    if outcome.status is Status.REFUSED:
        return "; ".join(f"{field}: {rule}" for field, rule in outcome.problems)
    standing = f" ({outcome.standing})" if outcome.standing else ""
    found = [
        held_because(outcome.hold, outcome.reason),
        f"application {outcome.application}" if outcome.application else "",
        f"registration {outcome.registration}{standing}" if outcome.registration else "",
        f"batch {outcome.batch}" if outcome.batch else "",
        *(f"note: {note}" for note in outcome.notes),
    ]
    return "; ".join(each for each in found if each)
