"""What is expected of a batch's items before it is confirmed, and of which a sample is taken."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from factory.model import BatchId, ItemState
from storage import tables as t
from storage.ledger.base import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item that is expected to be made."""

    registration: int
    profile: str


def counts(tx: Tx, batch: BatchId) -> list[tuple[str, ItemState, str | None, int]]:
    """How many items there are, by (profile, state, forecast); they add up to the affected set.

    forecast: what is expected to keep them from being made; None: nothing.
    """
    c = t.batch_item.c
    rows = tx.run(
        select(c.profile, c.state, c.forecast, func.count())
        .where(c.batch_id == batch)
        .group_by(c.profile, c.state, c.forecast)
    )
    found = [(row[0], ItemState(row[1]), row[2], int(row[3])) for row in rows]
    return sorted(found, key=lambda each: (each[0], each[1], each[2] or ""))


def expected_holds(
    tx: Tx, batch: BatchId, limit: int, *, but: Collection[str] = ()
) -> list[tuple[str, str]]:
    """(registration number, forecast) of the first items that are not expected to be made.

    but: forecasts of items that are skipped, not held.
    """
    c = t.batch_item.c
    rows = tx.run(
        select(t.registration.c.number, c.forecast)
        .join(t.registration, t.registration.c.id == c.registration_id)
        .where(
            c.batch_id == batch,
            c.state == ItemState.PENDING,
            c.forecast.is_not(None),
            c.forecast.not_in(but),
        )
        .order_by(c.registration_id)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in rows]


def numbers(tx: Tx, registrations: Sequence[int]) -> dict[int, str]:
    """The registration number of each row, in their order."""
    c = t.registration.c
    wanted = select(c.id, c.number).where(c.id.in_(registrations)).order_by(c.id)
    return {row[0]: row[1] for row in tx.run(wanted)}


def spread(tx: Tx, batch: BatchId, most: int) -> Sequence[Item]:
    """Items that are expected to be made: at most about so many of each profile, evenly apart."""
    c = t.batch_item.c
    numbered = (
        select(
            c.registration_id,
            c.profile,
            func.row_number().over(partition_by=c.profile, order_by=c.registration_id).label("n"),
            func.count().over(partition_by=c.profile).label("of"),
        )
        .where(c.batch_id == batch, c.state == ItemState.PENDING, c.forecast.is_(None))
        .subquery()
    )
    n, of = numbered.c.n, numbered.c.of
    every = (of + most - 1) // most
    rows = tx.run(
        select(numbered.c.registration_id, numbered.c.profile)
        .where((n - 1) % every == 0)
        .order_by(numbered.c.registration_id)
    )
    return [Item(registration=row.registration_id, profile=row.profile) for row in rows]
