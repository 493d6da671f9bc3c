"""`expiring`: what ends soon, and telling upstream of certificates that do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import click

from factory import ending
from factory.errors import FieldError
from jobs import expiring, notices
from jobs.commands import machine
from jobs.commands.figures import STANDARD_OUTPUT, write_table
from jobs.commands.options import TEXT, Place, json_option
from jobs.commands.output import err, out, plain, print_json, print_table
from jobs.expiring import Outlook
from jobs.figures import as_csv
from jobs.wording import THINGS
from storage.ledger.expiring import Expiring

COLUMNS = ("profile", "registration", "edition", "state", "valid_until", "told")


class _Span(click.ParamType[timedelta]):
    """A number of days or weeks."""

    name = "span"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The span.  BadParameter: none is written so."""
        try:
            return value if isinstance(value, timedelta) else ending.span(value)
        except FieldError as error:
            self.fail(str(error), param, ctx)


@click.command("expiring")
@click.option(
    "--within", type=_Span(), default="90d", show_default=True,
    help="From today on: days or weeks, as 90d, 12w or P90D.",
)  # fmt: skip
@click.option("--profile", type=TEXT, help="Certificates of this register alone.")
@click.option("--list", "in_full", is_flag=True, help="Every certificate, by its number.")
@click.option(
    "--csv", "table", type=Place(dir_okay=False, allow_dash=True),
    help="FILE to write every certificate to as CSV, - for standard output.",
)  # fmt: skip
@click.option(
    "--notify", is_flag=True,
    help="Tell upstream (certificate.expiring), once for each certificate and last day.",
)  # fmt: skip
@json_option
def expiring_command(
    within: timedelta,
    profile: str | None,
    in_full: bool,
    table: Path | None,
    notify: bool,
    as_json: bool,
) -> None:
    """What ends soon (到期): certificates, keys, seals, CAs and tokens; and tell upstream.

    Certificates are counted by register and month of their last day; --list and --csv give their
    numbers, and no names.  Keys, seals, CAs and tokens that have ended already are told too.
    """
    to_output = table is not None and str(table) == STANDARD_OUTPUT
    if to_output and (as_json or in_full):
        raise click.UsageError("--csv - writes to standard output: not with --json or --list")
    if table is not None and not table.parent.is_dir():
        raise click.BadParameter(f"there is no folder {table.parent}", param_hint="--csv")
    plant = machine.plant()
    expiring.check_profile(plant, profile)
    told = expiring.tell(plant, within, profile=profile, who=machine.who()) if notify else None
    if table is not None:
        write_table(_csv(expiring.listed(plant, within, profile=profile)), table)
    found = expiring.outlook(plant, within, profile=profile)
    listed = list(expiring.listed(plant, within, profile=profile)) if in_full else None
    if as_json:
        print_json(_for_programs(found, listed, told))
    elif not to_output:
        _show(found, listed)
    if told is not None:
        err.print(f"upstream is told of {told}", markup=False)
        if not notices.listed(plant).endpoints:
            err.print(
                "no endpoint: that is in the feed of notices (GET /v1/notices) alone;"
                " `certfactory notify add` adds one"
            )


def _csv(rows: Iterable[Expiring]) -> str:
    return as_csv(COLUMNS, ([*_cells(each)[:-1], str(each.told).lower()] for each in rows))


def _cells(each: Expiring) -> list[object]:
    return [getattr(each, name) for name in COLUMNS]


def _for_programs(found: Outlook, listed: list[Expiring] | None, told: int | None) -> object:
    said = asdict(found)
    if listed is not None:
        said["listed"] = [asdict(each) for each in listed]
    if told is not None:
        said["newly_told"] = told
    return plain(said)


def _show(found: Outlook, listed: list[Expiring] | None) -> None:
    if listed is not None:
        print_table(
            ("profile", "registration", "edition", "state", "last day", "told"),
            ([*_cells(each)[:-1], "told" if each.told else ""] for each in listed),
        )
    elif found.certificates:
        print_table(
            ("profile", "month", "certificates", "told"),
            ((e.profile, e.month, e.certificates, e.told) for e in found.certificates),
        )
    else:
        out.print(f"no certificate ends from {found.today} to {found.last}")
    if found.things:
        out.print()
        print_table(
            ("what ends", "", "name", "on", "days left"),
            ((e.thing.value, THINGS[e.thing], e.name, e.ends, _left(e.days)) for e in found.things),
        )


def _left(days: int) -> str:
    return "HAS ENDED" if days < 0 else str(days)
