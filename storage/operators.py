"""Operator tokens (操作员令牌): whoever approves proves who they are by what only they hold.

operators/<name>.json  of the keyring: the operator's tokens, each with its salt, the keyed digest
                       of its secret, and when it was made, ends and was withdrawn; closed to others

A token is ``op_<name>_<secret><check>``: 256 random bits in hex, and the CRC-32 of all before it,
which finds every single wrong character before anybody is asked.  It is shown once: what is kept
here gives no token back.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from factory.errors import ConflictError, ForbiddenError, NotFoundError, SettingsError
from factory.model import SHANGHAI
from factory.tokens import NAME, NAME_RULE, SECRET_BYTES, TAIL, check_fits, written
from storage import keyfiles

TOKEN = re.compile(rf"op_({NAME.pattern})_{TAIL}")
SALT_BYTES = 16
DAYS, MOST_DAYS = 365, 1096
MOST_ACTIVE = 2  #: tokens of one operator, so that a new one can take the place of an old one
KEPT = 4  #: tokens of one operator that are remembered, the newest
WRONG = "operator token: is of no operator of this keyring"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptToken:
    """What is known of a token; its secret is not."""

    name: str
    created: datetime
    expires: datetime
    withdrawn: datetime | None = None
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @property
    def ident(self) -> str:
        """Tells one token of an operator from another, and nothing of its secret."""
        return self.digest.hex()[:8]

    def is_active(self, now: datetime) -> bool:
        """Whether it can be used."""
        return self.withdrawn is None and now < self.expires


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new token, and those it took the place of."""

    token: str = field(repr=False)
    kept: KeptToken
    replaced: tuple[KeptToken, ...]


class Operators:
    """The operators of a keyring, read anew each time: a withdrawn token is of no use at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[KeptToken]:
        """What is known of every token, by name, the oldest first."""
        return [each for tokens in self._read().values() for each in tokens]

    def add(self, name: str, *, now: datetime, days: int = DAYS) -> Issued:
        """A new token of an operator; of their active ones the newest besides it stays.

        SettingsError: nobody may be called so.
        """
        check_name(name)
        with self._locked():
            token, made = _new_token(name, now, now + timedelta(days=days))
            before = self._read().get(name, ())
            kept = [*_withdrawn(before, now, but=MOST_ACTIVE - 1), made]
            self._write(name, kept[-KEPT:])
            return Issued(token=token, kept=made, replaced=_changed(before, kept))

    def withdraw(self, name: str, *, now: datetime) -> tuple[KeptToken, ...]:
        """None of the operator's tokens is of use any more; those that were.

        NotFoundError: there is no such operator.  ConflictError: none was of use.
        """
        with self._locked():
            before = self._read().get(name)
            if before is None:
                raise NotFoundError("operator: the keyring has none of that name")
            kept = _withdrawn(before, now, but=0)
            if not (changed := _changed(before, kept)):
                raise ConflictError("operator: has no token that could be used")
            self._write(name, kept)
            return changed

    def recognise(self, token: str, *, now: datetime) -> str:
        """The name of the operator whose token this is.

        SettingsError: it is no whole token.  ForbiddenError: it is nobody's, or no longer to be
        used; of an operator who is not known as of one whose secret is another.
        """
        name, secret = read_token(token)
        known = self._read().get(name, ())
        fitting = [each for each in _padded(known) if _fits(each, secret) and each is not None]
        if not fitting:
            raise ForbiddenError(WRONG)
        _refuse_unless_active(fitting[0], now)
        return name

    def _read(self) -> Mapping[str, Sequence[KeptToken]]:
        """All of them every time: how long it takes does not say whether a name is known."""
        files = sorted(self._folder.glob("*.json"))
        return {file.stem: _tokens(file) for file in files if NAME.fullmatch(file.stem)}

    def _write(self, name: str, tokens: Sequence[KeptToken]) -> None:
        """Whole or not at all."""
        with keyfiles.building(self._folder, ".written-") as building:
            keyfiles.write(building / name, _json(tokens).encode())
            (building / name).rename(self._folder / f"{name}.json")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One change at a time: a token that is being withdrawn is not written back."""
        descriptor = self._opened()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _opened(self) -> int:
        try:
            keyfiles.make_folder(self._folder)
            return os.open(self._folder, os.O_RDONLY)
        except OSError as error:
            problem = f"keyring folder operators cannot be written: {error.strerror}"
            raise SettingsError(problem) from error


