"""Data keys: one a person, wrapped by the master key; erasing the row's key erases the person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import insert, select, update

from storage import tables as t
from storage.ledger.base import Tx
from storage.sealed import DataKey


def new(tx: Tx) -> int:
    """A fresh data key; its id."""
    _reach(tx)
    result = tx.run(
        insert(t.data_key).values(wrapped=tx.vault.new_key(), created_at=tx.now, erased_at=None)
    )
    return int(result.inserted_primary_key[0])


def new_all(tx: Tx, count: int) -> list[tuple[int, DataKey]]:
    """So many fresh data keys: each row's id and the opened key."""
    _reach(tx)
    wrapped = [tx.vault.new_key() for _ in range(count)]
    rows = [{"wrapped": each, "created_at": tx.now, "erased_at": None} for each in wrapped]
    returning = insert(t.data_key).returning(t.data_key.c.id, sort_by_parameter_order=True)
    ids = tx.run(returning, rows).scalars()
    return [(ident, tx.vault.open_key(each)) for ident, each in zip(ids, wrapped, strict=True)]


def load(tx: Tx, key_id: int) -> DataKey:
    """The opened key of one row.  ErasedError: it was destroyed."""
    return load_all(tx, [key_id])[key_id]


def load_all(tx: Tx, key_ids: Iterable[int]) -> Mapping[int, DataKey]:
    """The opened keys of many rows, in one query.  ErasedError: one was destroyed."""
    rows = tx.run(
        select(t.data_key.c.id, t.data_key.c.wrapped).where(t.data_key.c.id.in_(set(key_ids)))
    )
    return {row.id: tx.vault.open_key(row.wrapped) for row in rows}


def destroy(tx: Tx, key_ids: Iterable[int]) -> list[int]:
    """Nothing that was sealed under these keys opens any more; those that were there by now."""
    c = t.data_key.c
    gone = (
        update(t.data_key)
        .where(c.id.in_(set(key_ids)), c.wrapped.is_not(None))
        .values(wrapped=None, erased_at=tx.now)
        .returning(c.id)
    )
    return sorted(tx.run(gone).scalars())


def _reach(tx: Tx) -> None:
    """New keys are wrapped by the master key that the ledger is at, or a later one.

    The row stays shared until the end: whoever changes the master key waits for all keys that
    are under way, and finds them when it looks what is still wrapped by the former one.
    """
    wanted = select(t.master_key.c.version).order_by(t.master_key.c.version.desc()).limit(1)
    version = tx.run(wanted.with_for_update(read=True) if tx.is_postgresql else wanted).scalar()
    if version is not None:
        tx.vault.reach(version)
