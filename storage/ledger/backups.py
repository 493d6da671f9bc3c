"""Backups as the ledger knows them: each that became whole, and each that it was restored from.

The fact is the audit row of either; an index of its own finds the newest however many others
there are.  A ledger that was restored counts from the backup it came out of.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def needing(tx: Tx, version: int) -> Sequence[Backup]:
    """Those that this ledger knows of, and did not remove, that hold data keys of a master key.

    The oldest first.  One of which is not noted by which they are wrapped counts too.
    """
    c = t.audit.c
    rows = tx.run(
        select(c.object_id, c.what).where(OF_BACKUPS, c.action == TAKEN).order_by(c.id)
    ).all()
    gone = {name for row in rows for name in row.what.get("pruned", ())}
    return [
        Backup(name=row.object_id, at=datetime.fromisoformat(row.what["at"]))
        for row in rows
        if row.object_id not in gone and version in row.what.get("masters", [version])
    ]


def anything_to_lose(tx: Tx) -> bool:
    """Whether anybody is registered: of an empty ledger a backup is worth nothing."""
    return bool(tx.run(select(exists(select(t.registration.c.id)))).scalar_one())
