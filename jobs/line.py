"""The line: produce(chunk) makes, seals, checks, stores and records a chunk of orders.

The queue delivers at least once and may deliver twice at the same time; the ledger's fence
sees to it that a chunk is recorded once.  Nothing here draws a number or reads the register.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from factory import verify
from factory.errors import FactoryError, PermanentError, SealPendingError, SelfCheckError
from factory.kinds import KINDS
from factory.kinds.stored import twin
from factory.making import MAKINGS, Identity, Making
from factory.model import ChunkId, Format, Order, OrderId, Queue
from factory.page.glance import check
from factory.page.marks import Placed
from factory.pressing import Awaiting, Laid
from factory.register import local_day
from factory.seals import signer
from factory.verify_verdict import VerdictWord
from jobs import sealing, typefaces
from jobs.canary import Finished
from storage.blobs import Blob
from storage.ledger import chunks, record
from storage.ledger.chunks import Claim
from storage.ledger.record import HeldOrder, MadeFile

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

WHO = "factory"
LONGEST_PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One file of one order on its way down the line."""

    order: Order
    format: Format
    identity: Identity | None = field(repr=False)  #: None: nobody of ours seals it
    placed: Placed | None = field(default=None, repr=False)
    awaiting: Awaiting | None = field(default=None, repr=False)
    data: bytes = field(default=b"", repr=False)

    @property
    def key(self) -> str:
        """Where the file goes."""
        return self.order.object_key(self.format)

    @property
    def making(self) -> Making[Any]:
        """How files of its format come about."""
        return MAKINGS[self.format]


@dataclass(slots=True)
class Tally:
    """What became of a chunk so far: what is on its way, what stopped, what may pass later.

    works: of an order all its files or none, so that none is published alone.
    """

    works: list[Work] = field(default_factory=list)
    held: dict[OrderId, FactoryError] = field(default_factory=dict)
    later: dict[OrderId, FactoryError] = field(default_factory=dict)

    def attempt(self, step: Callable[[Work], Work], works: Iterable[Work]) -> None:
        """Take each file one step on; an order of which one fails leaves the line."""
        self.works = []
        for work in works:
            if not self._has_stopped(work):
                try:
                    self.works.append(step(work))
                except FactoryError as error:
                    self.stop([work.order.id], error)

    def stop(self, orders: Iterable[OrderId], error: FactoryError) -> None:
        """Take orders off the line with all their files: for good, or until the next try."""
        # What is not permanent may pass, or somebody is mending this machine's settings.
        stopped = self.held if isinstance(error, PermanentError) else self.later
        stopped.update(dict.fromkeys(orders, error))
        self.works = self.left(self.works)

    @property
    def pending(self) -> dict[OrderId, SealPendingError]:
        """Those of later whose seal has not come yet: they did not fail."""
        found = self.later.items()
        return {order: error for order, error in found if isinstance(error, SealPendingError)}

    @property
    def failing(self) -> dict[OrderId, FactoryError]:
        """The others of later."""
        pending = self.pending
        return {order: error for order, error in self.later.items() if order not in pending}

    def left(self, works: Iterable[Work]) -> list[Work]:
        """Those whose order is still on the line."""
        return [work for work in works if not self._has_stopped(work)]

    def _has_stopped(self, work: Work) -> bool:
        return work.order.id in self.held or work.order.id in self.later


def produce(plant: Plant, chunk_id: ChunkId) -> None:
    """Make, store and record one chunk; doing so again changes nothing.

    StoreUnavailableError: the ledger gave no answer; the reconciler will ring again.
    """
    with plant.stage("claim"):
        claim = _claim(plant, chunk_id)
    if claim is None:
        plant.metrics.refused_delivery()
        return
    with _given_back_on_fault(plant, claim):
        tally = Tally()
        with plant.stage("draw"):
            works = sealing.look(plant, tally, _works(plant, claim, tally))
            tally.attempt(lambda work: _draw(plant, work), works)
        if not _renewed(plant, claim):
            return
        with plant.stage("sign"):
            sealing.note(plant, claim.correlation, tally)
            _sign(tally)
        with plant.stage("check"):
            tally.attempt(_checked, list(tally.works))
            if claim.canary:
                tally.attempt(lambda work: _judged(plant, work), list(tally.works))
            _read_again(plant, claim, tally)
        if not _renewed(plant, claim):
            return
        with plant.stage("store"):
            _store(plant, tally)
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
        except FactoryError as error:
            tally.stop([order.id for order in orders], error)
        else:
            works += [
                Work(order=order, format=fmt, identity=seal)
                for order in orders
                for fmt, seal in seals.items()
            ]
    return works


