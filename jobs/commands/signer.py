"""`signer`: the process that holds the keys; its journal, and its kill switch."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from factory.errors import FactoryError, NotFoundError, SettingsError
from factory.model import SHANGHAI
from jobs import logs
from jobs.commands import machine
from jobs.commands.exits import REFUSED
from jobs.commands.options import json_option
from jobs.commands.output import err, local_time, out, print_json, print_table
from jobs.settings import Settings
from jobs.signer import journal, starting, throwing, typed
from jobs.signer.journal import Entry, Read
from jobs.signer.switch import ALL, Stopped, Switch
from storage.signer_process import SignerProcess

REASON = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class _Word(click.ParamType[str]):
    """A word that stands in the journal and in messages."""

    name = "word"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word.  BadParameter: it is none."""
        if not REASON.fullmatch(value) or value == ALL:
            self.fail("is no word of small letters, digits and hyphens", param, ctx)
        return value


WORD = _Word()
identity_option = click.option(
    "--identity", type=WORD, help="Of this signing identity of the keyring alone."
)


@click.group("signer", invoke_without_command=True)
@click.pass_context
def signer_group(ctx: click.Context) -> None:
    """Hold the keys and sign for the workers until Ctrl-C (签名进程); see its journal, stop it.

    Without a further word it runs the process: where FACTORY_SIGNER says, or on a socket in the
    data directory.  Workers that find the same FACTORY_SIGNER open no key themselves.
    """
    if ctx.invoked_subcommand is None:
        starting.become(Settings.from_env(os.environ))


@signer_group.command("status")
@json_option
def status_command(as_json: bool) -> None:
    """Whether it answers, which keys it holds, what is stopped, and what it has signed."""
    settings = machine.settings()
    address = starting.address_of(settings)
    said = {"address": address, **_process(settings).status()}
    if as_json:
        print_json(said)
        return
    _tell_status(said)


def _tell_status(said: Mapping[str, Any]) -> None:
    begun = datetime.fromtimestamp(said["since"], UTC).isoformat()
    lines = said["journal"]["lines"]
    print_table(
        ("", ""),
        [
            ("address", said["address"]),
            ("since", local_time(begun)),
            ("policy", f"{said['uses']} uses"),
            ("journal", f"{lines} lines, the last {said['journal']['last']}"),
            *(("key", f"{name}  {at[:16]}…") for name, at in said["keys"].items()),
            *(("STOPPED", _stopped(Stopped(**each))) for each in said["stopped"]),
        ],
    )
    if said["calls"]:
        columns = ("identity", "outcome", "calls", "signatures")
        print_table(columns, ([each[name] for name in columns] for each in said["calls"]))


def _stopped(stopped: Stopped) -> str:
    when = f", {local_time(stopped.at)}" if stopped.at else ""
    return f"{stopped.identity or 'every identity'}: {stopped.reason} ({stopped.by}{when})"


@signer_group.command("stop")
@identity_option
@click.option("--reason", required=True, type=WORD, help="A word; everybody who asks is told.")
def stop_command(identity: str | None, reason: str) -> None:
    """Sign nothing from now on; what is asked for waits, and none of it is lost.

    Type it on the signer process's machine, as its account.  Exit code 4: there is no such
    identity.
    """
    settings = machine.settings()
    throwing.refuse_elsewhere(settings)
    doubt = throwing.doubt(settings, identity) if identity else None
    switch, by = Switch(settings.signer_dir), machine.who()
    before = switch.standing(identity)
    try:
        stopped = switch.stop(identity, reason=reason, by=by)
    except OSError as error:
        raise _unwritable(settings, error) from error
    out.print(f"stopped  {_stopped(stopped)}", markup=False)
    if before:
        err.print(f"it was before ({before.reason}): both stand until it is started", markup=False)
    try:
        typed.keep(settings.signer_dir, typed.typed(typed.STOP, identity, reason=reason, by=by))
    except OSError as error:
        err.print(f"the journal will not say so: it cannot be kept ({error.strerror})")
    if doubt:
        err.print(f"nobody can say whether there is {identity}: {doubt}", markup=False)
    _tell_effect(settings, identity)


def _tell_effect(settings: Settings, identity: str | None) -> None:
    """Whether the process obeys.  SettingsError: it looks at another switch."""
    try:
        said = _process(settings).status()["stopped"]
    except FactoryError as error:
        err.print(
            f"{error}: it counts from its next call or start on; workers that open keys"
            " themselves, without a signer process, do not look at it",
            markup=False,
        )
        return
    if identity not in [each["identity"] for each in said]:
        raise throwing.elsewhere(settings)


