"""The paperwork of an application in the ledger: what is due is ordered, what it replaces is void.

What the parties have signed is never drawn anew: another revision is another document.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from factory import paperwork
from factory.kinds import KINDS
from factory.model import Kind, Queue
from factory.paperwork import Case, Face
from jobs import ordering
from storage.ledger import Tx, applications, documents, orders, registers
from storage.ledger.applications import ApplicationRow
from storage.ledger.documents import DocumentView, NewDocument
from storage.ledger.people import HolderRow

REPLACED = "another revision was saved (作废)"
#: kinds that are about one revision of an application
OF_REVISION = frozenset({Kind.APPLICATION_FORM, Kind.ACCEPTANCE_NOTICE})


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An application of the ledger, and what its documents print."""

    row: ApplicationRow
    case: Case

    def revision(self, kind: Kind) -> int:
        """Of the application that a document is about; 0 where it is about all of them."""
        return self.row.revision if kind in OF_REVISION else 0


def keep(tx: Tx, holder: HolderRow, files: Sequence[File], *, inbox_id: int) -> None:
    """Order the documents that are due; what they replace is void."""
    standing = [
        each
        for each in documents.of_applications(tx, [file.row.id for file in files])
        if each.stands
    ]
    for file in files:
        there = {each.kind: each for each in standing if each.application_id == file.row.id}
        due = set(paperwork.due(file.case, filed=file.row.filing_number is not None))
        gone = [each for each in there.values() if _is_over(tx, file, each, due)]
        orders.void_documents(tx, [each.id for each in gone], why=REPLACED)
        left = there.keys() - {each.kind for each in gone}
        for kind in [kind for kind in Kind if kind in due - left]:
            _order(tx, holder, file, kind, inbox_id)


def _is_over(tx: Tx, file: File, there: DocumentView, due: set[Kind]) -> bool:
    """Whether a document no longer says what is applied for."""
    if there.kind in due:
        return there.basis != _basis(tx, file, there.kind)
    return there.revision != file.revision(there.kind)


def _basis(tx: Tx, file: File, kind: Kind) -> str:
    """What a document rests on: another basis, another document."""
    return tx.vault.lookup("document", kind, str(file.row.id), *_rests_on(file, kind)).hex()


def _rests_on(file: File, kind: Kind) -> tuple[str, ...]:
    application = file.case.application
    if kind is Kind.FILING_SLIP:
        return (file.row.filing_number or "",)
    if kind is Kind.ACCEPTANCE_NOTICE and application.handed_in is not None:
        return str(file.row.revision), application.handed_in.isoformat()
    return paperwork.form_basis(file.case)


def _order(tx: Tx, holder: HolderRow, file: File, kind: Kind, inbox_id: int) -> None:
    case = file.case
    face = _face(tx, file, kind)
    new = NewDocument(
        profile=case.profile.id,
        kind=kind,
        revision=file.revision(kind),
        basis=_basis(tx, file, kind),
        file_name=KINDS[kind].file_name(case.profile, face),
        application_id=file.row.id,
    )
    order = ordering.new_document(
        tx,
        new,
        face,
        case.profile,
        data_key=holder.data_key,
        inbox_id=inbox_id,
        pictures=case.pictures if kind is Kind.APPLICATION_FORM else {},
    )
    orders.add(tx, [order], queue=Queue.INTERACTIVE)


def _face(tx: Tx, file: File, kind: Kind) -> Face:
    """What is printed; a notice's number is drawn for it."""
    if kind is Kind.APPLICATION_FORM:
        return paperwork.form(file.case)
    if kind is Kind.ACCEPTANCE_NOTICE:
        serial = registers.draw(tx, paperwork.notice_series(file.case), lambda _: True)
        return paperwork.notice(file.case, serial)
    number = file.row.filing_number or ""
    return paperwork.slip(file.case, number, applications.by_filing(tx, number)[1])
