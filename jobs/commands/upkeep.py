"""`upkeep`: time stamps that are still to come."""

from __future__ import annotations

from collections import Counter

import click

from jobs import upkeep
from jobs.commands import machine
from jobs.commands.options import json_option
from jobs.commands.output import err, out, print_json
from storage.ledger import proofs


@click.command("upkeep")
@click.option("--dry-run", is_flag=True, help="Say how many there are; change nothing.")
@json_option
def upkeep_command(dry_run: bool, as_json: bool) -> None:
    """Stamp files that were released while their time-stamping authority was away.

    Only the token is put in; each stamped file is another one beside the first, and is given out
    from then on.  Stopped anywhere, the next run goes on: run it every few minutes, by a timer.
    """
    plant = machine.plant()
    with plant.ledger.read() as tx:
        waiting = proofs.waiting(tx)
    told: dict[str, object] = {"waiting": waiting}
    if not dry_run:
        stamped, failed = 0, Counter[str]()
        for done in upkeep.stamp_awaiting(plant):
            stamped += done.stamped
            failed.update(done.failed)
            err.print(f"{stamped} of {waiting} stamped")
        told |= {"stamped": stamped, "failed": dict(failed)}
    if as_json:
        print_json(told)
        return
    for name, count in told.items():
        out.print(f"{name}: {count}")
