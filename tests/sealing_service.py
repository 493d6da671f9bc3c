"""An asynchronous seal service (docs/seal-service.md) on this machine: a centre whose clerk seals.

It seals when the test says so, or after a delay, and can misbehave in every way that the
synchronous one can (tests/seal_service.py), at each of its calls.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from threading import Event, Lock
from typing import Any

from factory.seals.signer import Signer
from tests.seal_service import TOKEN, Asked, Behaviour, JsonObject, serving, well

SUBMIT, POLL, FETCH, REVOKE = "submit", "poll", "fetch", "revoke"
PATHS = {
    "/v1/sealings": SUBMIT,
    "/v1/sealings/poll": POLL,
    "/v1/sealings/fetch": FETCH,
    "/v1/sealings/revoke": REVOKE,
}


@dataclass
class Request:
    """One request as the centre keeps it."""

    key: str
    digest: bytes
    since: float
    declined: bool = False
    signature: str | None = None


@dataclass
class SealingService:
    """A running service.

    delay:  seconds until the clerk seals by himself; None: when told.
    known:  requests by name; a revoked one is none any more.
    signed: how many digests were ever signed.
    again:  what it says of when to come back, in seconds; None: nothing.
    """

    signers: Mapping[str, Signer]
    url: str = ""
    delay: float | None = None
    again: int | None = 1
    behaviours: dict[str, list[Behaviour]] = field(default_factory=dict)
    asked: list[tuple[str, JsonObject]] = field(default_factory=list)
    known: dict[str, Request] = field(default_factory=dict)
    signed: list[bytes] = field(default_factory=list)
    closing: Event = field(default_factory=Event)
    lock: Any = field(default_factory=Lock)

    def behave(self, call: str, *behaviours: Behaviour) -> None:
        """How the next requests of that kind are answered; well after that."""
        self.behaviours.setdefault(call, []).extend(behaviours)

    def seal(self, count: int | None = None) -> None:
        """The clerk seals as many of those that wait, the oldest first; None: all."""
        with self.lock:
            waiting = [each for each in self.known.values() if not each.signature]
            for request in waiting[:count]:
                self._sign(request)

    def decline(self) -> None:
        """The clerk will not seal what waits."""
        with self.lock:
            for request in self.known.values():
                request.declined = not request.signature

    def calls(self, call: str) -> list[JsonObject]:
        """What was said in calls of that kind."""
        return [said for name, said in self.asked if name == call]

    @property
    def submitted(self) -> list[str]:
        """Every digest that was submitted, in hex, as often as it was."""
        said = self.calls(SUBMIT)
        return [sealing["digest"] for each in said for sealing in each["sealings"]]

    @property
    def digests(self) -> list[str]:
        """Those it has, in hex."""
        return [each.digest.hex() for each in self.known.values()]

    def next_behaviour(self, call: str) -> Behaviour:
        with self.lock:
            waiting = self.behaviours.get(call)
            return waiting.pop(0) if waiting else well

    def refusal(self, token: str | None, said: JsonObject, path: str) -> int | None:
        if path not in PATHS or said["key"] not in self.signers:
            return 404
        return None if token == f"Bearer {TOKEN}" else 401

    def answer(self, call: str, said: JsonObject) -> JsonObject:
        """The right answer, with what follows from it."""
        with self.lock:
            self.asked.append((call, said))
            answers = [
                self._answer(call, said["key"], each["request"], bytes.fromhex(each["digest"]))
                for each in said["sealings"]
            ]
        return {"sealings": answers}

    def _answer(self, call: str, key: str, name: str, digest: bytes) -> JsonObject:
        assert name == sha256(key.encode() + b"\0" + digest).hexdigest()
        outcome: JsonObject = getattr(self, f"_{call}")(key, name, digest)
        waits = outcome["outcome"] in {"accepted", "already_exists", "not_ready"}
        again = {"retry_after": self.again} if waits and self.again is not None else {}
        return {"request": name} | outcome | again

    def _submit(self, key: str, name: str, digest: bytes) -> JsonObject:
        if name in self.known:
            return {"outcome": "already_exists"}
        self.known[name] = Request(key, digest, time.monotonic())
        return {"outcome": "accepted"}

    def _poll(self, _key: str, name: str, _digest: bytes) -> JsonObject:
        request = self.known.get(name)
        if request is None:
            return {"outcome": "unknown"}
        if request.declined:
            return {"outcome": "declined"}
        if self.delay is not None and time.monotonic() - request.since >= self.delay:
            self._sign(request)
        return {"outcome": "ready" if request.signature else "not_ready"}

    def _fetch(self, key: str, name: str, digest: bytes) -> JsonObject:
        request = self.known.get(name)
        if request is None or not request.signature:
            return self._poll(key, name, digest)
        return {"outcome": "ready", "signature": request.signature}

    def _revoke(self, _key: str, name: str, _digest: bytes) -> JsonObject:
        found = self.known.pop(name, None)
        return {"outcome": "revoked" if found else "nothing_to_revoke"}

    def _sign(self, request: Request) -> None:
        if request.signature:
            return
        [signature] = self.signers[request.key].sign_digests([request.digest])
        request.signature = b64encode(signature).decode()
        self.signed.append(request.digest)


def each(**changes: object) -> Behaviour:
    """The right answer but for these members of each sealing; None leaves one out."""

    def behave(asked: Asked) -> None:
        listed = [told | changes for told in asked.answer["sealings"]]
        kept = [{k: v for k, v in told.items() if v is not None} for told in listed]
        asked.tell({"sealings": kept})

    return behave


@contextmanager
def running(signers: Mapping[str, Signer], **how: Any) -> Iterator[SealingService]:
    """A service with these keys."""
    service = SealingService(signers, **how)
    with serving(_handler(service), service.closing) as service.url:
        yield service


def _handler(service: SealingService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            refused = service.refusal(self.headers["Authorization"], said, self.path)
            if refused is not None:
                Asked(self, {}, service.closing).say(refused, b"")
                return
            call = PATHS[self.path]
            behaviour = service.next_behaviour(call)
            behaviour(Asked(self, service.answer(call, said), service.closing))

        def log_message(self, *_: object) -> None:
            """Tests say what they find themselves."""

    return Handler
