"""Notices (通知): what upstream systems are told, as CloudEvents 1.0, and how each is signed.

A notice is told at least once, in the order of its subject, and names no person.  Delivered ones
are signed as Standard Webhooks 1.0.0 has it: HMAC-SHA256 over ``{id}.{timestamp}.{body}``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from factory.errors import FieldError
from factory.model import BatchState

CONTENT_TYPE = "application/cloudevents+json"
STANDARD = "Standard Webhooks 1.0.0"
PREFIX = "whsec_"
LEAST_SECRET_BYTES, SECRET_BYTES, MOST_SECRET_BYTES = 24, 32, 64
TOLERANCE_SECONDS = 300
SEQUENCE_DIGITS = 19  #: so that text sorts as the numbers do (CloudEvents extension "sequence")
NO_CORRELATION = "-"


class Type(StrEnum):
    """What may be told."""

    CERTIFICATE_MADE = "certificate.made"
    CERTIFICATE_COLLECTED = "certificate.collected"
    CERTIFICATE_OUTDATED = "certificate.outdated"
    CERTIFICATE_SUPERSEDED = "certificate.superseded"
    CERTIFICATE_REVOKED = "certificate.revoked"
    CERTIFICATE_EXPIRING = "certificate.expiring"
    DOCUMENT_MADE = "document.made"
    DOCUMENT_SIGNED = "document.signed"
    EVENT_HELD = "event.held"
    EVENT_RELEASED = "event.released"
    BATCH_AWAITING = f"batch.{BatchState.AWAITING.value}"
    BATCH_RUNNING = f"batch.{BatchState.RUNNING.value}"
    BATCH_PAUSED = f"batch.{BatchState.PAUSED.value}"
    BATCH_STOPPED = f"batch.{BatchState.STOPPED.value}"
    BATCH_COMPLETED = f"batch.{BatchState.COMPLETED.value}"
    BATCH_CANCELLED = f"batch.{BatchState.CANCELLED.value}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing told to upstream.

    cursor:  its number: without gaps, and never smaller than that of one told before.
    subject: what it is about: a registration number, an acceptance number, ``batch/N`` or
             ``event/ID``.
    data:    numbers and states.
    """

    cursor: int
    type: Type
    profile: str
    subject: str
    data: Mapping[str, Any]
    at: datetime
    correlation: str


def batch_subject(batch: int) -> str:
    """What notices of a bulk event are about."""
    return f"batch/{batch}"


def event_subject(event_id: str) -> str:
    """What notices of an event are about that has not taken effect."""
    return f"event/{event_id}"


def as_event(notice: Notice, source: str) -> dict[str, Any]:
    """The notice as a CloudEvent in structured mode (CloudEvents 1.0, JSON event format)."""
    said = {
        "specversion": "1.0",
        "id": str(notice.cursor),
        "source": source,
        "type": notice.type.value,
        "subject": notice.subject,
        "time": notice.at.isoformat(),
        "datacontenttype": "application/json",
        "sequence": f"{notice.cursor:0{SEQUENCE_DIGITS}}",
        "data": {"profile": notice.profile, **notice.data},
    }
    if notice.correlation != NO_CORRELATION:
        said["correlationid"] = notice.correlation
    return said


def body_of(notice: Notice, source: str) -> bytes:
    """The bytes that are sent and signed: the same at every try."""
    return json.dumps(as_event(notice, source), ensure_ascii=False, separators=(",", ":")).encode()


def secret_text(key: bytes) -> str:
    """A signing secret as it is handed over."""
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The key in a signing secret.  FieldError: it is none."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    whole = secret.startswith(PREFIX) and LEAST_SECRET_BYTES <= len(key) <= MOST_SECRET_BYTES
    if not whole:
        raise FieldError("secret", STANDARD, f"must be {PREFIX} and 24 to 64 bytes in Base64")
    return key


def signature(keys: Sequence[bytes], *, ident: str, seconds: int, body: bytes) -> str:
    """The header ``webhook-signature``: one signature for each key, separated by spaces."""
    signed = f"{ident}.{seconds}.".encode() + body
    macs = (hmac.new(key, signed, hashlib.sha256).digest() for key in keys)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)


def headers_of(keys: Sequence[bytes], *, ident: str, now: datetime, body: bytes) -> dict[str, str]:
    """What is sent before the body."""
    seconds = int(now.timestamp())
    return {
        "content-type": CONTENT_TYPE,
        "webhook-id": ident,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signature(keys, ident=ident, seconds=seconds, body=body),
    }


def is_genuine(key: bytes, headers: Mapping[str, str], body: bytes, *, now: datetime) -> bool:
    """Whether these bytes were signed with that key within the last five minutes.

    headers: by name in small letters.
    """
    ident, said = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (said.isascii() and said.isdigit() and len(said) < SEQUENCE_DIGITS):
        return False
    if abs(now.timestamp() - int(said)) > TOLERANCE_SECONDS:
        return False
    wanted = signature([key], ident=ident, seconds=int(said), body=body).encode()
    found = headers.get("webhook-signature", "").encode().split(b" ")
    return any(hmac.compare_digest(wanted, each) for each in found)
