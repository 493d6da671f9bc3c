"""Figures (统计): how often what happened in a month, by index rows of that month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from sqlalchemy import ColumnElement, case, func, literal_column, select, true
from sqlalchemy.sql.selectable import Select

from factory import figures
from factory.figures import Figure, Month, What
from storage import tables as t
from storage.ledger import expiring
from storage.ledger.base import Tx

#: as the index says it
REVOKED: ColumnElement[bool] = literal_column("notice.type = 'certificate.revoked'")

Counted = tuple[str, str, int]  #: register, reason, how many


def of_month(tx: Tx, month: Month, *, today: date, profile: str | None = None) -> list[Figure]:
    """What happened in a month of China, in every register or in one.

    today: what ends on that day or later has not expired.
    """
    found = Counter[tuple[str, What, str]]()
    for name, what, reason, count in _made(tx, month, profile):
        found[name, what, reason] += count
    others = {
        What.COLLECTED: _collected(month),
        What.HELD: _held(month),
        What.REVOKED: _revoked(month),
        What.EXPIRED: _expired(month, today),
    }
    for what, wanted in others.items():
        for name, reason, count in tx.run(_of(wanted, profile)):
            found[name, what, reason] += count
    return [
        Figure(profile=name, month=str(month), what=what, reason=reason, count=count)
        for (name, what, reason), count in sorted(found.items(), key=_order)
    ]


def _order(found: tuple[tuple[str, What, str], int]) -> tuple[str, int, str]:
    (name, what, reason), _ = found
    return name, list(What).index(what), reason


def _made(tx: Tx, month: Month, profile: str | None) -> Iterator[tuple[str, What, str, int]]:
    c = t.edition.c
    is_first = case((c.number == 1, 1), else_=0)
    wanted = select(c.profile, c.cause, c.applied_for, is_first, func.count()).where(
        c.made_at.is_not(None), *_within(c.made_at, month)
    )
    grouped = wanted.group_by(c.profile, c.cause, c.applied_for, is_first)
    for name, cause, applied_for, first, count in tx.run(_of(grouped, profile)):
        yield name, *figures.made(cause, applied_for, is_first=bool(first)), count


def _collected(month: Month) -> Select[Counted]:
    """By their holders; what took the place of a collected one was theirs at once."""
    c = t.edition.c
    wanted = select(c.profile, literal_column("''"), func.count())
    return wanted.where(c.collected_at > c.ordered_at, *_within(c.collected_at, month)).group_by(
        c.profile
    )


def _held(month: Month) -> Select[Counted]:
    c = t.hold.c
    wanted = select(c.profile, c.reason, func.count()).where(*_within(c.opened_at, month))
    return wanted.group_by(c.profile, c.reason)


def _revoked(month: Month) -> Select[Counted]:
    """As upstream was told, once for each; one that was never made is none."""
    c = t.notice.c
    wanted = select(c.profile, literal_column("''"), func.count())
    return wanted.where(REVOKED, *_within(c.created_at, month)).group_by(c.profile)


def _expired(month: Month, today: date) -> Select[Counted]:
    c = t.edition.c
    until = min(month.plus(1).first, today).isoformat()
    wanted = select(c.profile, literal_column("''"), func.count()).where(
        expiring.is_there(), c.valid_until >= month.first.isoformat(), c.valid_until < until
    )
    return wanted.group_by(c.profile)


def _within(column: ColumnElement[object], month: Month) -> tuple[ColumnElement[bool], ...]:
    return column >= month.begins, column < month.plus(1).begins


def _of(wanted: Select[Counted], profile: str | None) -> Select[Counted]:
    """The same of one register."""
    named = wanted.selected_columns[0] == profile if profile is not None else true()
    return wanted.where(named)
