"""`drill`: the whole line under faults, and the evidence that its promises held."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click

from jobs import logs
from jobs.commands.exits import REFUSED
from jobs.commands.options import COUNT, Finite, json_option
from jobs.commands.output import err, out, print_json, print_table
from jobs.commands.stopping import told_to_stop
from jobs.drill import database, place, running
from jobs.drill.database import Database
from jobs.drill.running import Report
from jobs.embedded import serving
from jobs.settings import Settings

STOPPING = "· stopping: servers and workers are ended, and the folder is removed; some seconds"
POSTGRESQL = re.compile(r"postgresql(\+psycopg)?://")
EXAMPLE = "postgresql://USER@HOST/NAME; without it the ledger is a file of SQLite"


def _postgresql(_: click.Context, param: click.Parameter, url: str | None) -> str | None:
    """BadParameter: it names no database of PostgreSQL."""
    if url is not None and not POSTGRESQL.match(url):
        raise click.BadParameter(f"names no database of PostgreSQL: {EXAMPLE}", param=param)
    return url


@click.command("drill")
@click.option("--seed", type=COUNT, default=1, show_default=True, help="Which faults, and when.")
@click.option(
    "--minutes", type=Finite(min=0.05), default=1.0, show_default=True,
    help="How long the faults go on.",
)  # fmt: skip
@click.option(
    "--server", "on_server", is_flag=True,
    help="The ledger is a PostgreSQL of the drill's own, which crashes too; needs its programs.",
)  # fmt: skip
@click.option(
    "--database", "url", metavar="URL", envvar="DRILL_DATABASE", callback=_postgresql,
    help="The ledger is this PostgreSQL database, which must be empty; its server is not harmed.",
)  # fmt: skip
@json_option
def drill_command(
    seed: int, minutes: float, on_server: bool, url: str | None, as_json: bool
) -> None:
    """Run the whole line under faults, then show that nothing was lost or issued twice.

    A factory of its own is started in a folder of its own, with real servers, and is gone at the
    end: no ledger, store or key of yours is touched.  Approvals and renames go in, twice and in
    another order, while workers are killed and put to sleep at each stage; broker, store, signer,
    time authority are killed, refuse, hang, come late, answer twice, lose what they say; there
    is no room for a while, and clocks step.  The same seed gives the same faults.  Afterwards every
    promise (I1 to I9 of the design) is asked of ledger, store, broker and all that was left behind.
    Ctrl-C and SIGTERM end it before, with nothing left.
    """
    if url is not None and on_server:
        raise click.UsageError("--server and --database (or DRILL_DATABASE): give one of them")
    logs.configure("error")
    with (
        told_to_stop(STOPPING),
        tempfile.TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as folder,
    ):
        home = Path(folder)
        own = Settings.from_env({"FACTORY_DATA_DIR": str(home / "servers")})
        with (
            _database(url, on_server=on_server) as ledger,
            serving(own) as servers,
            place.prepared(servers, home / "works", database=ledger) as at,
        ):
            report = running.run(at, seed, minutes * 60, tell=_tell)
    if as_json:
        print_json(asdict(report) | {"holds": report.holds})
    else:
        _show(report)
    if not report.holds:
        sys.exit(REFUSED)


@contextmanager
def _database(url: str | None, *, on_server: bool) -> Iterator[Database | None]:
    """Where the ledger is; None: in a file."""
    if url is not None:
        yield database.given(url)
    elif on_server:
        with database.serving() as running, database.fresh(running) as empty:
            yield empty
    else:
        yield None


def _tell(text: str) -> None:
    err.print(f"· {text}", soft_wrap=True, markup=False)


def _show(report: Report) -> None:
    rows = [
        (each.promise, "✓" if each.broken is None else "✗", each.broken or each.looked_at)
        for each in report.evidence
    ]
    print_table(("promise", "", "evidence"), rows)
    told, rested = report.seconds
    taken = ", ".join(f"{count} {name}" for name, count in sorted(report.taken.items()))
    out.print(
        f"seed {report.seed}: {len(report.faults)} faults in {told:.0f} s, {report.restarts}"
        f" processes started again; events: {taken}; at rest and looked at after {rested:.0f} s"
    )
