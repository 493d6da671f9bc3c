"""`bulk plan`, `reissue`: operators ask for a bulk event, which then waits for confirmation."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from factory.errors import FieldError
from factory.events.data import MOST_NUMBERS
from factory.model import BatchId, BatchState
from jobs import waiting
from jobs.bulk import confirming, progress, requests
from jobs.commands import machine
from jobs.commands.exits import CONFLICT, REFUSED
from jobs.commands.files import read_file
from jobs.commands.options import IDENT, REASON, TEXT, Place, json_option, reason_option
from jobs.commands.output import err, out, print_json
from jobs.intake import Outcome, Status
from jobs.wiring import Plant

MOST_LIST_BYTES = 64 * 1024 * 1024
DAY = click.DateTime(["%Y-%m-%d"])


@click.group("plan")
def bulk_plan() -> None:
    """Ask for a bulk event: it is prepared, and waits to be previewed and confirmed.

    Asked twice on one day it is the same batch.
    """


@bulk_plan.command("rename")
@click.argument("credit_code", metavar="CODE", type=TEXT)
@click.option("--to", "new_name", type=TEXT, required=True, help="The new name.")
@click.option("--on", "day", type=DAY, help="First day of the new name.  [default: today]")
@click.option("--evidence", type=REASON, help="Number of the notice of change (更名通知书文号).")
@json_option
def plan_rename(
    credit_code: str, new_name: str, day: datetime | None, evidence: str | None, as_json: bool
) -> None:
    """Rename the enterprise of a credit code (企业更名), in every register that knows it."""
    plant, who = machine.plant(), machine.who()
    outcome = requests.rename(
        plant,
        credit_code,
        new_name,
        who=who,
        effective_on=day.date() if day else None,
        evidence=evidence,
    )
    _tell(plant, [outcome], as_json=as_json)


@bulk_plan.command("undo")
@click.argument("batch", type=IDENT)
@json_option
def plan_undo(batch: int, as_json: bool) -> None:
    """Take a wrong rename back: a rename to the name that BATCH replaced."""
    plant = machine.plant()
    outcome = requests.undo(plant, BatchId(batch), who=machine.who())
    _tell(plant, [outcome], as_json=as_json)


def _by_version(name: str, kind: str, says: str) -> None:
    @bulk_plan.command(name, help=says)
    @click.option("--profile", type=TEXT, required=True, help="The register.")
    @click.option("--version", type=TEXT, required=True, help="An installed version of it.")
    @reason_option
    @json_option
    def command(profile: str, version: str, reason: str, as_json: bool) -> None:
        plant, who = machine.plant(), machine.who()
        outcome = requests.by_version(plant, kind, profile, version, reason=reason, who=who)
        _tell(plant, [outcome], as_json=as_json)


_by_version(
    "seal", "authority.seal_replaced",
    "Issue a register anew under the seal of a newer version of its profile (印章更换).",
)  # fmt: skip
_by_version(
    "authority", "authority.renamed",
    "Issue a register anew with the authority's new name (发证机关更名).",
)  # fmt: skip
_by_version(
    "design", "design.revised",
    "Issue a register anew in a new design, format or numbering (证书式样更新).",
)  # fmt: skip


@click.command("reissue")
@click.argument("numbers", nargs=-1, type=TEXT)
@click.option(
    "--from", "source", type=Place(),
    help="FILE with a registration number a line; what follows a comma or # is not read.",
)  # fmt: skip
@click.option("--profile", type=TEXT, help="The register, where several have one of the numbers.")
@click.option("--confirm", is_flag=True, help="Confirm at once, without looking at a preview.")
@reason_option
@json_option
def reissue(
    numbers: tuple[str, ...],
    source: Path | None,
    profile: str | None,
    reason: str,
    *,
    confirm: bool,
    as_json: bool,
) -> None:
    """Issue certificates anew, by their registration NUMBERs (指定换发).

    All numbers are known, or nothing is begun (exit code 4).  A batch is of one register and has
    at most 20 000 of them: more become several batches, each confirmed by itself.
    """
    wanted = [(number, f"argument {place}") for place, number in enumerate(numbers, start=1)]
    wanted += _listed(source) if source else ()
    if not wanted and source:
        raise click.UsageError(f"{source} holds no registration numbers")
    if not wanted:
        raise click.UsageError("give registration numbers, or --from FILE")
    distinct: dict[str, str] = {}
    for number, place in wanted:
        distinct.setdefault(number, place)
    if twice := len(wanted) - len(distinct):
        err.print(f"named more than once, and counted once: {twice}")
    plant, who = machine.plant(), machine.who()
    outcomes = requests.reissue(plant, distinct, reason=reason, who=who, profile=profile)
    if len(outcomes) > 1:
        err.print(
            f"{len(outcomes)} batches: each of one register, at most {MOST_NUMBERS:,} numbers"
        )
    if confirm:
        for outcome in outcomes:
            _confirm(plant, outcome, reason)
    _tell(plant, outcomes, as_json=as_json)


def _listed(source: Path) -> list[tuple[str, str]]:
    """Each number and its line.  FieldError: it is no text."""
    try:
        text = read_file(source, MOST_LIST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FieldError(str(source), "UTF-8", "is no list of numbers") from error
    lines = [line.split("#")[0].split(",")[0].strip() for line in text.splitlines()]
    return [(line, f"line {place}") for place, line in enumerate(lines, start=1) if line]


def _confirm(plant: Plant, outcome: Outcome, reason: str) -> None:
    if outcome.batch is None or outcome.status is Status.REFUSED:
        return
    ident = BatchId(outcome.batch)
    waiting.until_prepared(plant, ident)
    if progress.progress(plant, ident).state is BatchState.AWAITING:
        confirming.confirm(plant, ident, who=machine.who(), why=reason)


def _tell(plant: Plant, outcomes: Sequence[Outcome], *, as_json: bool) -> None:
    if as_json:
        print_json(outcomes)
    else:
        for outcome in outcomes:
            _tell_one(plant, outcome)
    statuses = {outcome.status for outcome in outcomes}
    if Status.REFUSED in statuses:
        sys.exit(REFUSED)
    if Status.HELD in statuses:
        sys.exit(CONFLICT)


def _tell_one(plant: Plant, outcome: Outcome) -> None:
    for field, rule in outcome.problems:
        err.print(f"refused: {field}: {rule}", markup=False)
    for note in outcome.notes:
        out.print(note, markup=False)
    if outcome.hold is not None:
        err.print(f"hold {outcome.hold}: {outcome.reason}", markup=False)
    if outcome.batch is not None:
        found = progress.progress(plant, BatchId(outcome.batch))
        out.print(f"batch {found.id}: {found.state}, {found.total} registrations so far")
        out.print(f"look: certfactory bulk preview {found.id}", markup=False)
        out.print(f"then: certfactory bulk confirm {found.id} --reason …", markup=False)
