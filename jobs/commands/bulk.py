"""`bulk`: bulk events are planned, confirmed, followed and steered."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

import click

from factory.model import BatchId, BatchState
from jobs import attendance, operators
from jobs.asker import Asker
from jobs.bulk import confirming, progress, steering
from jobs.bulk.progress import Progress
from jobs.commands import machine
from jobs.commands.asking import asking
from jobs.commands.exits import REFUSED
from jobs.commands.options import IDENT, json_option, reason_option, token_option
from jobs.commands.output import err, out, print_json, print_table
from jobs.commands.progress import Lines, bar
from jobs.standing import BATCHES
from jobs.wiring import Plant
from jobs.wording import EVENTS, OWNERS
from storage.ledger.audit import Noted

MOST_PRIORITY = 9
WORKED_AT = (BatchState.PREPARING, BatchState.RUNNING)  #: in these states workers are waited for


@click.command("list")
@json_option
def bulk_list(as_json: bool) -> None:
    """All batches, newest first."""
    found = progress.all_progress(machine.plant())
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


@click.command("show")
@click.argument("batch", type=IDENT)
@json_option
def bulk_show(batch: int, as_json: bool) -> None:
    """One batch: what it is about, its items by state, who did what and why, how to undo it."""
    plant, ident = machine.plant(), BatchId(batch)
    found, history = progress.progress(plant, ident), progress.history(plant, ident)
    if as_json:
        print_json(asdict(found) | {"history": [asdict(each) for each in history]})
        return
    _show_batch(found, as_json=False)
    tell_waits(found)
    if history:
        out.print()
        print_table(
            ("at", "who", "did", "why"),
            ((each.at, each.who, _action(each), each.why) for each in history),
        )


def _action(each: Noted) -> str:
    """What was done, and to which figures."""
    what = ", ".join(f"{name} {'none' if v is None else v}" for name, v in each.what.items())
    return f"{each.action.removeprefix('batch ')} {f'({what})' if what else ''}".strip()


@click.command("confirm")
@click.argument("batch", type=IDENT)
@reason_option
@token_option
@asking
@json_option
def bulk_confirm(
    batch: int, reason: str, token_file: Path | None, asker: Asker, as_json: bool
) -> None:
    """Let a prepared batch take effect: the register changes now, new editions follow.

    Above the size that its profiles set (bulk.second_operator_above), two operators confirm it,
    each with a token of their own; the first only agrees.  A rename is the enterprise's to
    confirm (--as enterprise) where its registers say so (policy.rename_confirmation); operations
    may confirm it too, and any other.
    """
    plant = machine.plant()
    operator = operators.authenticated(plant, token_file)
    name = operator.name if operator else None
    ident = BatchId(batch)
    done = confirming.confirm(
        plant, ident, who=machine.who(), why=reason, operator=name, asker=asker
    )
    if done.state is BatchState.AWAITING:
        err.print(f"{name} agrees; a second operator must confirm it too")
    found = progress.progress(plant, ident)
    _show_batch(found, as_json=as_json)
    _tell_absence(plant, found)


@click.command("watch")
@click.argument("batch", type=IDENT)
@json_option
def bulk_watch(batch: int, as_json: bool) -> None:
    """Follow a batch until it ends or waits for somebody: rate, time left, failures by class.

    On a terminal as a bar that moves, elsewhere as lines on standard error, some seconds apart.
    Exit code 1 if items are held, or the batch was stopped or cancelled.
    """
    plant = machine.plant()
    found = _followed(plant, BatchId(batch))
    if found.state is BatchState.AWAITING:
        err.print(f"waits for: certfactory bulk confirm {batch} --reason …")
    if found.state in {BatchState.PAUSED, BatchState.STOPPED}:
        err.print(f"waits for: certfactory bulk resume {batch} --reason …")
    _show_batch(found, as_json=as_json)
    if found.held or found.state in {BatchState.STOPPED, BatchState.CANCELLED}:
        sys.exit(REFUSED)


def _followed(plant: Plant, batch: BatchId) -> Progress:
    """How it stands when it has ended or waits for somebody; a bar or lines tell how it moves."""
    lines, state, absent = Lines(), None, None
    told: set[str] = set()
    with bar(f"batch {batch}") as moving:
        for found in progress.follow(plant, batch):
            settled = found.done + found.skipped + found.held
            moving.update(
                moving.task_ids[0],
                total=found.total,
                completed=settled,
                description=f"batch {batch} {_pace(found)}",
            )
            text = f"batch {batch}: {settled} of {found.total}, {_pace(found)}"
            lines.tell(text, at_once=found.state is not state)
            absent = _tell_absence(plant, found, absent)
            told |= tell_waits(found, told)
            state = found.state
    return found


def tell_waits(found: Progress, told: Collection[str] = ()) -> set[str]:
    """Says why orders of the batch were put back, but for reasons told already; those told now."""
    new = [each for each in found.waits if each.reason not in told]
    for each in new:
        said = f"{each.reason}: {each.why}" if each.why else f"{each.reason}: see the workers' log"
        err.print(f"{each.orders} tried again later, {said}", markup=False, soft_wrap=True)
    return {each.reason for each in new}


def _tell_absence(plant: Plant, found: Progress, told: str | None = None) -> str | None:
    """Says that nobody works although work of the batch waits, unless it was told already."""
    if found.state not in WORKED_AT:
        return told
    why = attendance.absence(plant)
    if why and not told:
        err.print(why, markup=False, soft_wrap=True)
    return why


def _pace(found: Progress) -> str:
    parts = [f"{found.per_minute:,.0f}/min" if found.per_minute else str(found.state)]
    if found.seconds_left:
        parts.append(f"{found.seconds_left / 60:,.1f} min left")
    parts += [f"{count} {reason}" for reason, count in sorted(found.failures.items())]
    parts += [f"{each.orders} tried again later: {each.reason}" for each in found.waits]
    return ", ".join(parts)


@click.command("pause")
@click.argument("batch", type=IDENT)
@reason_option
@json_option
def bulk_pause(batch: int, reason: str, as_json: bool) -> None:
    """Begin nothing more of it; what is at work is finished, at most a chunk a worker."""
    plant = machine.plant()
    steering.pause(plant, BatchId(batch), who=machine.who(), why=reason)
    _show_batch(progress.progress(plant, BatchId(batch)), as_json=as_json)


@click.command("resume")
@click.argument("batch", type=IDENT)
@reason_option
@json_option
def bulk_resume(batch: int, reason: str, as_json: bool) -> None:
    """Let a paused or stopped batch go on; the brake counts failures from here."""
    plant = machine.plant()
    steering.resume(plant, BatchId(batch), who=machine.who(), why=reason)
    _show_batch(progress.progress(plant, BatchId(batch)), as_json=as_json)


@click.command("cancel")
@click.argument("batch", type=IDENT)
@reason_option
@json_option
def bulk_cancel(batch: int, reason: str, as_json: bool) -> None:
    """End it: what is not made never will be; what is made stays, and so does a new name."""
    plant = machine.plant()
    steering.cancel(plant, BatchId(batch), who=machine.who(), why=reason)
    _show_batch(progress.progress(plant, BatchId(batch)), as_json=as_json)


@click.command("rate")
@click.argument("batch", type=IDENT)
@click.option(
    "--per-minute", type=click.IntRange(0, 1_000_000),
    help="Certificates a minute at most; 0: as fast as it goes.",
)  # fmt: skip
@click.option(
    "--priority", type=click.IntRange(-MOST_PRIORITY, MOST_PRIORITY),
    help="Batches that run with a higher one go first.  [default when planned: 0]",
)  # fmt: skip
@reason_option
@json_option
def bulk_rate(
    batch: int, per_minute: int | None, priority: int | None, reason: str, as_json: bool
) -> None:
    """How fast it may go, and before which others; from its next chunk on."""
    if per_minute is None and priority is None:
        raise click.UsageError("give --per-minute or --priority")
    plant, ident, who = machine.plant(), BatchId(batch), machine.who()
    if per_minute is not None:
        steering.set_rate(plant, ident, per_minute or None, who=who, why=reason)
    if priority is not None:
        steering.set_priority(plant, ident, priority, who=who, why=reason)
    _show_batch(progress.progress(plant, ident), as_json=as_json)


@click.command("retry-failed")
@click.argument("batch", type=IDENT)
@reason_option
@json_option
def bulk_retry_failed(batch: int, reason: str, as_json: bool) -> None:
    """Try everything of it that is held once more, and nothing else."""
    plant = machine.plant()
    count = steering.retry_failed(plant, BatchId(batch), who=machine.who(), why=reason)
    if not as_json:
        out.print(f"{count} to work again")
    _show_batch(progress.progress(plant, BatchId(batch)), as_json=as_json)


def _show_batch(found: Progress, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    shown = asdict(found) | {"owner": OWNERS[found.owner]}
    rows = [(name, each) for name, each in shown.items() if not isinstance(each, dict | tuple)]
    for name in ("failures", "skips", "subject"):
        rows += [(f"{name}: {key}", value) for key, value in shown[name].items()]
    rows += [(f"tried again later: {each.reason}", each.orders) for each in found.waits]
    print_table(("", ""), [(name, value) for name, value in rows if value is not None])
