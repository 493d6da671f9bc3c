"""Erasing a person's data (信息删除) by rule: keys destroyed, files deleted, and the proof of it.

Promised, then the keys, then the files, then the proof: killed anywhere, the same again goes on.
What stays says that there was a certificate, and nothing of whom: numbers, editions, digests,
audit rows, and what batches have proved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from factory import events, retention
from factory.errors import ConflictError, NotFoundError
from factory.events import StoredPhoto
from factory.model import BatchId
from factory.profile import years_later
from factory.retention import Ground
from jobs.bulk import results
from jobs.personal import marks
from storage.ledger import Tx, applications, erasing, inbox, personal
from storage.ledger.erasing import DONE, PROMISED, Erasure, Reason
from storage.ledger.personal import Person

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

AT_ONCE = 500  #: persons that are looked at in one transaction
ONE_DAY = timedelta(days=1)
IN_EVENTS = ("photo", "signature", "file")  #: what an event may name in the intake store


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What erasing somebody would come to.

    refusals: why it is not done; none: it would be.
    sealed:   values in the ledger that would not open any more, by place.
    begun:    whether it was promised already: then it is finished, whatever else there is.
    """

    holder: int
    profile: str
    refusals: tuple[str, ...]
    sealed: Mapping[str, int]
    files: int
    begun: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """The proof of an erasure, and what was found when it was looked at again.

    left: what can still be opened or is still there, by place; nothing: it is complete.
    """

    proof: Mapping[str, Any]
    left: Mapping[str, int]


def outlook(plant: Plant, holder: int, ground: Ground) -> Outlook:
    """What erasing the person would come to; nothing is changed.  NotFoundError: no such row."""
    with plant.ledger.read() as tx:
        person = personal.of(tx, holder)
        begun = erasing.find(tx, person)
        objects = erasing.objects(tx, person, {} if begun is None else begun.proof)
        return Outlook(
            holder=person.id,
            profile=person.profile,
            refusals=() if begun else tuple(_refusals(plant, tx, person, ground)),
            sealed=personal.counts(tx, person),
            files=len(objects.keys),
            begun=begun is not None,
        )


def erase(plant: Plant, holder: int, *, who: str, ground: Ground, why: str) -> Erased:
    """Erase all that is known of a person; once that has begun, finish it, or look again.

    why: names nobody.
    NotFoundError: no such row.  ConflictError: it may not be erased, and why.
    StoreUnavailableError: a neighbour is away; the same again goes on.
    """
    reason = Reason(ground=ground, why=why)
    with plant.ledger.write(who) as tx:
        person = personal.locked(tx, holder)
        if erasing.find(tx, person) is None:
            _promise(plant, tx, person, reason)
    _shred(plant, person, who)
    intake = _delete(plant, person)
    proof = _finish(plant, person, who)
    erasing.scrub(plant.ledger)
    log.info("erased", holder=person.id, files=proof["files"])
    return Erased(proof=proof, left=left(plant, person.id, intake))


def left(plant: Plant, holder: int, intake: Sequence[str] = ()) -> Mapping[str, int]:
    """What of an erased person could still be opened or is still there, by place.

    intake: keys of objects in the intake store, while they are known.
    ConflictError: nobody has erased them.
    """
    with plant.ledger.read() as tx:
        person = personal.of(tx, holder)
        erasure = _begun(tx, person)
        opens = erasing.opens(tx, person)
        objects = erasing.objects(tx, person, erasure.proof)
    keys = {key for key in objects.keys if plant.store.head(key) is not None}
    keys |= {key for prefix in objects.prefixes for key in plant.store.list(prefix)}
    named = sum(plant.intake_store.head(key) is not None for key in intake)
    found = {**opens, "store": len(keys), "intake": named}
    return {place: count for place, count in found.items() if count}