def _by_seals(orders: Iterable[Order]) -> dict[tuple[str | None, tuple[Format, ...]], list[Order]]:
    found: dict[tuple[str | None, tuple[Format, ...]], list[Order]] = {}
    for order in orders:
        found.setdefault((order.identity, order.formats), []).append(order)
    return found


def _seal(plant: Plant, identity: str | None, fmt: Format) -> Identity | None:
    return plant.keyring.seal(identity, fmt) if identity else None


def _draw(plant: Plant, work: Work) -> Work:
    """Face -> placed marks -> file, linted and proofed; it lacks the signature, if any."""
    laid = _laid(plant, work.order)
    if work.identity is None:
        return replace(work, placed=laid.placed, data=work.making.unsealed(laid))
    awaiting = work.making.sealed(laid, work.identity)
    return replace(work, placed=laid.placed, awaiting=awaiting)


def _laid(plant: Plant, order: Order) -> Laid:
    """What is printed, each mark in its place, and what goes into the file beside it."""
    kind = KINDS[order.kind]
    rules = plant.profiles[order.profile]
    profile = rules.called(order.profile_version, local_day(order.signed_at))
    sheet, values = kind.sheet(profile, order.face), kind.values(profile, order.face)
    placed = typefaces.placed(plant, sheet, values)
    check(sheet, placed, values)
    return Laid(
        placed=placed,
        values=values,
        pictures=order.pictures,
        title=kind.title(profile, order.face),
        created=order.signed_at,
        twin=twin(order.face),
        licence_id=_licence_id(order),
        profile=profile,
    )


def _licence_id(order: Order) -> str | None:
    """Of a certificate (证照标识); nothing else has one."""
    found = order.face.get("licence_id")
    return str(found) if found is not None else None


def _sign(tally: Tally) -> None:
    """All digests of one seal go to its signer in one call; then each file is closed."""
    by_seal = _by_seal(tally.works)
    tally.works = [work for work in tally.works if work.identity is None]
    for works in by_seal:
        if wanted := tally.left(works):
            try:
                answers = _answers(wanted)
            except FactoryError as error:
                tally.stop([work.order.id for work in wanted], error)
            else:
                _close(tally, zip(wanted, answers, strict=True))


def _by_seal(works: Iterable[Work]) -> Iterable[list[Work]]:
    found: dict[tuple[str, Format], list[Work]] = {}
    for work in works:
        if work.identity is not None:
            found.setdefault((work.identity.name, work.format), []).append(work)
    return found.values()


def _answers(works: Sequence[Work]) -> Sequence[bytes | FactoryError]:
    """Of works of one seal: for each its signature, or why there is none."""
    identity, awaiting = works[0].identity, [work.awaiting for work in works if work.awaiting]
    assert identity is not None  # noqa: S101 - sorted by the caller
    return signer.answers(identity.signer, [each.digest for each in awaiting])


def _close(tally: Tally, answered: Iterable[tuple[Work, bytes | FactoryError]]) -> None:
    """Each signature goes into its file; orders of which one is missing leave the line."""
    for work, answer in answered:
        try:
            tally.works.append(_closed(work, answer))
        except FactoryError as error:
            tally.stop([work.order.id], error)


def _closed(work: Work, answer: bytes | FactoryError) -> Work:
    assert work.awaiting is not None  # noqa: S101 - drawn by the caller
    if isinstance(answer, FactoryError):
        raise answer
    return replace(work, data=work.awaiting.finish(answer), awaiting=None)


