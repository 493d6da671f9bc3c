"""Heads of the log (日志头): signed now and then, when it has grown, and kept in the store too.

None is signed for a log that does not begin with what the newest kept one is of: who writes the
database alone cannot have an altered log signed, whatever becomes of the heads in it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from factory.errors import FactoryError, KeyBusyError
from factory.log import tree
from factory.log.heads import Head
from factory.seals import keys
from jobs.log import kept
from storage.ledger import log
from storage.ledger.log import SignedHead

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.ledger import Tx
    from storage.log_key import LogKey

logger = structlog.get_logger()

PAUSE = timedelta(minutes=1)  #: between two heads, at least


class HeadSigner:
    """Of a steward, which has more to do: a head that has to wait is told, and stops nobody."""

    def __init__(self, plant: Plant) -> None:
        self._plant, self._are_kept = plant, False

    def act(self) -> bool:
        """Sign if it is time; False: it is not, or the head has to wait."""
        try:
            if not self._are_kept:
                keep(self._plant)
            self._are_kept = False
            signed = sign(self._plant)
            self._are_kept = True
        except FactoryError as error:
            logger.warning("head of the log waits", reason=error.reason, detail=str(error))
            return False
        return signed


def sign(plant: Plant, *, pause: timedelta = PAUSE) -> bool:
    """Sign what the log is now; False: it has not grown, or its last head is too young.

    Key and store are asked outside of any transaction: who answers slowly stops nobody.
    KeyBusyError, SettingsError, SealPolicyError, StoreUnavailableError: the head waits, entries do
    not.  ConflictError: the log does not begin with what the store keeps a head of.
    """
    with plant.ledger.read() as tx:
        if not _is_due(tx, pause):
            return False
    before = kept.newest(plant)
    with plant.ledger.read() as tx:
        kept.require_beginning(tx, before)
        key = plant.keyring.log_key()
        size, at = log.size(tx), _whole_second(tx.now)
        root = tree.root(log.reader(tx), size)
    head = Head(origin=key.origin, size=size, root=root, at=at)
    signed = SignedHead.of(head, _signature(key, head), keys.fingerprint(key.certificate))
    with plant.ledger.write("sequencer") as tx:
        is_new = log.add_head(tx, signed)
    if is_new:
        kept.put(plant, signed, before)
    return is_new


def keep(plant: Plant) -> None:
    """Put the newest head of the ledger into the store, if one was signed and not kept there."""
    before = kept.newest(plant)
    with plant.ledger.read() as tx:
        kept.require_beginning(tx, before)
        newest = log.newest_head(tx)
    if newest is not None and (before is None or before.head.size < newest.size):
        kept.put(plant, newest, before)


def _is_due(tx: Tx, pause: timedelta) -> bool:
    newest, size = log.newest_head(tx), log.size(tx)
    if newest is None:
        return size > 0
    return size > newest.size and tx.now - newest.at >= pause


def _signature(key: LogKey, head: Head) -> bytes:
    """Proved before it is kept.  KeyBusyError: it is none of that key's."""
    [signature] = key.signer.sign_digests([head.digest])
    if not keys.fits_digest(key.certificate, signature, head.digest):
        raise KeyBusyError("gave a signature of the log's head that does not fit its certificate")
    return signature


def _whole_second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
