"""Stamping (加盖时间戳): tokens over the signatures of a chunk, all at once.

Which documents are stamped, their profile says, and whether any are, the settings.  Room for the
token is kept when a document is drawn; the token comes when its signature is there.  While the
authority is away the orders wait, and nothing of them is stored; or, where the profile says so,
they go on without and are stamped later (`jobs.upkeep`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog
from cryptography import x509

from factory.errors import ClockError, FactoryError, TimestampUnavailableError
from factory.model import Format, Order, OrderId
from factory.pressing import TOKEN_ROOM, Laid
from factory.profile import TimeStampRules
from factory.seals.longterm import Material
from factory.seals.signer import SealIdentity
from factory.seals.tsp import Token, imprint_of
from factory.verify_time import TOLERANCE
from jobs.work import Tally, Work
from storage.ledger import proofs

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()


def with_room(plant: Plant, order: Order, laid: Laid) -> Laid:
    """The same, with room for a time stamp where its seal is to have one, and material for B-LT.

    TimestampUnavailableError: how much room, only the authority can tell, which is away.
    LongTermUnavailableError: the material is not to be had, or not all of it is in force.
    SettingsError: the keyring has no such authority.
    """
    rules = laid.profile.time_stamp
    if order.identity is None or rules is None or not plant.settings.time_stamps:
        return laid
    room = _room(plant, rules)
    material = _material(plant, order.identity, rules) if Format.PDF in order.formats else None
    return replace(laid, stamped=True, token_room=room, material=material)


def _room(plant: Plant, rules: TimeStampRules) -> int:
    """Where nobody knows, what suffices for any."""
    try:
        return plant.time_authority(rules.authority).room
    except TimestampUnavailableError:
        if rules.when_down == "wait":
            raise
        return TOKEN_ROOM


def _material(plant: Plant, identity: str, rules: TimeStampRules) -> Material | None:
    """What its PDF brings; None: its level asks for none."""
    if rules.level == "B-T":
        return None
    seal = plant.keyring.seal(identity, Format.PDF)
    assert isinstance(seal, SealIdentity)  # noqa: S101 - those for PDF are
    return plant.long_term.material(seal, rules.authority)


def waiting(tally: Tally) -> list[Work]:
    """Files that are signed, and to be stamped before they are closed."""
    return [work for work in tally.works if work.signature and _is_stamped(work)]


def stamp(plant: Plant, tally: Tally) -> None:
    """A token for each file that waits for one.

    Where there is none its order leaves the line, or goes on without: as the profile has it.
    """
    for authority, works in _by_authority(waiting(tally)).items():
        imprints = [imprint_of(work.signature) for work in works]
        try:
            tokens = plant.time_authority(authority).tokens(imprints)
        except FactoryError as error:
            log.warning("not stamped", files=len(works), reason=error.reason, detail=str(error))
            tally.stop(_left_behind(works, error), error)
        else:
            for work, token in zip(works, tokens, strict=True):
                work.token = token.encoded
                work.proved_until = last_day(token.signing_cert)
                if work.order.signed_at > token.moment + TOLERANCE:
                    tally.stop([work.order.id], _ahead(authority, work, token))


def _ahead(authority: str, work: Work, token: Token) -> ClockError:
    ahead = round((work.order.signed_at - token.moment).total_seconds())
    return ClockError(
        f"the ledger's clock was {ahead} s ahead of the time authority {authority} when this was"
        " ordered: set the clock of the ledger's machine; the order's time follows it"
    )


def last_day(stamper: x509.Certificate) -> str:
    """The day (UTC) on which the certificate of an authority ends."""
    return stamper.not_valid_after_utc.date().isoformat()


def _left_behind(works: Iterable[Work], error: FactoryError) -> list[OrderId]:
    """Orders that wait; the others are noted as released without."""
    waits = []
    for work in works:
        if isinstance(error, TimestampUnavailableError) and _rules(work).when_down == "later":
            work.awaits = proofs.STAMP
        else:
            waits.append(work.order.id)
    return waits


def _is_stamped(work: Work) -> bool:
    return work.making.takes_stamps and work.laid_out().stamped


def _by_authority(works: Iterable[Work]) -> dict[str, list[Work]]:
    found: dict[str, list[Work]] = {}
    for work in works:
        found.setdefault(_rules(work).authority, []).append(work)
    return found


def _rules(work: Work) -> TimeStampRules:
    rules = work.laid_out().profile.time_stamp
    assert rules is not None  # noqa: S101 - what is stamped has some
    return rules
