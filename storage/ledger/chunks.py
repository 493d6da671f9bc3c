"""Claiming, renewing and giving back chunks: a fence, a lease and the database's clock.

A worker that has lost its fence can record nothing, so a chunk delivered twice, or a worker
that slept through its lease, changes nothing twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, exists, func, or_, select, true, update
from sqlalchemy.sql.base import Executable

from factory.errors import FactoryError, SealedDataError
from factory.model import (
    BatchId,
    ChunkId,
    ChunkState,
    Order,
    OrderState,
    Queue,
)
from storage import tables as t
from storage.ledger import batches, holds, orders, outbox, promises
from storage.ledger.base import Tx
from storage.ledger.set_back import LEAST

#: the chunk of a claim, as long as nobody else has it; see ``_fence``
HELD = update(t.chunk).where(
    t.chunk.c.id == bindparam("held"),
    t.chunk.c.fence == bindparam("held_by"),
    t.chunk.c.state == ChunkState.LEASED,
)
RENEW = HELD.values(lease_until=bindparam("until"))
CLOSE = HELD.values(state=ChunkState.CLOSED.value, lease_until=None, waits_for=None, waits_why=None)
FAULT = FactoryError().reason  #: why a chunk waits that was given back after a fault of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A chunk in hand: what is left of it to do, until when, and the fence to record with.

    seals: (profile, format) -> SHA-256 of the certificate that the first ones of its batch were
           sealed with, which it is held to.
    """

    id: ChunkId
    fence: int
    queue: Queue
    batch: BatchId | None
    canary: bool  #: the first certificates of a batch: judged as an outsider would
    lease_until: datetime
    attempt: int  #: claims so far, this one too, since it last waited for an answer
    releases: int
    correlation: str
    orders: tuple[Order, ...] = field(repr=False)
    seals: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Orders that were put back for later, and why as of their last try.

    reason: a closed word, as of holds; why: in words, of one of them.
    """

    reason: str
    orders: int
    why: str | None


def claim(tx: Tx, chunk: ChunkId, *, lease: timedelta, max_deaths: int) -> Claim | None:
    """Take the chunk, or None: it is done, taken, not due, or was split as poisonous."""
    row = _take(tx, chunk, lease)
    if row is None:
        return None
    if row.attempt - row.released > max_deaths:
        _isolate(tx, row)
        return None
    return Claim(
        id=chunk,
        fence=row.fence,
        queue=Queue(row.queue),
        batch=row.batch_id,
        canary=row.canary,
        lease_until=row.lease_until,
        attempt=row.attempt,
        releases=row.released,
        correlation=row.correlation_id,
        orders=_dated(tx, chunk),
        seals=_seals(tx, row.batch_id) if row.batch_id is not None and not row.canary else {},
    )


def _take(tx: Tx, chunk: ChunkId, lease: timedelta) -> Row[Any] | None:
    given = {"wanted": chunk, "now": tx.now, "until": tx.now + lease}
    taken: Row[Any] | None = tx.run(_taking(), given).one_or_none()
    return taken


@cache
def _taking() -> Executable:
    c = t.chunk.c
    return (
        update(t.chunk)
        .where(c.id == bindparam("wanted"), _to_be_had())
        .values(
            state=ChunkState.LEASED.value,
            fence=c.fence + 1,
            attempt=c.attempt + 1,
            lease_until=bindparam("until"),
        )
        .returning(t.chunk)
    )


def _to_be_had() -> ColumnElement[bool]:
    c, now = t.chunk.c, bindparam("now", type_=t.chunk.c.run_after.type)
    free = (c.state == ChunkState.READY) & (c.run_after <= now)
    forsaken = (c.state == ChunkState.LEASED) & (c.lease_until < now)
    return or_(free, forsaken) & not_halted()


def not_halted() -> ColumnElement[bool]:
    """Chunks of no batch, or of one that is neither paused nor stopped."""
    c = t.batch.c
    return ~exists().where(c.id == t.chunk.c.batch_id, c.state.in_(batches.HALTED))


def renew(tx: Tx, claim: Claim, *, lease: timedelta) -> bool:
    """A longer lease; False when the fence is lost and the work must stop."""
    return bool(tx.run(RENEW, {**_fence(claim), "until": tx.now + lease}).rowcount)


def hold_open(tx: Tx, batch: BatchId) -> None:
    """Nobody records a chunk of a batch until this transaction ends; whoever does it has finished.

    Who records locks the chunk, then its orders, then the batch: so the chunks come first.
    """
    c = t.chunk.c
    open_ones = select(c.id).where(c.batch_id == batch, c.state != ChunkState.CLOSED)
    tx.run(tx.locked(open_ones.order_by(c.id))).all()


def close(tx: Tx, claim: Claim) -> bool:
    """Done with the chunk; False when the fence is lost: then nothing may be recorded."""
    return bool(tx.run(CLOSE, _fence(claim)).rowcount)


def release(tx: Tx, claim: Claim, *, pause: timedelta, because: FactoryError | None = None) -> bool:
    """Give the chunk back for later: the reconciler rings when the pause is over."""
    given_back = HELD.values(
        state=ChunkState.READY.value,
        released=t.chunk.c.released + 1,
        run_after=tx.now + pause,
        rung_at=None,
        lease_until=None,
        **_because(because),
    )
    return bool(tx.run(given_back, _fence(claim)).rowcount)


def rest(tx: Tx, claim: Claim, *, pause: timedelta, because: FactoryError | None = None) -> bool:
    """Give the chunk back until an answer from outside is due: that was no try.

    Whoever has come to its end has not died of it: tries and deaths are counted anew.
    """
    resting = HELD.values(
        state=ChunkState.READY.value,
        attempt=0,
        released=0,
        run_after=tx.now + pause,
        rung_at=None,
        lease_until=None,
        **_because(because),
    )
    return bool(tx.run(resting, _fence(claim)).rowcount)


def abandon(tx: Tx, claim: Claim, *, pause: timedelta) -> None:
    """Give the chunk back after a fault of ours: it counts like a death."""
    given_back = HELD.values(
        state=ChunkState.READY.value,
        run_after=tx.now + pause,
        rung_at=None,
        lease_until=None,
        waits_for=FAULT,
        waits_why=None,
    )
    tx.run(given_back, _fence(claim))


def _because(error: FactoryError | None) -> Mapping[str, str | None]:
    return {
        "waits_for": error.reason if error else None,
        "waits_why": str(error) if error else None,
    }


def waits(tx: Tx, batch: BatchId | None = None) -> tuple[Waits, ...]:
    """Why orders that are still to be made wait, those of most orders first.

    batch: only its own; None: all.
    """
    c, o = t.chunk.c, t.production_order.c
    count = func.count().label("orders")
    wanted = (
        select(c.waits_for, count, func.max(c.waits_why).label("why"))
        .join(t.production_order, o.chunk_id == c.id)
        .where(c.state != ChunkState.CLOSED, c.waits_for.is_not(None))
        .where(o.state == OrderState.READY, true() if batch is None else c.batch_id == batch)
        .group_by(c.waits_for)
        .order_by(count.desc(), c.waits_for)
    )
    return tuple(Waits(reason=row[0], orders=row[1], why=row[2]) for row in tx.run(wanted))


def _fence(claim: Claim) -> Mapping[str, object]:
    return {"held": claim.id, "held_by": claim.fence}


def _isolate(tx: Tx, row: Row[Any]) -> None:
    """A chunk that keeps killing its worker: halve it until the bad order stands alone."""
    ids = (
        tx.run(
            select(t.production_order.c.id)
            .where(
                t.production_order.c.chunk_id == row.id,
                t.production_order.c.state == OrderState.READY,
            )
            .order_by(t.production_order.c.id)
        )
        .scalars()
        .all()
    )
    tx.run(update(t.chunk).where(t.chunk.c.id == row.id).values(state=ChunkState.CLOSED.value))
    if len(ids) == 1:
        holds.hold_order(tx, ids[0], reason="poison", detail="its worker died again and again")
        return
    middle = len(ids) // 2
    for half in (ids[:middle], ids[middle:]):
        if half:
            _move(tx, half, row)


def _move(tx: Tx, order_ids: Sequence[int], row: Row[Any]) -> None:
    queue = Queue(row.queue)
    chunk = orders.add_chunk(
        tx, queue, row.batch_id, canary=row.canary, correlation=row.correlation_id
    )
    tx.run(
        update(t.production_order)
        .where(t.production_order.c.id.in_(order_ids))
        .values(chunk_id=chunk)
    )
    outbox.ring_chunks(tx, queue, [chunk], correlation=row.correlation_id)


def _seals(tx: Tx, batch: int) -> Mapping[tuple[str, str], str]:
    """With which certificates the first ones of the batch were sealed."""
    rows = tx.run(_first_files(), {"batch": batch})
    return {(row.profile, row.format): row.signing_cert_sha256 for row in rows}


@cache
def _first_files() -> Executable:
    o, f = t.production_order.c, t.file.c
    return (
        select(f.profile, f.format, f.signing_cert_sha256)
        .join(t.production_order, o.id == f.order_id)
        .join(t.chunk, t.chunk.c.id == o.chunk_id)
        .where(
            t.chunk.c.batch_id == bindparam("batch"),
            t.chunk.c.canary,
            f.signing_cert_sha256.is_not(None),
        )
    )


def _dated(tx: Tx, chunk: ChunkId) -> tuple[Order, ...]:
    """The orders still to be made; none is of a time to come.

    Those that were ordered while the clock was ahead are dated now, before anything of them is
    drawn: nobody can prove a time that has not been.
    """
    found = _open_orders(tx, chunk)
    if all(each.signed_at <= tx.now + LEAST for each in found):
        return found
    tx.run(_dating(), {"in_chunk": chunk, "now": tx.now})
    return _open_orders(tx, chunk)


@cache
def _dating() -> Executable:
    c = t.production_order.c
    now = bindparam("now", type_=c.signed_at.type)
    mine = (c.chunk_id == bindparam("in_chunk")) & (c.state == OrderState.READY)
    return update(t.production_order).where(mine, c.signed_at > now).values(signed_at=now)


def _open_orders(tx: Tx, chunk: ChunkId) -> tuple[Order, ...]:
    """The orders still to be made.

    One whose stored values do not open is held here, or its chunk could never be claimed.
    SealedDataError: a data key does not open; the keyring is not the one it was made under.
    """
    found = []
    for ident, order in promises.of_chunk(tx, chunk):
        if isinstance(order, SealedDataError):
            holds.hold_order(tx, ident, reason=order.reason, detail=str(order))
        else:
            found.append(order)
    return tuple(found)
