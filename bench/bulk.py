"""``python -m bench.bulk``: the bulk events of ``make bench``, measured alone."""

from __future__ import annotations

import json
import os
import shutil

import click
from rich.console import Console

from bench import bulk_run, report
from bench.command import DATABASE, SOME, Measurement
from bench.kept import PLACE
from bench.line import OWN, opened, settings_for, told
from jobs import crew, embedded, logs


@click.command(cls=Measurement)
@click.option(
    "--small", type=SOME, default=2000, show_default=True, help="Small renames, all at once."
)
@click.option(
    "--large", type=SOME, default=2000, show_default=True, help="Registrations of the large batch."
)
@click.option("--db", type=DATABASE, default="", help="PostgreSQL; else SQLite.")
@click.option("--json", "as_json", is_flag=True, help="Print figures instead of a table.")
def main(small: int, large: int, db: str, as_json: bool) -> None:
    """Measure bulk events; what is left of an earlier measurement is removed."""
    logs.configure("error")
    for left in OWN:
        shutil.rmtree(PLACE / left, ignore_errors=True)
    load = os.getloadavg()[0]
    with embedded.embedded(settings_for(db)) as settings:
        plant = opened(settings, "p256")
        with crew.at_work(settings):
            run = bulk_run.run(plant, sizes=bulk_run.Sizes(renames=small, large=large), tell=told)
    found = report.bulk(run, None)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    out = Console(highlight=False, width=report.WIDTH)
    out.print(f"load {load:.2f} before")
    out.print(report.bulk_table(found))


if __name__ == "__main__":
    main()
