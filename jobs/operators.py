"""Operators (操作员): who may approve, told by their tokens; adding one, withdrawing one."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from factory.errors import SettingsError
from storage.ledger import Tx, audit
from storage.operators import DAYS, Issued, KeptToken

if TYPE_CHECKING:
    from jobs.wiring import Plant

MOST_BYTES = 1_000  #: read of a token's file, many more than it has
OPENED = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  #: a pipe that nobody fills is not waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Somebody whose token was proved."""

    name: str

    @property
    def who(self) -> str:
        """As the audit log names them."""
        return f"operator:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """What may be shown of a token."""

    operator: str
    token: str  #: tells one from another, and gives nothing of it away
    state: str  #: active, expired or withdrawn
    created: datetime
    expires: datetime
    withdrawn: datetime | None


def authenticated(plant: Plant, token_file: Path | None) -> Operator | None:
    """Whose token the file holds; None: none is given, by option or by setting.

    SettingsError: no file, one that others can read too, or no whole token in it.
    ForbiddenError: the token is nobody's, has expired or was withdrawn.
    """
    file = token_file or plant.settings.operator_token_file
    if file is None:
        return None
    token = _read(file)
    with plant.ledger.read() as tx:
        return Operator(name=plant.keyring.operators.recognise(token, now=tx.now))


def add(plant: Plant, name: str, *, who: str, days: int = DAYS) -> Issued:
    """A new token of an operator, which nobody is ever shown again."""
    with plant.ledger.write(who) as tx:
        issued = plant.keyring.operators.add(name, now=tx.now, days=days)
        for each in issued.replaced:
            _note(tx, "operator token withdrawn", each, why="a newer one takes its place")
        _note(tx, "operator token added", issued.kept, why=f"for {days} days")
    return issued


def withdraw(plant: Plant, name: str, *, who: str, why: str) -> Sequence[TokenView]:
    """No token of the operator is of use any more; those that were.

    NotFoundError: there is no such operator.  ConflictError: none was of use.
    """
    with plant.ledger.write(who) as tx:
        withdrawn = plant.keyring.operators.withdraw(name, now=tx.now)
        for each in withdrawn:
            _note(tx, "operator token withdrawn", each, why=why)
        return [_view(each, tx.now) for each in withdrawn]


def tokens(plant: Plant) -> Sequence[TokenView]:
    """What may be shown of every token, by operator, the oldest first."""
    with plant.ledger.read() as tx:
        return [_view(each, tx.now) for each in plant.keyring.operators.all()]


def write_token(file: Path, plant: Plant, name: str, *, who: str, days: int) -> Issued:
    """A new token into a new file that its owner alone can read; none is made if it cannot be.

    SettingsError: the file is there already, or cannot be written.
    """
    descriptor = _new_file(file)
    try:
        with os.fdopen(descriptor, "w") as written:
            issued = add(plant, name, who=who, days=days)
            written.write(issued.token + "\n")
    except BaseException:
        with suppress(OSError):
            file.unlink()
        raise
    return issued


def _note(tx: Tx, action: str, token: KeptToken, *, why: str) -> None:
    what = {"token": token.ident, "expires": token.expires.isoformat()}
    audit.note(tx, action, ("operator", token.name), why=why, what=what)


def _view(token: KeptToken, now: datetime) -> TokenView:
    return TokenView(
        operator=token.name,
        token=token.ident,
        state=_state(token, now),
        created=token.created,
        expires=token.expires,
        withdrawn=token.withdrawn,
    )


def _state(token: KeptToken, now: datetime) -> str:
    if token.withdrawn is not None:
        return "withdrawn"
    return "active" if token.is_active(now) else "expired"


def _new_file(file: Path) -> int:
    try:
        return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from error


def _read(file: Path) -> str:
    """The token in a file that its owner alone can read: it is to tell who they are."""
    try:
        with os.fdopen(os.open(file, OPENED), "rb") as opened:
            _refuse_unless_private(file, os.fstat(opened.fileno()).st_mode)
            data = opened.read(MOST_BYTES)
    except OSError as error:
        raise SettingsError(f"operator token file {file}: {error.strerror}") from error
    return _text(file, data)


def _refuse_unless_private(file: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise SettingsError(f"operator token file {file}: is no regular file")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"operator token file {file}: is open to others, chmod 600 it")


def _text(file: Path, data: bytes) -> str:
    text = data.decode("ascii", "replace").strip()
    if not text:
        raise SettingsError(f"operator token file {file}: is empty")
    return text
