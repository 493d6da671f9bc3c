"""`up`, `work`, `migrate`, `doctor`: what runs on this machine, and whether it can."""

from __future__ import annotations

import os
import sys

import click

from jobs import crew, doctor, embedded, logs, opening
from jobs.commands import machine
from jobs.commands.exits import NOT_SET_UP
from jobs.commands.options import json_option
from jobs.commands.output import err, out, print_json, print_table
from jobs.settings import Settings
from jobs.wiring import plant_of
from storage import schema


@click.command()
def up() -> None:
    """Run everything on this machine until Ctrl-C: broker, store, ledger, workers, metrics.

    What FACTORY_REDIS_URL, FACTORY_S3_ENDPOINT or FACTORY_DB_URL name is used, not started.
    """
    logs.configure("warning")
    settings = opening.metrics_port(Settings.from_env(os.environ))
    with embedded.embedded(settings) as running:
        opening.open_embedded(plant_of(running))
        with crew.at_work(running):
            _tell_ready(running)
            crew.wait_for_stop()


def _tell_ready(running: Settings) -> None:
    lines = (
        f"data     {running.data_dir}",
        f"store    {running.s3_endpoint}",
        f"metrics  http://{running.metrics_host}:{running.metrics_port}/metrics",
        "ready; Ctrl-C stops it.  Try in another terminal, with the same FACTORY_DATA_DIR:",
        "  certfactory events example registration.approved | certfactory submit -",
        "  certfactory status",
        "  certfactory collect NUMBER && certfactory link NUMBER",
    )
    for line in lines:
        err.print(line, markup=False, soft_wrap=True)


@click.command()
def work() -> None:
    """Run this machine's workers, relay and metrics against the servers the settings name."""
    settings = opening.metrics_port(machine.settings())
    logs.configure(settings.log_level)
    opening.check_keyring(settings)
    opening.check_fonts(settings)
    opening.check_schema(plant_of(settings))
    with crew.at_work(settings):
        crew.wait_for_stop()


@click.command()
def migrate() -> None:
    """Bring the ledger's schema to the version of this code; safe to run again."""
    plant = machine.plant()
    opening.migrate(plant)
    out.print(f"the ledger stands at revision {schema.current_revision(plant.ledger.engine)}")


@click.command("doctor")
@json_option
def doctor_command(as_json: bool) -> None:
    """Look at settings, fonts, keys, database, broker, store and workers; say what to do."""
    found = doctor.examine(machine.bare_plant())
    if as_json:
        print_json(found)
    else:
        rows = (("✓" if f.well else "✗", f.name, f.detail) for f in found)
        print_table(("", "part", "finding"), rows)
    if not all(finding.well for finding in found):
        sys.exit(NOT_SET_UP)
