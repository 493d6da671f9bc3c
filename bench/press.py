"""``python -m bench.press``: presses, lines, the machine and scale, beside what is to be reached.

Each part is measured by a process of its own, so that none finds another's memory; what is
compared with each other is measured in turns by the same one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import click

from bench import (
    chart,
    kept,
    line_run,
    machine_run,
    press_report,
    press_run,
    scale_run,
    signer_run,
    stamp_run,
    targets,
)
from bench.command import ANY, DATABASE, SOME, Measurement
from bench.kept import PLACE, JsonObject
from bench.line import settings_for, told
from bench.operations import limit_ms
from bench.report import machine
from jobs import logs

#: Lines of whole lines and of the machine: register, key of PDFs, and the key that counts.
LINES = {
    "line_rsa2048": (line_run.PDF_REGISTER, "rsa2048", "rsa2048"),
    "line_p256": (line_run.PDF_REGISTER, "p256", "p256"),
    "line_ofd_sm2": (line_run.OFD_ALONE, "p256", "sm2"),
}
MACHINES = {
    "machine_p256": LINES["line_p256"],
    "machine_ofd_sm2": LINES["line_ofd_sm2"],
}
SCALES = ("scale_1k", "scale_100k")
NAMES = (
    *press_run.NAMES, *signer_run.NAMES, *stamp_run.NAMES, *LINES, *MACHINES, "press_2p", *SCALES,
    "scale_ledger",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured.

    line, machine: certificates of each.  warm: of the machine, before.
    together:      chunks of each process, in so many rounds.
    scales:        certificates of ``scale_1k`` and ``scale_100k``.
    ledger:        of the same through the ledger; 0: none.
    """

    press: press_run.Sizes = field(default_factory=press_run.Sizes)
    signer: signer_run.Sizes = field(default_factory=signer_run.Sizes)
    stamp: stamp_run.Sizes = field(default_factory=stamp_run.Sizes)
    line: line_run.Sizes = field(default_factory=line_run.Sizes)
    machine: int = 4000
    warm: int = 400
    together: tuple[int, int] = (60, 5)
    scales: tuple[int, int] = (1_000, 100_000)
    ledger: int = 10_000


QUICK = Sizes(
    press=press_run.Sizes(rounds=1, chunk=20, chunks=1, reference=1, tuned=1, naive=1),
    signer=signer_run.Sizes(rounds=1, chunks=4),
    stamp=stamp_run.Sizes(rounds=1, chunks=1, chunk=10),
    line=line_run.Sizes(count=20, chunk=20, tuned=1, naive=1),
    machine=40,
    warm=10,
    together=(1, 1),
    scales=(100, 300),
    ledger=0,
)


@click.command(cls=Measurement)
@click.option(
    "--rounds",
    type=SOME,
    show_default=str(Sizes().press.rounds),
    help="Of presses and their contenders.",
)
@click.option(
    "--line", type=SOME, show_default=str(Sizes().line.count), help="Certificates of each line."
)
@click.option(
    "--machine",
    "large",
    type=SOME,
    show_default=str(Sizes().machine),
    help="Certificates of the whole machine.",
)
@click.option(
    "--scale",
    type=SOME,
    show_default=str(Sizes().scales[1]),
    help="Certificates of scale_100k.",
)
@click.option(
    "--ledger",
    type=ANY,
    show_default=str(Sizes().ledger),
    help="Certificates of scale_ledger; 0: none.",
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(NAMES),
    help="These lines; they take the place of all that were kept, in figures and chart.",
)
@click.option("--quick", is_flag=True, help="Little of everything: shows that it works.")
@click.option("--db", type=DATABASE, default="", help="PostgreSQL; else SQLite.")
@click.option("--json", "as_json", is_flag=True, help="Print figures instead of tables.")
def main(
    rounds: int | None,
    line: int | None,
    large: int | None,
    scale: int | None,
    ledger: int | None,
    only: Sequence[str],
    quick: bool,
    db: str,
    as_json: bool,
) -> None:
    """Measure what issuing costs; figures go to var/bench/bench.json, a chart beside it."""
    logs.configure("error")
    sizes = _sized(QUICK if quick else Sizes(), rounds, line, large, scale, ledger)
    load = os.getloadavg()[0]
    found = list(_measured(sizes, only or NAMES, db))
    if not found:
        raise click.UsageError("of what was asked for there is nothing to measure")
    lines = [*press_report.with_cost_ratios(found)]
    result = {
        "machine": machine(load, "PostgreSQL" if db else "SQLite", settings_for(db)),
        "quick": quick,
        "lines": lines,
        "targets": press_report.told(targets.judged(lines)),
    }
    chart.draw(lines, PLACE / "bench.png")
    kept.add(result)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
        return
    press_report.show(result)