@signer_group.command("start")
@identity_option
def start_command(identity: str | None) -> None:
    """Sign again; what has waited is made by itself."""
    settings = machine.settings()
    throwing.refuse_elsewhere(settings)
    switch = Switch(settings.signer_dir)
    before = switch.standing(identity)
    if before:
        _start(settings, before)
    for each in switch.all():
        err.print(f"still stopped  {_stopped(each)}", markup=False)
    if not before:
        raise NotFoundError(f"{identity or 'every identity'} is not stopped")
    out.print(f"started  {identity or 'every identity'}", markup=False)


def _start(settings: Settings, before: Stopped) -> None:
    """Not without leaving a trace.  SettingsError: it stays stopped."""
    said = typed.typed(typed.START, before.identity, reason=before.reason, by=machine.who())
    try:
        typed.keep(settings.signer_dir, said)
        Switch(settings.signer_dir).start(before.identity)
    except OSError as error:
        raise _unwritable(settings, error) from error
    throwing.why_silent(settings)  # a process that runs takes it into its journal now


def _unwritable(settings: Settings, error: OSError) -> SettingsError:
    return SettingsError(
        f"{settings.signer_dir} cannot be written ({error.strerror}): work as the account of the"
        " signer process, with its FACTORY_DATA_DIR"
    )


@signer_group.command("policy")
def policy_command() -> None:
    """What it signs, as the installed profiles say, or FACTORY_SIGNER_POLICY; JSON."""
    from jobs.signer import policy, process  # noqa: PLC0415 - with a server that others do not need

    click.echo(policy.written(process.policy_of(machine.settings()).uses))


@signer_group.command("journal")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]),
    help="Only from that day or moment on, in China; the chain is proved whole.",
)  # fmt: skip
@identity_option
@click.option("--head", help="A digest of a line, as `status` told it earlier: is it still there?")
@json_option
def journal_command(
    since: datetime | None, identity: str | None, head: str | None, as_json: bool
) -> None:
    """Prove the chain of the journal (签名日志), and list it: who had what signed, and for what.

    Days and times are those of China; --json has UTC.

    Exit code 1: a line was altered, taken out or put in; or --head is not in it.
    """
    settings = machine.settings()
    found = journal.read(settings.signer_dir)
    entries = [each for each in found.entries if _is_wanted(each, since, identity)]
    fault = _fault(found, head)
    waiting = typed.waiting(settings.signer_dir)
    if as_json:
        last = found.digests[-1] if found.digests else None
        told = {"fault": fault, "torn": found.torn, "last": last, "waiting": waiting}
        print_json({**told, "entries": entries})
    else:
        _tell_journal(entries, found)
        _tell_waiting(waiting)
    if fault:
        err.print(f"[bold red]altered[/]: {fault}")
        sys.exit(REFUSED)


def _is_wanted(entry: Entry, since: datetime | None, identity: str | None) -> bool:
    if identity is not None and not _concerns(entry, identity):
        return False
    if since is None:
        return True
    begins = since if since.tzinfo else since.replace(tzinfo=SHANGHAI)
    return datetime.fromisoformat(entry["at"]) >= begins


def _concerns(entry: Entry, identity: str) -> bool:
    """Whether a line is of an identity, or of a switch that is thrown for all."""
    is_of_all = entry.get("outcome") in (typed.STOP, typed.START) and entry["identity"] is None
    return is_of_all or entry.get("identity") == identity


def _fault(found: Read, head: str | None) -> str | None:
    if found.broken:
        return f"line {found.broken[0]} {found.broken[1]}"
    if head is not None and head not in found.digests:
        return f"no line has the digest {head}"
    return None


def _tell_journal(entries: Sequence[Entry], found: Read) -> None:
    columns = (
        "n", "at", "outcome", "identity", "format", "profile", "kind", "batch", "count", "reason",
    )  # fmt: skip
    rows = ([local_time(each["at"]) if c == "at" else each.get(c) for c in columns] + [
        each.get("caller")] for each in entries)  # fmt: skip
    print_table((*columns, "caller"), rows)
    torn = f", and {found.torn} bytes of one that was never finished" if found.torn else ""
    err.print(f"{len(found.entries)} lines follow each other{torn}", markup=False)


def _tell_waiting(waiting: Sequence[Entry]) -> None:
    """What was typed at the switch since a process last ran."""
    for each in waiting:
        said = [each["outcome"], each.get("identity") or "", each["reason"], each.get("caller", "")]
        told = " ".join(filter(None, said))
        err.print(f"not in it before the process runs again: {told}", markup=False)


def _process(settings: Settings) -> SignerProcess:
    logs.configure("warning")
    return SignerProcess(starting.address_of(settings), tls=settings.signer_tls)
