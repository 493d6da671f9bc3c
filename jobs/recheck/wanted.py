"""What is to be looked at: parts, slices of them, and lots that leave some of the files out."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from storage.recheck.scope import Scope, Span

WHOLE, SAMPLE = "whole", "sample"
LOT_BYTES = 8
LOTS = 2 ** (8 * LOT_BYTES)


class Part(StrEnum):
    """What is looked at."""

    FILES = "files"
    REGISTRATIONS = "registrations"
    EVENTS = "events"
    ORDERS = "orders"
    BATCHES = "batches"
    ERASURES = "erasures"
    AUDIT = "audit"
    UNSAID = "access keys"
    TWICE = "twice"
    SERIES = "series"
    LOG = "log"
    STRAYS = "strays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One in so many, drawn by lot; the same lots for the same seed.

    part: from 0 to 1.
    """

    part: float | Fraction
    seed: str

    @classmethod
    def of(cls, number: int, ids: Iterable[int], seed: str) -> Share:
        """Exactly so many of those, or all of them where there are no more."""
        lowest = heapq.nsmallest(number + 1, (_lot(seed, ident) for ident in ids))
        part = Fraction(lowest[number], LOTS) if len(lowest) > number else Fraction(1)
        return cls(part=part, seed=seed)

    def holds(self, ident: int) -> bool:
        """Whether that one is drawn."""
        return bool(_lot(self.seed, ident) < self.part * LOTS)


def _lot(seed: str, ident: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{ident}".encode()).digest()[:LOT_BYTES])


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be looked at.

    files:  which files; render: which of those are made again.
    """

    scope: Scope
    files: Share
    render: Share

    @property
    def kind(self) -> str | None:
        """Under which its outcome is kept; None: something was left out on purpose."""
        if not self.scope.is_whole:
            return None
        return WHOLE if self.files.part >= 1 else SAMPLE


@dataclass(frozen=True, slots=True)
class Task:
    """One slice of one part."""

    part: Part
    span: Span

    def halves(self) -> tuple[Task, ...]:
        """The same in two; none where it is one row, or no slice of rows."""
        after, upto = self.span.after, self.span.upto
        if upto - after < 2:  # noqa: PLR2004 - one cannot be halved
            return ()
        middle = (after + upto) // 2
        return Task(self.part, Span(after, middle)), Task(self.part, Span(middle, upto))
