"""The line: produce(chunk) makes, seals, stamps, checks, stores and records a chunk of orders.

The queue delivers at least once and may deliver twice at the same time; the ledger's fence
sees to it that a chunk is recorded once.  Nothing here draws a number or reads the register.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import structlog

from factory import verify
from factory.errors import FactoryError, PressUnableError, SealChangedError, SelfCheckError
from factory.kinds.stored import twin
from factory.making import Identity
from factory.model import ChunkId, Format, Order, OrderId, Queue
from factory.pressing import Laid
from factory.seals import signer
from factory.seals.signer import Purpose
from factory.verify_verdict import VerdictWord
from jobs import laying, logs, sealing, stamping
from jobs.canary import Finished
from jobs.metrics import STOPPED, UNABLE
from jobs.work import Tally, Work
from storage.blobs import Blob, Blobs
from storage.ledger import chunks, record
from storage.ledger.chunks import Claim
from storage.ledger.record import HeldOrder, MadeFile

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

WHO = "factory"
LONGEST_PAUSE = timedelta(seconds=60)


def produce(plant: Plant, chunk_id: ChunkId) -> None:
    """Make, store and record one chunk; doing so again changes nothing.

    StoreUnavailableError: the ledger gave no answer; the reconciler will ring again.
    """
    with plant.stage("claim"):
        claim = _claim(plant, chunk_id)
    if claim is None:
        plant.metrics.refused_delivery()
        return
    logs.follow(claim.correlation)
    log.info("chunk claimed", chunk=claim.id, queue=claim.queue, attempt=claim.attempt)
    with _given_back_on_fault(plant, claim):
        tally = Tally(on_failure=plant.metrics.failed)
        with plant.stage("draw"):
            works = sealing.look(plant, tally, _works(plant, claim, tally))
            tally.attempt(_Layout(plant).lay, works)
            if claim.queue is Queue.BULK:
                plant.presses.assign(tally.works)
            _draw(plant, tally, list(tally.works))
        if not _renewed(plant, claim):
            return
        with plant.stage("sign"):
            sealing.note(plant, claim.correlation, tally)
            _sign(claim, tally)
            if not stamping.waiting(tally):
                _close(tally)
        if stamping.waiting(tally):
            if not _renewed(plant, claim):
                return
            with plant.stage("stamp"):
                stamping.stamp(plant, tally)
                _close(tally)
        with plant.stage("check"):
            _make_anew(plant, claim, tally, plant.presses.spoiled(tally.works))
            tally.attempt(_check, list(tally.works))
            if claim.canary:
                tally.attempt(lambda work: _judge(plant, work), list(tally.works))
            _read_again(plant, claim, tally)
        if not _renewed(plant, claim):
            return
        with plant.stage("store"):
            _store(plant, claim, tally)
        with plant.stage("record"):
            _record(plant, claim, tally)


def _claim(plant: Plant, chunk_id: ChunkId) -> Claim | None:
    settings = plant.settings
    with plant.ledger.write(WHO) as tx:
        return chunks.claim(
            tx,
            chunk_id,
            lease=timedelta(seconds=settings.lease_seconds),
            max_deaths=settings.max_attempts,
        )


@contextmanager
def _given_back_on_fault(plant: Plant, claim: Claim) -> Iterator[None]:
    """A fault of ours counts like a death of the worker; the error goes on to the log."""
    try:
        yield
    except Exception:
        with plant.ledger.write(WHO, claim.correlation) as tx:
            chunks.abandon(tx, claim, pause=pause_after(claim.releases))
        raise


def _works(plant: Plant, claim: Claim, tally: Tally) -> list[Work]:
    """One for each file to make; orders whose seals cannot be had wait.

    Each seal is asked for once: one whose key is away is waited for with every question.
    """
    works = []
    for (identity, formats), orders in _by_seals(claim.orders).items():
        try:
            seals = {fmt: _seal(plant, identity, fmt) for fmt in formats}
            _hold_to(claim, orders, seals)
        except FactoryError as error:
            tally.stop([order.id for order in orders], error)
        else:
            works += [
                Work(order=order, format=fmt, identity=seal)
                for order in orders
                for fmt, seal in seals.items()
            ]
    return works


def _hold_to(
    claim: Claim, orders: Iterable[Order], seals: Mapping[Format, Identity | None]
) -> None:
    """SealChangedError: the batch began with another seal."""
    for profile in {order.profile for order in orders} if claim.seals else ():
        for fmt, seal in seals.items():
            began = claim.seals.get((profile, fmt))
            if seal is not None and began not in (None, _fingerprint(seal)):
                raise SealChangedError(
                    f"the {fmt} seal {seal.name} has another certificate than the one that the"
                    " batch began with: cancel what is left of it and plan it anew, or put"
                    " the former seal back and retry"
                )


def _by_seals(orders: Iterable[Order]) -> dict[tuple[str | None, tuple[Format, ...]], list[Order]]:
    found: dict[tuple[str | None, tuple[Format, ...]], list[Order]] = {}
    for order in orders:
        found.setdefault((order.identity, order.formats), []).append(order)
    return found


def _seal(plant: Plant, identity: str | None, fmt: Format) -> Identity | None:
    """SealRevokedError: its certificate is known to be revoked."""
    if identity is None:
        return None
    seal = plant.keyring.seal(identity, fmt)
    plant.long_term.refuse_revoked(seal)
    return seal


class _Layout:
    """Lays out each order of a chunk once, whatever its formats."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._last: tuple[OrderId, Laid] | None = None

    def lay(self, work: Work) -> None:
        """Every mark of the work's document in its place."""
        if self._last is None or self._last[0] != work.order.id:
            laid = laying.of_order(self._plant, work.order)
            self._last = (work.order.id, stamping.with_room(self._plant, work.order, laid))
        work.laid = self._last[1]


