"""Data keys: one a person, wrapped by the master key; erasing the row's key erases the person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import insert, select

from storage import tables as t
from storage.ledger.base import Tx
from storage.sealed import DataKey


def new(tx: Tx) -> int:
    """A fresh data key; its id."""
    result = tx.run(
        insert(t.data_key).values(wrapped=tx.vault.new_key(), created_at=tx.now, erased_at=None)
    )
    return int(result.inserted_primary_key[0])


def load(tx: Tx, key_id: int) -> DataKey:
    """The opened key of one row."""
    return load_all(tx, [key_id])[key_id]


def load_all(tx: Tx, key_ids: Iterable[int]) -> Mapping[int, DataKey]:
    """The opened keys of many rows, in one query."""
    rows = tx.run(
        select(t.data_key.c.id, t.data_key.c.wrapped).where(t.data_key.c.id.in_(set(key_ids)))
    )
    return {row.id: tx.vault.open_key(row.wrapped) for row in rows}
