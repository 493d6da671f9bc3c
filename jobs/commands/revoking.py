"""`keys test-revoke`, `keys test-lists`: the test CAs revoke, and say whom they have revoked."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from jobs.commands import machine
from jobs.commands.options import TEXT, TIME
from storage.testca import REASONS, Ended


@click.command("test-revoke")
@click.argument("name", type=TEXT)
@click.option(
    "--at", type=TIME, help="When it is revoked, in China unless it says an offset.  [default: now]"
)
@click.option("--reason", required=True, type=click.Choice(REASONS), help="Why (RFC 5280, 5.3.1).")
@click.option("--invalid-since", type=TIME, help="Since when others had the key, if before.")
def test_revoke(
    name: str, at: datetime | None, reason: str, invalid_since: datetime | None
) -> None:
    """Let the test CA revoke the certificates of NAME, PDF and OFD; for test keyrings alone.

    Its lists go into revocation/ of the keyring; verification looks at them from then on.
    """
    now = datetime.now(UTC)
    ended = Ended(serial=0, at=at or now, reason=reason, invalid_since=invalid_since)
    for path in machine.plant().keyring.revoke_test_identity(name, ended, now=now):
        click.echo(f"wrote {path}")


@click.command("test-lists")
def test_lists() -> None:
    """Let the test CAs issue their lists anew, in force for a week; for test keyrings alone.

    Certificates of level B-LT need lists that are in force.
    """
    for path in machine.plant().keyring.renew_test_lists(now=datetime.now(UTC)):
        click.echo(f"wrote {path}")