def _draw(plant: Plant, tally: Tally, works: Sequence[Work]) -> None:
    """Placed marks -> files, by a press or proofed; they lack the signature, if any."""
    pressed = [work for work in works if work.press is not None]
    tally.attempt(_drawn, works)
    plant.metrics.drawn(tally.works)
    plant.metrics.handed_over((work for work in pressed if work.press is None), UNABLE)


def _drawn(work: Work) -> None:
    laid = work.laid_out()
    if work.identity is None:
        work.data = work.making.unsealed(laid)
        return
    if work.press is not None:
        try:
            work.awaiting = work.press.sealed(laid)
        except PressUnableError:
            work.press = None
    if work.press is None:
        work.awaiting = work.making.sealed(laid, work.identity)


def _make_anew(plant: Plant, claim: Claim, tally: Tally, spoiled: Sequence[Work]) -> None:
    """By the reference writer, what a press has made wrong, or might have."""
    if not spoiled:
        return
    gone = {id(work) for work in spoiled}
    others = [work for work in tally.works if id(work) not in gone]
    for work in spoiled:
        work.press, work.awaiting, work.data, work.sha256 = None, None, b"", ""
        work.signature = work.token = b""
        work.awaits = work.proved_until = None
    plant.metrics.handed_over(spoiled, STOPPED)
    _draw(plant, tally, spoiled)
    _sign(claim, tally)
    stamping.stamp(plant, tally)
    _close(tally)
    tally.works = tally.left([*others, *tally.works])


def _sign(claim: Claim, tally: Tally) -> None:
    """All digests of a seal for a purpose go to its signer in one call."""
    groups = _by_seal_and_purpose(claim, tally.works)
    tally.works = [work for work in tally.works if work.identity is None]
    for purpose, works in groups:
        if wanted := tally.left(works):
            try:
                answers = _answers(wanted, purpose)
            except FactoryError as error:
                log.warning("not signed", files=len(wanted), reason=error.reason)
                tally.stop([work.order.id for work in wanted], error)
            else:
                _take(tally, zip(wanted, answers, strict=True))


