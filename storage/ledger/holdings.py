"""Holdings: every row that is about one person, in clear where it is, for handing it out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, or_, select

from factory.notices import event_subject
from storage import tables as t
from storage.ledger.base import Tx
from storage.ledger.personal import Person
from storage.tables import Sealed

#: columns that say nothing to anybody outside, or belong to keys
INTERNAL = frozenset({"lookup", "data_key_id", "number_key", "correlation_id", "digest"})

Record = Mapping[str, Any]


def records(tx: Tx, person: Person) -> Iterator[tuple[str, list[Record]]]:
    """(kind of thing, its rows) of a person, without what is sealed; the oldest first."""
    for name, (table, which) in _asked(tx, person).items():
        rows = tx.run(select(*_plain(table)).where(which).order_by(*table.primary_key))
        yield name, [_record(row) for row in rows]


def _asked(tx: Tx, person: Person) -> Mapping[str, tuple[Table, ColumnElement[bool]]]:
    registrations = _ids(tx, t.registration, t.registration.c.holder_id.in_(person.rows))
    editions = _ids(tx, t.edition, t.edition.c.registration_id.in_(registrations))
    applications = _ids(tx, t.application, t.application.c.holder_id.in_(person.rows))
    documents = _ids(tx, t.document, t.document.c.application_id.in_(applications))
    events = _ids(tx, t.inbox, t.inbox.c.data_key_id.in_(person.keys))
    orders = _ids(tx, t.production_order, t.production_order.c.data_key_id.in_(person.keys))
    files = _ids(tx, t.file, t.file.c.order_id.in_(orders))
    holds = or_(_of(t.hold, "event", events), _of(t.hold, "order", orders))
    subjects = _subjects(tx, registrations, applications, events)
    about = {
        "registration": registrations, "edition": editions, "document": documents,
        "event": events, "order": orders, "file": files, "holder": person.rows,
    }  # fmt: skip
    audit = or_(*(_about(kind, ids) for kind, ids in about.items()))
    return {
        "registrations": (t.registration, t.registration.c.id.in_(registrations)),
        "former_numbers": (
            t.former_number, t.former_number.c.registration_id.in_(registrations),
        ),
        "editions": (t.edition, t.edition.c.id.in_(editions)),
        "applications": (t.application, t.application.c.id.in_(applications)),
        "documents": (t.document, t.document.c.id.in_(documents)),
        "orders": (t.production_order, t.production_order.c.id.in_(orders)),
        "files": (t.file, t.file.c.id.in_(files)),
        "preparations": (t.preparation, t.preparation.c.data_key_id.in_(person.keys)),
        "bulk_items": (t.batch_item, t.batch_item.c.registration_id.in_(registrations)),
        "holds": (t.hold, holds),
        "expiry_warnings": (
            t.expiry_warning, t.expiry_warning.c.registration_id.in_(registrations),
        ),
        "notices": (t.notice, t.notice.c.subject.in_(subjects)),
        "audit": (t.audit, audit),
    }  # fmt: skip


def _ids(tx: Tx, table: Table, which: ColumnElement[bool]) -> list[int]:
    return list(tx.run(select(table.c.id).where(which).order_by(table.c.id)).scalars())


def _of(table: Table, kind: str, ids: Sequence[int]) -> ColumnElement[bool]:
    return (table.c.subject_kind == kind) & table.c.subject_id.in_(ids)


def _about(kind: str, ids: Sequence[int]) -> ColumnElement[bool]:
    return (t.audit.c.object_kind == kind) & t.audit.c.object_id.in_([str(each) for each in ids])


def _subjects(
    tx: Tx, registrations: Sequence[int], applications: Sequence[int], events: Sequence[int]
) -> list[str]:
    """What notices about the person are filed under."""
    r, a = t.registration.c, t.application.c
    numbers = tx.run(select(r.number).where(r.id.in_(registrations))).scalars().all()
    former = t.former_number.c
    before = tx.run(
        select(former.number).where(former.registration_id.in_(registrations))
    ).scalars()
    accepted = tx.run(select(a.acceptance_number).where(a.id.in_(applications))).scalars()
    named = tx.run(select(t.inbox.c.event_id).where(t.inbox.c.id.in_(events))).scalars()
    return [*numbers, *before, *accepted, *map(event_subject, named)]


def _plain(table: Table) -> list[Any]:
    return [
        column
        for column in table.columns
        if not isinstance(column.type, Sealed) and column.name not in INTERNAL
    ]


def _record(row: Any) -> Record:
    return {name: _said(value) for name, value in row._mapping.items()}


def _said(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value
