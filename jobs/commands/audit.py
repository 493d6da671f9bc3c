"""`audit`: the log of audit rows, editions and roots: whether it holds, its heads, its proofs."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from factory.errors import FieldError, SettingsError
from factory.log import heads as texts
from factory.log.heads import Head
from jobs.commands import machine
from jobs.commands.exits import REFUSED
from jobs.commands.options import IDENT, TEXT, Place, json_option
from jobs.commands.output import err, out, print_json, print_table
from jobs.commands.progress import Lines, bar
from jobs.log import checking, proving
from jobs.log.checking import Checked
from storage import log_key
from storage.ledger.log import SignedHead

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = Place(file_okay=False)


@click.group("audit")
def audit_group() -> None:
    """The log (核查日志): that nothing was removed, altered or put in; heads and proofs."""


@audit_group.command("verify")
@click.option(
    "--head", "noted", type=FILE, multiple=True,
    help="A head that `audit head` gave earlier and that was kept elsewhere.",
)  # fmt: skip
@json_option
def audit_verify(noted: Sequence[Path], *, as_json: bool) -> None:
    """Compare audit rows, editions, files and roots of batches with the log, and it with its heads.

    Everything is read once; work goes on meanwhile.  Exit code 1: something was removed, altered,
    reordered or inserted, or a head is not signed; each is named by its kind and id.

    Heads that the store keeps are compared too, so who writes the database alone is found.  Who has
    the key of the log or the store as well could make all of it anew: keep heads elsewhere, and
    give them.
    """
    result = _checked([_read_head(file) for file in noted])
    if as_json:
        print_json(result)
    else:
        _tell(result)
    if result.count:
        sys.exit(REFUSED)


def _checked(noted: Sequence[Head]) -> Checked:
    plant, lines = machine.plant(), Lines()
    with bar("entries") as moving:
        [task] = moving.task_ids

        def advance(done: int, total: int) -> None:
            moving.update(task, completed=done, total=total)
            lines.tell(f"{done} of {total} entries")

        return checking.check(plant, noted=noted, advance=advance)


def _read_head(file: Path) -> Head:
    try:
        return texts.read(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, FieldError) as error:
        raise click.BadParameter(f"{file.name} is no head", param_hint="--head") from error


def _tell(result: Checked) -> None:
    if result.findings:
        columns = ("what", "kind", "id", "detail")
        print_table(
            columns, ((each.what, each.kind, each.ident, each.detail) for each in result.findings)
        )
    more = result.count - len(result.findings)
    if more:
        err.print(f"and {more} more")
    out.print(
        f"{result.entries} entries, {result.covered} of them under the last of {result.heads}"
        f" heads, {result.kept} of which are kept in the store; {result.pending} audit rows are"
        " still to be appended"
    )
    if result.count:
        err.print(f"[bold red]{result.count} are not as they were[/]")
    else:
        out.print("nothing was removed, altered, reordered or inserted")


@audit_group.command("head")
@click.option("--size", type=IDENT, help="That of so many entries.  [newest]")
@click.option("--save", type=FOLDER, help="Write head.txt, head.sig and log.pem into that FOLDER.")
@json_option
def audit_head(size: int | None, save: Path | None, *, as_json: bool) -> None:
    """The newest signed head (日志头) of the log: note it elsewhere, every day.

    With --save anybody can check it:
    openssl dgst -sha256 -verify log.pem -signature head.sig head.txt
    """
    plant = machine.plant()
    head = proving.newest(plant, size)
    if save is not None:
        _save(head, plant.settings.keyring_dir, save)
    if as_json:
        print_json(_said(head))
    else:
        click.echo(head.text, nl=False)


def _said(head: SignedHead) -> dict[str, Any]:
    return {
        "size": head.size,
        "root": head.root,
        "at": head.at,
        "text": head.text,
        "signature": b64encode(head.signature).decode("ascii"),
        "certificate": head.certificate,
    }


def _save(head: SignedHead, keyring: Path, folder: Path) -> None:
    key = log_key.public_key(keyring, head.certificate)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log.pem").write_bytes(key)
        (folder / "head.sig").write_bytes(head.signature)
        (folder / "head.txt").write_bytes(head.text.encode())
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror}") from error


@audit_group.command("prove")
@click.argument("number", type=TEXT, required=False)
@click.option("--edition", type=IDENT, help="Its edition of that number.  [newest under a head]")
@click.option("--row", type=IDENT, help="Instead of an edition, the audit row of that id.")
def audit_prove(number: str | None, edition: int | None, row: int | None) -> None:
    """Prove that an edition of registration NUMBER, with its files, is under the newest head: JSON.

    docs/check_proof.py checks it offline, with the files and a head that was kept.
    """
    if (number is None) == (row is None) or (row is not None and edition is not None):
        raise click.UsageError("give a registration NUMBER, or --row")
    plant = machine.plant()
    if row is not None:
        print_json(proving.row(plant, row))
    else:
        print_json(proving.edition(plant, str(number), edition))


@audit_group.command("consistency")
@click.argument("size", type=IDENT)
@click.option("--to", type=IDENT, help="The size of the newer head.  [newest]")
def audit_consistency(size: int, to: int | None) -> None:
    """Prove that the log of the newest head begins with that of the head of SIZE entries: JSON."""
    print_json(proving.consistency(machine.plant(), size, to))
