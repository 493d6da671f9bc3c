"""What a leaf of the log says: canonical JSON, which anybody writes the same from the same row.

UTF-8, keys sorted, no spaces, no escapes but JSON's own.  Nothing of a person stands here: audit
rows hold ids and states, editions their licence id and the digests of their files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

_canonical = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
).encode


class Kind(StrEnum):
    """What an entry of the log is about."""

    AUDIT = "audit"
    EDITION = "edition"
    FILE = "file"
    BATCH = "batch"


def audit(row: Mapping[str, Any]) -> bytes:
    """An audit row, all of its columns.

    row: by their names; ``at`` is aware.

    >>> import datetime as d
    >>> audit({"id": 7, "at": d.datetime(2026, 3, 2, tzinfo=d.UTC), "what": {"b": 1, "a": "甘"}}
    ...     ).decode()
    '{"at":"2026-03-02T00:00:00.000000Z","id":7,"kind":"audit","what":{"a":"甘","b":1}}'
    """
    return _canonical({**row, "at": _instant(row["at"]), "kind": "audit"}).encode()


def edition(*, ident: int, profile: str, licence: str | None, files: Mapping[str, str]) -> bytes:
    """An edition that was made.

    files: SHA-256 of each, hex, by its format.

    >>> edition(ident=3, profile="p", licence="1.2", files={"pdf": "ab"}).decode()
    '{"edition":3,"files":{"pdf":"ab"},"kind":"edition","licence":"1.2","profile":"p"}'
    """
    said = {"edition": ident, "profile": profile, "licence": licence, "files": dict(files)}
    return _canonical({**said, "kind": "edition"}).encode()


def file(*, ident: int, licence: str | None, fmt: str, step: int, sha256: str) -> bytes:
    """A file that took the place of an edition's: the same with a further proof of time.

    ident: of the edition.  step: how many proofs were added.

    >>> file(ident=3, licence=None, fmt="pdf", step=1, sha256="cd").decode()
    '{"edition":3,"files":{"pdf":"cd"},"kind":"file","licence":null,"step":1}'
    """
    said = {"edition": ident, "licence": licence, "step": step, "files": {fmt: sha256}}
    return _canonical({**said, "kind": "file"}).encode()


def batch(*, ident: int, root: str, size: int) -> bytes:
    """The root of a batch's tree (docs/proofs.md), hex, and how many results are under it.

    >>> batch(ident=12, root="ef", size=300).decode()
    '{"batch":12,"kind":"batch","root":"ef","size":300}'
    """
    return _canonical({"batch": ident, "root": root, "size": size, "kind": "batch"}).encode()


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
