"""The result of a rename (企业更名结果): a list of everybody concerned, once a batch has ended."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from factory.kinds import rename_list
from factory.model import EditionState, ItemState, Kind, Queue
from factory.profile import Profile
from jobs import ordering
from jobs.bulk.scopes import RENAMED
from jobs.wording import OUTCOMES, SKIPPED
from storage.ledger import Tx, batches, documents, items, keys, orders, registers
from storage.ledger.batches import Batch
from storage.ledger.documents import NewDocument
from storage.ledger.items import Outcome

if TYPE_CHECKING:
    from jobs.wiring import Plant

RELISTED = "the batch went on since, and is listed anew"


def settle(plant: Plant, tx: Tx, batch: Batch) -> None:
    """Order the lists of each register that gives them out; what they replace is void."""
    for name in batch.profiles:
        profile = plant.installed(tx, name)
        listed = batch.kind == RENAMED and batch.confirmed_at is not None
        if profile is not None and listed and profile.documents.rename_list:
            _list(tx, batch, profile)
    batches.listed(tx, batch.id, root=None, size=None)


def _list(tx: Tx, batch: Batch, profile: Profile) -> None:
    outcomes = list(items.outcomes(tx, batch.id, profile=profile.id))
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
                number=known[each.registration_id].value.number,
                name=known[each.registration_id].value.holder.name,
                edition=each.edition,
                outcome=outcome_word(each),
            )
            for each in outcomes
        ],
    )
    new = NewDocument(
        profile=profile.id,
        kind=Kind.RENAME_LIST,
        revision=0,
        basis=_digest(face),
        file_name=rename_list.file_name(profile, face),
        batch_id=batch.id,
    )
    old = [each.id for each in documents.of_batch(tx, batch.id) if _is_replaced(each, new)]
    orders.void_documents(tx, old, why=RELISTED)
    data_key = keys.new(tx)
    order = ordering.new_document(
        tx, new, face, profile, data_key=data_key, inbox_id=batch.inbox_id
    )
    orders.add(tx, [order], queue=Queue.BULK)


def _is_replaced(there: documents.DocumentView, new: NewDocument) -> bool:
    return there.stands and (there.profile, there.kind) == (new.profile, new.kind)


def _digest(face: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(face, sort_keys=True).encode()).hexdigest()


def outcome_word(outcome: Outcome) -> str:
    """What became of an item, as the list prints it."""
    if outcome.state is ItemState.SKIPPED:
        return SKIPPED.get(outcome.reason or "", OUTCOMES[outcome.state])
    if outcome.state is ItemState.DONE and outcome.edition_state is EditionState.COLLECTED:
        return "已换发 已领证"
    return OUTCOMES[outcome.state]
