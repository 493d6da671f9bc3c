"""Which registration or application a row belongs to, by the number that people know it by."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql.selectable import Select

from storage import tables as t
from storage.ledger import Tx

AT_ONCE = 500


def numbers(tx: Tx, kind: str, ids: Collection[int]) -> Mapping[int, str]:
    """Of rows of a kind the registration numbers, or acceptance numbers of documents; those that
    have neither are left out.
    """
    if kind not in ASKED:
        return {}
    wanted, ident = ASKED[kind]
    all_ids, found = sorted(ids), {}
    for at in range(0, len(all_ids), AT_ONCE):
        for row in tx.run(wanted.where(ident.in_(all_ids[at : at + AT_ONCE]))):
            if row[1] is not None:
                found[row[0]] = row[1]
    return found


def _of_orders(ident: Any, *before: tuple[Any, Any]) -> tuple[Select[Any], Any]:
    r, a, o, d = t.registration.c, t.application.c, t.production_order.c, t.document.c
    wanted = select(ident, func.coalesce(r.number, a.acceptance_number)).select_from(ident.table)
    for table, on in before:
        wanted = wanted.join(table, on)
    return (
        wanted.outerjoin(t.registration, r.id == o.registration_id)
        .outerjoin(t.document, d.id == o.document_id)
        .outerjoin(t.application, a.id == d.application_id),
        ident,
    )


def _registration() -> tuple[Select[Any], Any]:
    r = t.registration.c
    return select(r.id, r.number), r.id


def _edition() -> tuple[Select[Any], Any]:
    e, r = t.edition.c, t.registration.c
    return select(e.id, r.number).join(t.registration, r.id == e.registration_id), e.id


def _document() -> tuple[Select[Any], Any]:
    d, a = t.document.c, t.application.c
    return select(d.id, a.acceptance_number).join(t.application, a.id == d.application_id), d.id


def _file() -> tuple[Select[Any], Any]:
    o, f = t.production_order.c, t.file.c
    return _of_orders(f.id, (t.production_order, o.id == f.order_id))


ASKED: Mapping[str, tuple[Select[Any], Any]] = {
    "registration": _registration(),
    "edition": _edition(),
    "document": _document(),
    "order": _of_orders(t.production_order.c.id),
    "file": _file(),
}
