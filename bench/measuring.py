"""CPU time of several ways beside each other: in turns, round by round, and the median of each."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Given = TypeVar("Given")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way(Generic[Given]):
    """One of the ways that are compared.

    prepare: what a round needs and nobody pays for, e.g. people; its answer goes to ``act``.
    act:     what is measured; how many it made.
    heat:    a little of the same, not measured: whoever came before has had the machine's caches.
    """

    prepare: Callable[[], Given]
    act: Callable[[Given], int]
    heat: Callable[[], object]


def in_turns(ways: Mapping[str, Way[Any]], *, rounds: int, warm: int = 1) -> dict[str, float]:
    """Median CPU ms of one piece, by way.

    Each round begins with another way, so that none always comes after the same one.  What a way
    leaves for the garbage collector is collected before the next one is measured, and counts for
    whom it comes up within its own part.
    """
    spent: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for turn in range(warm + rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            way = ways[name]
            given = way.prepare()
            gc.collect()
            way.heat()
            begun = time.process_time()
            made = way.act(given)
            spent[name].append(1000 * (time.process_time() - begun) / made)
    return {name: statistics.median(found[warm:]) for name, found in spent.items()}
