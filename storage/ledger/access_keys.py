"""Access keys (访问密钥) of upstream systems: issued, found, revoked; no secret stands here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, text, update

from factory.access_keys import Proof, Scope
from storage import tables as t
from storage.ledger import keys
from storage.ledger.base import Tx

USED_AT_MOST = timedelta(minutes=1)  #: so often is written when a key was used


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptKey:
    """What is known of an access key; its secret is not.

    profiles: the registers it was issued for; which of them count, today's grants say.
    """

    key: str
    source: str
    label: str
    scopes: frozenset[Scope]
    profiles: frozenset[str]
    created: datetime
    expires: datetime
    revoked: datetime | None
    last_used: datetime | None

    def state(self, now: datetime) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "active" if now < self.expires else "expired"

    def used_lately(self, now: datetime) -> bool:
        """Whether that it is used need not be written again."""
        return self.last_used is not None and now - self.last_used < USED_AT_MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to be kept."""

    key: str
    proof: Proof
    source: str
    label: str
    scopes: frozenset[Scope]
    profiles: frozenset[str]
    expires: datetime


def add(tx: Tx, new: NewKey) -> KeptKey:
    """Keep a key; what it signs with is sealed under a data key of its own."""
    data_key = keys.new(tx)
    sealed = keys.load(tx, data_key).seal(new.proof.signing_key, context=_context(new.key))
    row = {
        "key_id": new.key,
        "source": new.source,
        "label": new.label,
        "scopes": sorted(new.scopes),
        "profiles": sorted(new.profiles),
        "secret_hash": new.proof.secret_hash,
        "data_key_id": data_key,
        "signing_key": sealed,
        "created_at": tx.now,
        "expires_at": new.expires,
    }
    return _kept(tx.run(insert(t.access_key).values(row).returning(t.access_key)).one())


def by_id(tx: Tx, key: str) -> tuple[KeptKey, Proof] | None:
    """The key of that key id, and what it is known by; None: there is none."""
    wanted = (
        select(t.access_key, t.data_key.c.wrapped)
        .join(t.data_key, t.data_key.c.id == t.access_key.c.data_key_id)
        .where(t.access_key.c.key_id == key)
    )
    row = tx.run(wanted).one_or_none()
    if row is None:
        return None
    opened = tx.vault.open_key(row.wrapped).open(row.signing_key, context=_context(key))
    return _kept(row), Proof(secret_hash=row.secret_hash, signing_key=opened)


def all_keys(tx: Tx) -> list[KeptKey]:
    """What is known of every key, by source and label, the oldest first."""
    c = t.access_key.c
    rows = tx.run(select(t.access_key).order_by(c.source, c.label, c.id))
    return [_kept(row) for row in rows]


def active(tx: Tx, source: str, label: str) -> list[KeptKey]:
    """The keys of a source and label that can be used, the oldest first.

    Of two who ask in order to add one, the second sees what the first has added.
    """
    if tx.is_postgresql:
        tx.run(text("LOCK TABLE access_key IN SHARE ROW EXCLUSIVE MODE"))
    c = t.access_key.c
    wanted = select(t.access_key).where(
        c.source == source, c.label == label, c.revoked_at.is_(None), c.expires_at > tx.now
    )
    return [_kept(row) for row in tx.run(wanted.order_by(c.id))]


def revoke(tx: Tx, key: str) -> bool:
    """Have the key open nothing any more, for good; False: it was revoked before."""
    c = t.access_key.c
    not_yet = update(t.access_key).where(c.key_id == key, c.revoked_at.is_(None))
    return bool(tx.run(not_yet.values(revoked_at=tx.now)).rowcount)


def used(tx: Tx, key: str) -> None:
    """The key was used just now; written at most once a minute."""
    c = t.access_key.c
    long_ago = or_(c.last_used_at.is_(None), c.last_used_at <= tx.now - USED_AT_MOST)
    tx.run(update(t.access_key).where(c.key_id == key, long_ago).values(last_used_at=tx.now))


def _kept(row: Any) -> KeptKey:
    return KeptKey(
        key=row.key_id,
        source=row.source,
        label=row.label,
        scopes=frozenset(Scope(each) for each in row.scopes),
        profiles=frozenset(row.profiles),
        created=row.created_at,
        expires=row.expires_at,
        revoked=row.revoked_at,
        last_used=row.last_used_at,
    )


def _context(key: str) -> str:
    """A signing key that is moved to another row does not open."""
    return f"access_key.signing_key {key}"
