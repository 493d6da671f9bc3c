"""`bulk report`, `bulk prove`: what became of every item, and that one of them is in the report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from factory.errors import ConflictError
from factory.model import BatchId, Kind
from jobs import documents
from jobs.bulk import progress, proving
from jobs.bulk import report as reports
from jobs.bulk.progress import Progress
from jobs.bulk.report import Form, Missed
from jobs.commands import machine
from jobs.commands.bulk import tell_waits
from jobs.commands.exits import REFUSED
from jobs.commands.options import IDENT, TEXT, Place
from jobs.commands.output import err, print_json
from jobs.commands.progress import bar

BY_SUFFIX = {".csv": Form.CSV, ".jsonl": Form.JSONL}
TOLD = 20  #: numbers of who was missed that are told on a screen


@click.command("report")
@click.argument("batch", type=IDENT)
@click.option(
    "--format", "form", type=click.Choice([each.value for each in Form]),
    help="JSON Lines or CSV.  [default: by the name of FILE; without one jsonl]",
)  # fmt: skip
@click.option("-o", "--output", type=Place(dir_okay=False), help="FILE.")
@click.option("--failed", is_flag=True, help="Only what is held.")
@click.option("--sealed", is_flag=True, help="Links to the sealed summaries (PDF) instead.")
def bulk_report(
    batch: int, form: str | None, output: Path | None, *, failed: bool, sealed: bool
) -> None:
    """What became of every item of a batch, and whether anybody was missed.

    A line an item: registration number, outcome, reason, the editions replaced and made, and the
    SHA-256 of their files; no names.  Exit code 1 if items are held, or
    somebody was missed.
    """
    chosen = Form(form) if form else _form_of(output)
    plant, ident = machine.plant(), BatchId(batch)
    found = progress.progress(plant, ident)
    if output is not None and not output.parent.is_dir():
        raise click.BadParameter(f"there is no folder {output.parent}", param_hint="--output")
    if sealed:
        if not _registers(found, plant):
            raise ConflictError(f"batch {batch}: is {found.state}; it has no sealed summary")
        for profile in _registers(found, plant):
            given = documents.link(
                plant, ident, Kind.BATCH_REPORT, who=machine.who(), profile=profile
            )
            click.echo(given.url)
        return
    lines = reports.written(reports.rows(plant, ident, failed=failed), chosen)
    _write(lines, output, found.total)
    missed = reports.missed(plant, ident)
    _tell(found, missed)
    if found.held or not missed.nobody:
        sys.exit(REFUSED)


def _registers(found: Progress, plant: Any) -> list[str]:
    seen = documents.of_batch(plant, found.id)
    return sorted({each.profile for each in seen if each.kind is Kind.BATCH_REPORT})


def _form_of(output: Path | None) -> Form:
    """By the name of the file.  UsageError: it says nothing known."""
    if output is None:
        return Form.JSONL
    form = BY_SUFFIX.get(output.suffix.lower())
    if form is None:
        raise click.UsageError(
            f"{output.name} does not say how to write it: call it .csv or .jsonl, or give --format"
        )
    return form


def _write(lines: Iterator[str], output: Path | None, total: int) -> None:
    if output is None:
        for line in lines:
            click.echo(line, nl=False)
        return
    with bar(str(output)) as moving, output.open("w", encoding="utf-8", newline="") as file:
        moving.update(moving.task_ids[0], total=total)
        for line in lines:
            file.write(line)
            moving.advance(moving.task_ids[0])


def _tell(found: Progress, missed: Missed) -> None:
    err.print(
        f"batch {found.id}: {found.total} items: {found.done} done, {found.skipped} skipped,"
        f" {found.held} held, {found.pending + found.ordered} open"
    )
    tell_waits(found)
    if found.merkle_root:
        err.print(f"root (RFC 6962): {found.merkle_root}", soft_wrap=True)
    if missed.nobody:
        err.print("nobody was missed" if found.completed_at else "nobody was missed so far")
    for what, numbers in (("no item", missed.no_item), ("no file", missed.unfinished)):
        if numbers:
            err.print(f"[bold red]{len(numbers)} were missed ({what})[/]:", *numbers[:TOLD])


@click.command("prove")
@click.argument("number", type=TEXT)
@click.option("--batch", type=IDENT, help="[default: the newest that made a certificate for it]")
def bulk_prove(number: str, batch: int | None) -> None:
    """Prove that the result of registration NUMBER is in a batch's report (RFC 6962): JSON.

    docs/check_proof.py checks it offline, with the files and the root that the report prints.
    """
    print_json(proving.prove(machine.plant(), number, BatchId(batch) if batch else None))
