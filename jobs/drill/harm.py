"""Doing harm (故障注入): each fault of a schedule, at the wire or to a process; and its end."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from jobs.drill import clock, killer, room
from jobs.drill.killer import Kill
from jobs.drill.proxy import (
    ANSWERS,
    CUT,
    FULL,
    LATE,
    LOST,
    QUESTIONS,
    REFUSAL,
    TWICE,
    Proxy,
)
from jobs.drill.schedule import Fault, Kind
from jobs.signer import journal

if TYPE_CHECKING:
    from jobs.drill.place import Place
    from jobs.embedded import Embedded
    from jobs.servers import Server

STANDS_SECONDS = 0.05
APPEND_ONLY = "appendonlydir"  #: where the broker keeps its data


def do(place: Place, fault: Fault, name: str) -> None:
    """Let it happen; returns when it is over, but for what strikes when a worker gets there.

    name: of this fault among those of its drill.
    """
    DEEDS[fault.kind](place, fault, name)


def _at_a_stage(place: Place, fault: Fault, name: str) -> None:
    number = signal.SIGKILL if fault.kind is Kind.KILL_AT_STAGE else signal.SIGSTOP
    ordered = Kill(
        queue=fault.target, stage=fault.stage, where=fault.where, call=fault.call, signal=number
    )
    file = killer.order(place.drills, name, ordered)
    if number == signal.SIGSTOP:
        _wait(lambda: not file.exists(), fault.lasts)
        time.sleep(fault.lasts)
        file.unlink(missing_ok=True)
        for each in place.crew.members:
            if each.name.startswith(fault.target):
                _signal(place, each.name, signal.SIGCONT)


def _member(place: Place, fault: Fault, _name: str) -> None:
    if fault.kind is Kind.KILL_MEMBER:
        _signal(place, fault.target, signal.SIGKILL)
        return
    _signal(place, fault.target, signal.SIGSTOP)
    time.sleep(fault.lasts)
    _signal(place, fault.target, signal.SIGCONT)


def _away(of: Callable[[Embedded], Server | None]) -> Callable[[Place, Fault, str], None]:
    """A server of the drill's own is killed, and started again after a while."""

    def kill(place: Place, fault: Fault, _name: str) -> None:
        server = of(place.servers)
        assert server is not None  # noqa: S101 - a drill has them all
        server.kill()
        if fault.kind is Kind.BROKER_FORGETS:
            shutil.rmtree(server.folder / APPEND_ONLY, ignore_errors=True)
        time.sleep(fault.lasts)
        server.start()

    return kill


def _database(place: Place, fault: Fault, _name: str) -> None:
    """At once, as in a crash; its log is replayed."""
    server = place.crashable
    if server is None:
        return
    if server.pid is not None:
        os.kill(server.pid, signal.SIGQUIT)
    server.stop()
    time.sleep(fault.lasts)
    server.start()


def _wire(of: Callable[[Place], Proxy], what: str) -> Callable[[Place, Fault, str], None]:
    def lose(place: Place, fault: Fault, _name: str) -> None:
        with of(place).losing(what):
            time.sleep(fault.lasts)

    return lose


def _clock(place: Place, fault: Fault, _name: str) -> None:
    """There, and back again, which is a step in the other direction."""
    with clock.stepped(place.drills, fault.step):
        time.sleep(fault.lasts)


def _ledger_full(place: Place, fault: Fault, _name: str) -> None:
    with room.no_ledger_grows(place.plant.ledger.engine, place.drills):
        time.sleep(fault.lasts)


def _journal_full(place: Place, fault: Fault, _name: str) -> None:
    """Its process may be just being started: then there is nobody to hold to anything."""
    pid, file = place.pid("signer"), place.plant.settings.signer_dir / journal.FILE
    if pid is None or not file.exists():
        return
    with room.no_file_grows(pid, file.stat().st_size + fault.room):
        time.sleep(fault.lasts)


DEEDS: Mapping[Kind, Callable[[Place, Fault, str], None]] = {
    Kind.KILL_AT_STAGE: _at_a_stage,
    Kind.SLEEP_AT_STAGE: _at_a_stage,
    Kind.KILL_MEMBER: _member,
    Kind.SLEEP_MEMBER: _member,
    Kind.BROKER_RESTARTS: _away(lambda servers: servers.broker),
    Kind.BROKER_FORGETS: _away(lambda servers: servers.broker),
    Kind.BROKER_DEAF: _wire(lambda place: place.broker, QUESTIONS),
    Kind.BROKER_MUTE: _wire(lambda place: place.broker, ANSWERS),
    Kind.STORE_RESTARTS: _away(lambda servers: servers.store),
    Kind.STORE_REFUSES: _wire(lambda place: place.store, REFUSAL),
    Kind.STORE_HANGS: _wire(lambda place: place.store, QUESTIONS),
    Kind.STORE_CUTS: _wire(lambda place: place.store, CUT),
    Kind.STORE_MUTE: _wire(lambda place: place.store, ANSWERS),
    Kind.STORE_FULL: _wire(lambda place: place.store, FULL),
    Kind.STORE_SLOW: _wire(lambda place: place.store, LATE),
    Kind.SIGNER_SLOW: _wire(lambda place: place.signer, LATE),
    Kind.SIGNER_REFUSES: _wire(lambda place: place.signer, REFUSAL),
    Kind.SIGNER_LOST: _wire(lambda place: place.signer, LOST),
    Kind.SIGNER_TWICE: _wire(lambda place: place.signer, TWICE),
    Kind.SIGNER_FULL: _journal_full,
    Kind.STAMPER_RESTARTS: _away(lambda servers: servers.stamper),
    Kind.STAMPER_HANGS: _wire(lambda place: place.stamper, QUESTIONS),
    Kind.DATABASE_CRASHES: _database,
    Kind.LEDGER_FULL: _ledger_full,
    Kind.CLOCK_STEPS: _clock,
}


def _signal(place: Place, member: str, number: signal.Signals) -> None:
    """To a member, master and worker; nothing where it is just being started."""
    pid = place.pid(member)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, number)


def _wait(done: Callable[[], bool], seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not done() and time.monotonic() < ends:
        time.sleep(STANDS_SECONDS)
