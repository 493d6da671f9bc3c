"""Documents that are no certificate, for whoever may see them: forms, notices, slips, lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from factory.access import Thing
from factory.errors import ConflictError, NotFoundError
from factory.model import BatchId, DocumentState, Kind
from jobs.asker import COUNTER, Asker, Concerned, about_application
from storage.ledger import Tx, applications, audit, documents, personal
from storage.ledger.documents import DocumentView
from storage.ledger.status import StoredFile

if TYPE_CHECKING:
    from jobs.wiring import Plant

#: which rule of access a kind of document goes by
THINGS = {
    Kind.APPLICATION_FORM: Thing.APPLICATION_FORM,
    Kind.ACCEPTANCE_NOTICE: Thing.ACCEPTANCE_NOTICE,
    Kind.FILING_SLIP: Thing.FILING_SLIP,
    Kind.RENAME_LIST: Thing.RENAME_LIST,
    Kind.BATCH_REPORT: Thing.BATCH_REPORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLink:
    """A signed link to the file of a document, and until when it works."""

    url: str
    kind: Kind
    revision: int
    file_name: str
    sha256: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A document and whom it is about."""

    document: DocumentView
    about: Concerned


def of_application(plant: Plant, number: str, *, asker: Asker = COUNTER) -> list[DocumentView]:
    """The documents of the applications of that acceptance number that the asker may see.

    NotFoundError: there is no such application.  ForbiddenError: not for whoever asks.
    """
    with plant.ledger.read() as tx:
        return [each.document for each in _of_application(plant, tx, number, asker)]


def of_batch(plant: Plant, batch: BatchId, *, asker: Asker = COUNTER) -> list[DocumentView]:
    """The documents of a batch.  NotFoundError: no such batch.  ForbiddenError: not for them."""
    with plant.ledger.read() as tx:
        return [each.document for each in _of_batch(tx, batch, asker)]


def link(
    plant: Plant,
    of: str | BatchId,
    kind: Kind,
    *,
    who: str,
    revision: int | None = None,
    step: int | None = None,
    profile: str | None = None,
    asker: Asker = COUNTER,
) -> DocumentLink:
    """A signed link to a document: the one that stands, or the newest of a revision.

    of:      the acceptance number, or the batch.
    step:    of a form, as it was when so many parties had signed it; None: as it is.
    profile: of which register, where there are several.
    NotFoundError: there is none.  ConflictError: it is not made yet, and why.
    ForbiddenError: not for whoever asks.
    """
    seconds = plant.settings.link_seconds
    with plant.ledger.write(who) as tx:
        seen = (
            _of_application(plant, tx, of, asker, THINGS[kind])
            if isinstance(of, str)
            else _of_batch(tx, of, asker)
        )
        found = [each for each in seen if _is_meant(each.document, kind, revision, profile)]
        if not found:
            raise NotFoundError(f"{kind}: there is none")
        if len({each.document.profile for each in found}) > 1:
            raise ConflictError(f"{kind}: several registers have one; say which with --profile")
        chosen = found[-1]
        asker.may_see(tx, THINGS[kind], chosen.about, plant.installed(tx, chosen.document.profile))
        document = chosen.document
        file = file_of(document) if step is None else _at_step(document, step)
        audit.note(tx, "link given", ("document", document.id), why="asked for")
    url = plant.links.download_link(
        file.object_key,
        filename=document.file_name,
        content_type=file.content_type,
        expires_in=timedelta(seconds=seconds),
    )
    return DocumentLink(
        url=url,
        kind=kind,
        revision=document.revision,
        file_name=document.file_name,
        sha256=file.sha256,
        seconds=seconds,
    )


def _is_meant(
    document: DocumentView, kind: Kind, revision: int | None, profile: str | None
) -> bool:
    if document.kind is not kind or profile not in {None, document.profile}:
        return False
    return document.stands if revision is None else document.revision == revision


def _at_step(document: DocumentView, step: int) -> StoredFile:
    """NotFoundError: not so many parties have signed it."""
    for file in document.files:
        if file.step == step:
            return _not_erased(document, file)
    raise NotFoundError(f"{document.kind}: there is no file with {step} signature(s)")


def file_of(document: DocumentView) -> StoredFile:
    """The file of a document as it is now.  ConflictError: there is none, and why."""
    if document.file is not None:
        return _not_erased(document, document.file)
    if document.hold is not None:
        raise ConflictError(f"{document.kind}: is held (需处理), see hold {document.hold}")
    if document.state is DocumentState.VOID:
        raise ConflictError(f"{document.kind}: was never made, another took its place (作废)")
    raise ConflictError(f"{document.kind}: is being made (生成中)")


def _not_erased(document: DocumentView, file: StoredFile) -> StoredFile:
    if file.erased:
        raise ConflictError(f"{document.kind}: {personal.ERASED}")
    return file


def _of_application(
    plant: Plant, tx: Tx, number: str, asker: Asker, thing: Thing = Thing.APPLICATION_FORM
) -> Sequence[Seen]:
    rows = applications.by_number(tx, number, within=asker.within)
    if not rows:
        raise NotFoundError("acceptance number: there is no such application")
    about = {row.id: about_application(row) for row in rows}
    for row in rows:
        asker.may_see(tx, thing, about[row.id], plant.installed(tx, row.profile))
    seen = [
        Seen(document=each, about=about[each.application_id or 0])
        for each in documents.of_applications(tx, list(about))
    ]
    return [each for each in seen if _sees(plant, tx, asker, each)]


def _of_batch(tx: Tx, batch: BatchId, asker: Asker) -> Sequence[Seen]:
    """Of a rename its enterprise may see the list; other batches are no one enterprise's."""
    code = asker.batch(tx, batch).subject.get("credit_code")
    about = Concerned(employers=frozenset({code} if code else ()))
    asker.may_see(tx, Thing.RENAME_LIST, about, None)
    return [Seen(document=each, about=about) for each in documents.of_batch(tx, batch)]


def _sees(plant: Plant, tx: Tx, asker: Asker, seen: Seen) -> bool:
    profile = plant.installed(tx, seen.document.profile)
    return asker.sees(tx, THINGS[seen.document.kind], seen.about, profile)
