"""`simulate`: synthetic registers of any size, for trials and measuring."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from factory import specimen
from factory.errors import NotFoundError
from factory.events.takeover import Format
from factory.register import local_day
from factory.simulation import Register
from factory.versions import Versions, installed_are
from jobs import simulating
from jobs.commands import machine
from jobs.commands.options import MOST_SEED, TEXT, Place, json_option
from jobs.commands.output import out, plain, print_json
from jobs.commands.progress import passes
from jobs.simulating import Written

MOST_PHOTOS, USUAL_PHOTOS = 5000, 500
SHAPES = {".csv": Format.CSV, ".jsonl": Format.JSONL}


@click.group("simulate")
def simulate_group() -> None:
    """Synthetic registers of any size, to be taken over for trials and measuring."""


@simulate_group.command("register")
@click.option(
    "--size", type=click.IntRange(min=1), required=True, help="How many registrations it has."
)
@click.option(
    "--seed", type=click.IntRange(1, MOST_SEED), default=1, show_default=True,
    help="Another number, another register.",
)  # fmt: skip
@click.option(
    "--profile", type=TEXT, default=specimen.PROFILE, show_default=True, help="Whose register."
)
@click.option(
    "-o", "--output", "path", type=Place(dir_okay=False), required=True,
    help="File it is written to.",
)  # fmt: skip
@click.option(
    "--format", "format_", type=click.Choice([each.value for each in Format]),
    help="How it is written.  [default: by the name of the file]",
)  # fmt: skip
@click.option(
    "--photos", type=click.IntRange(0, MOST_PHOTOS),
    help=f"How many different photos.  [default: {USUAL_PHOTOS}, or as many as registrations]",
)  # fmt: skip
@click.option(
    "--stored", is_flag=True,
    help="Put the pictures into the intake bucket, rows name their keys; always so in a table.",
)  # fmt: skip
@click.option(
    "--largest", type=click.IntRange(min=1),
    help="Registrations of the largest enterprise.  [default: 300, at most a twentieth of all]",
)  # fmt: skip
@click.option(
    "--on", "day", type=click.DateTime(["%Y-%m-%d"]),
    help="The day the register is of.  [default: today in China]",
)  # fmt: skip
@click.option("--hard-names", is_flag=True, help="A few names that no font prints, to be held.")
@click.option("--force", is_flag=True, help="Write over the file if it is there.")
@json_option
def simulate_register(
    size: int,
    seed: int,
    profile: str,
    path: Path,
    format_: str | None,
    photos: int | None,
    stored: bool,
    largest: int | None,
    day: datetime | None,
    hard_names: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write a synthetic register with realistic distributions, for `register import`.

    Nobody in it exists, and its numbers lie where no real ones do.  The same options on the same
    day give the same bytes.  docs/simulate.md tells how often what occurs.
    """
    form = _form(path, format_)
    _check_file(path, force=force)
    of_day = day.date() if day else local_day(datetime.now(UTC))
    register = Register(
        profile=_rules(profile).on(of_day),
        size=size,
        seed=seed,
        day=of_day,
        largest=largest,
        hard=hard_names,
    )
    count = min(size, USUAL_PHOTOS) if photos is None else photos
    simulating.check(register, form, count)
    store = machine.bare_plant().intake_store if count and (stored or form is Format.CSV) else None
    with passes() as watch:
        shown = simulating.pictures(register, count, store, watch)
        written = simulating.write(register, shown, form, path, watch)
    _show(written, as_json=as_json)


def _rules(name: str) -> Versions:
    """NotFoundError: no such profile."""
    installed = machine.profiles()
    if name not in installed:
        raise NotFoundError(f"profile {name}: is not installed; {installed_are(installed)}")
    return installed[name]


def _form(path: Path, given: str | None) -> Format:
    found = Format(given) if given else SHAPES.get(path.suffix.lower())
    if found is None:
        raise click.UsageError(f"{path.name} does not say how it is written: give --format")
    return found


def _check_file(path: Path, *, force: bool) -> None:
    """BadParameter: the file is there already, or its folder is not."""
    if path.exists() and not force:
        raise click.BadParameter(f"{path} is there; --force writes over it", param_hint="-o")
    if not path.parent.is_dir():
        raise click.BadParameter(f"there is no folder {path.parent}", param_hint="-o")


def _show(written: Written, *, as_json: bool) -> None:
    if as_json:
        print_json(plain(written))
        return
    size = f"{written.size_bytes / 1e6:,.1f} MB"
    out.print(f"{written.registrations} registrations in {written.file}, {size}", markup=False)
    out.print(
        f"{written.enterprises} enterprises, {written.photos} different photos"
        f"{' in the intake bucket' if written.stored else ''}"
    )
    firm = written.largest
    out.print(f"largest: {firm.credit_code} {firm.name}, {firm.registrations} registrations")
    named = f" --profile {written.profile}" if written.file.lower().endswith(".csv") else ""
    out.print(f"take it over: certfactory register import {written.file}{named}", markup=False)
