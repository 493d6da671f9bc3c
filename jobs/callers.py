"""Callers (调用方): upstream systems' access keys issued and revoked; who a request comes from."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from factory import access_keys as written
from factory.access_keys import Bearer, Caller, Credentials, Proof, Scope, Signed
from factory.errors import (
    ConflictError,
    FieldError,
    ForbiddenError,
    NotFoundError,
    SettingsError,
    StoreUnavailableError,
    UnrecognisedError,
)
from factory.register import local_day
from factory.tokens import NAME, NAME_RULE, SECRET_BYTES
from jobs.bulk.beginning import OPERATIONS
from storage.ledger import Tx, access_keys, audit, inbox
from storage.ledger.access_keys import KeptKey, NewKey

if TYPE_CHECKING:
    from jobs.wiring import Plant

__all__ = [
    "Caller", "Credentials", "Issued", "KeyView", "Scope", "issue", "listed", "recognise", "revoke",
]  # fmt: skip

DAYS, MOST_DAYS = 365, 1096
DEFAULT_LABEL = "default"
MOST_ACTIVE = 2  #: keys of one source and label, so that a new one can take the place of an old one
WRONG = "access key: there is no such key, it was revoked, or this is not its secret or signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """What may be shown of an access key."""

    key: str
    source: str
    label: str
    scopes: Sequence[str]
    profiles: Sequence[str]
    state: str  #: active, expired or revoked
    created: datetime
    expires: datetime
    last_used: datetime | None
    revoked: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new access key, shown this once."""

    token: str = field(repr=False)
    kept: KeyView


def issue(
    plant: Plant,
    source: str,
    *,
    scopes: Collection[Scope] = tuple(Scope),
    profiles: Collection[str] = (),
    days: int = DAYS,
    label: str = DEFAULT_LABEL,
    who: str,
) -> Issued:
    """A new key of an upstream system, which nobody is ever shown again.

    profiles: the registers it is for; none named: all that the source is granted now.
    ConflictError: the source has as many active keys of that label as may be; says which to revoke.
    SettingsError: the source is not granted a profile, or none at all.
    FieldError: no scope, or what is no label.
    """
    _check_asked(source, scopes, label)
    key, token, proof = _minted()
    with plant.ledger.write(who) as tx:
        new = NewKey(
            key=key,
            proof=proof,
            source=source,
            label=label,
            scopes=frozenset(scopes),
            profiles=_granted(tx, source, profiles),
            expires=tx.now + timedelta(days=days),
        )
        _refuse_one_more(tx, source, label)
        kept = access_keys.add(tx, new)
        _note(tx, "access key issued", kept, why=f"for {days} days")
        return Issued(token=token, kept=_view(kept, tx.now))


def revoke(plant: Plant, key: str, *, who: str, why: str) -> KeyView:
    """The key opens nothing any more, at once and for good.

    NotFoundError: there is no such key.  ConflictError: it was revoked before.
    """
    with plant.ledger.write(who) as tx:
        if not access_keys.revoke(tx, key):
            _refuse_revoked(tx, key)
        kept = _expected(tx, key)
        _note(tx, "access key revoked", kept, why=why)
        return _view(kept, tx.now)


def listed(plant: Plant) -> Sequence[KeyView]:
    """What may be shown of every key, by source and label, the oldest first."""
    with plant.ledger.read() as tx:
        return [_view(each, tx.now) for each in access_keys.all_keys(tx)]


def recognise(plant: Plant, credentials: Credentials, *, now: datetime) -> Caller:
    """Whom a request comes from, and what they may do.

    UnrecognisedError: it does not prove that; an unknown key, a revoked one, a wrong secret and a
    wrong signature are told alike.  StoreUnavailableError: the ledger gave no answer, or, of a
    signed request, the broker, which remembers which ones were here before.
    """
    brought = written.read(credentials)
    if isinstance(brought, Signed):
        brought.refuse_unless_fresh(now)
    kept, grants = _proved(plant, brought)
    if not now < kept.expires:
        raise UnrecognisedError(f"access key: expired on {local_day(kept.expires)}")
    if isinstance(brought, Signed):
        _refuse_replay(plant, brought)
    _note_use(plant, kept, now)
    return Caller(
        key=kept.key,
        source=kept.source,
        scopes=kept.scopes,
        profiles=kept.profiles & grants,
    )


