"""`keys master`: the key that wraps all data keys, changed while the factory runs (主密钥)."""

from __future__ import annotations

import click

from jobs import rewrapping
from jobs.commands import machine
from jobs.commands.options import IDENT, json_option
from jobs.commands.output import err, out, plain, print_json, print_table
from jobs.rewrapping import Masters


@click.group("master")
def master_group() -> None:
    """The master key (主密钥) of the sealed columns: how it stands, change it, drop one."""


@master_group.command("status")
@json_option
def master_status(as_json: bool) -> None:
    """Which master keys there are, and how many data keys are wrapped by each."""
    found = rewrapping.masters(machine.plant())
    if as_json:
        derived = {"staged": found.staged, "under_way": found.is_under_way}
        print_json(plain(found) | derived | {"missing": list(found.missing)})
        return
    every = sorted({*found.versions, *found.wrapped})
    print_table(
        ("master key", "", "data keys"),
        ((each, _word(found, each), found.wrapped.get(each, 0)) for each in every),
    )
    if found.is_under_way:
        err.print("a change is under way: `certfactory keys master rotate` goes on")


def _word(found: Masters, version: int) -> str:
    if version not in found.versions:
        return "NOT IN THIS KEYRING"
    if version == found.current:
        return "current"
    return "staged" if version == found.staged else "former"


@master_group.command("rotate")
@click.option(
    "--stage", is_flag=True,
    help="Only put a new key into the keyring, to be brought to all machines before it is used.",
)  # fmt: skip
def master_rotate(stage: bool) -> None:
    """Wrap all data keys by another master key, while everything runs.

    Several machines with keyrings of their own: --stage first, bring master.json to each, then
    without.  Stopped anywhere, the same command goes on.  The former key stays: drop it later.
    """
    plant = machine.plant()
    if stage:
        version = rewrapping.stage(plant)
        out.print(f"master key {version} is staged: bring master.json to every machine")
        return
    done = rewrapping.rotate(plant, who=machine.who())
    found = rewrapping.masters(plant)
    out.print(f"master key {found.current}: {done} data keys are wrapped by it now")


@master_group.command("drop")
@click.argument("version", type=IDENT, metavar="VERSION")
@click.option(
    "--despite-backups", is_flag=True,
    help="Though backups are known that cannot be opened without it: a copy of it is kept"
    " elsewhere, or they are not needed any more.",
)  # fmt: skip
def master_drop(version: int, despite_backups: bool) -> None:
    """Take a former master key out of the keyring; refused while a data key needs it.

    Refused too while backups are known that cannot be opened without it: it says how many, and
    which are the newest.  The ledger knows of those that it noted and that `backup --keep` did not
    remove; there may be others.
    """
    rewrapping.drop(machine.plant(), version, who=machine.who(), despite_backups=despite_backups)
    out.print(f"master key {version} is gone from this keyring")
