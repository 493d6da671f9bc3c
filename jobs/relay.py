"""The relay: carries bells from the ledger's outbox to the broker, oldest first.

A crash after sending and before recording sends twice, which is harmless: the fence sees to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from factory.model import Queue
from jobs import broker as brokers
from storage.ledger import outbox
from storage.ledger.outbox import Bell, Topic

if TYPE_CHECKING:
    from storage.ledger import Ledger

log = structlog.get_logger()

WHO = "relay"


def relay(ledger: Ledger, broker: brokers.Broker, *, limit: int = 500) -> int:
    """Send what is unsent; how many.  StoreUnavailableError: nothing is lost, try again."""
    with ledger.read() as tx:
        if not outbox.unsent(tx, limit=1):
            return 0
    brokers.ping(broker)  # one that hangs must not do so while we hold SQLite's only lock
    with ledger.write(WHO) as tx:
        bells = outbox.unsent(tx, limit=limit)
        for bell in bells:
            _send(broker, bell)
        outbox.mark_sent(tx, bells)
    for bell in bells:
        log.info("bell sent", topic=bell.topic, correlation=bell.correlation, **bell.body)
    return len(bells)


def _send(broker: brokers.Broker, bell: Bell) -> None:
    body = bell.body
    if bell.topic is Topic.CHUNK:
        brokers.send(broker, Queue(str(body["queue"])), brokers.PRODUCE, int(str(body["chunk"])))
    elif bell.topic is Topic.SEALING:
        brokers.send(broker, Queue.CONTROL, brokers.WITHDRAW, int(str(body["sealing"])))
    else:
        brokers.send(broker, Queue.CONTROL, brokers.ADVANCE, int(str(body["batch"])))
