"""The brake on a batch, asked in the transaction that records its failures."""

from __future__ import annotations

from sqlalchemy import func, select

from factory.brake import Brake
from factory.model import BatchId, BatchState, ItemState
from storage import tables as t
from storage.ledger import batches, items
from storage.ledger.base import Tx


def pull_if_due(tx: Tx, batch: BatchId, brake: Brake) -> str | None:
    """Stop the batch if it must be; why it was."""
    found = batches.get(tx, batch, lock=True)
    if found.state is not BatchState.RUNNING:
        return None
    why = brake.why_stop(
        items.failures(tx, batch),
        forgiven=found.forgiven,
        done=lambda: _done(tx, batch),
        canary=found.canary == batches.CANARY_ORDERED,
    )
    if why is not None:
        batches.stop(tx, batch, why=why)
    return why


def _done(tx: Tx, batch: BatchId) -> int:
    c = t.batch_item.c
    wanted = select(func.count()).where(c.batch_id == batch, c.state == ItemState.DONE)
    return int(tx.run(wanted).scalar_one())
