"""What of the ledger is looked at, and in which ranges of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, func, select

from factory.model import Kind
from storage import tables as t
from storage.ledger import Ledger, Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """since: nothing older than that; profile: of this register alone; None: everything."""

    since: datetime | None = None
    profile: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is left out."""
        return self.since is None and self.profile is None


@dataclass(frozen=True, slots=True)
class Span:
    """Rows by their ids: those after the first, up to the last."""

    after: int
    upto: int

    def holds(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        """Whether a row is among them."""
        return (column > self.after) & (column <= self.upto)


@contextmanager
def snapshot(ledger: Ledger) -> Iterator[Tx]:
    """A transaction that only looks, and sees one instant of the ledger in all its statements."""
    with ledger.read("recheck", steady=True) as tx:
        yield tx


def spans(tx: Tx, table: Table, size: int) -> list[Span]:
    """The rows of a table, so many ids at a time."""
    first, last = tx.run(select(func.min(table.c.id), func.max(table.c.id))).one()
    if first is None:
        return []
    return [Span(at, min(at + size, last)) for at in range(first - 1, last, size)]


def file_ids(tx: Tx, scope: Scope) -> Iterator[int]:
    """The files in scope."""
    yield from tx.run(_in_scope(select(t.file.c.id), scope)).scalars()


def made_ids(tx: Tx, scope: Scope) -> Iterator[int]:
    """Those of them that are certificates as they were made, which can be made again."""
    f, o = t.file.c, t.production_order.c
    wanted = select(f.id).join(t.production_order, o.id == f.order_id)
    wanted = wanted.where(f.step == 0, f.erased_at.is_(None), o.kind == Kind.CERTIFICATE)
    yield from tx.run(_in_scope(wanted, scope)).scalars()


def _in_scope(wanted: Select[tuple[int]], scope: Scope) -> Select[tuple[int]]:
    f = t.file.c
    if scope.since is not None:
        wanted = wanted.where(f.made_at >= scope.since)
    return wanted if scope.profile is None else wanted.where(f.profile == scope.profile)
