"""What the re-checker found the last times, for whoever watches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, select

from storage import tables as t
from storage.ledger import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run.

    scope: ``whole``, or ``sample`` where files were drawn by lot.
    rules: how many findings of each rule.
    """

    scope: str
    began_at: datetime
    ended_at: datetime
    good: int
    bad: int
    rules: Mapping[str, int] = field(default_factory=dict)


def add(
    tx: Tx, began_at: datetime, scope: str, good: int, bad: int, rules: Mapping[str, int]
) -> None:
    """One run that has ended now."""
    row = {"scope": scope, "began_at": began_at, "ended_at": tx.now, "good": good, "bad": bad}
    tx.run(insert(t.recheck).values(**row, rules=dict(rules)))


def newest(tx: Tx) -> list[Outcome]:
    """The last run of each scope that there was."""
    c = t.recheck.c
    found = []
    for scope in ("whole", "sample"):
        wanted = select(t.recheck).where(c.scope == scope).order_by(c.ended_at.desc(), c.id.desc())
        row = tx.run(wanted.limit(1)).first()
        if row is not None:
            found.append(
                Outcome(
                    scope=row.scope,
                    began_at=row.began_at,
                    ended_at=row.ended_at,
                    good=row.good,
                    bad=row.bad,
                    rules=row.rules,
                )
            )
    return found