def _by_seal_and_purpose(
    claim: Claim, works: Iterable[Work]
) -> Iterable[tuple[Purpose, list[Work]]]:
    batch = None if claim.batch is None else str(claim.batch)
    found: dict[tuple[str, Format, Purpose], list[Work]] = {}
    for work in works:
        if work.identity is not None:
            order = work.order
            purpose = Purpose(profile=order.profile, kind=order.kind.value, batch=batch)
            found.setdefault((work.identity.name, work.format, purpose), []).append(work)
    return ((purpose, some) for (_, _, purpose), some in found.items())


def _answers(works: Sequence[Work], purpose: Purpose) -> Sequence[bytes | FactoryError]:
    """Of works of one seal: for each its signature, or why there is none."""
    identity, awaiting = works[0].identity, [work.awaiting for work in works if work.awaiting]
    assert identity is not None  # noqa: S101 - sorted by the caller
    return signer.answers(identity.signer, [each.digest for each in awaiting], purpose)


def _take(tally: Tally, answered: Iterable[tuple[Work, bytes | FactoryError]]) -> None:
    """Each signature is kept for its file; orders of which one is missing leave the line."""
    for work, answer in answered:
        if isinstance(answer, FactoryError):
            tally.fail(work, answer)
        else:
            work.signature = answer
            tally.works.append(work)


def _close(tally: Tally) -> None:
    """Each signature goes into its file, with a time stamp where there is one."""
    tally.attempt(_closed, list(tally.works))


def _closed(work: Work) -> None:
    """What nobody of ours seals is closed already."""
    if work.awaiting is None:
        return
    stamped = (work.token,) if work.token else ()
    work.data = work.awaiting.finish(work.signature, *stamped)
    work.awaiting, work.signature, work.token = None, b"", b""


def _check(work: Work) -> None:
    """Nothing goes on that does not verify.  SelfCheckError: it does not.

    What a press made was checked by its template.
    """
    if work.identity is not None and work.press is None:
        work.making.self_check(work.data, work.identity)


def _judge(plant: Plant, work: Work) -> None:
    """The first certificates of a batch are verified whole, as anybody would who was sent them.

    SelfCheckError: the verdict is not ``valid``.
    """
    keys = plant.keyring
    with plant.ledger.read() as tx:
        now = tx.now
    verdict = verify.verify(
        work.data,
        keys.trust_roots(),
        issuers=keys.seal_issuers(),
        now=now,
        time_roots=keys.time_roots(),
        revocations=plant.revocations(),
    )
    if verdict.verdict is not VerdictWord.VALID:
        raise SelfCheckError(
            f"first certificate, {work.format}: {verdict.verdict}: {'; '.join(verdict.reasons)}"
        )


def _read_again(plant: Plant, claim: Claim, tally: Tally) -> None:
    """Orders whose OFD a second program reads otherwise leave the line."""
    files = [
        Finished(order=work.order, placed=work.laid_out().placed, data=work.data)
        for work in tally.works
        if work.format is Format.OFD
    ]
    stopped = plant.canary.stopped(
        files, singly=claim.queue is Queue.INTERACTIVE, anew=claim.canary
    )
    for order, error in stopped.items():
        tally.stop([order], error)


def _renewed(plant: Plant, claim: Claim) -> bool:
    """A fresh lease before a signer is waited for, and before anything leaves the worker.

    False: somebody else has the chunk; nothing more is to be done here.
    """
    with plant.ledger.write(WHO, claim.correlation) as tx:
        lease = timedelta(seconds=plant.settings.lease_seconds)
        kept = chunks.renew(tx, claim, lease=lease)
    if not kept:
        plant.metrics.refused_delivery()
    return kept


