"""Sealings (签章申请): what an asynchronous seal service is asked to seal.

Noted before it is asked, so that whatever becomes of the worker, what is no longer wanted can be
withdrawn.  A row stands by order, format and digest until its signature is in a file of the
order, or it is withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, func, or_, select, update

from factory.errors import REASONS, PermanentError, SealOverdueError
from factory.model import BatchId, ChunkState, Format, Order, OrderId, OrderState
from storage import tables as t
from storage.ledger import audit, outbox
from storage.ledger.base import Tx
from storage.ledger.spelling import among
from storage.ledger.status import SEAL

MOST_AT_ONCE = 100
LONGEST_PAUSE = timedelta(hours=1)
#: reasons of a hold after which the same seal is asked for again, not a new one
AS_BEFORE = frozenset(
    word
    for kind, word in REASONS.items()
    if kind is SealOverdueError or not issubclass(kind, PermanentError)
)


class SealingState(StrEnum):
    """Of one digest."""

    ASKED = "asked"
    UNWANTED = "unwanted"  #: the order is void, or drawn otherwise by now


TAKEN = delete(t.sealing).where(
    among(t.sealing.c.order_id, "orders"), t.sealing.c.state == SealingState.ASKED
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A signature that an order wants.

    identity: whose seal, as the keyring calls it.
    """

    order: Order
    format: Format
    identity: str
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """What was asked, and since when it is waited for."""

    order: OrderId
    format: Format
    identity: str
    digest: bytes
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwanted:
    """What is to be withdrawn of one seal."""

    identity: str
    format: Format
    digests: Mapping[int, bytes]  #: by row


def note(tx: Tx, wanted: Sequence[Wanted]) -> frozenset[OrderId]:
    """Note what is about to be asked; the orders that are still to be made.

    Whatever was asked for the same file by another digest is no longer wanted.
    """
    ready = _ready(tx, {each.order.id for each in wanted})
    here = [each for each in wanted if each.order.id in ready]
    known = _known(tx, ready)
    now = {(each.order.id, each.format, each.digest.hex()) for each in here}
    files = {each[:2] for each in now}
    otherwise = [row.id for key, row in known.items() if key[:2] in files and key not in now]
    again = [row.id for key, row in known.items() if key in now and _is_over(row)]
    _set(tx, otherwise, SealingState.UNWANTED)
    _set(tx, again, SealingState.ASKED)
    rows = [_row(tx, each) for each in here if _key(each) not in known]
    if rows:
        tx.run(tx.insert(t.sealing).on_conflict_do_nothing(), rows)
    _wait(tx, ready)
    return ready


def _ready(tx: Tx, ids: Collection[OrderId]) -> frozenset[OrderId]:
    c = t.production_order.c
    rows = tx.run(tx.locked(select(c.id).where(c.id.in_(ids), c.state == OrderState.READY)))
    return frozenset(OrderId(ident) for ident in rows.scalars())


def _known(tx: Tx, ids: Collection[OrderId]) -> dict[tuple[OrderId, Format, str], Row[Any]]:
    rows = tx.run(select(t.sealing).where(t.sealing.c.order_id.in_(ids)))
    return {(OrderId(row.order_id), Format(row.format), row.digest): row for row in rows}


def _key(wanted: Wanted) -> tuple[OrderId, Format, str]:
    return wanted.order.id, wanted.format, wanted.digest.hex()


def _is_over(row: Row[Any]) -> bool:
    return bool(row.state != SealingState.ASKED)


def _set(tx: Tx, ids: Collection[int], state: SealingState) -> None:
    """Asked anew, it is waited for from now on."""
    since = {"since": tx.now} if state is SealingState.ASKED else {}
    if ids:
        here = t.sealing.c.id.in_(ids)
        tx.run(update(t.sealing).where(here).values(state=state.value, tries=0, **since))


def _row(tx: Tx, wanted: Wanted) -> dict[str, object]:
    return {
        "profile": wanted.order.profile,
        "order_id": wanted.order.id,
        "format": wanted.format.value,
        "identity": wanted.identity,
        "digest": wanted.digest.hex(),
        "state": SealingState.ASKED.value,
        "since": tx.now,
        "correlation_id": tx.correlation,
    }


def _wait(tx: Tx, ids: Collection[OrderId]) -> None:
    c = t.production_order.c
    tx.run(
        update(t.production_order)
        .where(c.id.in_(ids), c.waits_for.is_(None))
        .values(waits_for=SEAL)
    )


