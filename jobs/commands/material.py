"""`material`: whether a file would be taken as a material, before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import BinaryIO

import click

from factory import materials
from factory.errors import NotFoundError
from factory.profile import MOST_MATERIAL_BYTES, Material
from factory.register import local_day
from factory.versions import Versions
from jobs import examples
from jobs.commands import machine
from jobs.commands.options import TEXT, json_option
from jobs.commands.output import print_json

USUAL = Material(id="material", title="申报材料")  #: where no profile is named


@click.group("material")
def material_group() -> None:
    """Whether a file would be taken as a material (申报材料)."""


@material_group.command("check")
@click.argument("file", type=click.File("rb"))
@click.option("--profile", type=TEXT, help="The register it is for.  [default: usual limits]")
@click.option("--material", "name", type=TEXT, help="Which of its materials, e.g. signed_form.")
@json_option
def material_check(file: BinaryIO, profile: str | None, name: str | None, as_json: bool) -> None:
    """Look at FILE (- for standard input) as intake does when a material is attached.

    Says why it would be refused and what can be done.  No server and no ledger is needed.
    """
    if (profile is None) != (name is None):
        raise click.UsageError("--profile and --material come together")
    rules = _rules(machine.profiles(), profile, name) if profile and name else USUAL
    found = materials.check(file.read(MOST_MATERIAL_BYTES + 1), rules)
    if as_json:
        print_json({"format": found.format, "pages": found.pages, "blank": found.blank})
        return
    click.echo(f"{found.format.upper()}, pages: {found.pages}; it can be taken")
    if found.blank:
        click.echo(f"note: nothing is seen on page {', '.join(map(str, found.blank))}")


def _rules(installed: Mapping[str, Versions], profile: str, name: str) -> Material:
    rules = examples.profile_of(installed, profile, local_day(datetime.now(UTC))).application
    for each in rules.materials:
        if each.id == name:
            return each
    there = ", ".join(each.id for each in rules.materials) or "none"
    raise NotFoundError(f"material {name}: this register asks for {there}")
