"""`upkeep`: time stamps that are still to come, and proofs that end soon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import click

from jobs.commands import machine
from jobs.commands.options import json_option
from jobs.commands.output import out, print_json
from jobs.commands.progress import Lines, bar
from jobs.upkeep import archive, late
from jobs.upkeep.slices import Done
from storage.ledger import proofs

AHEAD, MOST_AHEAD = 90, 36_525  #: days; a hundred years


@click.command("upkeep")
@click.option(
    "--ahead",
    type=click.IntRange(0, MOST_AHEAD),
    default=AHEAD,
    show_default=True,
    metavar="DAYS",
    help="Archive files whose proof of time ends within so many days; 0: none.",
)
@click.option("--dry-run", is_flag=True, help="Say how many there are; change nothing.")
@json_option
def upkeep_command(ahead: int, dry_run: bool, as_json: bool) -> None:
    """Keep files provable: stamp those that were released without, archive those that end soon.

    A file that was released while its time-stamping authority was away gets its stamp.  A PDF whose
    stamp rests on a certificate that ends within --ahead days gets an archive stamp over all of it
    (PAdES B-LTA), with revocation lists of the day.  Each is another file beside the first, and is
    given out from then on.  Stopped anywhere, the next run goes on, and several may run at once:
    run it every few minutes, by a timer.
    """
    plant = machine.plant()
    wanted = archive.ending(datetime.now(UTC), ahead)
    with plant.ledger.read() as tx:
        waiting = proofs.waiting(tx)
        ending = proofs.how_many_end(tx, wanted)
    told: dict[str, object] = {"waiting": waiting, "ending": ending}
    if not dry_run:
        failed: Counter[str] = Counter()
        told["stamped"] = _run("stamping", late.stamp_awaiting(plant), waiting, failed)
        told["archived"] = _run("archiving", archive.stamp_ending(plant, wanted), ending, failed)
        told["failed"] = dict(failed)
    if as_json:
        print_json(told)
        return
    for name, count in told.items():
        out.print(f"{name}: {_counted(count) if isinstance(count, dict) else count}")


def _counted(failed: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(failed.items())) or "none"


def _run(what: str, slices: Iterator[Done], total: int, failed: Counter[str]) -> int:
    """How many were taken further; why others were not, goes into failed."""
    stamped, lines = 0, Lines()
    with bar(what) as progress:
        [task] = progress.task_ids
        progress.update(task, total=total)
        for done in slices:
            stamped += done.stamped
            failed.update(done.failed)
            progress.advance(task, done.stamped + sum(done.failed.values()))
            lines.tell(f"{what}: {stamped} of {total}")
    return stamped
