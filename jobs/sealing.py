"""Seals that come later (签章申请): waited for without a worker, withdrawn when nobody wants them.

A chunk that waits is asked about before anything of it is drawn: by the digests that were noted
when they were asked for.  What is there is drawn again, which gives the same digests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from factory.errors import FactoryError, SealOverdueError, SealPendingError
from factory.model import Format, OrderId
from factory.seals.signer import LaterSigner
from jobs.work import Tally, Work
from storage.ledger import sealings
from storage.ledger.sealings import Sealing, Wanted

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

WHO = "factory"

Seal = tuple[str, Format]


def look(plant: Plant, tally: Tally, works: Sequence[Work]) -> list[Work]:
    """The files whose orders wait for no seal any more; the others leave the line until later.

    Held is what was waited for as long as its seal's patience lasts.
    """
    signers = _signers(works)
    if not signers:
        return list(works)
    with plant.ledger.read() as tx:
        now, asked = tx.now, sealings.asked(tx, {work.order.id for work in works})
    for seal, signer in signers.items():
        mine = [each for each in asked if (each.identity, each.format) == seal]
        over = {each.order for each in mine if now - each.since > signer.patience}
        for order, error in _pending(signer, mine).items():
            tally.stop([order], _overdue(error) if order in over else error)
    return tally.left(works)


def _signers(works: Iterable[Work]) -> Mapping[Seal, LaterSigner]:
    """Of the seals among them that come later."""
    seals = {seal: work.identity.signer for work in works if work.identity and (seal := _of(work))}
    return {seal: signer for seal, signer in seals.items() if isinstance(signer, LaterSigner)}


def _of(work: Work) -> Seal | None:
    return (work.identity.name, work.format) if work.identity else None


def _pending(signer: LaterSigner, asked: Sequence[Sealing]) -> dict[OrderId, FactoryError]:
    """Orders that wait, and why; without an answer all of them do."""
    try:
        found = signer.pending([each.digest for each in asked])
    except FactoryError as error:
        return {each.order: error for each in asked}
    return {each.order: found[each.digest] for each in asked if each.digest in found}


def _overdue(error: FactoryError) -> FactoryError:
    """Whoever gives no answer has not been waited for."""
    if not isinstance(error, SealPendingError):
        return error
    return SealOverdueError(f"{error}: ask the authority for it, then retry")


def note(plant: Plant, correlation: str, tally: Tally) -> None:
    """Note what is about to be asked of services that seal later; void orders leave the line."""
    signers = _signers(tally.works)
    later = [work for work in tally.works if _of(work) in signers]
    if not later:
        return
    with plant.ledger.write(WHO, correlation) as tx:
        ready = sealings.note(tx, [_wanted(work) for work in later])
    gone = {work.order.id for work in later} - ready
    tally.works = [work for work in tally.works if work.order.id not in gone]


def _wanted(work: Work) -> Wanted:
    assert work.identity is not None  # noqa: S101 - chosen by the caller
    assert work.awaiting is not None  # noqa: S101 - it is drawn
    return Wanted(
        order=work.order,
        format=work.format,
        identity=work.identity.name,
        digest=work.awaiting.digest,
    )


def withdraw(plant: Plant, sealing_id: int) -> None:
    """Withdraw what nobody wants any more of the seal that this one is of.

    Asked again, ever more rarely, until the service has answered; doing so twice does no harm.
    """
    with plant.ledger.read() as tx:
        found = sealings.unwanted(tx, sealing_id)
    if not found.digests:
        return
    try:
        signer = plant.keyring.seal(found.identity, found.format).signer
        if isinstance(signer, LaterSigner):
            signer.withdraw(list(found.digests.values()))
    except FactoryError as error:
        log.warning("not withdrawn yet", identity=found.identity, reason=error.reason)
        return
    with plant.ledger.write(WHO) as tx:
        sealings.withdrawn(tx, found.digests)
