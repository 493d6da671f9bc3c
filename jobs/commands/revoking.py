"""`keys test-issue`, `keys test-revoke`, `keys test-lists`: what a CA does, for trials."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import click

from factory.errors import ConflictError
from jobs import trials
from jobs.commands import machine
from jobs.commands.options import TEXT, TIME
from jobs.commands.token_options import FILE, SECRET_FILE
from storage.testca import REASONS, Ended

MOST_BYTES = 100_000  #: of a key


@click.command("test-issue")
@click.argument("key", metavar="KEY", type=FILE)
@click.option("--authority", required=True, type=TEXT, help="Whose seal: its name in Chinese.")
@click.option("--passphrase-file", type=SECRET_FILE, help="What opens KEY, where it is a key file.")
@click.option(
    "--out", type=click.Path(path_type=Path, exists=True, file_okay=False), default=".",
    show_default=True, help="The folder that signing.pem, chain.pem and seal.png go into.",
)  # fmt: skip
def test_issue(key: BinaryIO, authority: str, passphrase_file: BinaryIO | None, out: Path) -> None:
    """Let the test CA certify KEY, and draw a test seal; for test keyrings alone.

    KEY is a public key, as a token hands it out, a request (PKCS#10) or an encrypted key file, of
    RSA or EC, in PEM or DER.  What is written is for `keys import --test`.
    """
    secret = None if passphrase_file is None else passphrase_file.read(MOST_BYTES).strip()
    files = trials.issue(machine.plant(), authority, key.read(MOST_BYTES), secret)
    if there := sorted(name for name in files if (out / name).exists()):
        raise ConflictError(f"{out / there[0]} is there already: give another folder with --out")
    for name, data in files.items():
        (out / name).write_bytes(data)
        click.echo(f"wrote {out / name}")


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
    """Let the keyring's test CAs issue their lists anew, in force for a week.

    Certificates of level B-LT need lists that are in force.  Another CA's list is put into
    revocation/ of the keyring.
    """
    for path in machine.plant().keyring.renew_test_lists(now=datetime.now(UTC)):
        click.echo(f"wrote {path}")
