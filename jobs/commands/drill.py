"""`drill`: the whole line under faults, and the evidence that its promises held."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import click

from jobs import logs
from jobs.commands.exits import REFUSED
from jobs.commands.options import json_option
from jobs.commands.output import err, out, print_json, print_table
from jobs.drill import place, running
from jobs.drill.running import Report
from jobs.embedded import serving
from jobs.settings import Settings


@click.command("drill")
@click.option("--seed", type=int, default=1, show_default=True, help="Which faults, and when.")
@click.option(
    "--minutes", type=click.FloatRange(min=0.05), default=1.0, show_default=True,
    help="How long the faults go on.",
)  # fmt: skip
@json_option
def drill_command(seed: int, minutes: float, as_json: bool) -> None:
    """Run the whole line under faults, then show that nothing was lost or issued twice.

    A factory of its own is started in a folder of its own, with real servers, and is gone at the
    end: no ledger, store or key of yours is touched.  Approvals and renames go in, twice and in
    another order, while workers are killed and put to sleep at each stage, broker, store and time
    authority are killed, refuse, hang and lose what they say.  The same seed gives the same faults.
    Afterwards every promise (I1 to I8 of the design) is asked of ledger, store and broker.
    """
    logs.configure("error")
    with tempfile.TemporaryDirectory(prefix="drill-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        own = Settings.from_env({"FACTORY_DATA_DIR": str(home / "servers")})
        with serving(own) as servers, place.prepared(servers, home / "works") as at:
            report = running.run(at, seed, minutes * 60, tell=_tell)
    if as_json:
        print_json(asdict(report) | {"holds": report.holds})
    else:
        _show(report)
    if not report.holds:
        sys.exit(REFUSED)


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
        f" processes started again; events: {taken}; at rest after {rested:.0f} s"
    )
