"""`keys operators`: who may approve large batches, and the tokens they prove it with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from jobs import operators
from jobs.commands import machine
from jobs.commands.options import NAME, REASON, Place, json_option
from jobs.commands.output import err, local_time, print_json, print_table
from jobs.operators import TokenView
from storage.operators import DAYS, MOST_ACTIVE, MOST_DAYS, Issued

STATES = {"active": "有效", "expired": "已过期", "withdrawn": "已停用"}


@click.group("operators")
def operators_group() -> None:
    """Operators (操作员): who may approve, each by a token of their own."""


@operators_group.command(
    "add",
    help=f"""Make a token for the operator NAME; it is shown once and kept nowhere.

    For a new token give the same name again: at most {MOST_ACTIVE} of an operator's tokens are of
    use, and making another withdraws the oldest.
    """,
)
@click.argument("name", type=NAME)
@click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), default=DAYS, show_default=True,
    help="Days until it expires.",
)  # fmt: skip
@click.option(
    "-o", "--out", "file", type=Place(),
    help="A new file to write it to, which you alone can read.  [default: print it]",
)  # fmt: skip
@json_option
def operators_add(name: str, days: int, file: Path | None, as_json: bool) -> None:
    """Make a token."""
    plant, who = machine.plant(), machine.who()
    if file is not None:
        issued = operators.write_token(file, plant, name, who=who, days=days)
    else:
        issued = operators.add(plant, name, who=who, days=days)
    _show_issued(issued, file, as_json=as_json)


@operators_group.command("list")
@json_option
def operators_list(as_json: bool) -> None:
    """List operators and their tokens; no token can be shown again."""
    _show(operators.tokens(machine.plant()), as_json=as_json)


@operators_group.command("withdraw")
@click.argument("name", type=NAME)
@click.option(
    "--reason", type=REASON, default="no longer to be used", show_default=True,
    help="Why; it is kept in the audit log with your account.",
)  # fmt: skip
@json_option
def operators_withdraw(name: str, reason: str, as_json: bool) -> None:
    """Withdraw every token of the operator NAME, at once and for good."""
    withdrawn = operators.withdraw(machine.plant(), name, who=machine.who(), why=reason)
    _show(withdrawn, as_json=as_json)


def _show_issued(issued: Issued, file: Path | None, *, as_json: bool) -> None:
    """The token itself only where it was not written to a file."""
    if as_json:
        shown = {"token": issued.token} if file is None else {"file": str(file)}
        about = {"operator": issued.kept.name, "expires": issued.kept.expires}
        print_json(about | shown | {"withdrawn": [each.ident for each in issued.replaced]})
        return
    if file is None:
        click.echo(issued.token)
    where = f"written to {file}" if file else "keep it now: it is not shown again"
    err.print(f"{where}; expires {local_time(issued.kept.expires)}", markup=False)
    for each in issued.replaced:
        err.print(f"withdrawn, a newer one takes its place: token {each.ident}", markup=False)


def _show(found: Sequence[TokenView], *, as_json: bool) -> None:
    if as_json:
        print_json(list(found))
        return
    print_table(
        ("operator", "token", "state", "made", "expires", "withdrawn"),
        ((t.operator, t.token, STATES[t.state], t.created, t.expires, t.withdrawn) for t in found),
    )
