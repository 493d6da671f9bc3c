"""Events and orders, each with everything that may have become of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from storage import tables as t
from storage.ledger import Tx
from storage.recheck.scope import Scope, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An accepted event.

    facts:   states of what it says of a person.
    batches: rows of the bulk events it began; named: the one that its outcome names.
    holds:   how many are open on it.
    """

    id: int
    type: str
    state: str
    named: int | None
    facts: tuple[str, ...]
    batches: tuple[int, ...]
    holds: int


def taken(tx: Tx, span: Span, scope: Scope) -> list[Taken]:
    """The events of a span that are in scope."""
    c = t.inbox.c
    wanted = select(c.id, c.type, c.state, c.outcome).where(span.holds(c.id)).order_by(c.id)
    if scope.since is not None:
        wanted = wanted.where(c.received_at >= scope.since)
    rows = tx.run(wanted).all()
    ids = [row.id for row in rows]
    of, facts = _facts(tx, ids)
    begun = _batches(tx, ids, of)
    holds = _holds(tx, "event", ids, of)
    return [
        Taken(
            id=row.id,
            type=row.type,
            state=row.state,
            named=(row.outcome or {}).get("batch"),
            facts=tuple(facts.get(row.id, ())),
            batches=tuple(begun.get(row.id, ())),
            holds=holds.get(row.id, 0),
        )
        for row in rows
        if scope.profile is None or scope.profile in of.get(row.id, {scope.profile})
    ]


def _facts(tx: Tx, ids: Sequence[int]) -> tuple[dict[int, set[str]], Mapping[int, Sequence[str]]]:
    """Which registers each event is about, as far as is known; and the states of its facts."""
    c = t.fact.c
    of: dict[int, set[str]] = {}
    found = defaultdict(list)
    for row in tx.run(select(c.inbox_id, c.profile, c.state).where(c.inbox_id.in_(ids))):
        of.setdefault(row.inbox_id, set()).add(row.profile)
        found[row.inbox_id].append(row.state)
    return of, found


def _batches(tx: Tx, ids: Sequence[int], of: dict[int, set[str]]) -> Mapping[int, Sequence[int]]:
    c = t.batch.c
    found = defaultdict(list)
    for row in tx.run(select(c.id, c.inbox_id, c.profiles).where(c.inbox_id.in_(ids))):
        of.setdefault(row.inbox_id, set()).update(row.profiles)
        found[row.inbox_id].append(row.id)
    return found


def _holds(
    tx: Tx, kind: str, ids: Sequence[int], of: dict[int, set[str]] | None = None
) -> Mapping[int, int]:
    c = t.hold.c
    found: dict[int, int] = defaultdict(int)
    wanted = select(c.subject_id, c.profile).where(
        c.subject_kind == kind, c.subject_id.in_(ids), c.closed_at.is_(None)
    )
    for row in tx.run(wanted):
        found[row.subject_id] += 1
        if of is not None:
            of.setdefault(row.subject_id, set()).add(row.profile)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """An order, where it lies, and what was recorded of it.

    chunk:    state of the chunk it lies in; None: in none.
    recorded: formats of its files as they were made, one for each row.
    """

    id: int
    state: str
    chunk: str | None
    holds: int
    formats: tuple[str, ...]
    recorded: tuple[str, ...]


def ordered(tx: Tx, span: Span, scope: Scope) -> list[Ordered]:
    """The orders of a span that are in scope."""
    o = t.production_order.c
    wanted = (
        select(o.id, o.state, o.formats, t.chunk.c.state.label("chunk"))
        .outerjoin(t.chunk, t.chunk.c.id == o.chunk_id)
        .where(span.holds(o.id))
        .order_by(o.id)
    )
    if scope.since is not None:
        wanted = wanted.where(o.created_at >= scope.since)
    if scope.profile is not None:
        wanted = wanted.where(o.profile == scope.profile)
    rows = tx.run(wanted).all()
    ids = [row.id for row in rows]
    holds, files = _holds(tx, "order", ids), _files(tx, ids)
    return [
        Ordered(
            id=row.id,
            state=row.state,
            chunk=row.chunk,
            holds=holds.get(row.id, 0),
            formats=tuple(sorted(row.formats)),
            recorded=tuple(sorted(files.get(row.id, ()))),
        )
        for row in rows
    ]


def _files(tx: Tx, ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    f = t.file.c
    found = defaultdict(list)
    for row in tx.run(select(f.order_id, f.format).where(f.order_id.in_(ids), f.step == 0)):
        found[row.order_id].append(row.format)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A bulk event, and how many items and orders of each make it has.

    items:  (item's state, its order's state, whether it has a reason) -> how many.
    made:   how many of its orders were made.
    """

    id: int
    state: str
    items: Mapping[tuple[str, str | None, bool], int]
    made: int
    strays: int  #: orders its items point to that are not of this batch


def batch(tx: Tx, span: Span, scope: Scope) -> list[Batch]:
    """The bulk events of a span that are in scope."""
    c = t.batch.c
    wanted = select(c.id, c.state, c.profiles).where(span.holds(c.id)).order_by(c.id)
    if scope.since is not None:
        wanted = wanted.where(c.created_at >= scope.since)
    return [
        _batch(tx, row)
        for row in tx.run(wanted).all()
        if scope.profile is None or scope.profile in row.profiles
    ]


def _batch(tx: Tx, row: Any) -> Batch:
    i, o = t.batch_item.c, t.production_order.c
    has_reason = i.reason.is_not(None)
    counts = (
        select(i.state, o.state, has_reason, func.count())
        .outerjoin(t.production_order, o.id == i.order_id)
        .where(i.batch_id == row.id)
        .group_by(i.state, o.state, has_reason)
    )
    made = select(func.count(o.id)).where(o.batch_id == row.id, o.state == "made")
    strays = (
        select(func.count())
        .select_from(t.batch_item.join(t.production_order, o.id == i.order_id))
        .where(i.batch_id == row.id, o.batch_id.is_distinct_from(row.id))
    )
    return Batch(
        id=row.id,
        state=row.state,
        items={(a, b, bool(c)): n for a, b, c, n in tx.run(counts)},
        made=int(tx.run(made).scalar_one()),
        strays=int(tx.run(strays).scalar_one()),
    )
