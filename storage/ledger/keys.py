"""Data keys: one a person, wrapped by the master key; erasing the row's key erases the person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import bindparam, func, insert, select, update

from storage import tables as t
from storage.ledger.base import Tx
from storage.sealed import VERSION_BYTES, DataKey, version_of


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


def master_version(tx: Tx) -> int:
    """By which master key new data keys are wrapped, or by a later one."""
    found: int = tx.run(select(t.master_key.c.version)).scalar_one()
    return found


def advance(tx: Tx, version: int) -> bool:
    """New data keys are wrapped by this master key from now on; whether they were not before.

    Waits for all keys that are under way.
    """
    c = t.master_key.c
    later = update(t.master_key).where(c.version < version)
    return bool(tx.run(later.values(version=version, since=tx.now, put_by=tx.who)).rowcount)


def by_master(tx: Tx) -> Mapping[int, int]:
    """How many data keys are wrapped by each version of the master key."""
    wrapped = t.data_key.c.wrapped
    head = func.substr(wrapped, 1, VERSION_BYTES)
    rows = tx.run(select(head, func.count()).where(wrapped.is_not(None)).group_by(head))
    return {version_of(row[0]): row[1] for row in rows}


def rewrap(tx: Tx, *, after: int, most: int) -> tuple[int, int | None]:
    """Wrap the next data keys by the current master key that are not; how many, and the last id.

    after: beyond this id; None comes back where no more are left.  One that is destroyed in the
    same moment stays so.
    SealedDataError: one is wrapped by a master key that the keyring has not.
    """
    c, current = t.data_key.c, tx.vault.current.to_bytes(VERSION_BYTES, "big")
    wanted = (
        select(c.id, c.wrapped)
        .where(
            c.id > after,
            c.wrapped.is_not(None),
            func.substr(c.wrapped, 1, VERSION_BYTES) != current,
        )
        .order_by(c.id)
        .limit(most)
    )
    rows = tx.run(wanted).all()
    if not rows:
        return 0, None
    one = (
        update(t.data_key)
        .where(c.id == bindparam("key"), c.wrapped == bindparam("old"))
        .values(wrapped=bindparam("new"))
    )
    given = [
        {"key": row.id, "old": row.wrapped, "new": tx.vault.rewrap(row.wrapped)} for row in rows
    ]
    tx.run(one, given)
    return len(rows), rows[-1].id


def _reach(tx: Tx) -> None:
    """New keys are wrapped by the master key that the ledger is at, or a later one.

    The row stays shared until the end: whoever changes the master key waits for all keys that
    are under way, and finds them when it looks what is still wrapped by the former one.
    """
    wanted = select(t.master_key.c.version)
    shared = wanted.with_for_update(read=True) if tx.is_postgresql else wanted
    tx.vault.reach(tx.run(shared).scalar_one())
