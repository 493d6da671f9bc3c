"""Watching: everything in figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.ledger import chunks, holds, status
from storage.ledger.chunks import Waits

if TYPE_CHECKING:
    from jobs.wiring import Plant


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything in figures.

    waits: why orders were put back for later, as of their last try.
    """

    editions: Mapping[str, int]
    orders: Mapping[str, int]
    chunks_open: Mapping[str, int]
    held: Mapping[str, int]
    waits: tuple[Waits, ...]

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """(what, state, count)."""
        for what in ("editions", "orders", "chunks_open", "held"):
            counts: Mapping[str, int] = getattr(self, what)
            for state, count in sorted(counts.items()):
                yield what.replace("_", " "), state, count
        for each in self.waits:
            yield "orders put back", each.reason, each.orders


def overview(plant: Plant) -> Overview:
    """Editions, orders, open chunks and holds."""
    with plant.ledger.read() as tx:
        return Overview(
            editions=_summed(status.edition_counts(tx)),
            orders=status.order_counts(tx),
            chunks_open={queue: count for queue, (count, _) in status.queue_state(tx).items()},
            held=_summed(holds.counts(tx)),
            waits=chunks.waits(tx),
        )


def _summed(counts: Mapping[tuple[str, str], int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for (_, state), count in counts.items():
        found[state] = found.get(state, 0) + count
    return found
