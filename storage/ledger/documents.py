"""Documents (文书) that are no certificate: what stands of an application or a batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, insert, select, update

from factory.errors import NotFoundError
from factory.model import BatchId, DocumentState, Kind, OrderState, ProfileId
from storage import tables as t
from storage.ledger.base import Tx
from storage.ledger.status import StoredFile, stored_file


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document about to be ordered, of an application or of a batch.

    revision: of the application it is about; 0 where there are none.
    basis:    digest of what it rests on: another basis, another document.
    """

    profile: ProfileId
    kind: Kind
    revision: int
    basis: str
    file_name: str
    application_id: int | None = None
    batch_id: BatchId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """One document with its files; no personal data.

    files: as it was drawn, then one for each party that signed it.
    hold:  the open hold of its order, with whose turn it is and why.
    """

    id: int
    profile: str
    kind: Kind
    application_id: int | None
    batch_id: int | None
    revision: int
    basis: str
    file_name: str
    state: DocumentState
    ordered_at: datetime
    made_at: datetime | None
    void_at: datetime | None
    files: tuple[StoredFile, ...]
    hold: int | None = None
    hold_owner: str | None = None
    hold_reason: str | None = None

    @property
    def stands(self) -> bool:
        """Whether it is not void."""
        return self.state is not DocumentState.VOID

    @property
    def file(self) -> StoredFile | None:
        """What it is now: with the last signature; None: it is not made yet."""
        return self.files[-1] if self.files else None


def add(tx: Tx, new: NewDocument) -> int:
    """A document is ordered; its row.  What stood in its place must be void by now."""
    result = tx.run(
        insert(t.document).values(
            profile=new.profile,
            kind=new.kind.value,
            application_id=new.application_id,
            batch_id=new.batch_id,
            revision=new.revision,
            basis=new.basis,
            file_name=new.file_name,
            state=DocumentState.ORDERED.value,
            ordered_at=tx.now,
        )
    )
    return int(result.inserted_primary_key[0])


def of_applications(tx: Tx, application_ids: Collection[int]) -> list[DocumentView]:
    """All documents of these applications, oldest first."""
    return _views(tx, select(t.document).where(t.document.c.application_id.in_(application_ids)))


def standing(tx: Tx, application_id: int, kind: Kind) -> DocumentView:
    """The document of that kind that stands of an application.  NotFoundError: there is none."""
    for each in of_applications(tx, [application_id]):
        if each.kind is kind and each.stands:
            return each
    raise NotFoundError(f"{kind}: there is none")


def of_batch(tx: Tx, batch: BatchId) -> list[DocumentView]:
    """All documents of a batch, oldest first."""
    return _views(tx, select(t.document).where(t.document.c.batch_id == batch))


def by_digest(tx: Tx, sha256: str) -> DocumentView | None:
    """The document that exactly these bytes were made as."""
    c = t.production_order.c
    wanted = (
        select(c.document_id)
        .join(t.file, t.file.c.order_id == c.id)
        .where(t.file.c.sha256 == sha256, c.document_id.is_not(None))
    )
    found = _views(tx, select(t.document).where(t.document.c.id.in_(wanted)))
    return found[0] if found else None


def get(tx: Tx, document_id: int, *, lock: bool = False) -> DocumentView:
    """One document that is known to be there; locked, until the transaction ends."""
    wanted = select(t.document).where(t.document.c.id == document_id)
    [found] = _views(tx, tx.locked(wanted) if lock else wanted)
    return found


def add_signed(
    tx: Tx, document: DocumentView, file: StoredFile, *, signing_cert_sha256: str
) -> None:
    """The file of one more signature; an earlier one stays."""
    order = t.production_order.c
    wanted = select(order.id, order.profile).where(order.document_id == document.id)
    row = tx.run(wanted).one()
    tx.run(
        insert(t.file).values(
            order_id=row.id,
            edition_id=None,
            profile=row.profile,
            format=file.format,
            step=file.step,
            object_key=file.object_key,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            content_type=file.content_type,
            signing_cert_sha256=signing_cert_sha256,
            made_at=tx.now,
        )
    )


def made(tx: Tx, ids: Sequence[int]) -> None:
    """Their files are recorded; one that is void meanwhile stays so."""
    here = t.document.c.id.in_(ids)
    tx.run(update(t.document).where(here).values(made_at=tx.now))
    ordered = t.document.c.state == DocumentState.ORDERED
    tx.run(update(t.document).where(here, ordered).values(state=DocumentState.LIVE.value))


def void(tx: Tx, ids: Collection[int]) -> None:
    """They no longer say what is to be signed or shown (作废); their files stay."""
    tx.run(
        update(t.document)
        .where(t.document.c.id.in_(ids), t.document.c.state != DocumentState.VOID)
        .values(state=DocumentState.VOID.value, void_at=tx.now)
    )


def _views(tx: Tx, wanted: Select[Any]) -> list[DocumentView]:
    rows = tx.run(wanted.order_by(t.document.c.id)).all()
    ids = [row.id for row in rows]
    files, held = _files(tx, ids), _holds(tx, ids)
    return [_view(row, files.get(row.id, ()), held.get(row.id)) for row in rows]


def _files(tx: Tx, ids: Sequence[int]) -> Mapping[int, tuple[StoredFile, ...]]:
    order = t.production_order.c
    rows = tx.run(
        select(order.document_id, t.file)
        .join(t.file, t.file.c.order_id == order.id)
        .where(order.document_id.in_(ids))
        .order_by(t.file.c.step)
    )
    found: dict[int, tuple[StoredFile, ...]] = {}
    for row in rows:
        found[row.document_id] = (*found.get(row.document_id, ()), stored_file(row))
    return found


def _holds(tx: Tx, ids: Sequence[int]) -> Mapping[int, Row[Any]]:
    order, hold = t.production_order.c, t.hold.c
    rows = tx.run(
        select(order.document_id, hold.id, hold.owner, hold.reason)
        .join(t.hold, (hold.subject_kind == "order") & (hold.subject_id == order.id))
        .where(order.document_id.in_(ids), order.state == OrderState.HELD, hold.closed_at.is_(None))
    )
    return {row.document_id: row for row in rows}


def _view(row: Row[Any], files: tuple[StoredFile, ...], hold: Row[Any] | None) -> DocumentView:
    return DocumentView(
        id=row.id,
        profile=row.profile,
        kind=Kind(row.kind),
        application_id=row.application_id,
        batch_id=row.batch_id,
        revision=row.revision,
        basis=row.basis,
        file_name=row.file_name,
        state=DocumentState(row.state),
        ordered_at=row.ordered_at,
        made_at=row.made_at,
        void_at=row.void_at,
        files=files,
        hold=hold.id if hold is not None else None,
        hold_owner=hold.owner if hold is not None else None,
        hold_reason=hold.reason if hold is not None else None,
    )
