"""Audit rows (审计): who did what to which thing and why, in the work's own transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import insert

from storage import tables as t
from storage.ledger.base import Tx


def note(
    tx: Tx,
    action: str,
    subject: tuple[str, object],
    *,
    why: str,
    what: Mapping[str, object] | None = None,
) -> None:
    """One row; ``subject`` is (kind, id), ``what`` holds ids and states, never personal data."""
    note_all(tx, action, [(subject, what or {})], why=why)


def note_all(
    tx: Tx,
    action: str,
    subjects: Iterable[tuple[tuple[str, object], Mapping[str, object]]],
    *,
    why: str,
) -> None:
    """The same action on many things."""
    rows = [
        {
            "at": tx.now,
            "who": tx.who,
            "action": action,
            "object_kind": kind,
            "object_id": str(ident),
            "why": why,
            "what": dict(what),
            "correlation_id": tx.correlation,
        }
        for (kind, ident), what in subjects
    ]
    if rows:
        tx.run(insert(t.audit), rows)
