"""`status`, `materials`, `slip`: where something stands, and what was handed in with it."""

from __future__ import annotations

from typing import BinaryIO

import click

from factory.access import Viewer
from factory.errors import NotFoundError
from jobs import enquiry, watching
from jobs.asker import Asker
from jobs.commands import machine
from jobs.commands.asking import asking
from jobs.commands.options import TEXT, json_option
from jobs.commands.output import local_time, print_json, print_table
from jobs.commands.shown import (
    show_applications,
    show_events,
    show_progress,
    show_registration,
)


@click.command()
@click.argument("what", metavar="[EVENT|NUMBER]", type=TEXT, required=False)
@click.option("--filing", type=TEXT, help="Filing number (办件申报号) of a filing slip.")
@click.option("--code", type=TEXT, help="Query code (查询密码) of the same slip.")
@asking
@json_option
def status(
    what: str | None,
    filing: str | None,
    code: str | None,
    asker: Asker,
    as_json: bool,
) -> None:
    """Where an event, an application or a registration stands, and whose turn it is.

    NUMBER is an acceptance number (受理编号) or a registration number (注册编号).  Without
    an argument: everything in figures.  With --filing and --code: 办事进度, as the slip says.
    """
    if (filing is None) != (code is None) or (filing and what):
        raise click.UsageError("--filing and --code come together, and without a number")
    if what is None and filing is None and asker.viewer is not Viewer.COUNTER:
        raise click.UsageError("everything in figures is the counter's; --as needs a number")
    plant = machine.plant()
    if filing and code:
        found = enquiry.progress(plant, filing, code, asker=asker)
        show_progress(found, as_json=as_json)
    elif what is None:
        overview = watching.overview(plant)
        if as_json:
            print_json(overview)
        else:
            print_table(("what", "state", "count"), overview.rows())
    elif events_found := enquiry.event_status(plant, what, asker=asker):
        show_events(events_found, as_json=as_json)
    else:
        asked = enquiry.application_status(plant, what, asker=asker)
        awaited = enquiry.awaited(plant, what, asker=asker)
        if asked or awaited:
            show_applications(asked, awaited, as_json=as_json)
            return
        show_registration(enquiry.registration_status(plant, what, asker=asker), as_json=as_json)


@click.command()
@click.argument("number", type=TEXT)
@click.option("--get", "name", type=TEXT, help="Which material to fetch.")
@click.option(
    "--out", type=click.File("wb"), default="-", show_default=True, help="Where to write it."
)
@asking
@json_option
def materials(number: str, name: str | None, out: BinaryIO, asker: Asker, as_json: bool) -> None:
    """List the materials (申报材料) of the application NUMBER (受理编号), or get one."""
    plant = machine.plant()
    if name is not None:
        out.write(enquiry.material(plant, number, name, asker=asker))
        return
    found = enquiry.application_status(plant, number, asker=asker)
    if not found:
        raise NotFoundError("acceptance number: there is no such application")
    rows = [
        (name, file["key"], file["sha256"], file["at"])
        for each in found
        for name, file in each.application.view["materials"].items()
    ]
    if as_json:
        print_json(
            [dict(zip(("material", "key", "sha256", "at"), row, strict=True)) for row in rows]
        )
    else:
        shown = ((*row[:-1], local_time(row[-1])) for row in rows)
        print_table(("material", "object", "SHA-256", "uploaded"), shown)


@click.command()
@click.argument("number", type=TEXT)
@asking
@json_option
def slip(number: str, asker: Asker, as_json: bool) -> None:
    """The filing number and query code (办件申报号, 查询密码) of application NUMBER."""
    filing_number, code = enquiry.slip(machine.plant(), number, asker=asker)
    if as_json:
        print_json({"filing_number": filing_number, "query_code": code})
    else:
        print_table(("办件申报号", "查询密码"), [(filing_number, code)])
