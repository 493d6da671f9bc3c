"""Tickets (短期链接): what a link is for and until when, with the vault's keyed digest of both.

Nothing is stored, and nothing of a ticket can be changed.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime

from factory.errors import ConflictError, NotFoundError
from storage.ledger import Tx

TICKET = re.compile(r"([0-9a-z]{1,2000})-([0-9a-z]{1,8})-([A-Za-z0-9_-]{32})")
DIGEST_BYTES = 24
NONE = "link: leads nowhere; ask for a new one where you came from"
OVER = "link: has ended (已过期); ask for a new one where you came from"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """The address of a page, and for how long it opens."""

    url: str
    seconds: int


def issued(tx: Tx, purpose: str, about: str, *, seconds: int) -> str:
    """A ticket for that purpose.

    about: digits and small letters.
    """
    ends = base36(int(tx.now.timestamp()) + seconds)
    return f"{about}-{ends}-{_digest(tx, purpose, about, ends)}"


def read(tx: Tx, purpose: str, ticket: str) -> str:
    """What it is about.  NotFoundError: nobody gave such a one.  ConflictError: it has ended."""
    known = TICKET.fullmatch(ticket)
    if known is None:
        raise NotFoundError(NONE)
    about, ends, digest = known.groups()
    if not hmac.compare_digest(_digest(tx, purpose, about, ends), digest):
        raise NotFoundError(NONE)
    if tx.now > datetime.fromtimestamp(int(ends, 36), tx.now.tzinfo):
        raise ConflictError(OVER)
    return about


def _digest(tx: Tx, purpose: str, about: str, ends: str) -> str:
    found = tx.vault.lookup(purpose, f"{about}-{ends}")[:DIGEST_BYTES]
    return urlsafe_b64encode(found).decode()


def base36(number: int) -> str:
    """A number in digits and small letters.

    >>> base36(36**2)
    '100'
    """
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits
