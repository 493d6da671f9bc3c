"""``python -m bench.door``: the HTTP interface under bounded load, beside a process an event.

The embedded default serves, as `certfactory up` does, from a folder of its own that is gone
afterwards, with its keys.  The steward sleeps while the door is asked, so that no certificate is
made meanwhile; it and the clients share the machine, so CPU time says more than a rate.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench import kept, processes, report
from bench.command import DATABASE, SOME, Measurement
from bench.line import PATIENCE, opened, settings_for, steward_asleep, told
from bench.load import Ask, Client, Load, batches
from factory import specimen
from jobs import callers, crew, door, embedded, logs, opening, waiting
from jobs.settings import Settings
from jobs.wiring import Plant

ROOT = Path(__file__).parents[1]
WHO = "bench"
UNLIMITED = 1_000_000  #: requests a minute: pacing is not what is measured
BATCH = 100
KNOWN = 10  #: registrations whose certificates are asked for
WARM = 20  #: requests of each kind before it is measured
EVENTS = "/v1/events"
MANY = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Naive:
    """Events handed in by a process each."""

    count: int
    seconds: float
    cpu_seconds: float


@click.command(cls=Measurement)
@click.option(
    "--requests", type=SOME, default=400, show_default=True, help="Of each kind and load."
)
@click.option(
    "--batches", "few", type=SOME, default=8, show_default=True, help=f"Submits of {BATCH} events."
)
@click.option("--connections", default="1,4,16", show_default=True, help="Loads, one by one.")
@click.option(
    "--naive", "sample", type=SOME, default=8, show_default=True, help="Events, a process each."
)
@click.option("--db", type=DATABASE, default="", help="PostgreSQL; else SQLite.")
@click.option("--json", "as_json", is_flag=True, help="Print figures instead of the table.")
def main(requests: int, few: int, connections: str, sample: int, db: str, as_json: bool) -> None:
    """Measure the HTTP interface; figures go to var/bench/bench.json, ``door``."""
    logs.configure("error")
    load = os.getloadavg()[0]
    widths = [int(each) for each in connections.split(",")]
    with TemporaryDirectory(prefix="factory-bench-") as folder:
        settings = settings_for(db, Path(folder))
        settings = opening.http_port(replace(settings, http_port=0, http_rate=UNLIMITED))
        with embedded.embedded(settings) as running:
            plant = opened(running, "p256")
            with _served(plant) as (client, people):
                known = _collected(plant, client)
                with steward_asleep(plant, people):
                    loads = list(_loads(client, known, widths, requests, few))
                    told(f"handing in {sample} events, a process each")
                    naive = _naive(running, Path(folder), sample)
    machine = report.machine(load, "PostgreSQL" if db else "SQLite", settings)
    result = {"machine": machine} | report.door(loads, naive, batch=BATCH)
    kept.add({"door": result})
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        report.show_door(result)


@contextmanager
def _served(plant: Plant) -> Iterator[tuple[Client, crew.Crew]]:
    """A client with a key of its own, and who serves it."""
    settings = plant.settings
    token = callers.issue(plant, opening.EXAMPLE_SOURCE, label=WHO, days=1, who=WHO).token
    with crew.at_work(settings, with_door=True) as people:
        door.wait_until_open(settings)
        (process,) = [m.process for m in people.members if m.name == "door" and m.process]
        address = (settings.http_host, settings.http_port)
        yield Client(address, token, lambda: _cpu_seconds(process.pid)), people


def _cpu_seconds(pid: int) -> float:
    """Of a process and those below it."""
    return sum(processes.cpu_seconds([pid, *processes.descendants(pid)]).values())


def _collected(plant: Plant, client: Client) -> list[str]:
    """Registrations, as addresses have them, whose certificates are made and collected."""
    told(f"making {KNOWN} certificates to ask for")
    numbers = []
    for seed in range(1, KNOWN + 1):
        ask = Ask(method="POST", target=EVENTS, body=_event(seed), wanted=202)
        numbers.append(quote(json.loads(client.ask(ask))["outcomes"][0]["registration"]))
    waiting.settle(plant, seconds=PATIENCE)
    for number in numbers:
        target = f"/v1/registrations/{number}/collection"
        client.ask(Ask(method="POST", target=target, body=b"{}"))
    return numbers


def _event(seed: int) -> bytes:
    return json.dumps(specimen.approved(seed, 1 + seed // 20)).encode()


def _loads(
    client: Client, known: Sequence[str], widths: Sequence[int], requests: int, few: int
) -> Iterator[Load]:
    """Each kind of request at each load, the floor first."""
    kinds = _kinds(known)
    for name, (make, share) in kinds.items():
        client.run(name, make(max(1, round(WARM * share))), connections=1, done=lambda: None)
        for width in widths:
            asks = make(few if share < 1 else requests)
            with _bar(f"{name}, {width} connections", len(asks)) as done:
                yield client.run(name, asks, connections=width, done=done)


def _kinds(known: Sequence[str]) -> dict[str, tuple[Callable[[int], list[Ask]], float]]:
    """How each kind of request is made so many times, and how many of it one is worth."""
    seeds = count(KNOWN + 1)

    def fresh(number: int) -> list[bytes]:
        return [_event(seed) for seed in islice(seeds, number)]

    def one_by_one(number: int) -> list[Ask]:
        return [Ask(method="POST", target=EVENTS, body=e, wanted=202) for e in fresh(number)]

    def in_batches(number: int) -> list[Ask]:
        bodies = batches(fresh(BATCH * number), BATCH)
        return [Ask(method="POST", target=EVENTS, body=b, wanted=202, kind=MANY) for b in bodies]

    def reads(number: int) -> list[Ask]:
        return [Ask(method="GET", target=f"/v1/registrations/{n}") for n in _round(known, number)]

    def links(number: int) -> list[Ask]:
        body = b'{"kind": "certificate"}'
        targets = [f"/v1/registrations/{n}/links" for n in _round(known, number)]
        return [Ask(method="POST", target=target, body=body) for target in targets]

    def lives(number: int) -> list[Ask]:
        return [Ask(method="GET", target="/livez")] * number

    return {
        "livez": (lives, 1),
        "read": (reads, 1),
        "link": (links, 1),
        "submit": (one_by_one, 1),
        "submit_batch": (in_batches, 1 / WARM),
    }


def _round(known: Sequence[str], number: int) -> list[str]:
    return [known[place % len(known)] for place in range(number)]


@contextmanager
def _bar(words: str, total: int) -> Iterator[Callable[[], None]]:
    """Shown at a terminal; nothing in a pipe."""
    columns = (TextColumn("· {task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True, quiet=not sys.stderr.isatty())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(words, total=total)
        yield lambda: progress.advance(task)


def _naive(settings: Settings, folder: Path, number: int) -> Naive:
    """One event after the other by ``certfactory submit``, as a shell script would."""
    seeds = range(10**6, 10**6 + number)
    began, before = time.perf_counter(), os.times()
    for seed in seeds:
        subprocess.run(
            [sys.executable, str(ROOT / "cli.py"), "submit", "-"],
            input=_event(seed),
            cwd=folder,
            env=os.environ | settings.to_env() | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    after = os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    return Naive(count=number, seconds=time.perf_counter() - began, cpu_seconds=spent)


if __name__ == "__main__":
    main()
