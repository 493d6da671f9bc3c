"""Audit rows (审计): who did what to which thing and why, in the work's own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, bindparam, cast, insert, literal, select

from factory.errors import NotFoundError
from storage import tables as t
from storage.ledger.base import Tx
from storage.ledger.spelling import json_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One row: who did what, when and why.

    what: further ids and states, never personal data.
    """

    at: datetime
    who: str
    action: str
    why: str
    what: Mapping[str, Any]


def of(tx: Tx, kind: str, ident: object) -> list[Noted]:
    """All rows of one thing, the oldest first; looks through the whole log: for a person alone."""
    c = t.audit.c
    wanted = (
        select(c.at, c.who, c.action, c.why, c.what)
        .where(c.object_kind == kind, c.object_id == str(ident))
        .order_by(c.id)
    )
    return [
        Noted(at=row.at, who=row.who, action=row.action, why=row.why, what=row.what)
        for row in tx.run(wanted)
    ]


def note(
    tx: Tx,
    action: str,
    subject: tuple[str, object],
    *,
    why: str,
    what: Mapping[str, object] | None = None,
) -> None:
    """One row; ``subject`` is (kind, id), ``what`` holds ids and states, never personal data."""
    note_all(tx, action, [(subject, what or {})], why=why)


def noted(
    tx: Tx, action: str, subject: tuple[str, object], *, why: str, what: Mapping[str, object]
) -> int:
    """One row as ``note`` writes it; its id, for whoever refers to it."""
    result = tx.run(insert(t.audit).values(_row(tx, action, subject, what, why)))
    return int(result.inserted_primary_key[0])


def subject_of(tx: Tx, row_id: int) -> tuple[str, Mapping[str, Any]]:
    """The id of the thing that a row is about, and what it says.  NotFoundError: no such row."""
    c = t.audit.c
    row = tx.run(select(c.object_id, c.what).where(c.id == row_id)).one_or_none()
    if row is None:
        raise NotFoundError("audit: there is no such row")
    return row.object_id, row.what


def note_all(
    tx: Tx,
    action: str,
    subjects: Iterable[tuple[tuple[str, object], Mapping[str, object]]],
    *,
    why: str,
) -> None:
    """The same action on many things."""
    rows = [_row(tx, action, subject, what, why) for subject, what in subjects]
    if rows:
        tx.run(insert(t.audit), rows)


def _row(
    tx: Tx, action: str, subject: tuple[str, object], what: Mapping[str, object], why: str
) -> dict[str, object]:
    kind, ident = subject
    return {
        "at": tx.now,
        "who": tx.who,
        "action": action,
        "object_kind": kind,
        "object_id": str(ident),
        "why": why,
        "what": dict(what),
        "correlation_id": tx.correlation,
    }


def noting(
    action: str,
    subject: tuple[str, ColumnElement[int]],
    *,
    why: str,
    what: Mapping[str, ColumnElement[Any]],
    which: ColumnElement[bool],
) -> Insert:
    """The statement that notes an action on all rows there are, run with the transaction's stamp.

    subject: the kind of thing, and the column of its ids.
    """
    kind, ident = subject
    c = t.audit.c
    wanted = select(
        bindparam("now", type_=c.at.type),
        bindparam("actor", type_=c.who.type),
        literal(action),
        literal(kind),
        cast(ident, c.object_id.type),
        literal(why),
        json_object(what),
        bindparam("correlation", type_=c.correlation_id.type),
    )
    columns = ["at", "who", "action", "object_kind", "object_id", "why", "what", "correlation_id"]
    return insert(t.audit).from_select(columns, wanted.where(which).order_by(ident))
