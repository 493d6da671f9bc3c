"""What goes wrong, and when: a function of the seed, so that every drill can be repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from factory.model import Queue
from jobs.drill.killer import ADVANCE, AFTER, BEFORE, INSIDE
from jobs.metrics import STAGES

EACH_SECONDS = 2.0  #: between two faults, on the average
MOST_CALLS = 4000  #: within a stage, at which a worker may die
LONGEST_SECONDS = 4.0  #: that something is away; longer than a lease of a drill


class Kind(StrEnum):
    """What goes wrong."""

    KILL_AT_STAGE = "kill -9 at a stage"
    SLEEP_AT_STAGE = "SIGSTOP at a stage"
    KILL_MEMBER = "kill -9 of a process"
    SLEEP_MEMBER = "SIGSTOP of a process"
    BROKER_RESTARTS = "broker killed, its data kept"
    BROKER_FORGETS = "broker killed, its data lost"
    BROKER_DEAF = "broker hears nothing"
    BROKER_MUTE = "broker is not heard"
    STORE_RESTARTS = "store killed"
    STORE_REFUSES = "store answers 503"
    STORE_HANGS = "store does not answer"
    STORE_CUTS = "store's answers are cut"
    STORE_MUTE = "store's acknowledgements are lost"
    STORE_FULL = "store has no room"
    STORE_SLOW = "store's answers come late"
    SIGNER_SLOW = "signer's answers come late"
    SIGNER_REFUSES = "signer answers 503"
    SIGNER_LOST = "signer's answers are lost, its key used"
    SIGNER_TWICE = "signer answers twice"
    SIGNER_FULL = "signer's journal has no room"
    STAMPER_RESTARTS = "time authority killed"
    STAMPER_HANGS = "time authority does not answer"
    DATABASE_CRASHES = "database crashes, its log replayed"
    LEDGER_FULL = "ledger has no room"
    CLOCK_STEPS = "clock steps"


#: how often each, beside the others
WEIGHTS = {
    Kind.KILL_AT_STAGE: 6,
    Kind.SLEEP_AT_STAGE: 2,
    Kind.KILL_MEMBER: 3,
    Kind.SLEEP_MEMBER: 2,
    Kind.BROKER_RESTARTS: 1,
    Kind.BROKER_FORGETS: 1,
    Kind.BROKER_DEAF: 1,
    Kind.BROKER_MUTE: 1,
    Kind.STORE_RESTARTS: 1,
    Kind.STORE_REFUSES: 2,
    Kind.STORE_HANGS: 1,
    Kind.STORE_CUTS: 2,
    Kind.STORE_MUTE: 2,
    Kind.STORE_FULL: 2,
    Kind.STORE_SLOW: 1,
    Kind.SIGNER_SLOW: 2,
    Kind.SIGNER_REFUSES: 1,
    Kind.SIGNER_LOST: 2,
    Kind.SIGNER_TWICE: 2,
    Kind.SIGNER_FULL: 2,
    Kind.STAMPER_RESTARTS: 1,
    Kind.STAMPER_HANGS: 1,
    Kind.DATABASE_CRASHES: 2,
    Kind.LEDGER_FULL: 2,
    Kind.CLOCK_STEPS: 3,
}
MEMBERS = ("steward", "notifier", "signer", "control-0", "interactive-0", "bulk-0")
AT_A_STAGE = frozenset({Kind.KILL_AT_STAGE, Kind.SLEEP_AT_STAGE})
STEPS = (-3600, -900, -90, -5, 5, 90, 900, 3600)  #: of the clock, in seconds
MOST_BYTES = 300  #: that the journal may still grow: ends within a line, or behind one
OF_A_MEMBER = frozenset({Kind.KILL_MEMBER, Kind.SLEEP_MEMBER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong.

    at:      seconds after the begin; lasts: seconds that it stays so.
    step:    of the clock, in seconds; room: bytes that a file may still grow.
    target:  a queue, where it happens at a stage; a member of the crew, where it is its own.
    """

    at: float
    kind: Kind
    target: str = ""
    lasts: float = 0.0
    stage: str = ""
    where: str = ""
    call: int = 0
    step: int = 0
    room: int = 0

    def __str__(self) -> str:
        step = f"{self.step:+d} s" if self.step else ""
        place = " ".join(each for each in (self.target, self.where, self.stage, step) if each)
        lasts = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.at:6.1f} s  {self.kind}{f' ({place})' if place else ''}{lasts}"


def drawn(seed: int, seconds: float, *, with_database: bool) -> tuple[Fault, ...]:
    """The faults of a drill, the first first.

    with_database: there is a database server that can crash.
    """
    chance = Random(seed)  # noqa: S311 - a choice to be repeated, not a secret
    kinds = [each for each in WEIGHTS if with_database or each is not Kind.DATABASE_CRASHES]
    found, at = [], chance.uniform(0, EACH_SECONDS)
    while at < seconds:
        found.append(_fault(chance, at, _drawn(chance, kinds)))
        at += chance.expovariate(1 / EACH_SECONDS)
    return tuple(found)


def _drawn(chance: Random, kinds: Sequence[Kind]) -> Kind:
    [kind] = chance.choices(kinds, [WEIGHTS[each] for each in kinds])
    return kind


def _fault(chance: Random, at: float, kind: Kind) -> Fault:
    lasts = 0.0 if kind in {Kind.KILL_AT_STAGE, Kind.KILL_MEMBER} else chance.uniform(0.3, 1.0)
    lasts *= LONGEST_SECONDS
    if kind in AT_A_STAGE:
        stage = chance.choice((*STAGES, ADVANCE))
        queues = (Queue.CONTROL,) if stage == ADVANCE else (Queue.INTERACTIVE, Queue.BULK)
        return Fault(
            at=at,
            kind=kind,
            target=chance.choice(queues).value,
            lasts=lasts,
            stage=stage,
            where=chance.choice((BEFORE, INSIDE, AFTER)),
            call=int(MOST_CALLS ** chance.random()),
        )
    target = chance.choice(MEMBERS) if kind in OF_A_MEMBER else ""
    step = chance.choice(STEPS) if kind is Kind.CLOCK_STEPS else 0
    room = chance.randrange(MOST_BYTES) if kind is Kind.SIGNER_FULL else 0
    return Fault(at=at, kind=kind, target=target, lasts=lasts, step=step, room=room)
