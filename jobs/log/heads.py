"""Heads of the log (日志头): signed now and then, when it has grown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from factory.errors import FactoryError, KeyBusyError
from factory.log import tree
from factory.log.heads import Head
from factory.seals import keys
from storage.ledger import log

if TYPE_CHECKING:
    from jobs.wiring import Plant
    from storage.ledger import Tx
    from storage.log_key import LogKey

logger = structlog.get_logger()

PAUSE = timedelta(minutes=1)  #: between two heads, at least


def sign(plant: Plant, *, pause: timedelta = PAUSE) -> bool:
    """Sign what the log is now; False: it has not grown, or its last head is too young.

    The key is asked outside of any transaction: who signs slowly stops nobody.
    KeyBusyError, SettingsError, SealPolicyError: the head waits, entries do not.
    """
    with plant.ledger.read() as tx:
        if not _is_due(tx, pause):
            return False
        key = plant.keyring.log_key()
        size, at = log.size(tx), _whole_second(tx.now)
        root = tree.root(log.reader(tx), size)
    head = Head(origin=key.origin, size=size, root=root, at=at)
    signature = _signature(key, head)
    with plant.ledger.write("sequencer") as tx:
        return log.add_head(tx, head, signature, keys.fingerprint(key.certificate))


def sign_or_wait(plant: Plant) -> bool:
    """The same for a steward, which has more to do: False, and told, where a head has to wait."""
    try:
        sign(plant)
    except FactoryError as error:
        logger.warning("head of the log waits", reason=error.reason, detail=str(error))
        return False
    return True


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
