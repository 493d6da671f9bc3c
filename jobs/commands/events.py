"""`events`: the types that may be submitted, their JSON Schemas and examples."""

from __future__ import annotations

import json

import click

from factory import events
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
@click.argument("type_", metavar="TYPE", type=click.Choice(sorted(events.EVENT_TYPES)))
def events_example(type_: str) -> None:
    """Print a complete synthetic example, on one line, ready for submit."""
    click.echo(json.dumps(events.example(type_), ensure_ascii=False))
