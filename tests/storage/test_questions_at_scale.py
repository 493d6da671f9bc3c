"""What is asked for each chunk or bell reads a few rows by an index, however many there are."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from factory.model import BatchId, ChunkId, ItemState, OrderId
from jobs.wiring import Plant
from storage.ledger import (
    Tx,
    batches,
    chunks,
    figures,
    holds,
    items,
    orders,
    outbox,
    record,
    status,
)
from tests.plants import WHO, new_plant

BATCH = BatchId(1)
QUESTIONS: dict[str, Callable[[Tx], object]] = {
    "switch": lambda tx: record.switch(tx, [1, 2, 3]),
    "unsent": outbox.unsent,
    "oldest unsent": outbox.oldest_unsent_seconds,
    "unsent bells": figures.unsent_bells,
    "open holds": holds.counts,
    "queues": status.queue_state,
    "batches now": figures.batches_now,
    "idle": lambda tx: figures._idle_seconds(tx, BATCH, tx.now),
    "waited for": lambda tx: tx.run(record._waiting(), {"orders": [1, 2, 3]}).all(),
    "made at collection": lambda tx: orders.note_collectable(tx, 1),
    "pending": lambda tx: items.pending(tx, BATCH, limit=100),
    "pending count": lambda tx: items.pending_count(tx, BATCH, most=600),
    "has": lambda tx: items.has(tx, BATCH, ItemState.ORDERED),
    "failures": lambda tx: items.failures(tx, BATCH),
    "open chunks": lambda tx: batches.open_chunks(tx, BATCH),
    "newest": lambda tx: orders.newest_of(tx, [1, 2, 3]),
    "last made": lambda tx: orders.last_made(tx, [1, 2, 3]),
    "claim": lambda tx: chunks.claim(tx, ChunkId(1), lease=timedelta(seconds=1), max_deaths=1),
    "orders that failed": lambda tx: record._ready(tx, {OrderId(1), OrderId(2)}),
}
LARGE = (
    "edition", "registration", "production_order", "batch_item", "outbox", "audit", "file",
    "chunk", "hold", "inbox",
)  # fmt: skip
OPEN_ONLY = ("ix_chunk_open", "uq_hold_open")  #: indexes of what is open, and of nothing else


@pytest.fixture
def plant(tmp_path: Path, sqlite_db_url: str) -> Plant:
    return new_plant(tmp_path, sqlite_db_url)


@contextmanager
def explained(plant: Plant) -> Iterator[list[str]]:
    """The steps SQLite takes for each statement while the block runs."""
    steps: list[str] = []

    def explain(conn: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if re.match(r"SELECT|UPDATE", statement):
            asked = conn.connection.cursor()
            asked.execute(f"EXPLAIN QUERY PLAN {statement}", given)
            steps.extend(row[3] for row in asked.fetchall())

    event.listen(plant.ledger.engine, "before_cursor_execute", explain)
    try:
        yield steps
    finally:
        event.remove(plant.ledger.engine, "before_cursor_execute", explain)


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_large_table_is_read_from_end_to_end(plant: Plant, name: str) -> None:
    with explained(plant) as steps, plant.ledger.write(WHO) as tx:
        QUESTIONS[name](tx)

    assert steps
    open_only = [f"USING INDEX {name}" for name in OPEN_ONLY]
    scans = [step for step in steps if step.startswith("SCAN")]
    scanned = {step.split()[1] for step in scans if not any(each in step for each in open_only)}
    assert not scanned & set(LARGE), steps
