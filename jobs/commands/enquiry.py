"""`status`, `materials`, `slip`: where something stands, and what was handed in with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import click

from factory.errors import NotFoundError
from jobs import enquiry, watching
from jobs.commands import machine
from jobs.commands.asking import as_option, asker_of, credit_code_option
from jobs.commands.options import TEXT, json_option
from jobs.commands.output import out, print_json, print_table
from jobs.standing import BATCHES


@click.command()
@click.argument("what", metavar="[EVENT|NUMBER]", type=TEXT, required=False)
@click.option("--filing", type=TEXT, help="Filing number (办件申报号) of a filing slip.")
@click.option("--code", type=TEXT, help="Query code (查询密码) of the same slip.")
@as_option
@credit_code_option
@json_option
def status(
    what: str | None,
    filing: str | None,
    code: str | None,
    viewer: str,
    credit_code: str | None,
    as_json: bool,
) -> None:
    """Where an event, an application or a registration stands, and whose turn it is.

    NUMBER is an acceptance number (受理编号) or a registration number (注册编号).  Without
    an argument: everything in figures.  With --filing and --code: 办事进度, as the slip says.
    """
    if (filing is None) != (code is None) or (filing and what):
        raise click.UsageError("--filing and --code come together, and without a number")
    plant, asker = machine.plant(), asker_of(viewer, credit_code)
    if filing and code:
        _show_applications([enquiry.progress(plant, filing, code)], as_json=as_json)
    elif what is None:
        overview = watching.overview(plant)
        if as_json:
            print_json(overview)
        else:
            print_table(("what", "state", "count"), overview.rows())
    elif events_found := enquiry.event_status(plant, what):
        _show_events(events_found, as_json=as_json)
    elif asked := enquiry.application_status(plant, what, asker=asker):
        _show_applications(asked, as_json=as_json)
    else:
        _show_registration(enquiry.registration_status(plant, what, asker=asker), as_json=as_json)


def _show_events(found: Sequence[enquiry.EventStatus], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for each in found:
        state = f"{each.event.state} ({each.stand.label})"
        out.print(f"event {each.event.event_id} of {each.event.source}: {state}", markup=False)
        if each.batch:
            label = BATCHES[each.batch.state]
            out.print(f"  batch {each.batch.id}: {each.batch.state} ({label})")
        for hold in each.held:
            out.print(f"  hold {hold.id} ({hold.owner}): {hold.detail}", markup=False)
        if each.applications:
            _show_applications(each.applications, as_json=False)
        for registration in each.registrations:
            _show_registration(registration, as_json=False)


def _show_applications(found: Sequence[enquiry.ApplicationStatus], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for each in found:
        row = each.application
        out.print(f"application {row.number} ({row.profile})", markup=False)
        rows: list[tuple[str, object]] = [
            ("type", row.kind),
            ("办理状态", each.stand.label),
            ("whose turn", each.stand.owner),
            ("revision", row.revision),
            ("filing number 办件申报号", row.filing_number),
            *(
                (f"signature of {one['party']}", f"revision {one['revision']}, {one['at']}"
                 + (" (作废)" if one["void"] else ""))
                for one in row.view["signatures"]
            ),
            *((f"material {name}", file["at"]) for name, file in row.view["materials"].items()),
            *((step["outcome"], f"by {step['by']}, {step['at']}") for step in row.view["steps"]),
        ]  # fmt: skip
        print_table(("", ""), ((name, value) for name, value in rows if value not in {None, ""}))


def _show_registration(found: enquiry.RegistrationStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    registration = found.registration
    out.print(f"registration {registration.number} ({registration.profile}): {found.stand.label}")
    if registration.former_numbers:
        out.print(f"  before: {', '.join(registration.former_numbers)}", markup=False)
    print_table(
        ("edition", "state", "状态", "whose turn", "because of", "valid until", "电子证照标识"),
        (
            (f"{e.number:03d}", e.state, s.label + (f" ({s.why})" if s.why else ""), s.owner,
             e.cause, e.valid_until, e.licence_id)
            for e, s in zip(registration.editions, found.editions, strict=True)
        ),
    )  # fmt: skip


@click.command()
@click.argument("number", type=TEXT)
@click.option("--get", "name", type=TEXT, help="Which material to fetch.")
@click.option(
    "--out", type=click.File("wb"), default="-", show_default=True, help="Where to write it."
)
@as_option
@credit_code_option
@json_option
def materials(
    number: str, name: str | None, out: BinaryIO, viewer: str, credit_code: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """List the materials (申报材料) of the application NUMBER (受理编号), or get one."""
    plant, asker = machine.plant(), asker_of(viewer, credit_code)
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
        print_table(("material", "object", "SHA-256", "uploaded"), rows)


@click.command()
@click.argument("number", type=TEXT)
@json_option
def slip(number: str, as_json: bool) -> None:
    """The filing number and query code (办件申报号, 查询密码) of application NUMBER."""
    filing_number, code = enquiry.slip(machine.plant(), number)
    if as_json:
        print_json({"filing_number": filing_number, "query_code": code})
    else:
        print_table(("办件申报号", "查询密码"), [(filing_number, code)])
