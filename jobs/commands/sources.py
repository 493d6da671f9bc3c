"""`sources`: which upstream system may submit for which profile."""

from __future__ import annotations

import click

from jobs import desk
from jobs.commands import machine
from jobs.commands.options import TEXT, json_option
from jobs.commands.output import out, print_json, print_table
from storage.ledger import inbox


@click.group("sources")
def sources_group() -> None:
    """Upstream systems, and the profiles each may submit for."""


@sources_group.command("list")
@json_option
def sources_list(as_json: bool) -> None:
    """Every grant."""
    with machine.plant().ledger.read() as tx:
        found = inbox.all_grants(tx)
    if as_json:
        print_json([{"source": source, "profile": profile} for source, profile in found])
    else:
        print_table(("source", "profile"), found)


@sources_group.command("grant")
@click.argument("source", type=TEXT)
@click.argument("profile", type=TEXT)
def sources_grant(source: str, profile: str) -> None:
    """Let SOURCE (the `source` of its events) submit for PROFILE."""
    desk.grant(machine.plant(), source, profile, who=machine.who())
    out.print(f"{source} may submit for {profile}", markup=False)


@sources_group.command("withdraw")
@click.argument("source", type=TEXT)
@click.argument("profile", type=TEXT)
def sources_withdraw(source: str, profile: str) -> None:
    """Let SOURCE submit for PROFILE no longer, nor its access keys see it; at once."""
    desk.withdraw(machine.plant(), source, profile, who=machine.who())
    out.print(f"{source} may no longer submit for {profile}", markup=False)