def asked(tx: Tx, ids: Collection[OrderId]) -> list[Sealing]:
    """What is asked for these orders."""
    c = t.sealing.c
    rows = tx.run(
        select(t.sealing).where(c.order_id.in_(ids), c.state == SealingState.ASKED).order_by(c.id)
    )
    return [
        Sealing(
            order=OrderId(row.order_id),
            format=Format(row.format),
            identity=row.identity,
            digest=bytes.fromhex(row.digest),
            since=row.since,
        )
        for row in rows
    ]


def go_on(tx: Tx, order_id: int) -> bool:
    """Whether an order that was held is asked for as it was; it is waited for from now on.

    So that what somebody has sealed meanwhile is taken, and nothing is sealed twice.
    """
    c = t.sealing.c
    mine = (c.order_id == order_id) & (c.state == SealingState.ASKED)
    if _last_reason(tx, order_id) not in AS_BEFORE:
        return False
    return bool(tx.run(update(t.sealing).where(mine).values(since=tx.now)).rowcount)


def _last_reason(tx: Tx, order_id: int) -> str | None:
    c = t.hold.c
    wanted = select(c.reason).where(c.subject_kind == "order", c.subject_id == order_id)
    reason: str | None = tx.run(wanted.order_by(c.id.desc()).limit(1)).scalar_one_or_none()
    return reason


def count_of_batch(tx: Tx, batch: BatchId) -> int:
    """How many orders of a batch wait for their seal."""
    c = t.production_order.c
    wanted = select(func.count()).where(
        c.batch_id == batch, c.state == OrderState.READY, c.waits_for == SEAL
    )
    return int(tx.run(wanted).scalar_one())


def ring_unwanted(tx: Tx) -> None:
    """Ask for what is no longer wanted to be withdrawn, a bell for each seal, ever more rarely."""
    c = t.sealing.c
    due = or_(c.due_at.is_(None), c.due_at <= tx.now)
    rows = tx.run(
        select(func.min(c.id).label("id"), func.max(c.tries).label("tries"))
        .where(_unwanted(tx), due)
        .group_by(c.identity, c.format)
    ).all()
    for row in rows:
        pause = min(timedelta(seconds=10 * 2 ** min(row.tries, 10)), LONGEST_PAUSE)
        tx.run(
            update(t.sealing)
            .where(c.id == row.id)
            .values(tries=row.tries + 1, due_at=tx.now + pause)
        )
        outbox.ring_withdrawal(tx, row.id)


def unwanted(tx: Tx, sealing_id: int) -> Unwanted:
    """What is to be withdrawn of the seal that this one is of, the oldest first."""
    c = t.sealing.c
    seal = tx.run(select(c.identity, c.format).where(c.id == sealing_id)).one()
    rows = tx.run(
        select(c.id, c.digest)
        .where(_unwanted(tx), c.identity == seal.identity, c.format == seal.format)
        .order_by(c.id)
        .limit(MOST_AT_ONCE)
    )
    return Unwanted(
        identity=seal.identity,
        format=Format(seal.format),
        digests={row.id: bytes.fromhex(row.digest) for row in rows},
    )


def withdrawn(tx: Tx, ids: Collection[int]) -> None:
    """The service has them no longer; one that is wanted again meanwhile is asked for again."""
    here = t.sealing.c.id.in_(list(ids))
    rows = tx.run(delete(t.sealing).where(here, _unwanted(tx)).returning(t.sealing.c.order_id))
    for ident in rows.scalars().all():
        audit.note(tx, "sealing withdrawn", ("order", ident), why="it is no longer wanted")


def unwant(tx: Tx, order_ids: Collection[int]) -> None:
    """These orders are void: what was asked for them is to be withdrawn."""
    values = {"state": SealingState.UNWANTED.value}
    tx.run(update(t.sealing).where(t.sealing.c.order_id.in_(order_ids)).values(**values))


def taken(tx: Tx, order_ids: Collection[OrderId]) -> None:
    """These orders are made: what was asked for them has come."""
    tx.run(TAKEN, {"orders": list(order_ids)})


def _unwanted(tx: Tx) -> ColumnElement[bool]:
    """What is in a worker's hands may be asked for still: it is withdrawn once it is given back."""
    c, order, chunk = t.sealing.c, t.production_order.c, t.chunk.c
    in_hand = exists().where(
        order.id == c.order_id,
        chunk.id == order.chunk_id,
        chunk.state == ChunkState.LEASED,
        chunk.lease_until >= tx.now,
    )
    return (c.state == SealingState.UNWANTED) & ~in_hand
