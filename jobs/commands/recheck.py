"""`recheck`: everything that was issued, verified again (复核)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import click

from factory.errors import NotFoundError
from factory.versions import installed_are
from jobs.commands import exits, machine
from jobs.commands.options import TIME, json_option
from jobs.commands.output import out, print_json, print_table
from jobs.commands.progress import Lines, bar
from jobs.recheck import running
from jobs.recheck.running import Result
from jobs.recheck.wanted import Order, Share
from jobs.wiring import Plant
from storage.ledger import Tx
from storage.recheck.scope import Scope, file_ids, made_ids, snapshot

WHOLE, PERCENT = 100.0, "%"
EVERYTHING = (WHOLE, True)
BIGGEST = 2**63 - 1  #: more rows no table has
RENDERED = "1%"


Lot = tuple[float, bool]  #: a number, and whether it is a percentage
Ids = Callable[[Tx, Scope], Iterable[int]]


class _Lot(click.ParamType[Lot]):
    """So many of all, or a part of them: a number, and whether it is a percentage.

    least: 0 where none is an answer too.
    """

    name = "lot"

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(
        self,
        value: str | tuple[float, bool],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[float, bool]:
        """The number.  BadParameter: it is none."""
        if isinstance(value, tuple):
            return value
        is_percent = value.endswith(PERCENT)
        try:
            number = float(value.removesuffix(PERCENT)) if is_percent else int(value)
        except ValueError:
            number = -1
        if not 0 <= number <= (WHOLE if is_percent else BIGGEST):
            self.fail("is neither a number such as 500 nor a part such as 5%", param, ctx)
        if number < self._least and (not is_percent or number == 0):
            self.fail("is none: a sample of nothing finds nothing", param, ctx)
        return number, is_percent


@click.command("recheck")
@click.option(
    "--sample", type=_Lot(1), metavar="N|P%",
    help="Of the files only N, or about P%, by lot, others every day.  [default: all]",
)  # fmt: skip
@click.option(
    "--render", type=_Lot(0), default=RENDERED, show_default=True, metavar="N|P%",
    help="Of the files that are looked at N, or about P%, are made again and compared; 0: none.",
)  # fmt: skip
@click.option(
    "--since", type=TIME, metavar="DAY", help="Only what was ordered, made or taken since then."
)
@click.option("--profile", metavar="ID", help="Only of this register.")
@click.option(
    "--processes", type=click.IntRange(1, 64), metavar="N",
    help="At once on this machine.  [default: one a core]",
)  # fmt: skip
@json_option
@click.pass_context
def recheck_command(
    ctx: click.Context,
    sample: Lot | None,
    render: Lot,
    since: datetime | None,
    profile: str | None,
    processes: int | None,
    as_json: bool,
) -> None:
    """Verify everything that was issued (复核), by a path of its own.

    Of each file: that it is there, byte for byte as recorded, sealed and valid as of now; that its
    twin, its pages and its QR code say what was ordered.  Of the ledger: that editions follow each
    other without holes or forks, that nothing is numbered twice, that every number drawn is
    somebody's, and that events, orders and bulk events have come to one outcome each.  The rules
    are in docs/recheck.md.  Nothing is changed; a run over everything is remembered, for whoever
    watches.  Exit code 1: something was found.
    """
    plant = machine.plant()
    if profile is not None and profile not in plant.profiles:
        raise NotFoundError(f"profile {profile}: is not installed; {installed_are(plant.profiles)}")
    if since is not None and since > datetime.now(UTC):
        raise click.BadParameter("is a time to come: nothing was done since", param_hint="--since")
    order = _order(plant, Scope(since=since, profile=profile), sample, render)
    result = _run(plant, order, processes or os.cpu_count() or 1)
    if as_json:
        print_json(_told(result))
    else:
        _show(result)
    if result.findings:
        ctx.exit(exits.REFUSED)


def _order(plant: Plant, scope: Scope, sample: Lot | None, render: Lot) -> Order:
    """Lots are drawn anew every day (UTC), so that a run can be repeated."""
    day = datetime.now(UTC).date().isoformat()
    files = _share(plant, scope, sample or EVERYTHING, f"files {day}", file_ids)

    def looked_at(tx: Tx, scope: Scope) -> Iterator[int]:
        return filter(files.holds, made_ids(tx, scope))

    return Order(
        scope=scope,
        files=files,
        render=_share(plant, scope, render, f"render {day}", looked_at),
    )


def _share(plant: Plant, scope: Scope, lot: Lot, seed: str, ids: Ids) -> Share:
    number, is_percent = lot
    if is_percent:
        return Share(part=number / WHOLE, seed=seed)
    with snapshot(plant.ledger) as tx:
        return Share.of(int(number), ids(tx, scope), seed)


def _run(plant: Plant, order: Order, processes: int) -> Result:
    lines = Lines()
    with bar("looking") as progress:
        [task] = progress.task_ids

        def tell(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)
            lines.tell(f"slices looked at: {done} of {of}", at_once=done == of)

        return running.run(plant, order, processes=processes, tell=tell)


def _told(result: Result) -> dict[str, object]:
    return {
        "looked": dict(result.looked),
        "good": result.good,
        "bad": result.bad,
        "erased": result.erased,
        "strays": result.strays,
        "stray_keys": result.stray_keys,
        "rules": result.rules,
        "findings": result.findings,
        "not_compared": dict(result.said),
    }


def _show(result: Result) -> None:
    for name, count in result.looked.items():
        if count:
            out.print(f"{name}: {count}")
    for why, count in result.said.most_common():
        out.print(f"not compared: {count}, {why}", markup=False)
    if result.erased:
        out.print(f"erased, and gone: {result.erased}")
    if result.strays:
        out.print(f"objects that no row names: {result.strays}; the first:")
        for key in result.stray_keys:
            out.print(f"  {key}", markup=False, soft_wrap=True)
    if result.findings:
        rows = (
            (each.rule, each.kind, each.id, each.of or "", each.sentence)
            for each in result.findings
        )
        print_table(("rule", "what", "number", "of", "finding"), rows)
    out.print(f"good: {result.good}")
    out.print(f"bad: {result.bad}")
