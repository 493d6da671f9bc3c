"""`numbers`: numbers for upstream systems that have no series of their own."""

from __future__ import annotations

import click

from factory.model import ApplicationType
from jobs import drawing
from jobs.commands import machine
from jobs.commands.options import TEXT, json_option
from jobs.commands.output import print_json

MOST = 1000  #: numbers at once


@click.group("numbers")
def numbers_group() -> None:
    """Numbers for upstream systems that have no series of their own."""


@numbers_group.command("acceptance")
@click.option("--profile", type=TEXT, required=True, help="The register they are for.")
@click.option(
    "--type", "kind", required=True, type=click.Choice([each.value for each in ApplicationType]),
    help="What is applied for (申请类别).",
)  # fmt: skip
@click.option(
    "--count", type=click.IntRange(1, MOST), default=1, show_default=True, help="How many."
)
@json_option
def numbers_acceptance(profile: str, kind: str, count: int, as_json: bool) -> None:
    """Draw the next acceptance numbers (受理编号) of this month, each once and never again.

    For registers whose profile has a scheme ([numbering.acceptance]); elsewhere upstream gives
    them.  A number that is not used leaves a gap.
    """
    drawn = drawing.acceptance_numbers(
        machine.plant(), profile, ApplicationType(kind), count, who=machine.who()
    )
    if as_json:
        print_json(drawn)
    else:
        for number in drawn:
            click.echo(number)
