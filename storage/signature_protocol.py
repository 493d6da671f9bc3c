"""The protocol of signatures (docs/seal-service.md): digests go out, signatures come back.

What a seal service and the signer process have in common: how a request is called and said, and
how an answer is read.  No digest and no answer stands in a message.
"""

from __future__ import annotations

import binascii
import json
import re
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from factory.errors import KeyBusyError

if TYPE_CHECKING:
    import urllib3

PATH = "/v1/signatures"
STATUS_PATH, KEYS_PATH = "/v1/status", "/v1/keys/"  #: of the signer process alone
UNIX = "unix:"  #: before the path of its socket
MOST_DIGESTS = 100  #: in one request
MOST_SIGNATURE_BYTES = 1024
MOST_ANSWER_BYTES = 4096  #: beside the signatures
PIECE = 65536
LEAST_WAIT_SECONDS = 0.1
USUAL_WAIT_SECONDS = 1.0  #: where a busy service does not say how long
WHOLE_SECONDS = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """What mutual TLS needs, at each end: one's own certificate and key, and the other's CA."""

    certificate: Path
    key: Path
    ca: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a call waits, in seconds; altogether not much longer than a lease allows.

    connect, read: for one connection, and for the next bytes of an answer.
    whole:         for all of one request with its waits; nothing is begun after that.
    """

    connect: float = 2
    read: float = 8
    whole: float = 15


def key_name(identity: str, fmt: str) -> str:
    """How the signer process calls a key: an identity may have one for each format."""
    return f"{identity}:{fmt}"


def request_id(key: str, digests: Sequence[bytes]) -> str:
    """The name of a request: the same for the same key and digests."""
    return sha256(b"\0".join((key.encode(), *digests))).hexdigest()


def request_body(
    key: str, digests: Sequence[bytes], more: Mapping[str, object] | None = None
) -> tuple[str, bytes]:
    """A request's name and its JSON.

    more: members that the one who is asked reads beside those of the protocol.
    """
    name = request_id(key, digests)
    asked = {"request": name, "key": key, "digests": [each.hex() for each in digests]}
    return name, json.dumps(asked | dict(more or {})).encode()


def answer_limit(count: int) -> int:
    """What an answer with so many signatures may have."""
    return MOST_ANSWER_BYTES + count * (4 * MOST_SIGNATURE_BYTES // 3 + 8)


def retry_after(said: str) -> float:
    """In seconds (RFC 9110, 10.2.3); a date, which needs two clocks that agree, is not read."""
    if not WHOLE_SECONDS.fullmatch(said.strip()):
        return USUAL_WAIT_SECONDS
    return max(LEAST_WAIT_SECONDS, float(said))


def read_answer(response: urllib3.BaseHTTPResponse, most_bytes: int, limit: float) -> bytes:
    """The whole answer, which is neither large nor without end."""
    data = b""
    while piece := response.read1(PIECE):
        data += piece
        if len(data) > most_bytes:
            refuse_answer("too large a one")
        if time.monotonic() > limit:
            raise KeyBusyError("answers too slowly")
    response.release_conn()
    return data


def signatures_of(answer: bytes, request: str, count: int) -> list[bytes]:
    """What the answer holds, if it is one to this request."""
    said = json_object(answer)
    if said.get("request") != request:
        refuse_answer("one to another request")
    listed = said.get("signatures")
    if not isinstance(listed, list) or len(listed) != count:
        refuse_answer("not one signature for each digest")
    return [signature_of(each) for each in listed]


def json_object(answer: bytes) -> dict[str, Any]:
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        refuse_answer("no JSON")
    if not isinstance(said, dict):
        refuse_answer("no JSON object")
    return said


def signature_of(said: object) -> bytes:
    try:
        signature = b64decode(said, validate=True) if isinstance(said, str) else b""
    except (binascii.Error, ValueError):
        signature = b""
    if not 0 < len(signature) <= MOST_SIGNATURE_BYTES:
        refuse_answer("a signature that is no base64")
    return signature


def refuse_answer(what: str) -> NoReturn:
    raise KeyBusyError(f"gave a wrong answer: {what}")
