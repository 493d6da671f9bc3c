"""The asynchronous seal service (异步签章服务): asked today, answered when somebody has sealed.

Submit, poll, fetch, revoke (docs/seal-service.md).  Each digest is a request of its own, named
after key and digest: asking again, after an answer was lost or a worker has died, is the same
request, and the service seals it once.  No token, no digest and no answer stands in a message.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from cryptography import x509

from factory.errors import (
    FactoryError,
    KeyBusyError,
    SealDeclinedError,
    SealPendingError,
    SealRefusedError,
)
from factory.seals import keys
from storage import keyfiles
from storage.seal_service import Service, Wire, named, pause
from storage.signature_protocol import (
    MOST_DIGESTS,
    Patience,
    json_object,
    read_answer,
    refuse_answer,
    request_id,
    signature_of,
)

PATH = "/v1/sealings"
POLL, FETCH, REVOKE = f"{PATH}/poll", f"{PATH}/fetch", f"{PATH}/revoke"
MOST_BYTES_EACH = 2048  #: of an answer, for one digest
USUAL_AGAIN = timedelta(seconds=60)  #: where the service does not say when to come back
SOONEST_AGAIN, LATEST_AGAIN = timedelta(seconds=1), timedelta(hours=1)
#: of all requests of one call together: a lease outlasts them
PATIENCE = Patience(connect=2, read=4, whole=12)


class Outcome(StrEnum):
    """What the service says of one request."""

    ACCEPTED = "accepted"
    ALREADY_EXISTS = "already_exists"  #: submitted before: its answer is lost, or on its way
    UNKNOWN = "unknown"
    NOT_READY = "not_ready"
    READY = "ready"
    DECLINED = "declined"
    REVOKED = "revoked"
    NOTHING_TO_REVOKE = "nothing_to_revoke"


SUBMITTED = frozenset({Outcome.ACCEPTED, Outcome.ALREADY_EXISTS, Outcome.DECLINED})
POLLED = frozenset({Outcome.UNKNOWN, Outcome.NOT_READY, Outcome.READY, Outcome.DECLINED})
REVOKED = frozenset({Outcome.REVOKED, Outcome.NOTHING_TO_REVOKE})
#: what is to be waited for
WAITED_FOR = frozenset({Outcome.ACCEPTED, Outcome.ALREADY_EXISTS, Outcome.NOT_READY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service says of one digest."""

    outcome: Outcome
    said: Mapping[str, Any]

    @property
    def again_after(self) -> timedelta:
        """When to come back, as the service says it, within reason."""
        seconds = self.said.get("retry_after")
        if type(seconds) is not int or seconds < 0:
            return USUAL_AGAIN
        return min(max(SOONEST_AGAIN, timedelta(seconds=min(seconds, 86_400))), LATEST_AGAIN)


