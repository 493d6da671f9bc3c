"""Items (条目): one affected registration each; what is expected of it, and what it came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.selectable import Select

from factory.lifecycle import Turn, after, before
from factory.model import BatchId, ItemState, OrderState
from factory.notices import Type
from factory.numbering import number_key
from storage import tables as t
from storage.ledger import told
from storage.ledger.base import Tx

OPEN = (ItemState.PENDING, ItemState.ORDERED)
COLUMNS = ("batch_id", "registration_id", "profile", "expected_edition_id", "state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A registration that a batch concerns, with the newest edition it has now."""

    registration_id: int
    profile: str
    edition_id: int | None


def add(tx: Tx, batch: BatchId, affected: Iterable[Affected], forecasts: Mapping[int, str]) -> None:
    """Registrations become items; one that is an item already stays as it is."""
    rows = [
        {
            "batch_id": batch,
            "registration_id": each.registration_id,
            "profile": each.profile,
            "expected_edition_id": each.edition_id,
            "state": ItemState.PENDING.value,
            "forecast": forecasts.get(each.registration_id),
        }
        for each in affected
    ]
    if rows:
        tx.run(tx.insert(t.batch_item).on_conflict_do_nothing(), rows)


def add_late(tx: Tx, batch: BatchId, affected: Select[Any]) -> int:
    """Whoever came into the affected set since it was prepared becomes an item too; how many.

    affected: as ``storage.ledger.affected`` gives it.
    """
    rows, is_late = _late(batch, affected)
    wanted = select(
        literal(batch), rows.registration_id, rows.profile, rows.edition_id,
        literal(ItemState.PENDING.value),
    ).where(is_late)  # fmt: skip
    result = tx.run(tx.insert(t.batch_item).from_select(COLUMNS, wanted).on_conflict_do_nothing())
    return int(result.rowcount)


def late(tx: Tx, batch: BatchId, affected: Select[Any]) -> list[Affected]:
    """Whoever came into the affected set since it was prepared."""
    rows, is_late = _late(batch, affected)
    wanted = select(rows.registration_id, rows.profile, rows.edition_id).where(is_late)
    return _affected(tx, wanted)


def _late(batch: BatchId, affected: Select[Any]) -> tuple[Any, ColumnElement[bool]]:
    """The affected set's columns, and which of it are no items yet."""
    rows, c = affected.subquery().c, t.batch_item.c
    is_item = exists().where(c.batch_id == batch, c.registration_id == rows.registration_id)
    return rows, ~is_item


def slice_of(tx: Tx, batch: BatchId, *, after: int, limit: int) -> list[Affected]:
    """The next items by row, as they were prepared."""
    c = t.batch_item.c
    found = _items(batch).where(c.registration_id > after).order_by(c.registration_id)
    return _affected(tx, found.limit(limit))


def some(tx: Tx, batch: BatchId, registrations: Sequence[int]) -> list[Affected]:
    """The items of these registrations, as they were prepared."""
    return _affected(tx, _items(batch).where(t.batch_item.c.registration_id.in_(registrations)))


def _items(batch: BatchId) -> Select[Any]:
    c = t.batch_item.c
    edition = c.expected_edition_id.label("edition_id")
    return select(c.registration_id, c.profile, edition).where(c.batch_id == batch)


def _affected(tx: Tx, wanted: Select[Any]) -> list[Affected]:
    return [
        Affected(
            registration_id=row.registration_id, profile=row.profile, edition_id=row.edition_id
        )
        for row in tx.run(wanted)
    ]


def outdate(tx: Tx, batch: BatchId) -> int:
    """Every standing edition of an affected registration stops being current; how many.

    One that waits to be made prints whatever the register says when it is.
    """
    affected = select(t.batch_item.c.registration_id).where(t.batch_item.c.batch_id == batch)
    waits = select(t.production_order.c.edition_id).where(
        t.production_order.c.state == OrderState.WAITING,
        t.production_order.c.edition_id.is_not(None),
    )
    standing = (
        t.edition.c.registration_id.in_(affected)
        & t.edition.c.state.in_(before(Turn.OUTDATE))
        & t.edition.c.id.not_in(waits)
    )
    told.editions(tx, Type.CERTIFICATE_OUTDATED, standing, after(Turn.OUTDATE))
    result = tx.run(update(t.edition).where(standing).values(state=after(Turn.OUTDATE).value))
    return int(result.rowcount)


