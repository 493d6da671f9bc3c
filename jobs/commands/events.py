"""`events`: the types that may be submitted, their JSON Schemas and examples."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import click

from factory import events
from factory.model import ApplicationType
from factory.register import local_day
from jobs import examples
from jobs.commands import machine
from jobs.commands.options import TEXT, application_type_option, seed_option
from jobs.commands.output import print_json

MAX_SHOWN = 40  #: characters of a picture in base64 on a terminal


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
@click.option("--source", type=TEXT, help="The upstream system it comes from.  [default: example]")
@click.option("--whole", is_flag=True, help="Do not shorten pictures on a terminal either.")
def events_example(
    event: str | None,
    profile: str | None,
    asked_type: str | None,
    seed: int,
    source: str | None,
    whole: bool,
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
    printed = [_from(source, each) for each in (found[-1:] if event else found)]
    shown = printed if whole or not sys.stdout.isatty() else [_shortened(e) for e in printed]
    for each in shown:
        click.echo(json.dumps(each, ensure_ascii=False))
    if shown != printed:
        click.echo("Pictures are shortened here; written to a file or with --whole they are"
                   " whole, as submit needs them.", err=True)  # fmt: skip


def _from(source: str | None, event: dict[str, Any]) -> dict[str, Any]:
    return event | {"source": source} if source else event


def _shortened(value: Any) -> Any:
    """The same with pictures a person can skip; everything else as it is."""
    if isinstance(value, dict):
        return {name: _picture(name, each) for name, each in value.items()}
    return [_shortened(each) for each in value] if isinstance(value, list) else value


def _picture(name: str, value: Any) -> Any:
    if name == "content" and isinstance(value, str) and len(value) > MAX_SHOWN:
        return f"{value[:MAX_SHOWN]}… {len(value)} characters"
    return _shortened(value)
