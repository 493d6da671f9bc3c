"""`keys sealed`: what a key has sealed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path

import click

from jobs import sealed_by
from jobs.commands import machine
from jobs.commands.figures import STANDARD_OUTPUT, write_table
from jobs.commands.options import Place, json_option
from jobs.commands.output import err, out, plain, print_json, print_table
from jobs.figures import as_csv
from jobs.sealed_by import Asked, Sealed, SealedFile

COLUMNS = (
    "profile", "kind", "format", "registration", "edition", "state", "made_at", "sha256",
)  # fmt: skip
DAY = click.DateTime(["%Y-%m-%d"])
OUTPUT = Place(dir_okay=False, allow_dash=True)


@click.command("sealed")
@click.argument("key")
@click.option("--since", type=DAY, help="Made on this day or later.")
@click.option("--until", type=DAY, help="Made on this day or before.")
@click.option(
    "--csv", "table", type=OUTPUT, help="FILE to write every file to as CSV, - for standard output."
)
@click.option(
    "--numbers", type=OUTPUT,
    help="FILE to write the registration numbers to whose certificate still stands, a line each,"
    " for `certfactory reissue --from FILE`; - for standard output.",
)  # fmt: skip
@json_option
def keys_sealed(
    key: str,
    since: datetime | None,
    until: datetime | None,
    table: Path | None,
    numbers: Path | None,
    as_json: bool,
) -> None:
    """What KEY has sealed: an identity, or a certificate's SHA-256 (8 digits or more of it).

    By register, kind, format and what became of it since; days are those of China.  --csv and
    --numbers name every one, and no person.
    """
    to_output = STANDARD_OUTPUT in {str(table), str(numbers)}
    if to_output and (as_json or (table is not None and table == numbers)):
        raise click.UsageError("only one of --csv -, --numbers - and --json is for standard output")
    for path, option in ((table, "--csv"), (numbers, "--numbers")):
        if path is not None and not path.parent.is_dir():
            raise click.BadParameter(f"there is no folder {path.parent}", param_hint=option)
    asked = Asked(key=key, since=_day(since), until=_day(until))
    plant = machine.plant()
    found = sealed_by.sealed(plant, asked)
    if table is not None:
        write_table(_csv(sealed_by.listed(plant, asked)), table)
    if numbers is not None:
        standing = [f"{number}\n" for number in sealed_by.standing(plant, asked)]
        write_table("".join(standing), numbers)
        err.print(f"{len(standing)} registrations whose certificate still stands", markup=False)
    if as_json:
        print_json(plain([asdict(each) for each in found]))
    elif not to_output:
        _show(found)


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _csv(files: Iterable[SealedFile]) -> str:
    return as_csv(COLUMNS, ([_cell(each, name) for name in COLUMNS] for each in files))


def _cell(file: SealedFile, name: str) -> object:
    value = getattr(file, name)
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value


def _show(found: list[Sealed]) -> None:
    for each in found:
        out.print(f"certificate {each.certificate}", markup=False)
        if each.counts:
            print_table(
                ("profile", "kind", "format", "state", "files"),
                ((n.profile, n.kind, n.format, n.state, n.files) for n in each.counts),
            )
        else:
            out.print("has sealed nothing in that time")
