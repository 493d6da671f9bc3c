"""Marks of erasures (信息删除), outside the ledger: a backup brings everybody back.

A mark lies in the object store and is put before an erasure ends: keyed digests of the events
that the person was known by, and why.  A ledger out of a backup finds them by it; the look-up key
never changes, and without it a mark says nothing of anybody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from factory.retention import Ground
from storage.blobs import Blob
from storage.ledger import restoring
from storage.ledger.erasing import Reason
from storage.own_objects import ERASURES

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.ledger import Tx
    from storage.ledger.personal import Person

CONTENT_TYPE = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Why a person was erased.  events: keyed digests, hex."""

    events: tuple[str, ...]
    reason: Reason


def digest(tx: Tx, source: str, event_id: str) -> str:
    """By which an event of an erased person is known again."""
    return tx.vault.lookup("erased event", source, event_id).hex()


def put(plant: Plant, person: Person, reason: Mapping[str, object]) -> None:
    """The mark of a person's erasure; putting it again changes nothing.

    reason: with ``ground`` and ``why``, as the proof says them.
    """
    with plant.ledger.read() as tx:
        events = sorted(digest(tx, *each) for each in restoring.facts_of(tx, person.rows))
    said = {"version": 1, "ground": reason["ground"], "why": reason["why"], "events": events}
    data = json.dumps(said, ensure_ascii=False).encode()
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"{ERASURES}{sha256}.json"
    plant.store.put_new(Blob(key=key, data=data, content_type=CONTENT_TYPE, sha256=sha256))


def every(plant: Plant) -> Mapping[str, Mark]:
    """All marks, by each of their events."""
    found = {}
    for key in list(plant.store.list(ERASURES)):
        said = json.loads(plant.store.get(key))
        reason = Reason(ground=Ground(said["ground"]), why=said["why"])
        mark = Mark(events=tuple(said["events"]), reason=reason)
        found.update(dict.fromkeys(mark.events, mark))
    return found