class AsynchronousSigner:
    """A LaterSigner whose key a seal service holds; threads may share it.

    certificate: the key's; a signature that does not fit it is refused.
    patience:    how long a signature is waited for before a person is asked.
    """

    def __init__(
        self,
        service: Service,
        certificate: x509.Certificate,
        *,
        patience: timedelta,
        calls: Patience = PATIENCE,
    ) -> None:
        self._service, self._certificate = service, certificate
        self._patience, self._calls = patience, calls
        self._wire = Wire(service, calls)

    @property
    def patience(self) -> timedelta:
        """How long a signature is waited for before a person is asked."""
        return self._patience

    def prove(self) -> None:
        """SettingsError: the service does not let us in, or has no such key.

        Nothing is sealed for it; each signature is proved with the certificate when it comes.
        """
        with named(self._service):
            self._polled([keyfiles.SELF_TEST], self._limit())

    def sign_digests(self, digests: Sequence[bytes]) -> list[bytes]:
        """One raw signature a digest, in order; see Signer.  The first failure is raised."""
        signatures = []
        for answer in self.ask(digests):
            if isinstance(answer, FactoryError):
                raise answer
            signatures.append(answer)
        return signatures

    def ask(self, digests: Sequence[bytes]) -> list[bytes | FactoryError]:
        """For each digest its signature, or why there is none; see LaterSigner.

        KeyBusyError: the service is busy, away or gave a wrong answer: nothing of it is used.
        SettingsError: it does not let us in, or has no such key.
        """
        limit = self._limit()
        with named(self._service):
            found = self._polled(digests, limit)
            missing = _those(found, Outcome.UNKNOWN)
            found |= self._called(PATH, missing, SUBMITTED, limit)
            found |= self._called(FETCH, _those(found, Outcome.READY), POLLED, limit)
        return [self._result(digest, found[digest]) for digest in digests]

    def pending(self, digests: Sequence[bytes]) -> dict[bytes, FactoryError]:
        """Those of which there is nothing to be had yet, and why; see LaterSigner."""
        with named(self._service):
            found = self._polled(digests, self._limit())
        return {
            digest: self._not_yet(answer)
            for digest, answer in found.items()
            if answer.outcome is Outcome.NOT_READY
        }

    def withdraw(self, digests: Sequence[bytes]) -> None:
        """They are no longer wanted; "nothing to revoke" is as good."""
        with named(self._service):
            self._called(REVOKE, digests, REVOKED, self._limit())

    def _result(self, digest: bytes, answer: Answer) -> bytes | FactoryError:
        if answer.outcome is Outcome.READY:
            return self._signature(digest, answer)
        if answer.outcome is Outcome.DECLINED:
            return SealDeclinedError(f"{self._service.label} will not seal this document")
        return self._not_yet(answer)

    def _signature(self, digest: bytes, answer: Answer) -> bytes | FactoryError:
        """Whatever it gave is what it will give again: a wrong one is no matter of patience."""
        try:
            signature = signature_of(answer.said.get("signature"))
        except KeyBusyError:
            signature = b""
        if signature and keys.fits_digest(self._certificate, signature, digest):
            return signature
        return SealRefusedError(
            f"{self._service.label} gave a signature that does not fit the certificate"
        )

    def _not_yet(self, answer: Answer) -> SealPendingError:
        return SealPendingError(
            f"{self._service.label} has not sealed it yet", again_after=answer.again_after
        )

    def _polled(self, digests: Sequence[bytes], limit: float) -> dict[bytes, Answer]:
        return self._called(POLL, digests, POLLED, limit)

    def _called(
        self, path: str, digests: Sequence[bytes], expected: frozenset[Outcome], limit: float
    ) -> dict[bytes, Answer]:
        """What it says of each; nothing is asked of none."""
        return {
            digest: answer
            for part in _parts(list(dict.fromkeys(digests)))
            for digest, answer in self._answered(path, part, expected, limit)
        }

    def _answered(
        self, path: str, digests: Sequence[bytes], expected: frozenset[Outcome], limit: float
    ) -> list[tuple[bytes, Answer]]:
        requests = [request_id(self._service.key, [digest]) for digest in digests]
        asked = [
            {"request": request, "digest": digest.hex()}
            for request, digest in zip(requests, digests, strict=True)
        ]
        body = json.dumps({"key": self._service.key, "sealings": asked}).encode()
        answers = _answers(self._sent(path, body, len(digests), limit), requests, expected)
        return list(zip(digests, answers, strict=True))

    def _sent(self, path: str, body: bytes, count: int, limit: float) -> bytes:
        """The answer; a service that asks to wait is come back to later: no worker sleeps."""
        if time.monotonic() > limit:
            raise KeyBusyError("answers too slowly")
        with self._wire.sent(path, body) as response:
            if pause(response) is not None:
                raise KeyBusyError("is busy")
            return read_answer(response, MOST_BYTES_EACH * (count + 1), limit)

    def _limit(self) -> float:
        return time.monotonic() + self._calls.whole


def _parts(digests: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(digests), MOST_DIGESTS):
        yield digests[start : start + MOST_DIGESTS]


def _those(found: Mapping[bytes, Answer], outcome: Outcome) -> list[bytes]:
    return [digest for digest, answer in found.items() if answer.outcome is outcome]


def _answers(answer: bytes, requests: Sequence[str], expected: frozenset[Outcome]) -> list[Answer]:
    """One for each request, in their order; KeyBusyError: it is an answer to something else."""
    listed = json_object(answer).get("sealings")
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        refuse_answer("no list of sealings")
    if [each.get("request") for each in listed] != list(requests):
        refuse_answer("not one answer for each request")
    return [_answer(each, expected) for each in listed]


def _answer(said: Mapping[str, Any], expected: frozenset[Outcome]) -> Answer:
    for outcome in expected:
        if said.get("outcome") == outcome.value:
            return Answer(outcome=outcome, said=said)
    return refuse_answer("an outcome that was not asked for")
