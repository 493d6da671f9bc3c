"""`bulk`: batches are listed, confirmed and followed."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from factory.model import BatchId, BatchState
from jobs import bulk, watching
from jobs.commands import machine
from jobs.commands.exits import REFUSED
from jobs.commands.options import IDENT, json_option, reason_option
from jobs.commands.output import err, print_json, print_table
from jobs.commands.progress import bar
from jobs.standing import BATCHES
from jobs.wording import EVENTS, OWNERS


@click.group("bulk")
def bulk_group() -> None:
    """Bulk events: see what is affected, confirm, watch."""


@bulk_group.command("list")
@json_option
def bulk_list(as_json: bool) -> None:
    """All batches, newest first."""
    found = watching.batches(machine.plant())
    if as_json:
        print_json(found)
    else:
        print_table(
            ("batch", "kind", "state", "状态", "whose turn", "items", "done", "held", "skipped"),
            (
                (b.id, EVENTS[b.kind], b.state, BATCHES[b.state], OWNERS[b.owner],
                 b.total, b.done, b.held, b.skipped)
                for b in found
            ),
        )  # fmt: skip


@bulk_group.command("show")
@click.argument("batch", type=IDENT)
@json_option
def bulk_show(batch: int, as_json: bool) -> None:
    """One batch: what it is about, and its items by state."""
    _show_batch(watching.batch(machine.plant(), BatchId(batch)), as_json=as_json)


@bulk_group.command("confirm")
@click.argument("batch", type=IDENT)
@reason_option
@json_option
def bulk_confirm(batch: int, reason: str, as_json: bool) -> None:
    """Let a prepared batch take effect: the register changes now, new editions follow."""
    plant = machine.plant()
    bulk.confirm(plant, BatchId(batch), who=machine.who(), why=reason)
    _show_batch(watching.batch(plant, BatchId(batch)), as_json=as_json)


@bulk_group.command("watch")
@click.argument("batch", type=IDENT)
@json_option
def bulk_watch(batch: int, as_json: bool) -> None:
    """Follow a batch until it ends; exit code 1 if items are held."""
    plant = machine.plant()
    with bar(f"batch {batch}") as progress:
        for found in watching.follow(plant, BatchId(batch)):
            progress.update(progress.task_ids[0], total=found.total, completed=found.done)
            if found.state is BatchState.AWAITING:
                err.print(f"waits for: certfactory bulk confirm {batch} --reason …")
    _show_batch(found, as_json=as_json)
    if found.held:
        sys.exit(REFUSED)


def _show_batch(found: watching.Progress, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    shown = asdict(found) | {"owner": OWNERS[found.owner]}
    rows = [(name, value) for name, value in shown.items() if not isinstance(value, dict)]
    print_table(("", ""), rows + [(f"  {name}", value) for name, value in found.subject.items()])
