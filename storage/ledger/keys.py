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


def new_all(tx: Tx, count: int) -> list[tuple[int, DataKey]]:
    """So many fresh data keys: each row's id and the opened key."""
    wrapped = [tx.vault.new_key() for _ in range(count)]
    rows = [{"wrapped": each, "created_at": tx.now, "erased_at": None} for each in wrapped]
    returning = insert(t.data_key).returning(t.data_key.c.id, sort_by_parameter_order=True)
    ids = tx.run(returning, rows).scalars()
    return [(ident, tx.vault.open_key(each)) for ident, each in zip(ids, wrapped, strict=True)]


def load(tx: Tx, key_id: int) -> DataKey:
    """The opened key of one row."""
    return load_all(tx, [key_id])[key_id]


def load_all(tx: Tx, key_ids: Iterable[int]) -> Mapping[int, DataKey]:
    """The opened keys of many rows, in one query."""
    rows = tx.run(
        select(t.data_key.c.id, t.data_key.c.wrapped).where(t.data_key.c.id.in_(set(key_ids)))
    )
    return {row.id: tx.vault.open_key(row.wrapped) for row in rows}
