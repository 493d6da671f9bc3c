"""`register`: an existing register is taken over from a file."""

from __future__ import annotations

import csv
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

import click

from factory.events import tabular, takeover
from factory.events.takeover import Format as RowFormat
from factory.events.takeover import Origin
from jobs import importing, opening
from jobs.commands import machine
from jobs.commands.exits import REFUSED
from jobs.commands.options import TEXT, Place, check_rejects, json_option
from jobs.commands.output import out, plain, print_json, print_table
from jobs.commands.progress import passes
from jobs.rejects import Rejects
from jobs.wiring import Plant

COLLECT_AFTER = 100_000  #: objects made, some hundred rows
FIRST = 20  #: problems that are told on a screen


@click.group("register")
def register_group() -> None:
    """An existing register: take it over, with its numbers."""


@register_group.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--profile", type=TEXT,
    help="The register it belongs to; JSON rows may name their own.  Needed for CSV.",
)  # fmt: skip
@click.option(
    "--source", type=TEXT, default=importing.SOURCE, show_default=True,
    help="The system it comes from; must be granted: certfactory sources grant.",
)  # fmt: skip
@click.option(
    "--format", "format_", type=click.Choice([each.value for each in RowFormat]),
    help="How it is written.  [default: by the name of FILE]",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would become of each row; write nothing.")
@click.option(
    "--rejects", type=Place(),
    help="Where refused rows go, to correct and import.  [default: FILE.rejects.csv or .jsonl]",
)  # fmt: skip
@click.option(
    "--doubts", type=Place(),
    help="Where all doubts go, as CSV by line and column; no values stand in it.",
)  # fmt: skip
@json_option
def register_import(
    file: Path,
    profile: str | None,
    source: str,
    format_: str | None,
    dry_run: bool,
    rejects: Path | None,
    doubts: Path | None,
    as_json: bool,
) -> None:
    """Take over the registrations of FILE, with their numbers; no documents follow.

    CSV (UTF-8, one row a line, a header; see `register columns`), or JSON Lines, each the data
    of registration.imported or a whole event.  The whole file is read before the first row is
    taken.  Good rows are taken even when others are refused; refused rows are written to the
    rejects file (mode 0600).  Importing a file again changes nothing.

    A number that breaks its own rule (GB 11643-1999, GB 32100-2015) is taken as it is, and told
    as a doubt: an approval with it would be held.
    """
    origin = Origin(format=_row_format(file, format_), source=source, profile=profile)
    if origin.format is RowFormat.CSV and profile is None:
        raise click.UsageError("a CSV file needs --profile")
    path = None if dry_run else rejects or Path(f"{file}.rejects.{origin.format}")
    _check_files(file, path, doubts)
    plant = machine.plant()
    opening.check_schema(plant)
    importing.check_origin(plant, origin)
    with file.open("rb") as stream, _doubts_to(doubts) as tell, _few_collections():
        found, kept = _taken(plant, stream, origin, path, tell)
    _show_import(found, kept, dry_run=dry_run, as_json=as_json)
    if found.refused:
        sys.exit(REFUSED)


def _taken(
    plant: Plant,
    stream: BufferedIOBase,
    origin: Origin,
    rejects: Path | None,
    tell: importing.Tell | None,
) -> tuple[importing.Report, Path | None]:
    """What became of the rows, and the file with those refused, if there are any.

    rejects: where those go; None: nothing is written, it is only said what would become of them.
    """
    who = machine.who()
    with passes() as watch:
        rows: int = sum(importing.check(plant, stream, origin, watch).counts.values())
        if rejects is None:
            seen = importing.rehearse(plant, stream, origin, watch, rows=rows, who=who, tell=tell)
            return seen, None
        with Rejects(rejects, header=_header(stream, origin)) as refused:
            found = importing.take_over(
                plant, stream, origin, watch, rows=rows, keep=refused.add, who=who, tell=tell
            )
    return found, rejects if refused.count else None


def _check_files(file: Path, rejects: Path | None, doubts: Path | None) -> None:
    """BadParameter: one cannot be read, or written, as it has to be."""
    if not file.is_file():
        raise click.BadParameter(f"{file} is read more than once: no pipe", param_hint="FILE")
    if rejects is not None:
        check_rejects(rejects, file)
    if doubts is not None:
        check_rejects(doubts, file, option="--doubts")


@register_group.command("columns")
@json_option
def register_columns(as_json: bool) -> None:
    """The columns of a CSV file for import; either name stands in the header."""
    if as_json:
        print_json(
            [
                {"column": c.name, "term": c.term, "needed": c.needed, "what": c.what}
                for c in tabular.COLUMNS
            ]
        )
        return
    print_table(
        ("column", "列名", "", "what"),
        ((c.name, c.term, "needed" if c.needed else "", c.what) for c in tabular.COLUMNS),
    )


@contextmanager
def _doubts_to(path: Path | None) -> Iterator[importing.Tell | None]:
    """Writes each doubt as a row, marked as UTF-8 for spreadsheets; None: nobody asked for them."""
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("line", "column", "rule"))
        yield lambda doubt: rows.writerow((doubt.line, doubt.column, doubt.rule))


@contextmanager
def _few_collections() -> Iterator[None]:
    """What is loaded is not looked through again and again: that costs a fifth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _row_format(file: Path, given: str | None) -> RowFormat:
    named = {".csv": RowFormat.CSV, ".jsonl": RowFormat.JSONL, ".json": RowFormat.JSONL}
    found = RowFormat(given) if given else named.get(file.suffix.lower())
    if found is None:
        raise click.UsageError(f"{file.name} does not say how it is written: give --format")
    return found


def _header(stream: BufferedIOBase, origin: Origin) -> bytes | None:
    """The header a table of refused rows needs too, marked as UTF-8 for spreadsheets."""
    if origin.format is not RowFormat.CSV:
        return None
    stream.seek(0)
    return b"\xef\xbb\xbf" + takeover.first_line(stream)


def _show_import(
    found: importing.Report, rejects: Path | None, *, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        named = {"dry_run": dry_run, "rejects": str(rejects) if rejects else None}
        print_json(named | plain(found))
        return
    if found.problems:
        rows = [(p.line, p.column, p.rule) for p in found.problems[:FIRST]]
        print_table(("line", "column", "what is wrong"), rows)
        _tell_more(len(found.problems) - FIRST, "problems")
    if found.held:
        rows_held = [(h.line, h.hold, h.reason) for h in found.held[:FIRST]]
        print_table(("line", "hold", "why it waits"), rows_held)
        _tell_more(len(found.held) - FIRST, "held rows")
    if found.doubts:
        rows = [(d.line, d.column, d.rule) for d in found.doubts[:FIRST]]
        print_table(("line", "column", "doubtful, but taken"), rows)
        what = f"rows with doubts: {found.doubtful}; an approval with them would be held"
        out.print(f"{what}; --doubts FILE lists them all")
    counts = "  ".join(f"{count} {name}" for name, count in found.counts.items() if count)
    out.print(f"would be: {counts}" if dry_run else counts or "no rows")
    if rejects:
        out.print(f"refused rows are in {rejects}; correct them and import that file", markup=False)


def _tell_more(count: int, what: str) -> None:
    if count > 0:
        out.print(f"… and {count} more {what}; --json lists them")
