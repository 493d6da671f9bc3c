"""`held`: what waits for a person goes on, or ends."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from jobs import desk
from jobs.commands import machine
from jobs.commands.exits import REFUSED
from jobs.commands.options import IDENT, REASON, json_option, reason_option
from jobs.commands.output import out, print_json, print_table
from jobs.commands.shown import held_because
from jobs.wording import OWNERS


@click.group("held")
def held_group() -> None:
    """What is stopped for a person: why, and whose turn it is."""


@held_group.command("list")
@json_option
def held_list(as_json: bool) -> None:
    """Open holds, oldest first."""
    found = desk.open_holds(machine.plant())
    if as_json:
        print_json(list(found))
    else:
        print_table(
            ("hold", "of", "about", "profile", "owner", "since", "reason", "detail"),
            (
                (h.id, f"{h.subject_kind} {h.subject_id}", h.about, h.profile,
                 OWNERS[h.owner], h.opened_at, h.reason, h.detail)
                for h in found
            ),
        )  # fmt: skip


@held_group.command("show")
@click.argument("hold", type=IDENT)
@json_option
def held_show(hold: int, as_json: bool) -> None:
    """One hold, whole."""
    found = desk.hold(machine.plant(), hold)
    if as_json:
        print_json(found)
    else:
        print_table(("", ""), (asdict(found) | {"owner": OWNERS[found.owner]}).items())


@held_group.command("retry")
@click.argument("hold", type=IDENT)
@click.option("--reason", default="mended", type=REASON, show_default=True, help="What was mended.")
@json_option
def held_retry(hold: int, reason: str, as_json: bool) -> None:
    """Let what was held go on, once its cause is mended; exit code 1 if it is held again.

    An event that is held again keeps its hold.  An order is made anew: one that fails again has
    a hold of another number.
    """
    moved = desk.retry(machine.plant(), hold, who=machine.who(), why=reason)
    _show_moved(moved, as_json=as_json)
    if moved.held is not None:
        sys.exit(REFUSED)


@held_group.command("dismiss")
@click.argument("hold", type=IDENT)
@reason_option
@json_option
def held_dismiss(hold: int, reason: str, as_json: bool) -> None:
    """End a held event without documents, because upstream has sent it otherwise."""
    _show_moved(desk.dismiss(machine.plant(), hold, who=machine.who(), why=reason), as_json=as_json)


def _show_moved(moved: desk.Moved, *, as_json: bool) -> None:
    if as_json:
        print_json(moved)
        return
    found = [
        f"{moved.subject_kind} {moved.subject_id}: {moved.state}",
        held_because(moved.held, moved.reason),
        f"registration {moved.registration}" if moved.registration else "",
        f"batch {moved.batch}" if moved.batch else "",
        *moved.notes,
    ]
    out.print("; ".join(each for each in found if each), markup=False)
