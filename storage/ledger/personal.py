"""Persons: all rows that are one of them, and every sealed column that holds something of theirs.

Two rows that turned out to be one person are one here, each with the data key it had.  What is
erased, sealed anew or handed out is what stands in ``PLACES``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, and_, select, update
from sqlalchemy.sql.selectable import Select

from factory.errors import NotFoundError
from storage import tables as t
from storage.ledger import applications, facts, inbox, keys, orders, people, preparations
from storage.ledger.base import Tx
from storage.sealed import DataKey

ERASED = "the holder's data has been erased (信息已删除)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One person of one register.

    id:   the row that everything is found by.
    rows: that one first, then those that turned out to be the same person.
    keys: the data keys that what is known of them is sealed under.
    """

    id: int
    profile: str
    rows: tuple[int, ...]
    keys: tuple[int, ...]
    erased_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A sealed column that holds something of persons.

    asked:   its rows of a person: the identity, ``value``, ``key_id`` and what the context needs.
    context: what the value of such a row is sealed for.
    """

    column: Column[bytes]
    identity: tuple[Column[Any], ...]
    asked: Callable[[Person], Select[Any]]
    context: Callable[[Row[Any]], str]

    @property
    def name(self) -> str:
        """As ``table.column``."""
        return f"{self.column.table.name}.{self.column.name}"

    def this(self, row: Row[Any]) -> ColumnElement[bool]:
        """The condition that finds this row alone."""
        return and_(*(each == getattr(row, each.name) for each in self.identity))


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One sealed value, opened.  row: its identity, and what its context needs."""

    place: Place
    row: Row[Any]
    content: bytes = field(repr=False)


def _own(column: Column[bytes], *needed: Column[Any]) -> Callable[[Person], Select[Any]]:
    """Rows that say themselves under which key they are sealed."""
    c = column.table.c
    wanted = select(c.id, column.label("value"), c.data_key_id.label("key_id"), *needed)
    return lambda person: wanted.where(
        c.data_key_id.in_(person.keys), column.is_not(None)
    ).order_by(c.id)


def _holders(
    column: Column[bytes], identity: Sequence[Column[Any]]
) -> Callable[[Person], Select[Any]]:
    """Rows that are sealed under the key of the holder they name."""
    c = column.table.c
    wanted = select(*identity, column.label("value"), t.holder.c.data_key_id.label("key_id")).join(
        t.holder, t.holder.c.id == c.holder_id
    )
    return lambda person: wanted.where(c.holder_id.in_(person.rows), column.is_not(None)).order_by(
        *identity
    )


def _place(
    column: Column[bytes], context: Callable[[Row[Any]], str], *needed: Column[Any]
) -> Place:
    return Place(
        column=column,
        identity=(column.table.c.id,),
        asked=_own(column, *needed),
        context=context,
    )


_PICTURE = (t.picture.c.holder_id, t.picture.c.digest)
_I, _F = t.inbox.c, t.fact.c
PLACES: tuple[Place, ...] = (
    _place(t.holder.c.person, lambda _: people.PERSON),
    _place(
        _I.body, lambda row: inbox.body_context(row.source, row.event_id), _I.source, _I.event_id
    ),
    _place(
        _F.content,
        lambda row: facts.content_context((row.source, row.event_id)),
        _F.source,
        _F.event_id,
    ),
    Place(
        column=t.picture.c.content,
        identity=_PICTURE,
        asked=_holders(t.picture.c.content, _PICTURE),
        context=lambda row: people.picture_context(row.digest),
    ),
    Place(
        column=t.application.c.query_code,
        identity=(t.application.c.id,),
        asked=_holders(t.application.c.query_code, (t.application.c.id,)),
        context=lambda row: applications.code_context(row.id),
    ),
    _place(
        t.production_order.c.face,
        lambda row: orders.face_context(row.key_stem),
        t.production_order.c.key_stem,
    ),
    _place(
        t.preparation.c.chain,
        lambda row: preparations.chain_context(row.token),
        t.preparation.c.token,
    ),
)


def of(tx: Tx, holder_id: int) -> Person:
    """The person that a row is, or turned out to be.  NotFoundError: there is no such row."""
    c = t.holder.c
    found = tx.run(select(c.id, c.merged_into).where(c.id == holder_id)).one_or_none()
    if found is None:
        raise NotFoundError("holder: there is none of that number")
    root: int = found.merged_into or found.id
    wanted = select(c.id, c.profile, c.data_key_id, c.erased_at)
    rows = tx.run(wanted.where((c.id == root) | (c.merged_into == root)).order_by(c.id)).all()
    own = next(row for row in rows if row.id == root)
    ids = (root, *(row.id for row in rows if row.id != root))
    said = tx.run(select(_F.data_key_id).where(_F.holder_id.in_(ids)).distinct()).scalars()
    return Person(
        id=root,
        profile=own.profile,
        rows=ids,
        keys=tuple(sorted({*(row.data_key_id for row in rows), *said})),
        erased_at=own.erased_at,
    )


def locked(tx: Tx, holder_id: int) -> Person:
    """The same; until the transaction ends nobody orders, applies or hands in anything for them.

    Whatever is written about a person first locks their row, or refers to one of the others.
    """
    holder = of(tx, holder_id)
    wanted = select(t.holder.c.id).where(t.holder.c.id.in_(holder.rows)).order_by(t.holder.c.id)
    tx.run(tx.locked(wanted)).all()
    person = of(tx, holder_id)  # as it is now that nobody else has it
    for table in (t.registration, t.application):
        its = select(table.c.id).where(table.c.holder_id.in_(person.rows)).order_by(table.c.id)
        tx.run(tx.locked(its)).all()
    return person


def values(tx: Tx, person: Person) -> Iterator[Value]:
    """Everything that is sealed of a person, opened.  ErasedError: it has been erased."""
    opened = keys.load_all(tx, person.keys)
    for place in PLACES:
        for row in tx.run(place.asked(person)):
            content = opened[row.key_id].open(row.value, context=place.context(row))
            yield Value(place=place, row=row, content=content)


def counts(tx: Tx, person: Person) -> dict[str, int]:
    """How many sealed values there are of a person, by place."""
    return {place.name: len(tx.run(place.asked(person)).all()) for place in PLACES}


def reseal(tx: Tx, person: Person, key_id: int, key: DataKey) -> dict[str, int]:
    """Everything that is sealed of a person is sealed under this key; how many, by place.

    SealedDataError: something does not open; nothing may be committed then.
    """
    found = list(values(tx, person))
    for each in found:
        sealed = key.seal(each.content, context=each.place.context(each.row))
        written = update(each.place.column.table).where(each.place.this(each.row))
        tx.run(written.values({each.place.column.name: sealed}))
    for table in (t.holder, t.inbox, t.fact, t.production_order, t.preparation):
        tx.run(update(table).where(table.c.data_key_id.in_(person.keys)).values(data_key_id=key_id))
    return {place.name: sum(each.place is place for each in found) for place in PLACES}