def _store(plant: Plant, claim: Claim, tally: Tally) -> None:
    """Put every file, create-only; one that is there already is adopted after a full check."""
    works = tally.works
    try:
        store: Blobs = plant.bulk_store if claim.queue is Queue.BULK else plant.store
        created = store.put_all([_blob(work) for work in works])
    except FactoryError as error:
        log.warning("not stored", files=len(works), reason=error.reason)
        tally.stop([work.order.id for work in works], error)
        return
    there = {work.key for work, new in zip(works, created, strict=True) if not new}
    tally.attempt(lambda work: _adopt(plant, work) if work.key in there else None, works)


def _blob(work: Work) -> Blob:
    work.sha256 = work.sha256 or hashlib.sha256(work.data).hexdigest()
    return Blob(
        key=work.key,
        data=work.data,
        content_type=work.making.content_type,
        sha256=work.sha256,
    )


def _adopt(plant: Plant, work: Work) -> None:
    """The file an earlier try left, if it is what this order prints; else it is a fault.

    SelfCheckError: another document lies under this key.
    """
    found = plant.store.get(work.key)
    if found == work.data:
        return
    if work.identity is not None:
        work.making.self_check(found, work.identity)
    if verify.twin(found) != twin(work.order.face):
        raise SelfCheckError("store: another document lies under this order's key")
    work.data, work.sha256 = found, hashlib.sha256(found).hexdigest()


def _record(plant: Plant, claim: Claim, tally: Tally) -> None:
    """One fenced transaction; of two workers on one chunk, one gets to write."""
    held, failing = tally.held, tally.failing
    if failing and claim.releases >= plant.settings.max_retries:  # a person is needed now
        held, failing = failing | held, {}
    pauses = [pause_after(claim.releases)] if failing else []
    pauses += [error.again_after for error in tally.pending.values()]
    made = [_made_file(work) for work in tally.works]
    holds = [HeldOrder(order=order, error=error) for order, error in held.items()]
    again = min(pauses, default=None)
    because = _commonest((failing or tally.pending).values())
    with plant.ledger.write(WHO, claim.correlation) as tx:
        kept = record.record(
            tx,
            claim,
            made,
            holds,
            brake=plant.brake,
            again_after=again,
            rests=not failing,
            because=because,
        )
    if not kept:
        log.warning("fence lost", chunk=claim.id)
        plant.metrics.refused_delivery()
        return
    plant.metrics.chunk_recorded(
        claim, made, holds, list(tally.failing.values()), is_done=again is None
    )
    _tell(claim, made, holds, tally.later.values())


def _commonest(errors: Collection[FactoryError]) -> FactoryError | None:
    """Of the reason that most of them have."""
    if not errors:
        return None
    [(reason, _)] = Counter(error.reason for error in errors).most_common(1)
    return next(error for error in errors if error.reason == reason)


def _tell(
    claim: Claim,
    made: Sequence[MadeFile],
    held: Sequence[HeldOrder],
    later: Iterable[FactoryError],
) -> None:
    """One line a chunk; reasons are closed words."""
    log.info(
        "chunk recorded",
        chunk=claim.id,
        queue=claim.queue,
        files=len(made),
        held=[hold.error.reason for hold in held],
        later=sorted({error.reason for error in later}),
    )


def _made_file(work: Work) -> MadeFile:
    return MadeFile(
        order=work.order.id,
        format=work.format,
        object_key=work.key,
        sha256=work.sha256,
        size_bytes=len(work.data),
        content_type=work.making.content_type,
        signing_cert_sha256=_fingerprint(work.identity) if work.identity else None,
        awaits=work.awaits,
        proved_until=work.proved_until,
    )


@lru_cache(maxsize=64)
def _fingerprint(identity: Identity) -> str:
    return verify.fingerprint(identity.signing_cert)


def pause_after(tries: int) -> timedelta:
    """How long a chunk rests after that many tries: 1 s, 2 s, 4 s … at most a minute."""
    return min(timedelta(seconds=2 ** min(tries, 10)), LONGEST_PAUSE)