def _sized(
    sizes: Sizes,
    rounds: int | None,
    line: int | None,
    large: int | None,
    scale: int | None,
    ledger: int | None,
) -> Sizes:
    """With what was asked for."""
    if rounds is not None:
        sizes = replace(sizes, press=replace(sizes.press, rounds=rounds))
    if line is not None:
        sizes = replace(sizes, line=replace(sizes.line, count=line))
    if large is not None:
        sizes = replace(sizes, machine=large)
    if scale is not None:
        sizes = replace(sizes, scales=(sizes.scales[0], scale))
    return sizes if ledger is None else replace(sizes, ledger=ledger)


def _measured(sizes: Sizes, wanted: Collection[str], db: str) -> Iterator[JsonObject]:
    """Part by part."""
    fonts = settings_for(db).font_dirs
    pressed = [name for name in press_run.NAMES if name in wanted]
    if pressed:
        told(f"pressing, {sizes.press.rounds} rounds with the other ways")
        yield from _apart(partial(_presses, sizes, fonts, pressed))
    for name in (each for each in signer_run.NAMES if each in wanted):
        told(f"{name}: a chunk's digests through the signer process")
        yield from _apart(partial(_signer, name, sizes.signer))
    for name in (each for each in stamp_run.NAMES if each in wanted):
        told(f"{name}: presses without and with time stamps")
        yield from _apart(partial(_stamped, name, fonts, sizes.stamp))
    for name in (each for each in LINES if each in wanted):
        told(f"{name}: {sizes.line.count} certificates through one process")
        yield from _apart(partial(_line, name, LINES[name], sizes.line, db))
    for name in (each for each in MACHINES if each in wanted):
        told(f"{name}: {sizes.machine} certificates through the crew")
        yield from _apart(partial(_machine, name, MACHINES[name], sizes, db))
    if "press_2p" in wanted:
        told("two processes against one")
        yield from _apart(partial(_together, fonts, sizes))
    for name, count in zip(SCALES, sizes.scales, strict=True):
        if name in wanted:
            told(f"{name}: {count} certificates through a press")
            yield from _apart(partial(_scale, name, fonts, count))
    if "scale_ledger" in wanted and sizes.ledger:
        told(f"scale_ledger: {sizes.ledger} certificates through one process")
        ledger = replace(sizes.line, count=sizes.ledger, tuned=0, naive=0)
        yield from _apart(partial(_line, "scale_ledger", LINES["line_p256"], ledger, db))


def _apart(part: Callable[[], list[JsonObject]]) -> list[JsonObject]:
    """By a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(part).result()


# --- parts ------------------------------------------------------------------------------------


def _presses(sizes: Sizes, fonts: tuple[Path, ...], wanted: Sequence[str]) -> list[JsonObject]:
    shop = press_run.workshop(PLACE.absolute() / "press", fonts)
    return [press_report.press(each) for each in press_run.run(shop, sizes.press, wanted)]


def _signer(name: str, sizes: signer_run.Sizes) -> list[JsonObject]:
    logs.configure("error")
    return [press_report.signer(signer_run.run(PLACE / "signer", name, sizes))]


def _stamped(name: str, fonts: tuple[Path, ...], sizes: stamp_run.Sizes) -> list[JsonObject]:
    logs.configure("error")
    place = PLACE.absolute() / "stamps"
    return [press_report.stamped(stamp_run.run(place, fonts, name, sizes))]


def _line(
    name: str, what: tuple[str, str, str], sizes: line_run.Sizes, db: str
) -> list[JsonObject]:
    logs.configure("error")
    profile, keyring, algorithm = what
    folder = PLACE / name
    with line_run.plant_for(folder, db, keyring, chunk=sizes.chunk) as plant:
        return [press_report.line(name, line_run.run(plant, folder, profile, algorithm, sizes))]


def _machine(name: str, what: tuple[str, str, str], sizes: Sizes, db: str) -> list[JsonObject]:
    logs.configure("error")
    profile, keyring, algorithm = what
    workers = len(os.sched_getaffinity(0))
    with line_run.plant_for(PLACE / name, db, keyring, workers=workers) as plant:
        run = machine_run.run(plant, profile, count=sizes.machine, warm=sizes.warm)
    return [press_report.whole_machine(name, run, limit_ms(algorithm))]


def _together(fonts: tuple[Path, ...], sizes: Sizes) -> list[JsonObject]:
    chunks, rounds = sizes.together
    run = scale_run.together(fonts, rounds=rounds, chunks=chunks)
    return [press_report.together(run, limit_ms(scale_run.KEY))]


def _scale(name: str, fonts: tuple[Path, ...], count: int) -> list[JsonObject]:
    return [press_report.scale(name, scale_run.many(fonts, count), limit_ms(scale_run.KEY))]


if __name__ == "__main__":
    main()
