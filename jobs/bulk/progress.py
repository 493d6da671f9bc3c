"""Progress: the one read model of bulk events, for commands, reports, metrics and pages."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from factory.model import BatchId, BatchState, ItemState
from jobs import standing
from jobs.asker import COUNTER, Asker
from jobs.bulk import confirming, scopes
from jobs.standing import Stand
from storage.ledger import Tx, audit, batches, chunks, items, rates
from storage.ledger.audit import Noted
from storage.ledger.batches import Batch
from storage.ledger.chunks import Waits

if TYPE_CHECKING:
    from jobs.wiring import Plant

LOOK_SECONDS = 0.5
MOST_LISTED = 100
WAITS_FOR_SOMEBODY = (BatchState.AWAITING, *batches.HALTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a batch is; the counts add up to its total.

    failures:   held items by reason.
    skips:      skipped items by reason.
    waits:      why orders of it were put back for later, as of their last try.
    per_minute: made in the last minute; None: it does not run.
    seconds_left: at that rate; None: unknown.
    undo:       the command that takes a confirmed rename back.
    """

    id: BatchId
    kind: str
    state: BatchState
    total: int
    pending: int
    ordered: int
    done: int
    skipped: int
    held: int
    failures: Mapping[str, int]
    skips: Mapping[str, int]
    waits: tuple[Waits, ...]
    canary: str
    priority: int
    rate: int | None
    per_minute: float | None
    seconds_left: float | None
    created_at: datetime
    approved_by: str | None
    confirmed_at: datetime | None
    confirmed_by: str | None
    reason: str | None
    stop_reason: str | None
    completed_at: datetime | None
    merkle_root: str | None
    undo: str | None
    subject: Mapping[str, Any]
    owner: str  #: whose turn it is


def progress(plant: Plant, ident: BatchId, *, asker: Asker = COUNTER) -> Progress:
    """One batch.  NotFoundError: there is none."""
    with plant.ledger.read() as tx:
        return _progress(plant, tx, asker.batch(tx, ident))


def all_progress(plant: Plant, *, asker: Asker = COUNTER) -> list[Progress]:
    """The hundred newest batches, newest first."""
    with plant.ledger.read() as tx:
        seen = (each for each in batches.all_batches(tx) if asker.reaches(each.profiles))
        return [_progress(plant, tx, each) for each in list(islice(seen, MOST_LISTED))]


def follow(plant: Plant, ident: BatchId) -> Iterator[Progress]:
    """The batch again and again, until it has ended or waits for somebody."""
    while True:
        found = progress(plant, ident)
        yield found
        if found.state in {*batches.ENDED, *WAITS_FOR_SOMEBODY}:
            return
        time.sleep(LOOK_SECONDS)


def history(plant: Plant, ident: BatchId) -> list[Noted]:
    """Who agreed, confirmed, paused, stopped, steered or ended it, and why; the oldest first.

    NotFoundError: there is no such batch.
    """
    with plant.ledger.read() as tx:
        batches.get(tx, ident)
        return audit.of(tx, "batch", ident)


def stand(plant: Plant, tx: Tx, ident: BatchId) -> Stand:
    """How a batch stands, and whose turn it is.  NotFoundError: there is none."""
    return _stand(plant, tx, batches.get(tx, ident), items.counts(tx, ident))


def _stand(plant: Plant, tx: Tx, batch: Batch, counts: Mapping[ItemState, int]) -> Stand:
    return standing.of_batch(
        batch.state, confirming.who_confirms(plant, tx, batch), counts, why=batch.stop_reason or ""
    )


def _progress(plant: Plant, tx: Tx, batch: Batch) -> Progress:
    counts, reasons = items.counts(tx, batch.id), items.reasons(tx, batch.id)
    runs = batch.state is BatchState.RUNNING
    per_minute = rates.per_minute(tx, batch.id) if runs else None
    left = counts[ItemState.PENDING] + counts[ItemState.ORDERED]
    return Progress(
        id=batch.id,
        kind=batch.kind,
        state=batch.state,
        total=sum(counts.values()),
        **{state.value: counts[state] for state in ItemState},
        failures=_of(reasons, ItemState.HELD),
        skips=_of(reasons, ItemState.SKIPPED),
        waits=chunks.waits(tx, batch.id) if batch.state not in batches.ENDED else (),
        canary=batch.canary,
        priority=batch.priority,
        rate=batch.rate,
        per_minute=per_minute,
        seconds_left=left / per_minute * 60 if per_minute else None,
        created_at=batch.created_at,
        approved_by=batch.approved_by,
        confirmed_at=batch.confirmed_at,
        confirmed_by=batch.confirmed_by,
        reason=batch.reason,
        stop_reason=batch.stop_reason,
        completed_at=batch.completed_at,
        merkle_root=batch.merkle_root,
        undo=_undo(batch),
        subject=batch.subject,
        owner=_stand(plant, tx, batch, counts).owner,
    )


def _of(reasons: Mapping[tuple[ItemState, str], int], state: ItemState) -> dict[str, int]:
    return {reason: count for (of, reason), count in reasons.items() if of is state}


def _undo(batch: Batch) -> str | None:
    if batch.kind != scopes.RENAMED or batch.confirmed_at is None:
        return None
    return f"certfactory bulk plan undo {batch.id}"
