"""`events`: the types that may be submitted, their JSON Schemas and examples."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from factory import events
from factory.model import ApplicationType
from factory.register import local_day
from jobs import examples
from jobs.commands import machine
from jobs.commands.options import TEXT, application_type_option, seed_option
from jobs.commands.output import print_json


@click.group("events")
def events_group() -> None:
    """What may be submitted: JSON Schemas and examples."""


@events_group.command("list")
def events_list() -> None:
    """The event types."""
    for name, model in events.EVENT_TYPES.items():
        click.echo(f"{name:24} {(model.__doc__ or '').splitlines()[0]}")


@events_group.command("schema")
@click.argument("type_", metavar="TYPE", type=click.Choice(sorted(events.EVENT_TYPES)))
def events_schema(type_: str) -> None:
    """Print the JSON Schema of an event."""
    print_json(events.schema(type_))


@events_group.command("example")
@click.argument(
    "event", metavar="[EVENT]", required=False, type=click.Choice(sorted(events.EVENT_TYPES))
)
@click.option(
    "--profile", type=TEXT,
    help="The register it is for.  [default: one that has such events]",
)  # fmt: skip
@application_type_option
@seed_option
def events_example(
    event: str | None, profile: str | None, asked_type: str | None, seed: int
) -> None:
    """Print a synthetic event of that register, on one line, ready for submit.

    Without EVENT all events of an application are printed, in their order, and what may happen
    to the registration afterwards.  An event that needs others before it is accepted after
    those that are printed before it there.
    """
    installed = machine.profiles()
    day = local_day(datetime.now(UTC))
    asked = ApplicationType(asked_type) if asked_type else None
    found = examples.found(installed, event, profile, asked, seed=seed, today=day)
    for each in found[-1:] if event else found:
        click.echo(json.dumps(each, ensure_ascii=False))
