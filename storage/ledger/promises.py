"""Orders as they were promised: opened, with everything that is printed and their pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, select

from factory.errors import ErasedError, SealedDataError
from factory.model import ChunkId, Format, Kind, Order, OrderId, OrderState, ProfileId
from storage import tables as t
from storage.ledger import orders
from storage.ledger.base import Tx
from storage.ledger.people import picture_context
from storage.ledger.spelling import among
from storage.sealed import DataKey


def opened(
    tx: Tx, *wanted: ColumnElement[bool]
) -> Iterator[tuple[OrderId, Order | SealedDataError]]:
    """The orders that are wanted, or why one of them does not open; two queries.

    Pictures are the holder's: of the registration, or of the application a document is about.
    SealedDataError: a data key does not open; the keyring is not the one it was made under.
    """
    return _opened(tx, tx.run(_asking(*wanted)).all())


def of_chunk(tx: Tx, chunk: ChunkId) -> Iterator[tuple[OrderId, Order | SealedDataError]]:
    """The orders of a chunk that are still to be made, opened likewise."""
    return _opened(tx, tx.run(_asking_for_chunk(), {"in_chunk": chunk}).all())


def of_document(tx: Tx, document_id: int) -> Order:
    """The order that a document is made by.  SealedDataError: it does not open."""
    [(_, found)] = opened(tx, t.production_order.c.document_id == document_id)
    if isinstance(found, SealedDataError):
        raise found
    return found


def of_edition(tx: Tx, edition_id: int) -> Order | None:
    """The order that an edition is made by; None: it was made elsewhere.

    SealedDataError: it does not open.
    """
    for _, found in opened(tx, t.production_order.c.edition_id == edition_id):
        if isinstance(found, SealedDataError):
            raise found
        return found
    return None


def _asking(*wanted: ColumnElement[bool]) -> Select[Any]:
    c = t.production_order.c
    holder = func.coalesce(t.registration.c.holder_id, t.application.c.holder_id)
    return (
        select(
            c.id, c.kind, c.profile, c.profile_version, c.face, c.pictures, c.formats, c.identity,
            c.signed_at, c.key_stem, t.data_key.c.wrapped, holder.label("holder_id"),
        )
        .join(t.data_key, t.data_key.c.id == c.data_key_id)
        .outerjoin(t.registration, t.registration.c.id == c.registration_id)
        .outerjoin(t.document, t.document.c.id == c.document_id)
        .outerjoin(t.application, t.application.c.id == t.document.c.application_id)
        .where(*wanted)
        .order_by(c.id)
        .execution_options(in_binary=True)
    )  # fmt: skip


@cache
def _asking_for_chunk() -> Select[Any]:
    c = t.production_order.c
    return _asking(c.chunk_id == bindparam("in_chunk"), c.state == OrderState.READY)


def _opened(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[tuple[OrderId, Order | SealedDataError]]:
    unlocked = [_unlocked(tx, row.wrapped) for row in rows]
    pictures = _pictures(tx, rows)
    for row, key in zip(rows, unlocked, strict=True):
        try:
            if isinstance(key, ErasedError):
                raise key
            yield OrderId(row.id), _order(row, key, pictures)
        except SealedDataError as error:
            yield OrderId(row.id), error


def _unlocked(tx: Tx, wrapped: bytes | None) -> DataKey | ErasedError:
    """One that was destroyed concerns its order alone; any other failure is the keyring's."""
    try:
        return tx.vault.open_key(wrapped)
    except ErasedError as error:
        return error


def _pictures(tx: Tx, rows: Sequence[Row[Any]]) -> Mapping[tuple[int, str], bytes]:
    digests = {digest for row in rows for digest in row.pictures.values()}
    if not digests:
        return {}
    holders = [row.holder_id for row in rows]
    found = tx.run(_asking_for_pictures(), {"holders": holders, "digests": list(digests)})
    return {(holder, digest): content for holder, digest, content in found}


@cache
def _asking_for_pictures() -> Select[Any]:
    c = t.picture.c
    # An expression has no index: SQLite would look for every digest with every holder.
    digest = c.digest.concat("")
    wanted = select(c.holder_id, c.digest, c.content).where(
        among(c.holder_id, "holders"), among(digest, "digests")
    )
    return wanted.execution_options(in_binary=True)


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
        face=key.open_json(row.face, context=orders.face_context(row.key_stem)),
        pictures={
            role: _picture(key, pictures.get((row.holder_id, digest)), digest)
            for role, digest in row.pictures.items()
        },
        formats=tuple(Format(fmt) for fmt in row.formats),
        identity=row.identity,
        signed_at=row.signed_at,
        key_stem=row.key_stem,
    )