def pending(tx: Tx, batch: BatchId, *, limit: int) -> dict[int, int | None]:
    """The next registrations that wait for their order, each with the edition expected."""
    c = t.batch_item.c
    wanted = (
        select(c.registration_id, c.expected_edition_id)
        .where(c.batch_id == batch, c.state == ItemState.PENDING)
        .order_by(c.registration_id)
        .limit(limit)
    )
    return {row[0]: row[1] for row in tx.run(wanted)}


def has(tx: Tx, batch: BatchId, state: ItemState) -> bool:
    """Whether any item of it is in that state."""
    c = t.batch_item.c
    return bool(tx.run(select(exists().where(c.batch_id == batch, c.state == state))).scalar_one())


def pending_count(tx: Tx, batch: BatchId, *, most: int) -> int:
    """How many wait for their order, counted no further than ``most``."""
    c = t.batch_item.c
    some = select(c.registration_id).where(c.batch_id == batch, c.state == ItemState.PENDING)
    return int(tx.run(select(func.count()).select_from(some.limit(most).subquery())).scalar_one())


def canaries(tx: Tx, batch: BatchId, profiles: Sequence[str]) -> dict[int, int | None]:
    """One pending item of each register none of whose items is made or at work.

    Of those that nothing is expected to stop.
    """
    c = t.batch_item.c
    tried = select(c.profile).where(
        c.batch_id == batch, c.state.in_((ItemState.ORDERED, ItemState.DONE))
    )
    begun = set(tx.run(tried.distinct()).scalars())
    found: dict[int, int | None] = {}
    for profile in sorted(set(profiles) - begun):
        wanted = (
            select(c.registration_id, c.expected_edition_id)
            .where(
                c.batch_id == batch,
                c.state == ItemState.PENDING,
                c.profile == profile,
                c.forecast.is_(None),
            )
            .order_by(c.registration_id)
            .limit(1)
        )
        found |= {row[0]: row[1] for row in tx.run(wanted)}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """An item that has its order now.

    number:   of the registration, as the new edition prints it.
    replaces: the edition in people's hands that the new one takes the place of.
    """

    registration_id: int
    order_id: int
    number: str
    replaces: int | None


def set_ordered(tx: Tx, batch: BatchId, ordered: Sequence[Ordered]) -> None:
    """Items have their order now."""
    statement = (
        update(t.batch_item)
        .where(
            t.batch_item.c.batch_id == batch,
            t.batch_item.c.registration_id == bindparam("of"),
        )
        .values(
            state=ItemState.ORDERED.value,
            order_id=bindparam("made"),
            replaced_edition_id=bindparam("old"),
            number=bindparam("printed"),
        )
    )
    rows = [
        {"of": e.registration_id, "made": e.order_id, "old": e.replaces, "printed": e.number}
        for e in ordered
    ]
    tx.run(statement, rows)


def skip(tx: Tx, batch: BatchId, reasons: Mapping[int, str]) -> None:
    """Nothing to do for these registrations, and why."""
    _set(tx, batch, ItemState.SKIPPED, reasons)


def hold(tx: Tx, batch: BatchId, reasons: Mapping[int, str]) -> None:
    """These registrations cannot be ordered until a person has mended something."""
    _set(tx, batch, ItemState.HELD, reasons)


def _set(tx: Tx, batch: BatchId, state: ItemState, reasons: Mapping[int, str]) -> None:
    statement = (
        update(t.batch_item)
        .where(
            t.batch_item.c.batch_id == batch,
            t.batch_item.c.registration_id == bindparam("of"),
        )
        .values(state=state.value, reason=bindparam("why"))
    )
    if reasons:
        tx.run(statement, [{"of": of, "why": why} for of, why in reasons.items()])


