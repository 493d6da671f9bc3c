"""`keys`: what the keyring signs with, who may approve, and what opens the door."""

from __future__ import annotations

import click

from factory.register import local_day
from jobs import retiring
from jobs.commands import machine
from jobs.commands.access_keys import keys_issue, keys_issued, keys_revoke
from jobs.commands.master_keys import master_group
from jobs.commands.operators import operators_group
from jobs.commands.options import json_option
from jobs.commands.output import print_json, print_table
from jobs.commands.pdf_seals import import_pdf
from jobs.commands.revoking import test_issue, test_lists, test_revoke
from jobs.commands.sealed import keys_sealed
from jobs.commands.seals import import_seal, show_seal
from storage import answer_key, log_key


@click.group("keys")
def keys_group() -> None:
    """Signing identities, seals and trust roots; operators; access keys."""


@keys_group.command("list")
@json_option
def keys_list(as_json: bool) -> None:
    """The signing identities of the keyring."""
    found = machine.plant().keyring.identities()
    if as_json:
        print_json(found)
    else:
        print_table(
            ("identity", "format", "algorithm", "ends", "test", "held in", "subject", "SHA-256"),
            (
                (k.name, k.format, k.algorithm, local_day(k.not_after), "test" if k.test else "",
                 k.held, k.subject, k.fingerprint[:16] + "…")
                for k in found
            ),
        )  # fmt: skip


@keys_group.command("retire")
@click.argument("identity", metavar="IDENTITY")
def keys_retire(identity: str) -> None:
    """Take IDENTITY out of use for good (停用): its key files are removed, certificates are kept.

    Refused while a register names it or orders wait for it.  What it has sealed stays genuine.
    """
    elsewhere = retiring.retire(machine.plant(), identity)
    click.echo(f"{identity} is retired: nothing is sealed with it any more")
    for place in elsewhere:
        click.echo(f"its key is still there: {place}; destroy it", err=True)


@keys_group.command("create-answers")
def create_answers() -> None:
    """A key that answers of the verification pages are signed with."""
    answer_key.create(machine.plant().settings.keyring_dir)
    click.echo("made answers.p8 in the keyring; its public key is at /verify/keys.json")


@keys_group.command("create-log")
@click.option("--replace", is_flag=True, help="Another key for the same log (换钥).")
def create_log(*, replace: bool) -> None:
    """A key that heads of the log (核查日志) are signed with.

    With --replace later heads are signed with a new one; the certificate of the key before is kept
    for the heads there are.  Give workers' keyrings log/ without key.p8 and passphrase.
    """
    folder = machine.plant().settings.keyring_dir
    if replace:
        log_key.replace(folder)
    else:
        log_key.create(folder, test=False)
    click.echo(f"made log/ in the keyring, of the log {log_key.origin_of(folder)}")


@keys_group.command("login")
@click.argument("identity", metavar="IDENTITY")
def login(identity: str) -> None:
    """Log in once at the PKCS#11 tokens that hold keys of IDENTITY.

    After a wrong PIN nothing else tries again: tokens lock.  Mend the PIN file first.
    """
    for key in machine.plant().keyring.log_in(identity):
        click.echo(f"logged in: {key}")


keys_group.add_command(import_pdf)
keys_group.add_command(import_seal)
keys_group.add_command(show_seal)
keys_group.add_command(keys_sealed)
keys_group.add_command(operators_group)
keys_group.add_command(master_group)
keys_group.add_command(keys_issue)
keys_group.add_command(keys_issued)
keys_group.add_command(keys_revoke)
keys_group.add_command(test_issue)
keys_group.add_command(test_revoke)
keys_group.add_command(test_lists)