def _checked(work: Work) -> Work:
    """Nothing goes on that does not verify.  SelfCheckError: it does not."""
    if work.identity is not None:
        work.making.self_check(work.data, work.identity)
    return work


def _judged(plant: Plant, work: Work) -> Work:
    """The first certificates of a batch are verified whole, as anybody would who was sent them.

    SelfCheckError: the verdict is not ``valid``.
    """
    keys = plant.keyring
    verdict = verify.verify(work.data, keys.trust_roots(), issuers=keys.seal_issuers())
    if verdict.verdict is not VerdictWord.VALID:
        raise SelfCheckError(
            f"first certificate, {work.format}: {verdict.verdict}: {'; '.join(verdict.reasons)}"
        )
    return work


def _read_again(plant: Plant, claim: Claim, tally: Tally) -> None:
    """Orders whose OFD a second program reads otherwise leave the line."""
    files = [
        Finished(order=work.order, placed=work.placed, data=work.data)
        for work in tally.works
        if work.format is Format.OFD and work.placed is not None
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


def _store(plant: Plant, tally: Tally) -> None:
    """Put every file, create-only; one that is there already is adopted after a full check."""
    works = tally.works
    try:
        created = plant.store.put_all([_blob(work) for work in works])
    except FactoryError as error:
        tally.stop([work.order.id for work in works], error)
        return
    there = {work.key for work, new in zip(works, created, strict=True) if not new}
    tally.attempt(lambda work: _adopted(plant, work) if work.key in there else work, works)


def _blob(work: Work) -> Blob:
    return Blob(
        key=work.key,
        data=work.data,
        content_type=work.making.content_type,
        sha256=hashlib.sha256(work.data).hexdigest(),
    )


def _adopted(plant: Plant, work: Work) -> Work:
    """The file an earlier try left, if it is what this order prints; else it is a fault.

    SelfCheckError: another document lies under this key.
    """
    found = plant.store.get(work.key)
    if found == work.data:
        return work
    if work.identity is not None:
        work.making.self_check(found, work.identity)
    if verify.twin(found) != twin(work.order.face):
        raise SelfCheckError("store: another document lies under this order's key")
    return replace(work, data=found)


def _record(plant: Plant, claim: Claim, tally: Tally) -> None:
    """One fenced transaction; of two workers on one chunk, one gets to write."""
    held, failing = tally.held, tally.failing
    if failing and claim.releases >= plant.settings.max_retries:  # a person is needed now
        held, failing = failing | held, {}
    pauses = [pause_after(claim.releases)] if failing else []
    pauses += [error.again_after for error in tally.pending.values()]
    made = [_made_file(work) for work in tally.works]
    holds = [HeldOrder(order=order, error=error) for order, error in held.items()]
    with plant.ledger.write(WHO, claim.correlation) as tx:
        again = min(pauses, default=None)
        kept = record.record(
            tx, claim, made, holds, brake=plant.brake, again_after=again, rests=not failing
        )
    if not kept:
        log.warning("fence lost", chunk=claim.id, correlation=claim.correlation)
        plant.metrics.refused_delivery()
        return
    plant.metrics.chunk_recorded(claim, made, holds, list(tally.failing.values()))
    _tell(claim, made, holds, tally.later.values())


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
        correlation=claim.correlation,
        files=len(made),
        held=[hold.error.reason for hold in held],
        later=sorted({error.reason for error in later}),
    )


def _made_file(work: Work) -> MadeFile:
    return MadeFile(
        order=work.order.id,
        format=work.format,
        object_key=work.key,
        sha256=hashlib.sha256(work.data).hexdigest(),
        size_bytes=len(work.data),
        content_type=work.making.content_type,
        signing_cert_sha256=verify.fingerprint(work.identity.signing_cert)
        if work.identity
        else None,
    )


def pause_after(tries: int) -> timedelta:
    """How long a chunk rests after that many tries: 1 s, 2 s, 4 s … at most a minute."""
    return min(timedelta(seconds=2 ** min(tries, 10)), LONGEST_PAUSE)
