"""Evidence (证据): what must be true whatever was killed, lost or sent twice: I1 to I9.

Asked of the ledger's rows, the store's objects, the broker's keys and all that was left in files,
not of the code that wrote them; and of the re-checker, which has a path of its own.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import redis
from sqlalchemy import Row, func, select

from factory import verify
from factory.errors import FactoryError
from factory.model import BatchState, ChunkState, EditionState, ItemState, OrderState, Queue
from factory.verify import VerdictWord
from jobs import broker as brokers
from jobs.drill import privacy
from jobs.recheck import running as rechecks
from jobs.recheck.wanted import Order, Part, Share
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import Tx, fonts
from storage.own_objects import is_own
from storage.recheck.scope import Scope

if TYPE_CHECKING:
    from jobs.drill.place import Place
    from jobs.intake import Outcome

#: how long the broker may take to hand back the ids of dead workers and see them refused
BROKER_PATIENCE_SECONDS = 60.0
FEW = 5  #: of what is wrong is told

MADE_STATES = {
    EditionState.UNCOLLECTED,
    EditionState.COLLECTED,
    EditionState.OUTDATED,
    EditionState.SUPERSEDED,
    EditionState.REVOKED,
}


class BrokenPromiseError(FactoryError):
    """A rule that does not hold; the message says of which row, by its id."""


def assert_invariants(plant: Plant, verified: set[str] | None = None) -> None:
    """Every promise of the factory, once its work has come to rest.

    verified: keys looked at before, which need no second look; this call's are added.
    """
    with plant.ledger.read() as tx:
        rows_add_up(tx)
        spoken_of = _spoken_of(tx)
        files = tx.run(select(t.file)).all()
    seen = set() if verified is None else verified
    files_verify(plant, [row for row in files if row.object_key not in seen])
    seen |= {row.object_key for row in files}
    objects_are_files(plant, seen | spoken_of)
    assert_broker_is_empty(plant)


def assert_counts(plant: Plant) -> None:
    """The same of a large factory, but for the bytes of each file: those are drawn by lot."""
    with plant.ledger.read() as tx:
        rows_add_up(tx)
        spoken_of = _spoken_of(tx)
        files = set(tx.run(select(t.file.c.object_key)).scalars())
    stored = set(plant.store.list())
    _must(not files - stored, f"{len(files - stored)} files are not in the store")
    strays = {key for key in stored - files - spoken_of if not is_own(key)}
    _must(not strays, "objects lie in the store that no row speaks of")
    assert_broker_is_empty(plant)


def rows_add_up(tx: Tx) -> None:
    """What the ledger alone can say of I1 and I3 to I8."""
    nothing_is_used_twice(tx)
    events_end_once(tx)
    one_edition_is_current(tx)
    batches_add_up(tx)
    nothing_is_left_over(tx)
    made_once_and_told_once(tx)


def _must(holds: object, otherwise: str) -> None:
    if not holds:
        raise BrokenPromiseError(otherwise)


def _spoken_of(tx: Tx) -> set[str]:
    """Keys of objects that are no recorded file, and may be there."""
    return _open_keys(tx) | {row.object_key for row in fonts.added(tx)}


def nothing_is_used_twice(tx: Tx) -> None:
    """I1: numbers, editions, licence ids and codes; counted here, whatever the indexes say."""
    registrations = tx.run(select(t.registration)).all()
    editions = tx.run(select(t.edition)).all()
    _unique("registration number", ((row.authority, row.number_key) for row in registrations))
    _unique("registration uid", (row.uid for row in registrations))
    _unique("edition", ((row.registration_id, row.number) for row in editions))
    _unique("licence id", (row.licence_id for row in editions if row.licence_id))
    _unique("code", (row.code for row in editions if row.code))
    _no_gap("edition", editions)


def events_end_once(tx: Tx) -> None:
    """I3: an event is settled, and each order of it has its files or one open hold."""
    o = t.production_order.c
    orders = tx.run(select(o.id, o.state, o.formats, o.inbox_id)).all()
    files = Counter(map(tuple, tx.run(select(t.file.c.order_id, t.file.c.format))))
    holds = Counter(
        (row.subject_kind, row.subject_id)
        for row in tx.run(select(t.hold).where(t.hold.c.closed_at.is_(None)))
    )
    for order in orders:
        made = [files[order.id, fmt] for fmt in order.formats]
        held = holds["order", order.id]
        expected = [1] * len(made) if order.state == OrderState.MADE else [0] * len(made)
        _must(made == expected, f"order {order.id} is {order.state} and has {made} files")
        _must(held == (order.state == OrderState.HELD), f"order {order.id}: {held} open holds")
        _must(order.state in {OrderState.MADE, OrderState.HELD}, f"order {order.id} is open")
    caused = {order.inbox_id for order in orders}
    for event in tx.run(select(t.inbox.c.id, t.inbox.c.state)):
        held = holds["event", event.id]
        _must(held == (event.state == "held" and event.id not in caused), f"event {event.id}")


def one_edition_is_current(tx: Tx) -> None:
    """I4: at most one edition is current, it is the newest made, and older ones say so."""
    found: dict[int, list[Row[Any]]] = {}
    for row in tx.run(select(t.edition).order_by(t.edition.c.registration_id, t.edition.c.number)):
        found.setdefault(row.registration_id, []).append(row)
    for registration, editions in found.items():
        states = [EditionState(row.state) for row in editions]
        current = [s in {EditionState.UNCOLLECTED, EditionState.COLLECTED} for s in states]
        _must(sum(current) <= 1, f"registration {registration}: {states}")
        made = [place for place, row in enumerate(editions) if row.made_at or row.collected_at]
        for place in made[:-1]:
            _must(states[place] is EditionState.SUPERSEDED, f"registration {registration}")
        if any(current):
            _must(current.index(True) in made[-1:], f"registration {registration}: {states}")


def batches_add_up(tx: Tx) -> None:
    """I6: items are the affected set, each with one outcome; a batch without open ones ended."""
    for batch in tx.run(select(t.batch)):
        items = tx.run(select(t.batch_item).where(t.batch_item.c.batch_id == batch.id)).all()
        states = Counter(ItemState(item.state) for item in items)
        _must(batch.state in {BatchState.COMPLETED, BatchState.AWAITING}, f"batch {batch.id}")
        if batch.state == BatchState.COMPLETED:
            _must(not states[ItemState.PENDING] and not states[ItemState.ORDERED], f"{states}")
        ordered = tx.run(
            select(t.production_order.c.id).where(t.production_order.c.batch_id == batch.id)
        ).scalars()
        pointed = sorted(item.order_id for item in items if item.order_id)
        _must(sorted(ordered) == pointed, f"batch {batch.id}: orders are not its items'")
        done = {item.order_id for item in items if item.state == ItemState.DONE}
        made = tx.run(
            select(t.production_order.c.id).where(
                t.production_order.c.batch_id == batch.id,
                t.production_order.c.state == OrderState.MADE,
            )
        ).scalars()
        _must(done == set(made), f"batch {batch.id}: what is done was not made")


def nothing_is_left_over(tx: Tx) -> None:
    """I5: no chunk is open, and the relay has nothing left to send."""
    chunks = select(func.count()).where(t.chunk.c.state != ChunkState.CLOSED)
    _must(tx.run(chunks).scalar_one() == 0, "a chunk is open")
    bells = select(func.count()).where(t.outbox.c.sent_at.is_(None))
    _must(tx.run(bells).scalar_one() == 0, "a bell was not sent")


def made_once_and_told_once(tx: Tx) -> None:
    """I8: whatever was made was made in one transaction, once; upstream hears of it once."""
    registrations = {row.id: row for row in tx.run(select(t.registration))}
    made = Counter(
        (registrations[row.registration_id].number, row.number)
        for row in tx.run(select(t.edition).where(t.edition.c.made_at.is_not(None)))
    )
    told = Counter(
        (row.body["registration"], row.body["edition"])
        for row in tx.run(select(t.notice).where(t.notice.c.type == "certificate.made"))
    )
    _must(told == made, "upstream was not told once of each certificate")
    _must(set(made.values()) <= {1}, "an edition was made twice")
    noted = tx.run(select(func.count()).where(t.audit.c.action == "edition made")).scalar_one()
    _must(noted == len(made), "the audit has not each edition once")
    documents = _documents_told_once(tx)
    orders = select(func.count()).where(t.production_order.c.state == OrderState.MADE)
    _must(tx.run(orders).scalar_one() == len(made) + documents, "orders made are not what was made")


def _documents_told_once(tx: Tx) -> int:
    """How many documents were made that are no certificate."""
    made = select(func.count()).where(t.document.c.made_at.is_not(None))
    count = int(tx.run(made).scalar_one())
    told = select(func.count()).where(t.notice.c.type == "document.made")
    _must(tx.run(told).scalar_one() == count, "upstream was not told once of each document")
    noted = tx.run(select(func.count()).where(t.audit.c.action == "document made")).scalar_one()
    _must(noted == count, "the audit has not each document once")
    return count


def files_are_objects(plant: Plant, files: Iterable[Row[Any]]) -> Iterator[tuple[Row[Any], bytes]]:
    """I7: the recorded bytes lie in the store; each file with them."""
    for row in files:
        data = plant.store.get(row.object_key)
        _must(hashlib.sha256(data).hexdigest() == row.sha256, f"{row.object_key}: other bytes")
        _must(len(data) == row.size_bytes, f"{row.object_key}: other size")
        yield row, data


def files_verify(plant: Plant, files: Iterable[Row[Any]]) -> None:
    """I2, I7: and they verify, by the seal that is recorded."""
    roots, issuers = plant.keyring.trust_roots(), plant.keyring.seal_issuers()
    for row, data in files_are_objects(plant, files):
        verdict = verify.verify(data, roots, issuers=issuers)
        expected = VerdictWord.VALID if row.signing_cert_sha256 else VerdictWord.UNSIGNED
        _must(verdict.verdict is expected, f"{row.object_key}: {'; '.join(verdict.reasons)}")
        _must(
            verdict.signing_cert_sha256 == row.signing_cert_sha256,
            f"{row.object_key}: sealed by another certificate than recorded",
        )


def objects_are_files(plant: Plant, keys: set[str]) -> None:
    """I2: nothing lies in the store that no row speaks of, but marks of the product's own."""
    stray = {key for key in plant.store.list() if not is_own(key)} - keys
    _must(not stray, f"objects that no row speaks of: {sorted(stray)}")