def _proved(plant: Plant, brought: Bearer | Signed) -> tuple[KeptKey, frozenset[str]]:
    """The key that a request has proved to have, and what its source may submit for today."""
    with plant.ledger.read() as tx:
        found = access_keys.by_id(tx, brought.key)
        kept, proof = found if found else (None, written.NOBODY)
        grants = inbox.grants(tx, kept.source) if kept else frozenset()
    # Asked of nobody too: how long it takes does not say whether there is such a key.
    fits = brought.fits(proof)
    if kept is None or not fits or kept.revoked is not None:
        raise UnrecognisedError(WRONG)
    return kept, grants


def _refuse_replay(plant: Plant, signed: Signed) -> None:
    if not plant.pacing.is_first(signed.key, signed.ident):
        raise UnrecognisedError(
            "Factory-Id: came before with this key; sign every request with an id of its own"
        )


def _note_use(plant: Plant, kept: KeptKey, now: datetime) -> None:
    """When a key was last used is a courtesy: a ledger that cannot write harms no reader."""
    if kept.used_lately(now):
        return
    with suppress(StoreUnavailableError), plant.ledger.write(f"key:{kept.key}") as tx:
        access_keys.used(tx, kept.key)


def _check_asked(source: str, scopes: Collection[Scope], label: str) -> None:
    if source == OPERATIONS:
        raise ForbiddenError(f"{source}: is what operators ask for here; no key is issued for it")
    if not scopes:
        raise FieldError("scopes", f"of {', '.join(Scope)}", "names none")
    if not NAME.fullmatch(label):
        raise FieldError("label", NAME_RULE, "is not written so")


def _minted() -> tuple[str, str, Proof]:
    """Key id, whole key, and what of it is kept."""
    secret = secrets.token_bytes(SECRET_BYTES)
    key, token = written.mint(secrets.token_bytes(written.IDENT_BYTES), secret)
    return key, token, written.proof_of(secret)


def _granted(tx: Tx, source: str, profiles: Collection[str]) -> frozenset[str]:
    """The profiles that are asked for, or all; each is granted."""
    grants = inbox.grants(tx, source)
    missing = sorted(frozenset(profiles) - grants) or ([] if grants else ["PROFILE"])
    if missing:
        raise SettingsError(
            f"{source} may not submit for {', '.join(missing)}:"
            f" run `certfactory sources grant {source} {missing[0]}`"
        )
    return frozenset(profiles) or grants


def _refuse_one_more(tx: Tx, source: str, label: str) -> None:
    active = access_keys.active(tx, source, label)
    if len(active) >= MOST_ACTIVE:
        raise ConflictError(
            f"access key: {source} has {len(active)} active ones labelled {label}; revoke the"
            f" oldest, {active[0].key} of {local_day(active[0].created)}, or give another label"
        )


def _refuse_revoked(tx: Tx, key: str) -> None:
    """Always; says whether there is such a key."""
    revoked = _expected(tx, key).revoked
    assert revoked is not None  # noqa: S101 - nothing else keeps it from being revoked
    raise ConflictError(f"access key {key}: was revoked on {local_day(revoked)}")


def _expected(tx: Tx, key: str) -> KeptKey:
    found = access_keys.by_id(tx, key)
    if found is None:
        raise NotFoundError("access key: there is none of that key id")
    return found[0]


def _note(tx: Tx, action: str, kept: KeptKey, *, why: str) -> None:
    what = {
        "source": kept.source,
        "label": kept.label,
        "scopes": sorted(kept.scopes),
        "profiles": sorted(kept.profiles),
        "expires": kept.expires.isoformat(),
    }
    audit.note(tx, action, ("access_key", kept.key), why=why, what=what)


def _view(kept: KeptKey, now: datetime) -> KeyView:
    return KeyView(
        key=kept.key,
        source=kept.source,
        label=kept.label,
        scopes=sorted(kept.scopes),
        profiles=sorted(kept.profiles),
        state=kept.state(now),
        created=kept.created,
        expires=kept.expires,
        last_used=kept.last_used,
        revoked=kept.revoked,
    )
