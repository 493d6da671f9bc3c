"""The result of a batch, once it has ended: its proof, a report, and of a rename the list."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory import merkle
from factory.kinds import batch_report, rename_list
from factory.model import BatchId, EditionState, ItemState, Kind, Queue
from factory.profile import Profile
from jobs import ordering
from jobs.bulk.scopes import RENAMED
from jobs.wording import HELD, OUTCOMES, SKIPPED
from storage.ledger import Tx, batches, documents, items, keys, orders, registers, results
from storage.ledger.batches import Batch
from storage.ledger.documents import NewDocument
from storage.ledger.registers import RegistrationRow
from storage.ledger.results import Result

if TYPE_CHECKING:
    from jobs.wiring import Plant

NAMELESS = "（已删除）"  #: in the place of a name that has been erased
RELISTED = "the batch went on since, and is listed anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proved:
    """The Merkle tree over what a batch has made; root in hex, None where that is nothing."""

    root: str | None
    size: int


def prove(tx: Tx, batch: BatchId) -> Proved:
    """The tree over all that is done, in the order of registrations (RFC 6962, 2.1)."""
    tree = merkle.Tree()
    for each in results.results(tx, batch, states=(ItemState.DONE,)):
        tree.add(merkle.leaf(each.number, each.old, each.new))
    return Proved(root=tree.root().hex() if tree.size else None, size=tree.size)


def settle(plant: Plant, tx: Tx, batch: Batch, proved: Proved) -> None:
    """Order the list and the report of each register; what they replace is void."""
    for name in batch.profiles:
        profile = plant.installed(tx, name)
        if profile is None or batch.confirmed_at is None:
            continue
        if batch.kind == RENAMED and profile.documents.rename_list:
            _list(tx, batch, profile)
        _report(tx, batch, profile, proved)
    batches.listed(tx, batch.id, root=proved.root, size=proved.size)


def _report(tx: Tx, batch: Batch, profile: Profile, proved: Proved) -> None:
    counts = items.counts(tx, batch.id, profile=profile.id)
    if not sum(counts.values()):
        return
    face = batch_report.face(
        profile=profile,
        batch=batch.id,
        cause=batch.kind,
        subject=batch.subject,
        confirmed_by=batch.confirmed_by or "",
        approved_by=batch.approved_by,
        confirmed_at=batch.confirmed_at or batch.created_at,
        completed_at=batch.completed_at or tx.now,
        counts=counts,
        reasons=[
            batch_report.Reason(outcome=state, words=reason_word(state, reason), count=count)
            for (state, reason), count in items.reasons(tx, batch.id, profile=profile.id).items()
        ],
        made_per_bar=results.made_at(tx, batch.id, profile.id),
        root=proved.root,
        size=proved.size,
    )
    _order(tx, batch, profile, Kind.BATCH_REPORT, face, batch_report.file_name(profile, face))


def list_again(plant: Plant, tx: Tx, batch: BatchId, name: str) -> None:
    """The list of a rename is made anew, without the names of those whose data has been erased."""
    profile = plant.installed(tx, name)
    if profile is not None:
        _list(tx, batches.get(tx, batch), profile)


def _list(tx: Tx, batch: Batch, profile: Profile) -> None:
    outcomes = [each for each in results.results(tx, batch.id) if each.profile == profile.id]
    if not outcomes:
        return
    known = registers.load(tx, [each.registration_id for each in outcomes])
    face = rename_list.face(
        profile=profile,
        credit_code=batch.subject["credit_code"],
        old_name=batch.subject["old_name"],
        new_name=batch.subject["new_name"],
        batch=batch.id,
        completed_at=batch.completed_at or tx.now,
        rows=[
            rename_list.Row(
                number=_number(known.get(each.registration_id), each),
                name=_name(known.get(each.registration_id)),
                edition=each.edition,
                outcome=outcome_word(each),
            )
            for each in outcomes
        ],
    )
    _order(tx, batch, profile, Kind.RENAME_LIST, face, rename_list.file_name(profile, face))


def _number(row: RegistrationRow | None, outcome: Result) -> str:
    return row.value.number if row else outcome.number


def _name(row: RegistrationRow | None) -> str:
    return row.value.holder.name if row else NAMELESS


def _order(
    tx: Tx, batch: Batch, profile: Profile, kind: Kind, face: dict[str, object], file_name: str
) -> None:
    new = NewDocument(
        profile=profile.id,
        kind=kind,
        revision=0,
        basis=_digest(face),
        file_name=file_name,
        batch_id=batch.id,
    )
    old = [each.id for each in documents.of_batch(tx, batch.id) if _is_replaced(each, new)]
    orders.void_documents(tx, old, why=RELISTED)
    order = ordering.new_document(
        tx, new, face, profile, data_key=keys.new(tx), inbox_id=batch.inbox_id
    )
    orders.add(tx, [order], queue=Queue.BULK)


def _is_replaced(there: documents.DocumentView, new: NewDocument) -> bool:
    return there.stands and (there.profile, there.kind) == (new.profile, new.kind)


def _digest(face: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(face, sort_keys=True).encode()).hexdigest()


def outcome_word(outcome: Result) -> str:
    """What became of an item, as the list prints it."""
    if outcome.state is ItemState.SKIPPED:
        return SKIPPED.get(outcome.reason or "", OUTCOMES[outcome.state])
    if outcome.state is ItemState.DONE and outcome.edition_state is EditionState.COLLECTED:
        return "已换发 已领证"
    return OUTCOMES[outcome.state]


def reason_word(state: ItemState, reason: str) -> str:
    """Why an item was skipped or held, as the report prints it."""
    words = SKIPPED if state is ItemState.SKIPPED else HELD
    return words.get(reason, OUTCOMES[state])
