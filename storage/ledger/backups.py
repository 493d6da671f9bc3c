"""Backups as the ledger knows them: each that became whole, and each that it was restored from.

The fact is the audit row of either; an index of its own finds the newest however many others
there are.  A ledger that was restored counts from the backup it came out of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select, text

from storage import tables as t
from storage.ledger.base import Tx

TAKEN, RESTORED = "backup taken", "ledger restored"
OF_BACKUPS = text(t.OF_BACKUPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """The newest one of this ledger.

    name: of its folder.
    at:   the instant of the ledger that it holds.
    """

    name: str
    at: datetime


def newest(tx: Tx) -> Backup | None:
    """None: none was ever taken."""
    c = t.audit.c
    wanted = select(c.object_id, c.what).where(OF_BACKUPS).order_by(c.id.desc()).limit(1)
    row = tx.run(wanted).one_or_none()
    if row is None:
        return None
    return Backup(name=row.object_id, at=datetime.fromisoformat(row.what["at"]))


def anything_to_lose(tx: Tx) -> bool:
    """Whether anybody is registered: of an empty ledger a backup is worth nothing."""
    return bool(tx.run(select(exists(select(t.registration.c.id)))).scalar_one())
