"""Certificates that end (到期): counted, listed, and told to upstream once for each day of end.

Who was told of is kept by registration and day: another certificate of it with the same last day
is not told of again, one that was renewed is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Row, and_, exists, func, literal_column, or_, select, true

from factory.notices import Type
from storage import tables as t
from storage.ledger import audit, notices
from storage.ledger.base import Ledger, Tx
from storage.ledger.notices import NewNotice

AT_ONCE = 1000  #: certificates of one transaction
MONTH = 7  #: characters of ``2026-11``
#: a certificate that people have, or may fetch, as the index says it; outdated ones still hold
STANDS: ColumnElement[bool] = literal_column(
    "edition.state IN ('uncollected', 'collected', 'outdated')"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many certificates of a register end in a month, and of how many upstream was told."""

    profile: str
    month: str
    certificates: int
    told: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiring:
    """One certificate that ends.  valid_until: its last day."""

    profile: str
    registration: str
    edition: int
    state: str
    valid_until: str
    told: bool


def is_there() -> ColumnElement[bool]:
    """Whether an edition stands and was made, here or elsewhere."""
    c = t.edition.c
    return and_(STANDS, or_(c.made_at.is_not(None), c.code.is_(None)))


def counts(tx: Tx, first: date, last: date, *, profile: str | None = None) -> list[Count]:
    """Of certificates whose last day lies between these days, both included."""
    c = t.edition.c
    month = func.substr(c.valid_until, 1, MONTH)
    warned = t.expiry_warning.c
    wanted = (
        select(c.profile, month, func.count(), func.count(warned.told_at))
        .outerjoin(t.expiry_warning, _is_of())
        .where(is_there(), *_between(first, last), _of(profile))
        .group_by(c.profile, month)
        .order_by(c.profile, month)
    )
    return [
        Count(profile=name, month=written, certificates=count, told=told)
        for name, written, count, told in tx.run(wanted)
    ]


def listed(
    ledger: Ledger, first: date, last: date, *, profile: str | None = None
) -> Iterator[Expiring]:
    """The same certificates, the first to end first; a slice of them a transaction."""
    after = ("", 0)
    while True:
        with ledger.read() as tx:
            rows = _slice(tx, first, last, profile, after)
        for row in rows:
            yield Expiring(
                profile=row.profile,
                registration=row.registration,
                edition=row.number,
                state=row.state,
                valid_until=row.valid_until,
                told=row.told_at is not None,
            )
        if len(rows) < AT_ONCE:
            return
        after = (rows[-1].valid_until, rows[-1].id)


def _slice(
    tx: Tx, first: date, last: date, profile: str | None, after: tuple[str, int]
) -> Sequence[Row[tuple[object, ...]]]:
    c = t.edition.c
    day, ident = after
    later = or_(c.valid_until > day, and_(c.valid_until == day, c.id > ident))
    begin = max(first, date.fromisoformat(day)) if day else first
    wanted = (
        select(
            c.id, c.profile, t.registration.c.number.label("registration"), c.number, c.state,
            c.valid_until, t.expiry_warning.c.told_at,
        )
        .join(t.registration, t.registration.c.id == c.registration_id)
        .outerjoin(t.expiry_warning, _is_of())
        .where(is_there(), *_between(begin, last), later, _of(profile))
        .order_by(c.valid_until, c.id)
        .limit(AT_ONCE)
    )  # fmt: skip
    found: Sequence[Row[tuple[object, ...]]] = tx.run(wanted).all()
    return found


def tell(tx: Tx, first: date, last: date, *, profile: str | None = None) -> tuple[int, int]:
    """Tell upstream of certificates that nobody was told of yet: (looked at, told of).

    At most ``AT_ONCE``; nobody is left once none was looked at.  Whoever else tells of the same
    one at the same time waits, and then finds it told.
    """
    rows = tx.run(tx.locked(_untold(first, last, profile))).all()
    if not rows:
        return 0, 0
    of = {(row.registration_id, row.valid_until): row for row in rows}
    w = t.expiry_warning
    given = [{"registration_id": ident, "valid_until": day, "told_at": tx.now} for ident, day in of]
    added = tx.insert(w).values(given).on_conflict_do_nothing()
    mine = {tuple(row) for row in tx.run(added.returning(w.c.registration_id, w.c.valid_until))}
    told = [row for key, row in of.items() if key in mine]
    _tell(tx, told)
    return len(rows), len(told)


def _untold(first: date, last: date, profile: str | None) -> object:
    c = t.edition.c
    return (
        select(c.id, c.registration_id, c.profile, c.number, c.state, c.valid_until)
        .where(is_there(), *_between(first, last), _of(profile))
        .where(~exists().where(_is_of()))
        .order_by(c.valid_until, c.id)
        .limit(AT_ONCE)
    )


def _tell(tx: Tx, rows: Sequence[Row[tuple[object, ...]]]) -> None:
    if not rows:
        return
    numbers = _numbers(tx, [row.registration_id for row in rows])
    notices.tell(
        tx,
        [
            NewNotice(
                type=Type.CERTIFICATE_EXPIRING,
                profile=row.profile,
                subject=numbers[row.registration_id],
                data={
                    "registration": numbers[row.registration_id],
                    "edition": row.number,
                    "state": row.state,
                    "valid_until": row.valid_until,
                },
            )
            for row in rows
        ],
    )
    what = {"certificates": len(rows), "from": rows[0].valid_until}
    audit.note(tx, "ends told", ("day", rows[-1].valid_until), why="asked for", what=what)


def _numbers(tx: Tx, ids: Sequence[int]) -> dict[int, str]:
    c = t.registration.c
    return {row[0]: row[1] for row in tx.run(select(c.id, c.number).where(c.id.in_(ids)))}


def _is_of() -> ColumnElement[bool]:
    """The warning of an edition's registration and last day."""
    c, w = t.edition.c, t.expiry_warning.c
    return and_(w.registration_id == c.registration_id, w.valid_until == c.valid_until)


def _between(first: date, last: date) -> tuple[ColumnElement[bool], ...]:
    c = t.edition.c
    return c.valid_until >= first.isoformat(), c.valid_until <= last.isoformat()


def _of(profile: str | None) -> ColumnElement[bool]:
    return t.edition.c.profile == profile if profile is not None else true()