def skip_pending(tx: Tx, batch: BatchId, reason: str) -> None:
    """Whatever waits for its order gets none."""
    c = t.batch_item.c
    tx.run(
        update(t.batch_item)
        .where(c.batch_id == batch, c.state == ItemState.PENDING)
        .values(state=ItemState.SKIPPED.value, reason=reason)
    )


def plan_again(tx: Tx, batch: BatchId) -> int:
    """Held items without an order wait for one again; how many."""
    c = t.batch_item.c
    result = tx.run(
        update(t.batch_item)
        .where(c.batch_id == batch, c.state == ItemState.HELD, c.order_id.is_(None))
        .values(state=ItemState.PENDING.value, reason=None)
    )
    return int(result.rowcount)


def held_orders(tx: Tx, batch: BatchId, *, after_id: int, limit: int) -> list[int]:
    """Orders of held items, by id."""
    c = t.batch_item.c
    wanted = (
        select(c.order_id)
        .where(c.batch_id == batch, c.state == ItemState.HELD, c.order_id > after_id)
        .order_by(c.order_id)
        .limit(limit)
    )
    return list(tx.run(wanted).scalars())


def failures(tx: Tx, batch: BatchId) -> dict[str, int]:
    """Held items by reason, without those that were foreseen."""
    c = t.batch_item.c
    rows = tx.run(
        select(c.reason, func.count())
        .where(
            c.batch_id == batch,
            c.state == ItemState.HELD,
            or_(c.forecast.is_(None), c.forecast != c.reason),
        )
        .group_by(c.reason)
    )
    return {row[0]: row[1] for row in rows}


def counts(tx: Tx, batch: BatchId, *, profile: str | None = None) -> dict[ItemState, int]:
    """How many items stand in each state; they always add up to the affected set."""
    rows = tx.run(
        select(t.batch_item.c.state, func.count())
        .where(*_of(batch, profile))
        .group_by(t.batch_item.c.state)
    )
    return dict.fromkeys(ItemState, 0) | {ItemState(row[0]): row[1] for row in rows}


def last_done(tx: Tx, number: str) -> BatchId | None:
    """The newest batch with a root that made something for that registration number."""
    c, r = t.batch_item.c, t.registration.c
    wanted = (
        select(func.max(c.batch_id))
        .join(t.registration, r.id == c.registration_id)
        .join(t.batch, t.batch.c.id == c.batch_id)
        .where(
            r.number_key == number_key(number),
            c.state == ItemState.DONE,
            t.batch.c.merkle_root.is_not(None),
        )
    )
    found = tx.run(wanted).scalar_one()
    return BatchId(found) if found is not None else None


def by_profile(tx: Tx, batch: BatchId) -> dict[str, int]:
    """How many items each register has."""
    rows = tx.run(
        select(t.batch_item.c.profile, func.count())
        .where(t.batch_item.c.batch_id == batch)
        .group_by(t.batch_item.c.profile)
    )
    return {row[0]: row[1] for row in rows}


def _of(batch: BatchId, profile: str | None) -> list[ColumnElement[bool]]:
    c = t.batch_item.c
    return [c.batch_id == batch, *([c.profile == profile] if profile else [])]


def reasons(
    tx: Tx, batch: BatchId, *, profile: str | None = None
) -> dict[tuple[ItemState, str], int]:
    """How many items were skipped or held, by reason."""
    c = t.batch_item.c
    rows = tx.run(
        select(c.state, c.reason, func.count())
        .where(*_of(batch, profile), c.state.in_((ItemState.SKIPPED, ItemState.HELD)))
        .group_by(c.state, c.reason)
    )
    return {(ItemState(row[0]), row[1] or ""): row[2] for row in rows}


def all_counts(tx: Tx) -> dict[tuple[str, str], int]:
    """Items of all batches, by (kind, state)."""
    rows = tx.run(
        select(t.batch.c.kind, t.batch_item.c.state, func.count())
        .join(t.batch, t.batch.c.id == t.batch_item.c.batch_id)
        .group_by(t.batch.c.kind, t.batch_item.c.state)
    )
    return {(row[0], row[1]): row[2] for row in rows}
