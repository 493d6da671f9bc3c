"""Events, orders and bulk events: each has come to what can be seen, once (I3, I6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from factory.events import EVENT_TYPES, BulkData
from factory.model import BatchState, ChunkState, ItemState, OrderState
from jobs.recheck.findings import Finding, Rule
from storage.recheck.erasures import DONE, Erasure
from storage.recheck.events import Batch, Ordered, Taken

ACCEPTED, HELD, DISMISSED, APPLIED = "accepted", "held", "dismissed", "applied"
#: types that say nothing of one person
ABOUT_NOBODY = {name for name, data in EVENT_TYPES.items() if issubclass(data, BulkData)}
OPEN_ITEMS = {ItemState.PENDING, ItemState.ORDERED}
ENDED = {BatchState.COMPLETED, BatchState.CANCELLED}
SOON = timedelta(days=1)  #: an erasure that was begun is done within
AT_WORK = {ChunkState.READY, ChunkState.LEASED}
#: of an item, the states that its order may have; None: it has none
ORDERS: dict[str, set[str | None]] = {
    ItemState.PENDING: {None},
    ItemState.ORDERED: {OrderState.READY},
    ItemState.DONE: {OrderState.MADE},
    ItemState.HELD: {None, OrderState.HELD},
    ItemState.SKIPPED: {None, OrderState.VOID},
}


def look_at_events(rows: Sequence[Taken]) -> list[Finding]:
    """Events with no outcome, or with more than one."""
    return [
        Finding(rule=Rule.EVENT, kind="event", id=row.id, sentence=sentence)
        for row in rows
        for sentence in _event(row)
    ]


def _event(row: Taken) -> Iterator[str]:
    if len(row.facts) > 1 or len(row.batches) > 1:
        yield "has come to two outcomes"
        return
    fact = row.facts[0] if row.facts else None
    is_bulk = row.type in ABOUT_NOBODY
    if row.holds > 1:
        yield f"has {row.holds} open holds"
    elif row.state == ACCEPTED:
        if row.holds:
            yield "is accepted, and held"
        elif not is_bulk and fact != APPLIED:
            yield "is accepted, and nothing came of it"
        elif is_bulk and list(row.batches) != [row.named] * (row.named is not None):
            yield "is accepted, and its bulk event is another than was told"
    elif row.state == DISMISSED:
        if row.holds or fact not in {None, DISMISSED}:
            yield "is dismissed, and yet counts"
    elif bool(row.holds) == (fact == APPLIED):
        yield "is held for nothing" if not row.holds else "is held, and yet counts"


def look_at_orders(rows: Sequence[Ordered]) -> list[Finding]:
    """Orders that are lost, held unseen, or not what is recorded of them."""
    return [
        Finding(rule=Rule.ORDER, kind="order", id=row.id, sentence=sentence)
        for row in rows
        for sentence in _order(row)
    ]


def _order(row: Ordered) -> Iterator[str]:
    if row.state == OrderState.READY and row.chunk not in AT_WORK:
        yield "is to be made, and lies in no chunk that is open"
    if row.holds != (row.state == OrderState.HELD):
        yield f"is {row.state}, and has {row.holds} open holds"
    wanted = row.formats if row.state == OrderState.MADE else ()
    if row.recorded != wanted:
        yield f"is {row.state}, and has {len(row.recorded)} files instead of {len(wanted)}"


def look_at_batches(rows: Sequence[Batch]) -> list[Finding]:
    """Bulk events whose counts do not add up."""
    return [
        Finding(rule=Rule.BATCH, kind="batch", id=row.id, sentence=sentence)
        for row in rows
        for sentence in _batch(row)
    ]


def _batch(row: Batch) -> Iterator[str]:
    items: Counter[str] = Counter()
    for (state, order, has_reason), count in sorted(row.items.items(), key=str):
        items[state] += count
        if order not in ORDERS[state]:
            yield f"{count} items are {state}, and their orders {order or 'are not there'}"
        if state in {ItemState.HELD, ItemState.SKIPPED} and not has_reason:
            yield f"{count} items are {state} for no reason"
    left = sum(items[state] for state in OPEN_ITEMS)
    if row.state in ENDED and left:
        yield f"is {row.state}, and {left} items are open"
    if row.strays:
        yield f"{row.strays} items point to orders that are not of it"
    if items[ItemState.DONE] != row.made:
        yield f"{items[ItemState.DONE]} items are done, and {row.made} orders were made"


def look_at_erasures(rows: Sequence[Erasure]) -> list[Finding]:
    """Erasures that are not done, or have not done what they say."""
    return [
        Finding(rule=Rule.ERASED, kind="erasure", id=row.id, sentence=sentence)
        for row in rows
        for sentence in _erasure(row)
    ]


def _erasure(row: Erasure) -> Iterator[str]:
    if row.is_found:
        yield "its person can still be found"
    if row.alive:
        yield f"{row.alive} data keys that it destroyed are there still"
    if row.live:
        yield f"{row.live} files under the keys it destroyed are not erased"
    if row.state == DONE and row.audited != 1:
        yield f"its proof stands in {row.audited} rows of the audit, and should in one"
    if row.state != DONE and row.asked_at - row.promised_at > SOON:
        yield f"is {row.state} since more than a day: give the same command again"
