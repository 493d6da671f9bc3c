"""``python -m bench.profile``: where the line spends its time, as a flame graph by py-spy.

A process of its own takes a simulated register over and makes the first chunks; py-spy looks at
it from then on: at chunks (``produce``) and at their planning (``advance``).  What is seen is who
holds the interpreter's lock.  Waiting is not in it, nor are libraries that let go of the lock:
uploads on the wire, and RSA's key operation.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import click

from bench import line_run
from bench.command import DATABASE, SOME, Measurement
from bench.kept import PLACE
from bench.line import told
from bench.press import LINES
from jobs import line, logs

GRAPH = "line.svg"
PER_SECOND = 500
READY = "ready"
TITLE = re.compile(r'(<text id="title"[^>]*>)[^<]*(</text>)')
PR_SET_PTRACER = 0x59616D61  #: prctl(2): who may look at this process
ANYBODY = ctypes.c_ulong(-1)


@click.command(cls=Measurement)
@click.option(
    "--count", type=SOME, default=3000, show_default=True, help="Certificates that are looked at."
)
@click.option("--name", type=click.Choice(list(LINES)), default="line_p256", show_default=True)
@click.option("--native", is_flag=True, help="Functions of C libraries too.")
@click.option("--db", type=DATABASE, default="", help="PostgreSQL; else SQLite.")
@click.option("--work", is_flag=True, hidden=True, help="Be the process that is looked at.")
def main(count: int, name: str, native: bool, db: str, work: bool) -> None:
    """Draw var/bench/line.svg."""
    if work:
        _work(count, name, db)
        return
    PLACE.mkdir(parents=True, exist_ok=True)
    told(f"taking over a register for {name}")
    command = [sys.executable, "-m", "bench.profile", "--work", "--count", str(count)]
    command += ["--name", name, *(("--db", db) if db else ())]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        if process.stdout.readline().strip() != READY:
            raise SystemExit("the line could not be made ready")
        told(f"looking at {count} certificates, {PER_SECOND} times a second")
        with subprocess.Popen(_look(process.pid, native), stderr=subprocess.PIPE) as watcher:
            process.stdin.write("go\n")
            process.stdin.close()
            _, said = watcher.communicate()
    if process.returncode or not (PLACE / GRAPH).exists():
        raise SystemExit(f"no flame graph was drawn:\n{said.decode(errors='replace')}")
    _call(PLACE / GRAPH, f"{name}: {count} certificates, {'PostgreSQL' if db else 'SQLite'}")
    click.echo(f"{PLACE / GRAPH}")


def _call(graph: Path, title: str) -> None:
    """py-spy puts its own command there."""
    svg = graph.read_text("utf-8")
    graph.write_text(TITLE.sub(rf"\g<1>{title}\g<2>", svg, count=1), encoding="utf-8")


def _look(pid: int, native: bool) -> list[str]:
    program = str(Path(sys.executable).with_name("py-spy"))
    asked = [program, "record", "--pid", str(pid), "--gil", "--rate", str(PER_SECOND)]
    return [*asked, "--output", str(PLACE / GRAPH), *(("--native",) if native else ())]


def _work(count: int, name: str, db: str) -> None:
    logs.configure("error")
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANYBODY, 0, 0, 0)
    profile, keyring, _ = LINES[name]
    with line_run.plant_for(PLACE / "profile", db, keyring) as plant:
        rules = plant.profiles[profile].all[-1]
        warm = line_run.WARM_CHUNKS * line_run.CHUNK
        numbers = line_run.registered(plant, rules, count + warm)
        for part in (numbers[:warm], numbers[warm:]):
            batch = line_run.prepared(plant, rules, part)
            line_run.confirm(plant, batch)
            if len(part) == count:
                print(READY, flush=True)
                sys.stdin.readline()
            for _, chunk in line_run.chunks(plant, batch):
                line.produce(plant, chunk)
            line_run.ended(plant, batch)


if __name__ == "__main__":
    main()
