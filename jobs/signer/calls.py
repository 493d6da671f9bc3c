"""One call of the signer process: judged, signed, written into the journal, answered.

Nothing is given out before its line of the journal is on the disk.
"""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from math import ceil
from threading import Lock
from typing import Any

from factory.errors import FactoryError, KeyBusyError, NotFoundError, SealRetiredError
from jobs.signer.held import Keys, Opened
from jobs.signer.journal import SIGNED, Journal
from jobs.signer.pace import Pace
from jobs.signer.policy import HEADS, Policy
from jobs.signer.switch import Switch
from jobs.signer.typed import Inbox
from storage.signature_protocol import MOST_DIGESTS

DIGEST = re.compile(r"[0-9a-f]{64}")
WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,127}")
STOPPED_AGAIN_SECONDS = 15  #: a stopped key is asked for again after that
OTHER = "other"  #: in figures, in place of identities that are not of the policy

REFUSED, STOPPED, PACED, RETIRED = "refused", "stopped", "paced", "retired"
NO_KEY, OTHER_KEY, BUSY, BROKEN, MALFORMED = (
    "no_key", "other_certificate", "busy", "broken", "malformed",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request says.

    key:         ``IDENTITY:FORMAT``.
    certificate: SHA-256 of the key's certificate as the asker has it, hex.
    """

    request: str
    key: str
    digests: tuple[bytes, ...] = field(repr=False)
    certificate: str | None
    profile: str | None
    kind: str | None
    batch: str | None

    @property
    def identity(self) -> str:
        """Whose key it is."""
        return self.key.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status and JSON of an answer.

    again_after: seconds; None: nothing is said of when.
    """

    status: HTTPStatus
    said: Mapping[str, Any] = field(repr=False)
    again_after: int | None = None


class _RefusalError(Exception):
    """A call that ends without signatures."""

    def __init__(
        self, outcome: str, status: HTTPStatus, why: str, again_after: int | None = None
    ) -> None:
        super().__init__(why)
        self.outcome, self.status, self.again_after = outcome, status, again_after


class Calls:
    """Everything that the process is asked for; threads may share it."""

    def __init__(
        self,
        *,
        keys: Keys,
        policy: Policy,
        pace: Pace,
        switch: Switch,
        journal: Journal,
        inbox: Inbox,
    ) -> None:
        self._keys, self._policy, self._pace = keys, policy, pace
        self._switch, self._journal, self._inbox = switch, journal, inbox
        self._book = Lock()
        self._since, self._lock = time.time(), Lock()
        self._calls, self._signatures = Counter[tuple[str, str]](), Counter[str]()
        self._seconds = Counter[str]()

    def sign(self, body: bytes, caller: str) -> Answer:
        """The answer to a request, noted with who asked for it."""
        begun, asked = time.perf_counter(), None
        entry: dict[str, Any] = {"caller": caller}
        try:
            asked = _asked(body)
            entry |= _told(asked)
            opened = self._key_for(asked)
            entry["certificate"] = opened.certificate
            answer, outcome = _given(asked, _signed(opened, asked.digests)), SIGNED
        except _RefusalError as error:
            answer, outcome = _refused(error, asked), error.outcome
        answer, outcome = self._ended(entry, asked, answer, outcome)
        self._count(asked, outcome, answer, time.perf_counter() - begun)
        return answer

    def _ended(
        self, entry: Mapping[str, Any], asked: Asked | None, answer: Answer, outcome: str
    ) -> tuple[Answer, str]:
        """What becomes of a call, with its line: behind a stop in the journal none is signed."""
        with self._book:
            try:
                self._inbox.take()
            except OSError as error:
                return _unwritten(error), BROKEN
            if outcome == SIGNED and asked and (since := self._refused_since(asked)):
                answer, outcome = _refused(since, asked), since.outcome
            return self._noted({**entry, "outcome": outcome}, answer), outcome

    def key(self, name: str) -> Answer:
        """The certificates of a key, once it has been opened and proved."""
        try:
            opened = self._opened(name, None)
        except _RefusalError as error:
            return _refused(error)
        said = {"certificate": opened.certificate, "certificates": opened.pem}
        return Answer(status=HTTPStatus.OK, said=said)

    def status(self) -> Answer:
        """What the process says of itself: figures since its start.

        What was typed at the switch is in the journal then, unless that cannot be written.
        """
        with self._book, suppress(OSError):
            self._inbox.take()
        with self._lock:
            calls = [
                {
                    "identity": identity,
                    "outcome": outcome,
                    "calls": count,
                    "signatures": self._signatures[identity] if outcome == SIGNED else 0,
                    "seconds": self._seconds[identity] if outcome == SIGNED else 0.0,
                }
                for (identity, outcome), count in sorted(self._calls.items())
            ]
        said = {
            "since": self._since,
            "uses": len(self._policy.uses),
            "heads": HEADS in self._policy.uses,
            "keys": self._keys.opened,
            "stopped": [
                {"identity": each.identity, "reason": each.reason, "by": each.by, "at": each.at}
                for each in self._switch.all()
            ],
            "journal": {"lines": self._journal.lines, "last": self._journal.last},
            "calls": calls,
        }
        return Answer(status=HTTPStatus.OK, said=said)

    def _key_for(self, asked: Asked) -> Opened:
        """The key, once nothing speaks against signing with it."""
        if why := self._policy.why_not(asked.identity, asked.profile, asked.kind):
            raise _RefusalError(REFUSED, HTTPStatus.FORBIDDEN, why)
        self._refuse_stopped(asked.identity)
        opened = self._opened(asked.key, asked.certificate)
        if asked.certificate is not None and asked.certificate != opened.certificate:
            raise _RefusalError(
                OTHER_KEY,
                HTTPStatus.CONFLICT,
                f"has another certificate of {asked.key} than the keyring of whoever asks: put the"
                " same into both",
            )
        wait = self._pace.wait(asked.batch, asked.request, len(asked.digests), time.monotonic())
        if wait > 0:
            raise _RefusalError(
                PACED, HTTPStatus.TOO_MANY_REQUESTS, "the batch has had its share", ceil(wait)
            )
        return opened

    def _refused_since(self, asked: Asked) -> _RefusalError | None:
        """Whether somebody has stopped or retired the identity while it was signed with."""
        try:
            self._refuse_stopped(asked.identity)
            self._opened(asked.key, None)
        except _RefusalError as error:
            return error
        return None

    def _refuse_stopped(self, identity: str) -> None:
        if stopped := self._switch.stopped(identity):
            what = stopped.identity or "every identity"
            raise _RefusalError(
                STOPPED,
                HTTPStatus.LOCKED,
                f"{what}, {stopped.reason}; `certfactory signer start` ends it",
                STOPPED_AGAIN_SECONDS,
            )

    def _opened(self, name: str, certificate: str | None) -> Opened:
        try:
            return self._keys.key(name, certificate)
        except SealRetiredError as error:
            raise _RefusalError(RETIRED, HTTPStatus.GONE, str(error)) from error
        except NotFoundError as error:
            raise _RefusalError(NO_KEY, HTTPStatus.NOT_FOUND, str(error)) from error
        except FactoryError as error:
            raise _RefusalError(BROKEN, HTTPStatus.NOT_FOUND, str(error)) from error

    def _noted(self, entry: Mapping[str, Any], answer: Answer) -> Answer:
        """The answer, now that its line is kept; without the line there is none."""
        try:
            self._journal.note(entry)
        except OSError as error:
            return _unwritten(error)
        return answer

    def _count(self, asked: Asked | None, outcome: str, answer: Answer, seconds: float) -> None:
        identity = asked.identity if asked else OTHER
        identity = identity if identity in self._policy.identities else OTHER
        given = outcome == SIGNED and answer.status is HTTPStatus.OK and asked is not None
        with self._lock:
            self._calls[identity, outcome if given or outcome != SIGNED else BROKEN] += 1
            if given and asked is not None:
                self._signatures[identity] += len(asked.digests)
                self._seconds[identity] += seconds  # type: ignore[assignment]


def _asked(body: bytes) -> Asked:
    """What a request says; _RefusalError: it is none of the protocol."""
    try:
        said = json.loads(body)
        digests = said["digests"]
        asked = Asked(
            request=_word(said["request"]),
            key=_word(said["key"]),
            digests=tuple(bytes.fromhex(each) for each in digests if DIGEST.fullmatch(each)),
            certificate=_word(said.get("certificate"), optional=True),
            profile=_word(said.get("profile"), optional=True),
            kind=_word(said.get("kind"), optional=True),
            batch=_word(said.get("batch"), optional=True),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _malformed() from error
    if not 0 < len(asked.digests) == len(digests) <= MOST_DIGESTS:
        raise _malformed()
    return asked


def _word(said: Any, *, optional: bool = False) -> Any:
    """ValueError: it is none.  One that may be missing is None then."""
    if said is None and optional:
        return None
    if not isinstance(said, str) or not WORD.fullmatch(said):
        raise ValueError
    return said


def _malformed() -> _RefusalError:
    return _RefusalError(MALFORMED, HTTPStatus.BAD_REQUEST, "it is no request of the protocol")


def _told(asked: Asked) -> dict[str, Any]:
    """What the journal says of a request."""
    identity, _, fmt = asked.key.partition(":")
    return {
        "identity": identity,
        "format": fmt,
        "certificate": None,
        "profile": asked.profile,
        "kind": asked.kind,
        "batch": asked.batch,
        "count": len(asked.digests),
        "digests": sha256(b"".join(asked.digests)).hexdigest(),
    }


def _signed(opened: Opened, digests: Sequence[bytes]) -> list[bytes]:
    try:
        return opened.key.signer.sign_digests(digests)
    except KeyBusyError as error:
        raise _RefusalError(BUSY, HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error
    except FactoryError as error:
        raise _RefusalError(BROKEN, HTTPStatus.NOT_FOUND, str(error)) from error


def _given(asked: Asked, signatures: Sequence[bytes]) -> Answer:
    said = {
        "request": asked.request,
        "signatures": [b64encode(each).decode("ascii") for each in signatures],
    }
    return Answer(status=HTTPStatus.OK, said=said)


def _unwritten(error: OSError) -> Answer:
    why = f"the journal cannot be written ({error.strerror})"
    return Answer(status=HTTPStatus.SERVICE_UNAVAILABLE, said={"error": why})


def _refused(error: _RefusalError, asked: Asked | None = None) -> Answer:
    """Says of which request it is, so that nobody takes it for the answer to another one."""
    said = {"error": str(error)} | ({"request": asked.request} if asked else {})
    return Answer(status=error.status, said=said, again_after=error.again_after)
