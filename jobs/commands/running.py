"""`up`, `work`, `prepare`, `migrate`, `doctor`: what runs on this machine, and whether it can."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from jobs import crew, doctor, door, embedded, logs, opening, prometheus
from jobs.commands import machine
from jobs.commands.exits import NOT_SET_UP
from jobs.commands.options import json_option
from jobs.commands.output import err, out, print_json, print_table
from jobs.settings import Settings
from jobs.signer import starting
from jobs.wiring import plant_of
from storage import schema


@click.command()
@click.option("--prometheus", "watched", is_flag=True, help="Start a Prometheus too.")
def up(watched: bool) -> None:
    """Run everything on this machine until Ctrl-C: broker, store, ledger, workers, metrics, HTTP.

    What FACTORY_REDIS_URL, FACTORY_S3_ENDPOINT, FACTORY_DB_URL or FACTORY_SIGNER name is used, not
    started.  QR codes lead to its own pages, unless FACTORY_VERIFY_URL says where to.  Prints the
    addresses of HTTP interface and pages, the file of a first access key, and what to try.
    With --prometheus the program of that name watches it, with the rules of grafana/prometheus.
    """
    logs.configure("warning")
    with embedded.embedded(Settings.from_env(os.environ)) as found:
        running = opening.own_codes(opening.http_port(opening.metrics_port(found)))
        running = opening.prometheus_port(running) if watched else running
        with_signer, running = not running.signer, starting.with_own(running)
        plant = plant_of(running)
        opening.open_embedded(plant)
        key = opening.first_key(plant)
        with (
            _watching(running, watched) as told,
            crew.at_work(running, with_door=True, with_signer=with_signer),
        ):
            if plant.signer is not None:
                starting.wait_until_answers(plant.signer, running)
            door.wait_until_open(running)
            tell_ready(running, key, told)
            crew.wait_for_stop()


@contextmanager
def _watching(running: Settings, watched: bool) -> Iterator[tuple[str, ...]]:
    """With a Prometheus if one is wanted; what there is to tell of it."""
    if not watched:
        yield ()
        return
    with prometheus.watching(running) as address:
        yield (f"watched  {address}  (Prometheus; its alerts: {address}/alerts)",)


def tell_ready(running: Settings, key: Path, told: tuple[str, ...]) -> None:
    """Where everything is, and what to try.  key: the file with the key for trying."""
    address = f"http://{running.http_host}:{running.http_port}/v1"
    lines = (
        f"data     {running.data_dir}",
        f"store    {running.s3_endpoint}",
        f"signer   {running.signer}  (holds the keys; `certfactory signer status`)",
        f"metrics  http://{running.metrics_host}:{running.metrics_port}/metrics",
        *told,
        f"HTTP     {address}  (openapi.json there says what it takes)",
        f"pages    {running.http_public_url}/verify  (anybody verifies a certificate)",
        f"         {running.http_public_url}/trust  (roots for reading programs)",
        f"codes    {running.verify_url}CODE  (where QR codes lead)",
        f"key      {key.read_text('ascii').strip()}",
        f"         kept in {key}",
        "ready; Ctrl-C stops it.  Try in another terminal:",
        f"  export API={address} KEY=$(cat {shlex.quote(str(key))})",
        '  certfactory events example registration.approved | curl -sS "$API/events"'
        ' -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" --data-binary @-',
        '  curl -sS "$API/registrations/NUMBER" -H "Authorization: Bearer $KEY"',
        '  curl -sS "$API/registrations/NUMBER/links" -H "Authorization: Bearer $KEY"'
        ' --json \'{"kind": "collection"}\'',
    )
    for line in lines:
        err.print(line, markup=False, soft_wrap=True)


@click.command()
@click.option(
    "--stderr",
    is_flag=True,
    help="All log lines go to standard error, for a service manager or a container that keeps"
    " them, and not into files of the data directory.",
)
def work(stderr: bool) -> None:
    """Run this machine's workers, relay and metrics against the servers the settings name."""
    settings = opening.metrics_port(machine.settings())
    logs.configure(settings.log_level)
    opening.check_keyring(settings)
    opening.check_fonts(settings)
    opening.check_schema(plant_of(settings))
    with crew.at_work(settings, own_logs=not stderr):
        crew.wait_for_stop()


@click.command()
def serve() -> None:
    """Serve the HTTP interface of upstream systems until Ctrl-C, beside `work`."""
    settings = machine.settings()
    opening.check_keyring(settings)
    opening.check_schema(plant_of(settings))
    door.become(settings)


@click.command()
def migrate() -> None:
    """Bring the ledger's schema to the version of this code; safe to run again."""
    plant = machine.plant()
    opening.migrate(plant)
    out.print(f"the ledger stands at revision {schema.current_revision(plant.ledger.engine)}")


@click.command()
@click.option("--test-keys", is_flag=True, help="With a test CA and test seals, for a trial.")
def prepare(test_keys: bool) -> None:
    """Make what a new installation needs: keyring, schema, buckets; safe to run again.

    A keyring that is there is left as it is.  A new one has its master keys and the key that
    answers are signed with; seals, roots and the parties' CAs are yours to put there.
    """
    plant = machine.bare_plant()
    opening.prepare(plant, test_keys=test_keys)
    settings = plant.settings
    out.print(f"keyring  {settings.keyring_dir}: keep a copy; without it nothing can be read")
    out.print(f"ledger   at revision {schema.current_revision(plant.ledger.engine)}")
    out.print(f"store    {settings.s3_bucket}, {settings.s3_intake_bucket}")
    if settings.signer:
        out.print(f"signer   {doctor.signer(plant)}", markup=False)
    if settings.time_stamps:
        out.print(f"stamps   {doctor.time_stamps(plant)}", markup=False)


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
