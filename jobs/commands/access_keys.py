"""`keys issue`, `issued`, `revoke`: the access keys of upstream systems."""

from __future__ import annotations

from collections.abc import Sequence

import click

from jobs import callers
from jobs.callers import DAYS, DEFAULT_LABEL, MOST_ACTIVE, MOST_DAYS, Issued, KeyView, Scope
from jobs.commands import machine
from jobs.commands.options import NAME, TEXT, json_option, reason_option
from jobs.commands.output import err, local_time, out, print_json, print_table

STATES = {"active": "有效", "expired": "已过期", "revoked": "已吊销"}


@click.command(
    "issue",
    help=f"""Make an access key (访问密钥) for the upstream system SOURCE; it is shown once.

    SOURCE is the `source` of its events (certfactory sources list). At most {MOST_ACTIVE} keys of
    one label are active, so that a new one can take the place of an old one without a gap.
    """,
)
@click.argument("source", type=TEXT)
@click.option(
    "--scope", "scopes", type=click.Choice([each.value for each in Scope]), multiple=True,
    help="What it may do; repeat for several.  [default: all]",
)  # fmt: skip
@click.option(
    "--profile", "profiles", type=TEXT, multiple=True,
    help="A register it is for; repeat for several.  [default: all that SOURCE is granted]",
)  # fmt: skip
@click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), default=DAYS, show_default=True,
    help="Days until it expires.",
)  # fmt: skip
@click.option(
    "--label", type=NAME, default=DEFAULT_LABEL, show_default=True,
    help="Tells the keys of one system's installations apart.",
)  # fmt: skip
@json_option
def keys_issue(
    source: str,
    scopes: Sequence[str],
    profiles: Sequence[str],
    days: int,
    label: str,
    as_json: bool,
) -> None:
    """Make a key."""
    issued = callers.issue(
        machine.plant(),
        source,
        scopes=[Scope(each) for each in scopes] or tuple(Scope),
        profiles=profiles,
        days=days,
        label=label,
        who=machine.who(),
    )
    _show_issued(issued, as_json=as_json)


@click.command("issued")
@json_option
def keys_issued(as_json: bool) -> None:
    """List the access keys that were issued; no secret can be shown again."""
    found = callers.listed(machine.plant())
    if as_json:
        print_json(list(found))
        return
    print_table(
        ("key", "source", "label", "state", "scopes", "profiles", "made", "expires", "used"),
        (
            (k.key, k.source, k.label, STATES[k.state], " ".join(k.scopes), " ".join(k.profiles),
             k.created, k.expires, k.last_used)
            for k in found
        ),
    )  # fmt: skip


@click.command("revoke")
@click.argument("key", metavar="KEYID", type=TEXT)
@reason_option
@json_option
def keys_revoke(key: str, reason: str, as_json: bool) -> None:
    """Revoke the access key KEYID, at once and for good."""
    revoked = callers.revoke(machine.plant(), key, who=machine.who(), why=reason)
    if as_json:
        print_json(revoked)
        return
    out.print(f"access key {revoked.key} of {revoked.source} opens nothing any more", markup=False)


def _show_issued(issued: Issued, *, as_json: bool) -> None:
    """Only the key itself on standard output, for a pipe into where it is kept."""
    if as_json:
        print_json({"token": issued.token} | _about(issued.kept))
        return
    click.echo(issued.token)
    kept = issued.kept
    err.print(
        f"keep it now: it is not shown again; key id {kept.key}, expires"
        f" {local_time(kept.expires)}\n{' '.join(kept.scopes)} for {', '.join(kept.profiles)}",
        markup=False,
    )


def _about(kept: KeyView) -> dict[str, object]:
    """The same names as `keys issued --json` has."""
    names = ("key", "source", "label", "scopes", "profiles", "created", "expires")
    return {name: getattr(kept, name) for name in names}