def due(plant: Plant, *, profile: str | None = None) -> Iterator[int]:
    """Whose data is due to be erased today, by the rules of each register; and unfinished ones."""
    with plant.ledger.read() as tx:
        yield from erasing.unfinished(tx)
    for name in plant.profiles if profile is None else (profile,):
        yield from _due_of(plant, name)


def _due_of(plant: Plant, name: str) -> Iterator[int]:
    after = 0
    while True:
        with plant.ledger.read() as tx:
            today, rules = plant.today(tx), plant.profile(tx, name).retention
            if rules.due_years is None:
                return
            before = years_later(today, -rules.due_years) + ONE_DAY
            part = erasing.candidates(tx, name, before, after=after, most=AT_ONCE)
            found = [
                holder
                for holder in part
                if not any(_refusals(plant, tx, personal.of(tx, holder), Ground.DUE))
            ]
        yield from found
        if len(part) < AT_ONCE:
            return
        after = part[-1]


def _refusals(plant: Plant, tx: Tx, person: Person, ground: Ground) -> Iterator[str]:
    rules = plant.installed(tx, person.profile)
    if rules is None:
        raise NotFoundError(f"profile {person.profile}: is not installed on this machine")
    past, today = erasing.past(tx, person), plant.today(tx)
    yield from retention.refusals(rules.retention, past, ground, today)
    yield from erasing.under_way(tx, person)


def _promise(plant: Plant, tx: Tx, person: Person, reason: Reason) -> None:
    refusals = list(_refusals(plant, tx, person, reason.ground))
    if refusals:
        raise ConflictError(f"holder-{person.id}: {'; '.join(refusals)}")
    erasing.promise(tx, person, reason, sorted(_intake(tx, person)))


def _intake(tx: Tx, person: Person) -> set[str]:
    """Objects that the person's events name, and no application of anybody else."""
    named = {
        value.key for raw in inbox.bodies(tx, person.keys) for value in _stored(events.parse(raw))
    }
    return named - applications.named_by_others(tx, person.rows) if named else named


def _stored(event: events.Event) -> Iterator[StoredPhoto]:
    for name in IN_EVENTS:
        value = getattr(event.data, name, None)
        if isinstance(value, StoredPhoto):
            yield value


def _shred(plant: Plant, person: Person, who: str) -> None:
    with plant.ledger.write(who) as tx:
        person = personal.locked(tx, person.id)
        erasure = _begun(tx, person)
        if erasure.state != PROMISED:
            return
        for each in erasing.shred(tx, person, erasure):
            results.list_again(plant, tx, BatchId(each.batch), each.profile)


def _delete(plant: Plant, person: Person) -> Sequence[str]:
    """Also what nobody recorded, and what was put there since; which were in the intake store."""
    with plant.ledger.read() as tx:
        erasure = _begun(tx, person)
        objects = erasing.objects(tx, person, erasure.proof)
    marks.put(plant, person, erasure.proof)
    for key in objects.keys:
        plant.store.delete(key)
    for prefix in objects.prefixes:
        for key in list(plant.store.list(prefix)):
            plant.store.delete(key)
    for key in erasure.intake:
        plant.intake_store.delete(key)
    return erasure.intake


def _finish(plant: Plant, person: Person, who: str) -> Mapping[str, Any]:
    with plant.ledger.write(who) as tx:
        person = personal.locked(tx, person.id)
        erasure = _begun(tx, person)
        if erasure.state == DONE:
            return erasure.proof
        objects = erasing.objects(tx, person, erasure.proof)
        return erasing.finish(tx, erasure, _deleted(objects.keys))


def _deleted(keys: Sequence[str]) -> Mapping[str, object]:
    """Who has an object key can compare; who has none learns nothing."""
    digests = sorted(hashlib.sha256(key.encode()).hexdigest() for key in keys)
    return {"files": len(keys), "object_keys_sha256": digests}


def _begun(tx: Tx, person: Person) -> Erasure:
    erasure = erasing.find(tx, person)
    if erasure is None:
        raise ConflictError(f"holder-{person.id}: nobody has erased their data")
    return erasure