def check_name(name: str) -> None:
    """SettingsError unless an operator may be called so."""
    if not NAME.fullmatch(name):
        raise SettingsError(f"an operator is called by {NAME_RULE}")


def read_token(token: str) -> tuple[str, bytes]:
    """The name and the secret that a token says.  SettingsError: it is no whole token."""
    found = TOKEN.fullmatch(token)
    if found is None:
        raise SettingsError("operator token: is not written op_<name>_<72 digits and letters a-f>")
    name, secret, _ = found.groups()
    if not check_fits(token):
        raise SettingsError("operator token: a character is wrong, its check does not fit")
    return name, bytes.fromhex(secret)


def _new_token(name: str, now: datetime, expires: datetime) -> tuple[str, KeptToken]:
    secret, salt = secrets.token_bytes(SECRET_BYTES), secrets.token_bytes(SALT_BYTES)
    digest = _digest(salt, secret)
    kept = KeptToken(name=name, created=now, expires=expires, salt=salt, digest=digest)
    return written(f"op_{name}", secret), kept


def _digest(salt: bytes, secret: bytes) -> bytes:
    """256 random bits cannot be guessed, so one round is enough (RFC 2104, FIPS 180-4)."""
    return hmac.new(salt, secret, hashlib.sha256).digest()


def _padded(tokens: Sequence[KeptToken]) -> Sequence[KeptToken | None]:
    """As many for everybody: nobody has fewer to be compared with than anybody else."""
    return [*tokens, *(None,) * (KEPT - len(tokens))]


def _fits(kept: KeptToken | None, secret: bytes) -> bool:
    """None: no secret is known that fits, and it takes as long to say so."""
    salt, digest = (kept.salt, kept.digest) if kept else (bytes(SALT_BYTES), bytes(SECRET_BYTES))
    return hmac.compare_digest(_digest(salt, secret), digest)


def _refuse_unless_active(kept: KeptToken, now: datetime) -> None:
    if kept.withdrawn is not None:
        raise ForbiddenError(f"operator token: was withdrawn on {_day(kept.withdrawn)}")
    if not kept.is_active(now):
        raise ForbiddenError(f"operator token: expired on {_day(kept.expires)}")


def _day(instant: datetime) -> str:
    """As a calendar in China says it."""
    return f"{instant.astimezone(SHANGHAI):%F}"


def _withdrawn(tokens: Sequence[KeptToken], now: datetime, *, but: int) -> list[KeptToken]:
    """The tokens, of which at most so many stay active, the newest."""
    active = [each for each in tokens if each.is_active(now)]
    ended = active[: len(active) - but]
    return [replace(each, withdrawn=now) if each in ended else each for each in tokens]


def _changed(before: Sequence[KeptToken], after: Sequence[KeptToken]) -> tuple[KeptToken, ...]:
    return tuple(new for old, new in zip(before, after, strict=False) if old != new)


def _json(tokens: Sequence[KeptToken]) -> str:
    return json.dumps({"tokens": [_written(each) for each in tokens]}, indent=2) + "\n"


def _written(each: KeptToken) -> Mapping[str, str | None]:
    return {
        "salt": each.salt.hex(),
        "digest": each.digest.hex(),
        "created": each.created.isoformat(),
        "expires": each.expires.isoformat(),
        "withdrawn": each.withdrawn.isoformat() if each.withdrawn else None,
    }


def _tokens(file: Path) -> Sequence[KeptToken]:
    try:
        rows = json.loads(keyfiles.read_secret(file))["tokens"]
        return [_token(file.stem, row) for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"keyring file operators/{file.name} is not what it should be"
        raise SettingsError(problem) from error


def _token(name: str, row: Mapping[str, str]) -> KeptToken:
    return KeptToken(
        name=name,
        created=datetime.fromisoformat(row["created"]),
        expires=datetime.fromisoformat(row["expires"]),
        withdrawn=datetime.fromisoformat(row["withdrawn"]) if row["withdrawn"] else None,
        salt=bytes.fromhex(row["salt"]),
        digest=bytes.fromhex(row["digest"]),
    )
