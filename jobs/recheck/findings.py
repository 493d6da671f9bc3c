"""Findings: which rule is broken by what, in a sentence a clerk can read; no personal data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """What holds of everything that was issued; docs/recheck.md says each in full."""

    UNREADABLE = "unreadable"  #: rows hold what can stand in them
    FILE = "file"  #: what was recorded lies in the store
    DIGEST = "digest"  #: and is, byte for byte, what was recorded
    SIZE = "size"
    SEAL = "seal"  #: sealed or signed as its kind is, valid as of now
    SIGNER = "signer"  #: by the certificate that was recorded
    TWIN = "twin"  #: its machine-readable twin is the order's face
    RECORD = "record"  #: the face has the edition's number, licence id, code and last day
    PAGE = "page"  #: the pages say what the face says
    CODE = "code"  #: the QR code leads to this very edition
    PICTURE = "picture"  #: the picture on it is the one that was ordered
    ERASED = "erased"  #: what was erased is gone, and an erasure says so; nothing else is
    RENDER = "render"  #: made again, it is the same
    HOLE = "hole"  #: no edition of a registration is missing
    FORK = "fork"  #: none is there twice, and an older one gives way to a newer
    CURRENT = "current"  #: what is in force has one current edition, what has ended none
    STANDS = "stands"  #: an edition stands as what has become of it
    SAYS = "says"  #: the current one says what the register says
    TWICE = "twice"  #: no number, licence id or code is used twice
    NUMBER = "number"  #: a number is one of its scheme, and found in either spelling
    GAP = "gap"  #: every number that was drawn is somebody's, or a row says why not
    EVENT = "event"  #: an event is there, and has one outcome
    ORDER = "order"  #: an order is at work, made or held, and can be seen to be
    AUDIT = "audit"  #: what was done is on record as the audit says
    ROOT = "root"  #: log and reports prove the editions on record
    BATCH = "batch"  #: the counts of a bulk event add up to all that it concerns


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule that something breaks.

    kind, id: what: ``file``, ``registration``, ``event``, ``order``, ``batch`` …, by the ledger's
              number, or ``series`` by its name.
    of:       the number of the registration or application it belongs to, for
              ``certfactory status``; None: there is none, or it is about several.
    """

    rule: Rule
    kind: str
    id: int | str
    sentence: str
    of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What became of a part of the work.

    looked: how many things were looked at; said: how many could not be looked at, by reason.
    erased: how many files of them are erased, as their erasures say.
    strays: how many objects of the store no row names; stray_keys: the first of them.
    """

    looked: int
    findings: tuple[Finding, ...] = ()
    said: tuple[str, ...] = ()
    erased: int = 0
    strays: int = 0
    stray_keys: tuple[str, ...] = ()
