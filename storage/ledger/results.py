"""What a batch has made: each registration's new files, and those they take the place of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, exists, func, select
from sqlalchemy.sql.selectable import Select

from factory.model import BatchId, ChunkState, EditionState, Format, ItemState
from storage import tables as t
from storage.ledger.base import Tx

AT_ONCE = 500  #: items that are read together; both databases take so many values in a question

Digests = Mapping[Format, str]  #: SHA-256 of a file, in hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one item came to.

    number:   of the registration, as its new edition prints it.
    reason:   why it is held or was skipped; of one that is at work, why it was put back.
    replaced: number of the edition in people's hands that the new one takes the place of.
    """

    registration_id: int
    number: str
    profile: str
    state: ItemState
    reason: str | None
    forecast: str | None
    replaced: int | None
    edition: int | None
    edition_state: EditionState | None
    made_at: datetime | None
    old: Digests
    new: Digests


def results(
    tx: Tx, batch: BatchId, *, states: Sequence[ItemState] = tuple(ItemState)
) -> Iterator[Result]:
    """Every item of a batch, in the order of their registrations; some at a time."""
    after = 0
    while rows := _items(tx, batch, states, after):
        files = _files(tx, [*_ids(rows, "made_id"), *_ids(rows, "replaced_edition_id")])
        for row in rows:
            yield _result(row, files)
        after = rows[-1].registration_id


def _items(tx: Tx, batch: BatchId, states: Sequence[ItemState], after: int) -> Sequence[Row[Any]]:
    c, chunk = t.batch_item.c, t.chunk.c
    replaced = t.edition.alias("replaced")
    at_work = (c.state == ItemState.ORDERED) & (chunk.state != ChunkState.CLOSED)
    wanted = (
        select(
            t.batch_item,
            func.coalesce(c.number, t.registration.c.number).label("printed"),
            t.edition.c.id.label("made_id"),
            t.edition.c.number.label("made"),
            t.edition.c.state.label("made_state"),
            t.edition.c.made_at,
            replaced.c.number.label("replaced"),
            case((at_work, chunk.waits_for)).label("put_back"),
        )
        .join(t.registration, t.registration.c.id == c.registration_id)
        .outerjoin(t.production_order, t.production_order.c.id == c.order_id)
        .outerjoin(t.chunk, chunk.id == t.production_order.c.chunk_id)
        .outerjoin(t.edition, t.edition.c.id == t.production_order.c.edition_id)
        .outerjoin(replaced, replaced.c.id == c.replaced_edition_id)
        .where(c.batch_id == batch, c.registration_id > after, c.state.in_(states))
        .order_by(c.registration_id)
        .limit(AT_ONCE)
    )
    found: Sequence[Row[Any]] = tx.run(wanted).all()
    return found


def _ids(rows: Sequence[Row[Any]], name: str) -> list[int]:
    return [value for row in rows if (value := getattr(row, name)) is not None]


def _files(tx: Tx, editions: Sequence[int]) -> dict[int, dict[Format, str]]:
    c = t.file.c
    found: dict[int, dict[Format, str]] = {}
    as_made = c.edition_id.in_(editions) & (c.step == 0)  # a later proof changes no result
    for row in tx.run(select(c.edition_id, c.format, c.sha256).where(as_made)):
        found.setdefault(row.edition_id, {})[Format(row.format)] = row.sha256
    return found


def _result(row: Row[Any], files: Mapping[int, Digests]) -> Result:
    return Result(
        registration_id=row.registration_id,
        number=row.printed,
        profile=row.profile,
        state=ItemState(row.state),
        reason=row.reason or row.put_back,
        forecast=row.forecast,
        replaced=row.replaced,
        edition=row.made,
        edition_state=EditionState(row.made_state) if row.made_state else None,
        made_at=row.made_at,
        old=files.get(row.replaced_edition_id, {}),
        new=files.get(row.made_id, {}),
    )


def made_at(tx: Tx, batch: BatchId, profile: str) -> list[tuple[datetime, int]]:
    """When certificates of a batch were made, and how many then: a chunk's all at one instant."""
    e, o = t.edition.c, t.production_order.c
    wanted = (
        select(e.made_at, func.count())
        .join(t.production_order, o.edition_id == e.id)
        .where(o.batch_id == batch, o.profile == profile, e.made_at.is_not(None))
        .group_by(e.made_at)
        .order_by(e.made_at)
    )
    return [(row[0], row[1]) for row in tx.run(wanted)]


def missing(tx: Tx, batch: BatchId, affected: Select[Any], since: datetime) -> list[str]:
    """Registrations that a batch concerns and that are no item of it; their numbers.

    Whoever was issued a certificate after it took effect has the right one anyway.
    affected: as ``storage.ledger.affected`` gives it; since: when the batch took effect.
    """
    rows, e = affected.subquery(), t.edition.c
    is_item = exists().where(
        t.batch_item.c.batch_id == batch,
        t.batch_item.c.registration_id == rows.c.registration_id,
    )
    issued_since = exists().where(
        e.registration_id == rows.c.registration_id, e.ordered_at >= since
    )
    wanted = (
        select(t.registration.c.number)
        .join(rows, rows.c.registration_id == t.registration.c.id)
        .where(~is_item, ~issued_since)
        .order_by(t.registration.c.id)
    )
    return list(tx.run(wanted).scalars())


def unfinished(tx: Tx, batch: BatchId) -> list[str]:
    """Registrations whose item is done, while their edition has no file; their numbers."""
    c, o = t.batch_item.c, t.production_order.c
    has_file = exists().where(t.file.c.order_id == c.order_id)
    wanted = (
        select(t.registration.c.number)
        .join(t.batch_item, c.registration_id == t.registration.c.id)
        .join(t.production_order, o.id == c.order_id)
        .where(c.batch_id == batch, c.state == ItemState.DONE, ~has_file)
        .order_by(t.registration.c.id)
    )
    return list(tx.run(wanted).scalars())
