"""Orders as they were promised: opened, with everything that is printed and their pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from factory.errors import SealedDataError
from factory.model import Format, Kind, Order, OrderId, ProfileId
from storage import tables as t
from storage.ledger import keys, orders
from storage.ledger.base import Tx
from storage.ledger.people import picture_context
from storage.sealed import DataKey


def opened(
    tx: Tx, *wanted: ColumnElement[bool]
) -> Iterator[tuple[OrderId, Order | SealedDataError]]:
    """The orders that are wanted, or why one of them does not open; three queries.

    Pictures are the holder's: of the registration, or of the application a document is about.
    SealedDataError: a data key does not open; the keyring is not the one it was made under.
    """
    c = t.production_order.c
    holder = func.coalesce(t.registration.c.holder_id, t.application.c.holder_id)
    rows = tx.run(
        select(t.production_order, holder.label("holder_id"))
        .outerjoin(t.registration, t.registration.c.id == c.registration_id)
        .outerjoin(t.document, t.document.c.id == c.document_id)
        .outerjoin(t.application, t.application.c.id == t.document.c.application_id)
        .where(*wanted)
        .order_by(c.id)
    ).all()
    unlocked = keys.load_all(tx, (row.data_key_id for row in rows))
    pictures = _pictures(tx, rows)
    for row in rows:
        try:
            yield OrderId(row.id), _order(row, unlocked[row.data_key_id], pictures)
        except SealedDataError as error:
            yield OrderId(row.id), error


def of_document(tx: Tx, document_id: int) -> Order:
    """The order that a document is made by.  SealedDataError: it does not open."""
    [(_, found)] = opened(tx, t.production_order.c.document_id == document_id)
    if isinstance(found, SealedDataError):
        raise found
    return found


def _pictures(tx: Tx, rows: Sequence[Row[Any]]) -> Mapping[tuple[int, str], bytes]:
    digests = {digest for row in rows for digest in row.pictures.values()}
    found = tx.run(
        select(t.picture).where(
            t.picture.c.holder_id.in_([row.holder_id for row in rows]),
            t.picture.c.digest.in_(digests),
        )
    )
    return {(row.holder_id, row.digest): row.content for row in found}


def _picture(key: DataKey, sealed: bytes | None, digest: str) -> bytes:
    if sealed is None:
        raise SealedDataError("picture: the ledger has none of the order's digest")
    return key.open(sealed, context=picture_context(digest))


def _order(row: Row[Any], key: DataKey, pictures: Mapping[tuple[int, str], bytes]) -> Order:
    return Order(
        id=OrderId(row.id),
        kind=Kind(row.kind),
        profile=ProfileId(row.profile),
        profile_version=row.profile_version,
        face=json.loads(key.open(row.face, context=orders.face_context(row.key_stem))),
        pictures={
            role: _picture(key, pictures.get((row.holder_id, digest)), digest)
            for role, digest in row.pictures.items()
        },
        formats=tuple(Format(fmt) for fmt in row.formats),
        identity=row.identity,
        signed_at=row.signed_at,
        key_stem=row.key_stem,
    )
