"""`plan`: how long so many certificates take, and how many workers make them in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import click

from factory.estimate import Basis, Bottleneck
from factory.model import Format
from jobs import capacity
from jobs.capacity import Asked, InTime, Plan
from jobs.commands import machine
from jobs.commands.options import TEXT, json_option
from jobs.commands.output import local_time, out, plain, print_json, print_table
from jobs.commands.progress import passes

MOST_ITEMS, MOST_SAMPLE, LEAST_SAMPLE, MOST_WORKERS = 100_000_000, 5000, 30, 10_000
SECONDS, MINUTES, HOURS = 60, 3600, 86400
KEPT = {
    Bottleneck.WORKERS: "the workers",
    Bottleneck.PROCESSOR: "the processor of this machine: more workers would wait for it",
    Bottleneck.SIGNER: "the signer (FACTORY_SIGNER_PER_SECOND)",
    Bottleneck.STORE: "the object store",
    Bottleneck.LEDGER: "the ledger: in SQLite one writes at a time",
    Bottleneck.PLANNER: "the planner: one process plans all chunks",
}
BASES = {Basis.CALIBRATED: "measured now", Basis.MEASURED: "measured lately", Basis.SET: "set"}


@click.command("plan")
@click.option(
    "--items", type=click.IntRange(1, MOST_ITEMS), required=True, help="How many certificates."
)
@click.option("--by", type=TEXT, help="When they must be done: 18:00, or an ISO 8601 time.")
@click.option("--profile", type=TEXT, help="Whose.  [default: the first register there is]")
@click.option(
    "--format", "formats", multiple=True, type=click.Choice([each.value for each in Format]),
    help="Of a register with just these formats; may be given again.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1, MOST_WORKERS),
    help="Bulk workers on this machine.  [default: FACTORY_BULK_WORKERS]",
)  # fmt: skip
@click.option(
    "--measure", "anew", is_flag=True, help="Measure here and now, whatever the last days tell."
)
@click.option(
    "--sample", type=click.IntRange(LEAST_SAMPLE, MOST_SAMPLE), default=300, show_default=True,
    help="Certificates that are made to measure.",
)  # fmt: skip
@json_option
def plan_command(
    items: int,
    by: str | None,
    profile: str | None,
    formats: tuple[str, ...],
    workers: int | None,
    anew: bool,
    sample: int,
    as_json: bool,
) -> None:
    """How long so many certificates take, and how many workers make them in time (产能测算).

    By bulk events of the last seven days; where there were none, some certificates are made to
    measure: on this machine, of a simulated register, with test seals, in a ledger and a store of
    their own that are gone afterwards.
    """
    asked = Asked(
        items=items,
        profile=profile,
        formats=tuple(map(Format, formats)),
        by=by,
        workers=workers,
        anew=anew,
        sample=sample,
    )
    plant = machine.plant()
    with passes() as watch:
        found = capacity.plan(plant, asked, watch=watch)
    if as_json:
        print_json(_for_programs(found))
    else:
        _show(found)


def _for_programs(found: Plan) -> object:
    ends = {case: found.done(getattr(found, case)) for case in ("least", "usual", "most")}
    return plain(asdict(found) | {"done": ends})


def _show(found: Plan) -> None:
    formats = ", ".join(found.formats)
    out.print(f"{found.items:,} certificates of {found.profile} ({formats})", markup=False)
    if found.ahead:
        out.print(f"and {found.ahead:,} of bulk events that run already: they share the workers")
    out.print(
        f"by {_workers(found.workers)} on {found.cores} cores: about {_long(found.usual)}"
        f" ({_long(found.least)} to {_long(found.most)}), done about"
        f" {local_time(found.done(found.usual))}, {local_time(found.done(found.most))} at the"
        " latest likely",
        markup=False,
    )
    out.print(f"kept to the pace of {KEPT[found.bottleneck]}", markup=False)
    if found.in_time is not None:
        out.print(_in_time(found.in_time, found), markup=False)
    out.print()
    print_table(
        ("what", "ms each", "from", "to", "a second", "known by"),
        (
            (each.what.value, _ms(each.usual), _ms(each.least), _ms(each.most),
             f"{each.a_second:,.1f}", BASES[each.basis])
            for each in found.stations
        ),
    )  # fmt: skip
    out.print()
    for line in _rests_on(found):
        out.print(line, markup=False)


def _in_time(told: InTime, found: Plan) -> str:
    until = f"to finish by {local_time(told.by)}"
    if told.workers is None:
        kept = told.kept or Bottleneck.WORKERS
        return f"{until}: no number of workers is enough, it is kept by {KEPT[kept]}"
    safe = f", {told.safe} to be safe" if told.safe else "; no number is safe"
    where = f" on {told.machines} machines like this one" if (told.machines or 1) > 1 else ""
    enough = f"; {found.workers} here are enough" if told.is_enough else ""
    return f"{until} needs {_workers(told.workers)}{safe}{where}{enough}"


def _workers(count: int) -> str:
    return _counted(count, "worker")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'s' * (count != 1)}"


def _rests_on(found: Plan) -> Iterator[str]:
    if found.basis is Basis.MEASURED:
        yield (
            f"rests on bulk events of the last seven days ({_counted(found.figures, 'figure')}),"
            " taken to have had the workers that the settings name today; signer, store and ledger"
            " are in that pace: --measure tells them apart"
        )
        return
    yield (
        f"rests on {found.certificates} certificates made here just now"
        f" ({_counted(found.figures, 'chunk')}, test key {found.key});"
        f" the store that was measured is {found.store}"
    )
    shares = ", ".join(f"{stage} {share:.0%}" for stage, share in found.stages.items())
    yield f"a worker's time: {shares}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.2f}"


def _long(seconds: float) -> str:
    """A duration as people say it.

    >>> _long(4), _long(400), _long(40_000), _long(400_000)
    ('4 s', '7 min', '11.1 h', '4.6 days')
    """
    if seconds < SECONDS:
        return f"{max(1, round(seconds))} s"
    if seconds < MINUTES:
        return f"{round(seconds / SECONDS)} min"
    return f"{seconds / MINUTES:.1f} h" if seconds < HOURS else f"{seconds / HOURS:.1f} days"
