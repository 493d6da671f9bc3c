"""How long a bulk event will take: from what was measured, the workers and the limits."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

MINUTE = 60.0
REST_SECONDS = 60.0  #: without a chunk, longer than any takes: it was paused
LEAST_TO_DIVIDE = 4  #: figures that quartiles can be taken of
APART = (0.8, 1.5)  #: one figure alone may be off so far: the best and the worst case of it
#: Of a document's drawing, what it takes to seal, check and store it too: least, usual, most.
WHOLE = (1.0, 2.0, 4.0)


class Bottleneck(StrEnum):
    """What keeps it from being done sooner."""

    WORKERS = "workers"  #: 制证进程
    RATE = "rate"  #: 限速
    SIGNER = "signer"  #: 签章服务
    PROCESSOR = "processor"  #: 处理器: more workers would wait for it
    STORE = "store"  #: 对象存储
    LEDGER = "ledger"  #: 台账数据库: one writes at a time
    PLANNER = "planner"  #: 排程: one process plans all chunks


class Basis(StrEnum):
    """What an estimate rests on."""

    MEASURED = "measured"  #: bulk events of these days
    DRAWN = "drawn"  #: samples drawn on this machine
    CALIBRATED = "calibrated"  #: certificates made on this machine for measuring
    SET = "set"  #: a limit that somebody has set


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds that one worker needs for one item: least, usual, most.

    figures: how many measurements that rests on.
    """

    least: float
    usual: float
    most: float
    basis: Basis
    figures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an event is held to.

    rate:       items a minute; None: as many as can be.
    signatures: what the signer makes in a second; None: more than anybody asks for.
    """

    workers: int
    rate: float | None = None
    signatures: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """From when it starts until the last item is made, in seconds."""

    least: float
    usual: float
    most: float
    bottleneck: Bottleneck
    basis: Basis
    figures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """Items that were recorded together."""

    batch: int
    at: datetime
    items: int


def estimate(items: int, *, files: int, pace: Pace, limits: Limits) -> Estimate:
    """Of so many items of so many files each; whichever limit is tightest counts."""
    held = {
        Bottleneck.WORKERS: items * pace.usual / max(1, limits.workers),
        Bottleneck.RATE: items * MINUTE / limits.rate if limits.rate else 0.0,
        Bottleneck.SIGNER: items * files / limits.signatures if limits.signatures else 0.0,
    }
    floor = max(held[Bottleneck.RATE], held[Bottleneck.SIGNER])
    return Estimate(
        least=max(floor, items * pace.least / max(1, limits.workers)),
        usual=max(held.values()),
        most=max(floor, items * pace.most / max(1, limits.workers)),
        bottleneck=max(held, key=lambda each: held[each]),
        basis=pace.basis,
        figures=pace.figures,
    )


def together(parts: Sequence[Estimate]) -> Estimate:
    """Of parts that are made one after the other, at least one; the longest says what keeps it."""
    longest = max(parts, key=lambda each: each.usual)
    return Estimate(
        least=sum(each.least for each in parts),
        usual=sum(each.usual for each in parts),
        most=sum(each.most for each in parts),
        bottleneck=longest.bottleneck,
        basis=longest.basis,
        figures=longest.figures,
    )


def measured(recorded: Sequence[Recorded], workers: int) -> Pace | None:
    """The pace of earlier events, with today's workers; None: nothing that tells was recorded."""
    rates = sorted(rate for run in _runs(recorded) for rate in _rates(run))
    if not rates:
        return None
    slow, usual, fast = _quartiles(rates)
    return Pace(
        least=MINUTE * workers / fast,
        usual=MINUTE * workers / usual,
        most=MINUTE * workers / slow,
        basis=Basis.MEASURED,
        figures=len(rates),
    )


def drawn(seconds: Sequence[float]) -> Pace:
    """The pace as samples tell it, drawn but neither sealed nor stored; at least one."""
    least, usual, most = WHOLE
    return Pace(
        least=least * min(seconds),
        usual=usual * statistics.median(seconds),
        most=most * max(seconds),
        basis=Basis.DRAWN,
        figures=len(seconds),
    )


def _quartiles(rates: Sequence[float]) -> tuple[float, float, float]:
    usual = statistics.median(rates)
    if len(rates) < LEAST_TO_DIVIDE:
        best, worst = APART
        return min(rates) / worst, usual, max(rates) / best
    slow, _, fast = statistics.quantiles(rates, n=4, method="inclusive")
    return slow, usual, fast


def _runs(recorded: Sequence[Recorded]) -> Iterator[list[Recorded]]:
    """What was recorded of one event without a rest."""
    run: list[Recorded] = []
    for each in sorted(recorded, key=lambda one: (one.batch, one.at)):
        if run and (each.batch != run[-1].batch or _seconds(run[-1], each) > REST_SECONDS):
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _rates(run: Sequence[Recorded]) -> Iterator[float]:
    """Items a minute: of each whole minute, or of a run that is shorter than two.

    What was recorded first was begun before: it only starts the clock.
    """
    lasted = _seconds(run[0], run[-1])
    minutes = int(lasted // MINUTE)
    if minutes < 2:  # noqa: PLR2004 - a minute begun and a minute ended
        counted = sum(each.items for each in run[1:])
        yield from (counted * MINUTE / lasted for _ in range(1) if lasted > 0 and counted)
        return
    counts = [0] * minutes
    for each in run[1:]:
        minute = math.ceil(_seconds(run[0], each) / MINUTE) - 1
        if 0 <= minute < minutes:
            counts[minute] += each.items
    yield from (float(count) for count in counts if count)


def _seconds(first: Recorded, then: Recorded) -> float:
    return (then.at - first.at).total_seconds()
