"""Notices (通知): what the factory tells of its own accord, pulled or sent.

Sent ones are signed as Standard Webhooks 1.0.0 has it; `verify_notice` asks whether.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from certfactory_client.errors import AnswerError, NoticeError

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing told, as a CloudEvent 1.0; the same one may come twice, with the same cursor.

    cursor:  its number: ask for what comes after it.
    type:    such as ``certificate.made`` or ``batch.awaiting_confirmation``.
    subject: a registration number, an acceptance number, ``batch/N`` or ``event/ID``.
    data:    numbers and states, no personal data.
    """

    cursor: int
    type: str
    source: str
    subject: str
    time: datetime
    correlation: str | None
    data: Mapping[str, Any]

    @classmethod
    def of(cls, said: Any) -> Notice:
        """Of a CloudEvent.  AnswerError: it is no notice."""
        try:
            return cls(
                cursor=int(said["id"]),
                type=said["type"],
                source=said["source"],
                subject=said["subject"],
                time=datetime.fromisoformat(said["time"].replace("Z", "+00:00")),
                correlation=said.get("correlationid"),
                data=said["data"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise AnswerError(f"notice: is of another kind: {error}") from error


def verify_notice(
    secret: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE_SECONDS,
) -> Notice:
    """The notice in a request, if it was signed with the secret of this endpoint.

    secret: ``whsec_…``, or while it is changed the present and the former one.
    headers: of the request, in any spelling; body: its bytes exactly as they came.
    now:    seconds since 1970-01-01 UTC; None: this machine's clock.
    NoticeError: it was not signed so, or too long ago.  Answer such a request with 401.
    """
    known = {name.lower(): value for name, value in headers.items()}
    ident, moment = known.get("webhook-id", ""), known.get("webhook-timestamp", "")
    _check_age(moment, time.time() if now is None else now, tolerance)
    signed = f"{ident}.{moment}.".encode() + body
    given = known.get("webhook-signature", "").encode().split(b" ")
    keys = [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]
    if not any(
        hmac.compare_digest(_signature(key, signed), each) for key in keys for each in given
    ):
        raise NoticeError("webhook-signature: was not made with this secret over these bytes")
    try:
        return Notice.of(json.loads(body))
    except (ValueError, AnswerError) as error:
        raise NoticeError("body: is signed, and no notice") from error


def _check_age(moment: str, now: float, tolerance: float) -> None:
    if not (moment.isascii() and moment.isdigit() and len(moment) <= MOST_DIGITS):
        raise NoticeError("webhook-timestamp: is not whole seconds")
    off = now - int(moment)
    if abs(off) > tolerance:
        raise NoticeError(f"webhook-timestamp: is {abs(off):.0f} s off; {tolerance:.0f} at most")


def _key(secret: str) -> bytes:
    """ValueError: it is no secret of an endpoint."""
    try:
        return base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"secret: is not written {PREFIX}<base64>") from error


def _signature(key: bytes, signed: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
