"""PKCS#11 modules of this process (OASIS PKCS #11 2.40): one session a token, one call at a time.

A module is initialised when it is first asked, so after a fork; a child that was forked later
initialises it anew and never uses its parent's session.  Two threads that sign at once crash some
modules, so each module has a lock, which a fork waits for; processes take turns only to begin.

A token may lock itself after a few wrong PINs.  So a PIN that was refused is not tried again by
this process, and by no process while the token says that a wrong one was given since the last
login (CKF_USER_PIN_COUNT_LOW): a person logs in once, see `Module.log_in`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

import pkcs11
from pkcs11 import Attribute, PKCS11Error, Session, Slot, Token, TokenFlag
from pkcs11.attributes import AttributeMapper

from factory.errors import KeyBusyError, SettingsError
from storage import passphrases
from storage.token_key import Place

#: the token is there and has too much to do; nothing is lost
BUSY = (pkcs11.DeviceMemory, pkcs11.HostMemory, pkcs11.SessionCount, pkcs11.FunctionCancelled)
PIN_REFUSED = (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange)
WHAT_TO_SET: dict[type[PKCS11Error], str] = {
    pkcs11.PinLocked: "has locked its PIN after wrong ones: its security officer sets a new one",
    pkcs11.PinExpired: "wants a new PIN: set it, and renew the PIN file",
    pkcs11.UserPinNotInitialized: "has no user PIN yet: its security officer sets one",
    pkcs11.MechanismInvalid: "does not sign with this mechanism: check mechanism in [pkcs11]",
    pkcs11.MechanismParamInvalid: "wants parameters with this mechanism, which is not supported",
    pkcs11.KeyTypeInconsistent: "does not sign with this mechanism and key: check both",
    pkcs11.KeySizeRange: "does not sign with a key of this size",
    pkcs11.DataLenRange: "does not sign a digest with this mechanism: check mechanism in [pkcs11]",
    pkcs11.FunctionNotSupported: "cannot sign",
}
TURN_SECONDS = 10.0  #: longer than a login takes, shorter than a lease
LOG_IN = "then log in once with `certfactory keys login`"
MEND = "Mend the file that holds the PIN, then give the same command once more"


class LostError(Exception):
    """A session, login or handle that was there is gone; says which failure told of it."""


class Module:
    """A module of this process.  Whoever calls it holds its lock."""

    def __init__(self, path: Path, parents: Module | None = None) -> None:
        """parents: the same module of the process that this one was forked from."""
        self.lock, self._path = threading.RLock(), path
        # Never given up: its end would end the module for everybody in this process.
        self._lib: Any = parents and parents._lib
        self._refused: set[bytes] = set(parents._refused) if parents else set()
        self._seen: set[Place] = set(parents._seen) if parents else set()
        self._sessions: dict[Place, Session] = {}

    def session(self, place: Place) -> Session:
        """The session of this process on a token, logged in.

        SettingsError: no such token, or it does not take the PIN.  KeyBusyError: it is away.
        LostError: it went away meanwhile.
        """
        return self._sessions.get(place) or self._opened(place, insist=False)

    def log_in(self, place: Place) -> None:
        """Log in although a wrong PIN was given before: what a person does, once.

        SettingsError: the PIN is refused, or only one try of it is left.
        """
        self.lose()
        self._opened(place, insist=True)

    def lose(self) -> None:
        """Give up all sessions; the next one is opened in a module that begins anew.

        A vendor's library often finds its token again only so.
        """
        self._sessions.clear()

    def _opened(self, place: Place, *, insist: bool) -> Session:
        with _turn(self._path), calls(place):
            token = self._token(place)
            session = self._at(token) or self._logged_in(token, place, insist=insist)
        self._sessions[place] = session
        self._seen.add(place)
        return session

    def _token(self, place: Place) -> Token:
        found = self._tokens(place)
        if not found and self._sessions:
            self.lose()  # a module in use may not notice a token that came since
            found = self._tokens(place)
        if len(found) > 1:
            raise SettingsError(
                f"there is more than one {place}: say slot in place of token in [pkcs11]"
            )
        if not found and place in self._seen:
            raise KeyBusyError(f"{place} is away")
        if not found:
            raise SettingsError(f"there is no {place}: check token or slot in [pkcs11]")
        return found[0]

    def _tokens(self, place: Place) -> list[Token]:
        slots = self._begun().get_slots(token_present=True)
        if place.slot is not None:
            slots = [slot for slot in slots if slot.slot_id == place.slot]
        tokens = [token for slot in slots if (token := _token_in(slot))]
        return [each for each in tokens if place.token in (None, each.label)]

    def _at(self, token: Token) -> Session | None:
        """What is open on a token already, under another description of it."""
        where = token.slot.slot_id
        return next((s for s in self._sessions.values() if s.token.slot.slot_id == where), None)

    def _begun(self) -> Any:
        """The library, initialised, and anew unless a session of it is open."""
        if self._lib is None:
            self._lib = _loaded(self._path)
        elif not self._sessions:
            _begin_anew(self._lib)
        return self._lib

    def _logged_in(self, token: Token, place: Place, *, insist: bool) -> Session:
        pin = _pin(place)
        mark = hashlib.blake2b(f"{place}\0{pin}".encode(), key=_SALT).digest()
        self._refuse_to_try(token, place, mark, insist=insist)
        try:
            return token.open(user_pin=pin, attribute_mapper=_mapper())
        except PIN_REFUSED:
            self._refused.add(mark)
            self.lose()  # the session that was opened for it
            raise SettingsError(
                f"{place} refuses the PIN, and it is not tried again by itself: tokens lock after "
                f"a few wrong ones. {MEND if insist else f'Check pin_file, {LOG_IN}'}"
            ) from None

    def _refuse_to_try(self, token: Token, place: Place, mark: bytes, *, insist: bool) -> None:
        """SettingsError where a wrong PIN would lock the token, or was given and nobody looked."""
        flags = token.flags
        if flags & TokenFlag.USER_PIN_LOCKED:
            raise SettingsError(f"{place} {WHAT_TO_SET[pkcs11.PinLocked]}")
        if flags & TokenFlag.USER_PIN_FINAL_TRY:
            raise SettingsError(
                f"{place} locks at the next wrong PIN, so none is tried: log in with the vendor's "
                "own tool"
            )
        if not insist and (mark in self._refused or flags & TokenFlag.USER_PIN_COUNT_LOW):
            raise SettingsError(
                f"{place} was given a wrong PIN since its last login, so none is tried by itself: "
                f"check pin_file, {LOG_IN}"
            )


class _Process:
    """The modules of one process."""

    def __init__(self, parents: dict[Path, Module] | None = None) -> None:
        self.pid, self.guard = os.getpid(), threading.Lock()
        self.modules = {path: Module(path, each) for path, each in (parents or {}).items()}


_CK_ULONG = struct.Struct("L")
_SALT = secrets.token_bytes(32)
_here = [_Process()]


def module(path: Path) -> Module:
    """A module in this process; in a forked child another one than its parent's.

    Two names of one file are one module: it lets itself be initialised once.
    """
    path = _real(path)
    if _here[0].pid != os.getpid():
        _forked()
    with _here[0].guard:
        return _here[0].modules.setdefault(path, Module(path))


@cache
def _real(path: Path) -> Path:
    return path.resolve()


def _forked() -> None:
    _here[0] = _Process(_here[0].modules)


def _hold() -> None:
    """No thread is within a module while another one forks: the child would find it locked."""
    _here[0].guard.acquire()
    for each in _here[0].modules.values():
        each.lock.acquire()


def _release() -> None:
    for each in _here[0].modules.values():
        each.lock.release()
    _here[0].guard.release()


os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_forked)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """One process of this host at a time begins with a module.

    SoftHSM writes at a login what others read when they look for tokens; and of processes that
    begin together with a wrong PIN, one alone tries it.  Who waits too long goes on.
    """
    if not path.is_file():
        yield
        return
    with path.open("rb") as lock:
        limit = time.monotonic() + TURN_SECONDS
        while not _locked(lock) and time.monotonic() < limit:
            time.sleep(TURN_SECONDS / 1000)
        yield


def _locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


@contextmanager
def calls(place: Place) -> Iterator[None]:
    """The one edge at which a token fails."""
    try:
        yield
    except BUSY as error:
        raise KeyBusyError(f"{place} is busy ({type(error).__name__})") from error
    except PKCS11Error as error:
        if what := WHAT_TO_SET.get(type(error)):
            raise SettingsError(f"{place} {what}") from error
        raise LostError(type(error).__name__) from error


def _loaded(path: Path) -> Any:
    if not path.is_file():
        raise SettingsError(f"there is no PKCS#11 module {path}: check module in [pkcs11]")
    try:
        return pkcs11.lib(str(path))
    except (PKCS11Error, RuntimeError, AttributeError) as error:
        raise SettingsError(
            f"{path} cannot be used as a PKCS#11 module ({type(error).__name__}): check module in "
            "[pkcs11], and what the vendor's library itself needs"
        ) from error


def _begin_anew(lib: Any) -> None:
    with suppress(PKCS11Error):  # of a module that does not know of being initialised
        lib.finalize()
    lib.initialize()


def _token_in(slot: Slot) -> Token | None:
    """None: it was taken away, or another token than ours is broken."""
    with suppress(PKCS11Error):
        return slot.get_token()
    return None


def _pin(place: Place) -> str:
    """No message says what pin_file says: some write the PIN itself there."""
    what = f"the PIN of {place}"
    pin = passphrases.read(place.pin_file, what, closed=place.closed)
    try:
        return pin.decode()
    except UnicodeDecodeError:
        raise SettingsError(f"{what} is not text") from None


def _mapper() -> AttributeMapper:
    """Knows of key types by number: vendors have their own, of which the library knows none."""
    mapper = AttributeMapper()
    mapper.register_handler(Attribute.KEY_TYPE, _CK_ULONG.pack, lambda v: _CK_ULONG.unpack(v)[0])
    return mapper
