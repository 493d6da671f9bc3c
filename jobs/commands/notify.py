"""`notify`: whom upstream's notices (通知) are sent to, and whether they are."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any, TextIO

import click

from factory.deliveries import EndpointState
from factory.notices import Type
from jobs import notices, receiver
from jobs.commands import machine
from jobs.commands.files import read_words
from jobs.commands.options import IDENT, TEXT, json_option, reason_option
from jobs.commands.output import err, local_time, out, print_json, print_table
from jobs.notices import Added, Listed, Situation

PORT = 8900
MOST_PORT = 65535
MOST_SECRET = 200
MOST_HOURS = 24 * 30

switch_reason_option = click.option(
    "--reason", type=TEXT, default="asked for", help="Why; kept in the audit log with your account."
)
endpoint_argument = click.argument("endpoint", type=IDENT)


@click.group("notify")
def notify_group() -> None:
    """What upstream systems are told: where notices (通知) go, again, or not at all."""


@notify_group.command("add")
@click.argument("source", type=TEXT)
@click.argument("url", type=TEXT)
@click.option(
    "--type", "types", multiple=True, type=click.Choice([each.value for each in Type]),
    help="Only these; may be given again.  [default: all]",
)  # fmt: skip
@json_option
def add(source: str, url: str, types: tuple[str, ...], as_json: bool) -> None:
    """Send notices of the registers that SOURCE may submit for to URL, from now on.

    The secret that signs them is printed once.  FACTORY_NOTIFY_HOSTS must name the host.
    """
    _show_secret(notices.add(machine.plant(), source, url, types, who=machine.who()), as_json)


@notify_group.command("list")
@json_option
def list_endpoints(as_json: bool) -> None:
    """The endpoints, how far each is, and what it answered last."""
    found = notices.listed(machine.plant())
    if as_json:
        print_json(found)
        return
    columns = ("endpoint", "state", "pending", "failed", "oldest", "last answer", "source", "url")
    print_table(columns, (_row(each) for each in found.endpoints))
    _tell_trouble(found)


def _row(each: Listed) -> tuple[object, ...]:
    endpoint, standing = each.endpoint, each.standing
    said = (
        f"{endpoint.answer} at {local_time(endpoint.answered_at)}" if endpoint.answered_at else ""
    )
    return (
        endpoint.id, endpoint.state, standing.pending, standing.failed, standing.oldest,
        said, endpoint.source, endpoint.url,
    )  # fmt: skip


def _tell_trouble(found: Situation) -> None:
    if not found.is_on:
        err.print("nothing is sent: turned off; `certfactory notify on` turns it on", markup=False)
    for each in found.endpoints:
        if each.endpoint.state is EndpointState.ASIDE:
            ident = each.endpoint.id
            err.print(
                f"endpoint {ident} is set aside; when it is mended: certfactory notify resume"
                f" {ident}",
                markup=False,
            )


@notify_group.command("rotate")
@endpoint_argument
@click.option(
    "--former-hours", type=click.IntRange(0, MOST_HOURS), default=notices.FORMER_HOURS,
    show_default=True, help="How long the present secret signs beside the new one.",
)  # fmt: skip
@json_option
def rotate(endpoint: int, former_hours: int, as_json: bool) -> None:
    """Give ENDPOINT a new secret; for a while notices are signed with both."""
    found = notices.rotate(machine.plant(), endpoint, who=machine.who(), former_hours=former_hours)
    _show_secret(found, as_json)


@notify_group.command("resume")
@endpoint_argument
def resume(endpoint: int) -> None:
    """Send to ENDPOINT again, which was set aside; it gets all that it missed."""
    notices.resume(machine.plant(), endpoint, who=machine.who())
    out.print(f"endpoint {endpoint} is active", markup=False)


@notify_group.command("replay")
@endpoint_argument
@click.option(
    "--from", "first", type=IDENT, required=True, help="The cursor (`id`) of the first notice."
)
def replay(endpoint: int, first: int) -> None:
    """Send ENDPOINT all notices again, in their order, from a cursor on."""
    count = notices.replay(machine.plant(), endpoint, first, who=machine.who())
    out.print(f"endpoint {endpoint}: {count} notice(s) are sent again", markup=False)


@notify_group.command("remove")
@endpoint_argument
@reason_option
def remove(endpoint: int, reason: str) -> None:
    """Send nothing to ENDPOINT any more, for good."""
    notices.remove(machine.plant(), endpoint, who=machine.who(), why=reason)
    out.print(f"endpoint {endpoint} is removed", markup=False)


@notify_group.command("off")
@switch_reason_option
def off(reason: str) -> None:
    """Send nothing to anybody, on all machines at once; what happens is told later."""
    notices.switch(machine.plant(), on=False, who=machine.who(), why=reason)
    out.print("notices are off", markup=False)


@notify_group.command("on")
@switch_reason_option
def on(reason: str) -> None:
    """Send notices again, and what happened meanwhile."""
    notices.switch(machine.plant(), on=True, who=machine.who(), why=reason)
    out.print("notices are on", markup=False)


@notify_group.command("receive")
@click.option(
    "--secret-file", type=click.File("r", encoding="utf-8"), required=True,
    help="File that holds the endpoint's secret (- for standard input).",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, MOST_PORT), default=PORT, show_default=True,
    help="On this machine's loopback; 0 takes a free one.",
)  # fmt: skip
@click.option("--count", type=click.IntRange(1), help="Stop after so many.  [default: Ctrl-C]")
def receive(secret_file: TextIO, port: int, count: int | None) -> None:
    """Receive notices, for trying them out: each whose signature is right is printed as a line."""
    shown: list[str] = []

    def show(event: dict[str, Any]) -> None:
        shown.append(event["id"])
        click.echo(json.dumps(event, ensure_ascii=False))
        sys.stdout.flush()

    secret = read_words(secret_file, MOST_SECRET, "--secret-file").strip()
    with (
        receiver.receiving(port, secret, show, _tell_refused) as server,
        contextlib.suppress(KeyboardInterrupt),
    ):
        err.print(f"listening on http://127.0.0.1:{server.server_port}/", markup=False)
        while count is None or len(shown) < count:
            server.handle_request()


def _tell_refused() -> None:
    err.print("refused a notice: its signature is not made with this secret, or is too old")


def _show_secret(found: Added, as_json: bool) -> None:
    if as_json:
        print_json({"endpoint": found.endpoint, "secret": found.secret})
        return
    rows = [("endpoint", found.endpoint.id), ("url", found.endpoint.url), ("secret", found.secret)]
    print_table(("", ""), rows)
    err.print("keep the secret: it is not shown again", markup=False)
