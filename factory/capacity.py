"""Capacity (产能): how long so many certificates take, and how many workers make them in time.

A worker makes one after the other; what all workers share (a signer with a limit, the store, the
ledger that one writes to at a time, the planner) serves one after the other too, beside them.  So
the slowest of these sets the pace.  More workers help until another one is the slowest.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from factory.errors import FieldError
from factory.estimate import APART, Basis, Bottleneck, Pace
from factory.model import SHANGHAI

CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
MOST_WORKERS = 100_000  #: that are reckoned with


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one certificate asks for, in all its files.

    worker:    seconds of one worker, from taking it up until it is recorded.
    processor: CPU seconds on this machine, of all that works for it; None: not known.
    shared:    seconds of what all workers share.
    """

    worker: Pace
    processor: Pace | None = None
    shared: Mapping[Bottleneck, Pace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What works.  workers: in all; cores: of each machine of this kind."""

    workers: int
    cores: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasts:
    """From now until the last one is recorded, in seconds; and what keeps it, most likely."""

    least: float
    usual: float
    most: float
    bottleneck: Bottleneck


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Workers that make it in the time there is.

    usual: most likely enough; safe: enough at the slowest pace; None: no number is.
    kept:  what keeps any number of workers from it.
    """

    usual: int | None
    safe: int | None
    kept: Bottleneck | None


def lasts(items: int, load: Load, machine: Machine) -> Lasts:
    """So many certificates, by the workers of one machine."""
    usual = _parts(items, load, machine, "usual")
    return Lasts(
        least=max(_parts(items, load, machine, "least").values()),
        usual=max(usual.values()),
        most=max(_parts(items, load, machine, "most").values()),
        bottleneck=max(usual, key=lambda each: usual[each]),
    )


def _parts(items: int, load: Load, machine: Machine, case: str) -> dict[Bottleneck, float]:
    """Seconds that each would take if it were alone."""
    found = {Bottleneck.WORKERS: items * _of(load.worker, case) / max(1, machine.workers)}
    if load.processor is not None:
        found[Bottleneck.PROCESSOR] = items * _of(load.processor, case) / machine.cores
    return found | _shared(items, load, case)


def _shared(items: int, load: Load, case: str) -> dict[Bottleneck, float]:
    return {what: items * _of(pace, case) for what, pace in load.shared.items()}


def _of(pace: Pace, case: str) -> float:
    return float(getattr(pace, case))


def needed(items: int, load: Load, seconds: float) -> Needed:
    """Workers, on as many machines as they need, that make so many in so many seconds."""
    usual = _fewest(items, load, seconds, "usual")
    kept = None
    if usual is None:
        shared = _shared(items, load, "usual")
        tightest = max(shared, key=lambda each: shared[each], default=Bottleneck.WORKERS)
        kept = tightest if shared.get(tightest, 0.0) > seconds else Bottleneck.WORKERS
    return Needed(usual=usual, safe=_fewest(items, load, seconds, "most"), kept=kept)


def _fewest(items: int, load: Load, seconds: float, case: str) -> int | None:
    if seconds <= 0 or any(each > seconds for each in _shared(items, load, case).values()):
        return None
    alone = items * _of(load.worker, case)
    fewest = max(1, math.ceil(alone / seconds))
    while fewest > 1 and alone / (fewest - 1) <= seconds:  # what dividing has rounded up
        fewest -= 1
    while alone / fewest > seconds:
        fewest += 1
    return fewest if fewest <= MOST_WORKERS else None


def room(load: Load, cores: int) -> int:
    """Workers that one machine feeds: more would wait for its processor.

    Where it is not known what they ask of it, one a core.
    """
    if load.processor is None or not load.processor.usual:
        return max(1, cores)
    return max(1, round(cores * load.worker.usual / load.processor.usual))


def machines(workers: int, load: Load, cores: int) -> int:
    """Machines of so many cores that this many workers need."""
    return math.ceil(workers / room(load, cores))


def calibrated(seconds: Sequence[float]) -> Pace:
    """The pace that a few chunks tell, seconds an item of each; at least one.

    A few are not all there is: the range is wider than they are apart.
    """
    best, worst = APART
    return Pace(
        least=best * min(seconds),
        usual=statistics.median(seconds),
        most=worst * max(seconds),
        basis=Basis.CALIBRATED,
        figures=len(seconds),
    )


def limited(per_second: float, *, each: int = 1) -> Pace:
    """A limit that is set: so many a second, of which one certificate asks for ``each``."""
    seconds = each / per_second
    return Pace(least=seconds, usual=seconds, most=seconds, basis=Basis.SET, figures=0)


def deadline(text: str, now: datetime) -> datetime:
    """The instant meant by ``18:00``, today or else tomorrow in China, or by an ISO 8601 time.

    A time without a zone is China's.  FieldError: it is neither, or has passed.
    """
    clock = CLOCK.fullmatch(text)
    if clock:
        here = now.astimezone(SHANGHAI)
        meant = datetime.combine(here, time(int(clock[1]), int(clock[2])), SHANGHAI)
        return meant if meant > now else meant + timedelta(days=1)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise FieldError("by", "ISO 8601-1:2019", "18:00, or 2026-11-21T18:00") from None
    found = found if found.tzinfo else found.replace(tzinfo=SHANGHAI)
    if found <= now:
        raise FieldError("by", "a time to come", "has passed")
    return found
