"""`stats`: what became of certificates, by register, month and reason."""

from __future__ import annotations

from pathlib import Path

import click

from factory.errors import FieldError
from factory.figures import Month
from jobs import figures
from jobs.commands import machine
from jobs.commands.options import TEXT, Place, json_option
from jobs.commands.output import err, out, plain, print_json, print_table
from jobs.figures import COLUMNS, Statistics, as_csv
from jobs.wiring import Plant
from jobs.wording import WHATS, reason_of

STANDARD_OUTPUT = "-"


class _Month(click.ParamType[Month]):
    """A month as 2026-11."""

    name = "month"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Month:
        """The month.  BadParameter: none is written so."""
        try:
            return value if isinstance(value, Month) else Month.read(value)
        except FieldError as error:
            self.fail(str(error), param, ctx)


@click.command("stats")
@click.option("--profile", type=TEXT, help="Of this register alone.  [default: of all]")
@click.option("--from", "first", type=_Month(), help="[default: a year, up to the last one]")
@click.option("--to", "last", type=_Month(), help="[default: this month]")
@click.option(
    "--csv", "table", type=Place(dir_okay=False, allow_dash=True),
    help="FILE to write them to as CSV, - for standard output.",
)  # fmt: skip
@click.option(
    "--chart", "picture", type=Place(dir_okay=False),
    help="FILE.png to draw them on.",
)  # fmt: skip
@json_option
def stats(
    profile: str | None,
    first: Month | None,
    last: Month | None,
    table: Path | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """How many certificates were issued, reissued, collected, held, revoked and expired, and why.

    By register, month (of China) and reason; nothing of any person.  A month that is not over
    counts as far as it has come.
    """
    to_output = table is not None and str(table) == STANDARD_OUTPUT
    if as_json and to_output:
        raise click.UsageError("--json and --csv - both write to standard output")
    for path, option in ((table, "--csv"), (picture, "--chart")):
        if path is not None and not path.parent.is_dir():
            raise click.BadParameter(f"there is no folder {path.parent}", param_hint=option)
    plant = machine.plant()
    found = figures.statistics(plant, profile=profile, first=first, last=last)
    if table is not None:
        write_table(_csv(found), table)
    if picture is not None:
        _draw(plant, found, picture)
    if as_json:
        print_json(plain(found))
    elif not to_output:
        _show(found)


def _csv(found: Statistics) -> str:
    return as_csv(COLUMNS, ([getattr(each, name) for name in COLUMNS] for each in found.figures))


def write_table(text: str, path: Path) -> None:
    """To the file, or to standard output.  BadParameter: it cannot be written."""
    if str(path) == STANDARD_OUTPUT:
        click.echo(text, nl=False)
        return
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--csv") from error
    err.print(str(path), markup=False)


def _draw(plant: Plant, found: Statistics, path: Path) -> None:
    # Loaded where a picture is asked for: Pillow takes long, and the table needs none.
    from factory.page.fonts import WEN_KAI  # noqa: PLC0415
    from jobs.charting import chart  # noqa: PLC0415
    from jobs.wiring import font_file  # noqa: PLC0415

    try:
        path.write_bytes(chart(found, font_file(plant.settings.font_dirs, WEN_KAI.file)))
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint="--chart") from error
    err.print(str(path), markup=False)


def _show(found: Statistics) -> None:
    if not found.figures:
        out.print(f"nothing happened from {found.first} to {found.last}")
        return
    print_table(
        ("profile", "month", "what", "", "reason", "", "certificates"),
        (
            (each.profile, each.month, each.what.value, WHATS[each.what],
             each.reason, reason_of(each.what, each.reason), each.count)
            for each in found.figures
        ),
    )  # fmt: skip