def assert_broker_is_empty(plant: Plant) -> None:
    """No bell waits, and no id is parked in the ack set of anybody, dead or alive.

    Bells of finished chunks may still be on their way when the work is done: a dead worker's
    come back after its heartbeat has run out, and are refused then.
    """
    with brokers.client(plant.settings) as client:
        until(lambda: not _parked(client, plant.settings.namespace), BROKER_PATIENCE_SECONDS)
        _must(
            _parked(client, plant.settings.namespace) == {},
            "bells of finished work lie about",
        )


def until(done: Callable[[], bool], seconds: float) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _parked(client: redis.Redis, namespace: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for queue in Queue:
        for key in (f"{namespace}:{queue}", f"{namespace}:{queue}.DQ"):
            found[key] = int(client.llen(key))
        found[f"{namespace}:{queue}.XQ"] = int(client.zcard(f"{namespace}:{queue}.XQ"))
    for key in client.scan_iter(f"{namespace}:__acks__.*"):
        found[key.decode()] = int(client.scard(key))
    return {key: count for key, count in found.items() if count}


def _open_keys(tx: Tx) -> set[str]:
    """Keys under which a file of an unfinished order may lie: it was stored, not recorded."""
    unmade = select(t.production_order).where(t.production_order.c.state != OrderState.MADE)
    return {f"{row.key_stem}.{fmt}" for row in tx.run(unmade) for fmt in row.formats}


def _unique(what: str, values: Iterable[object]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    _must(not twice, f"{what} used twice: {twice}")


def _no_gap(what: str, editions: Sequence[Row[Any]]) -> None:
    numbers: dict[int, list[int]] = {}
    for row in editions:
        numbers.setdefault(row.registration_id, []).append(row.number)
    for registration, found in numbers.items():
        first = min(found)
        _must(sorted(found) == list(range(first, first + len(found))), f"{what} of {registration}")


# --- told one by one ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A promise, what was looked at, and what speaks against it; None: it was kept."""

    promise: str
    looked_at: str
    broken: str | None = None


def liveness(seconds: float | None) -> Evidence:
    """I5: whatever was open has ended once nothing was harmed any more."""
    said = "" if seconds is None else f"all work at rest after {seconds:.1f} s"
    broken = "work is still open" if seconds is None else None
    return Evidence(promise="I5", looked_at=said, broken=broken)


def gathered(plant: Plant) -> list[Evidence]:
    """Of a factory at rest, promise by promise; `checked_again` verifies the files."""
    with plant.ledger.read() as tx:
        found = [_asked(promise, said, partial(rule, tx)) for promise, said, rule in OF_ROWS]
        files, spoken_of = tx.run(select(t.file)).all(), _spoken_of(tx)
    keys = {row.object_key for row in files}
    stored = f"{len(files)} files in the store, read back, digests as recorded"
    found.append(_asked("I7", stored, lambda: _through(files_are_objects(plant, files))))
    nothing = "no object that no row speaks of"
    found.append(_asked("I2", nothing, lambda: objects_are_files(plant, keys | spoken_of)))
    found.append(_asked("I8", "the broker is empty", lambda: assert_broker_is_empty(plant)))
    return found


def answers_stand(plant: Plant, told: Iterable[Outcome]) -> Evidence:
    """I3: what upstream was told it still finds: each event, and each number it was given."""
    answers = list(told)
    with plant.ledger.read() as tx:
        events = set(map(tuple, tx.run(select(t.inbox.c.source, t.inbox.c.event_id))))
        numbers = set(tx.run(select(t.registration.c.number)).scalars())
    lost = [each.event for each in answers if (each.source, each.event) not in events]
    other = [each.event for each in answers if each.registration not in numbers | {None}]
    said = f"{len(answers)} events that upstream has an answer to, and the numbers in them"
    broken = [f"event {each} is not there, though it was taken" for each in lost[:FEW]]
    broken += [f"event {each} has another number than upstream was told" for each in other[:FEW]]
    return Evidence(promise="I3", looked_at=said, broken="; ".join(broken) or None)


def checked_again(plant: Plant) -> Evidence:
    """I7: what is found by those who verify later, each file and all that the ledger says of it."""
    everything = Share(part=1.0, seed="drill")
    order = Order(scope=Scope(), files=everything, render=Share(part=0.0, seed="drill"))
    result = rechecks.run(plant, order, tell=lambda *_: None)
    said = f"{sum(result.looked.values())} things checked again, {result.looked[Part.FILES]} files"
    wrong = "; ".join(f"{each.kind} {each.id}: {each.sentence}" for each in result.findings[:FEW])
    return Evidence(promise="I7", looked_at=said, broken=wrong or None)


def nothing_in_clear(place: Place, secrets: privacy.Secrets) -> Evidence:
    """I9: people's data and keys stand in no log, metric, message, row or key."""
    sought = dict(secrets) | privacy.of_settings(place.plant.settings)
    places, found = privacy.where(sought, privacy.left_by(place))
    said = f"{len(sought)} spellings of names, numbers, pictures, keys sought in {places} places"
    return Evidence(promise="I9", looked_at=said, broken="; ".join(found[:FEW]) or None)


OF_ROWS: tuple[tuple[str, str, Callable[[Tx], None]], ...] = (
    ("I1", "numbers, editions, licence ids, codes", nothing_is_used_twice),
    ("I3", "every event has one outcome", events_end_once),
    ("I4", "one edition is current, older ones say so", one_edition_is_current),
    ("I5", "no chunk is open, no bell unsent", nothing_is_left_over),
    ("I6", "batches' counts are their affected sets", batches_add_up),
    ("I8", "made once, told once, noted once", made_once_and_told_once),
)


def _through(things: Iterable[object]) -> None:
    deque(things, maxlen=0)


def _asked(promise: str, looked_at: str, rule: Callable[[], None]) -> Evidence:
    try:
        rule()
    except BrokenPromiseError as error:
        return Evidence(promise=promise, looked_at=looked_at, broken=str(error))
    return Evidence(promise=promise, looked_at=looked_at)
