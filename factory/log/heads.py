"""Heads (日志头): what a log says of itself at a moment, as text that is signed.

The text is a checkpoint (C2SP tlog-checkpoint: origin, size, root) with the time as its one line
more.  Signed is the text, with ECDSA on P-256 over its SHA-256 (FIPS 186-5), as DER.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn

from factory.errors import FieldError

RULE = "C2SP tlog-checkpoint"
DIGEST_BYTES = 32
ORIGIN = re.compile(r"[!-*,-~]+")  #: no space and no plus sign (C2SP signed-note)
LINES = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\ntime ([^\n]+)\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A log at a moment.

    origin: which log it is.  size: its leaves.  at: to the second.
    """

    origin: str
    size: int
    root: bytes
    at: datetime

    def __post_init__(self) -> None:
        """FieldError: no text could say it."""
        if not ORIGIN.fullmatch(self.origin):
            _refuse("an origin has no space and no plus sign")
        if self.size < 0 or len(self.root) != DIGEST_BYTES:
            _refuse("a root is a SHA-256, a size no less than 0")

    @property
    def text(self) -> str:
        """As it is signed."""
        root, at = b64encode(self.root).decode("ascii"), f"{self.at.astimezone(UTC):%FT%TZ}"
        return f"{self.origin}\n{self.size}\n{root}\ntime {at}\n"

    @property
    def digest(self) -> bytes:
        """What the signature is made over."""
        return hashlib.sha256(self.text.encode()).digest()


def read(text: str) -> Head:
    """A head from its text.  FieldError: it is none, or is written otherwise.

    >>> read(Head(origin="a/b", size=0, root=bytes(32), at=datetime(2026, 3, 2, tzinfo=UTC)).text
    ...     ).size
    0
    """
    found = LINES.fullmatch(text)
    if found is None:
        _refuse("is no checkpoint with a time")
    origin, size, root, at = found.groups()
    try:
        head = Head(
            origin=origin,
            size=int(size),
            root=b64decode(root, validate=True),
            at=datetime.fromisoformat(at).astimezone(UTC),
        )
    except (ValueError, binascii.Error) as error:
        raise FieldError("checkpoint", RULE, "its root or its time is none") from error
    if head.text != text:
        _refuse("is not written as one is")
    return head


def _refuse(why: str) -> NoReturn:
    raise FieldError("checkpoint", RULE, why)
