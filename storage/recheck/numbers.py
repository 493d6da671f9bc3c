"""Numbers of every kind: which are used twice, and who has those of a series."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, union_all
from sqlalchemy.sql.selectable import Select

from storage import tables as t
from storage.ledger import Ledger, Tx
from storage.recheck.files import opened_face
from storage.recheck.scope import snapshot

AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Twice:
    """Rows of a table that have one value, which only one may have."""

    what: str
    kind: str
    ids: tuple[int, ...]


def twice(tx: Tx) -> Iterator[Twice]:
    """Whatever more than one row has of which only one may; counted by the database."""
    r, e, a, f = t.registration.c, t.edition.c, t.application.c, t.file.c
    asked: Sequence[tuple[str, str, Any, Sequence[Any]]] = (
        ("registration number", "registration", r, (r.authority, r.number_key)),
        ("licence id", "edition", e, (e.licence_id,)),
        ("verification code", "edition", e, (e.code,)),
        ("acceptance number", "application", a, (a.profile, a.acceptance_number)),
        ("filing number", "application", a, (a.filing_number,)),
        ("object key", "file", f, (f.object_key,)),
    )
    for what, kind, columns, key in asked:
        yield from (Twice(what, kind, ids) for ids in _rows_twice(tx, columns, key))
    yield from (Twice("registration number", "registration", ids) for ids in _of_two_people(tx))


def _rows_twice(tx: Tx, columns: Any, key: Sequence[Any]) -> Iterator[tuple[int, ...]]:
    given = [part.is_not(None) for part in key]
    many = select(*key).where(*given).group_by(*key).having(func.count() > 1)
    for values in tx.run(many).all():
        same = [part == value for part, value in zip(key, values, strict=True)]
        yield tuple(tx.run(select(columns.id).where(*same).order_by(columns.id)).scalars())


def _of_two_people(tx: Tx) -> Iterator[tuple[int, ...]]:
    """Registrations of two persons of which one has, or had, a number that the other had."""
    r, n = t.registration.c, t.former_number.c
    now = select(r.id, r.holder_id, r.authority, r.number_key)
    before = select(r.id, r.holder_id, n.authority, n.number_key).join(
        t.former_number, n.registration_id == r.id
    )
    every = union_all(now, before).subquery().c
    people = func.count(every.holder_id.distinct())
    rows = func.count(every.id.distinct())
    key = (every.authority, every.number_key)
    current = select(r.authority, r.number_key).group_by(r.authority, r.number_key)
    told = set(map(tuple, tx.run(current.having(func.count() > 1))))
    for values in tx.run(select(*key).group_by(*key).having(people > 1, rows > 1)).all():
        if tuple(values) in told:
            continue
        same = (every.authority == values[0]) & (every.number_key == values[1])
        yield tuple(sorted(set(tx.run(select(every.id).where(same)).scalars())))


def series(tx: Tx) -> list[tuple[str, int]]:
    """Every series, with the number it gives next."""
    c = t.number_series.c
    return [(row.series, row.next) for row in tx.run(select(c.series, c.next).order_by(c.series))]


def registration_numbers(ledger: Ledger, authority: str) -> Iterator[str]:
    """All that an authority's registrations have, or had before."""
    r, n = t.registration.c, t.former_number.c
    yield from _each(ledger, r.id, select(r.id, r.number).where(r.authority == authority))
    with snapshot(ledger) as tx:  # few: numbers that were spelled anew
        yield from tx.run(select(n.number).where(n.authority == authority)).scalars()


def acceptance_numbers(ledger: Ledger, profiles: Collection[str]) -> Iterator[str]:
    """Of the applications of some registers."""
    a = t.application.c
    yield from _each(ledger, a.id, select(a.id, a.acceptance_number).where(a.profile.in_(profiles)))


def filing_numbers(ledger: Ledger, profiles: Collection[str]) -> Iterator[str]:
    """Of those that were filed."""
    a = t.application.c
    filed = select(a.id, a.filing_number).where(a.filing_number.is_not(None))
    yield from _each(ledger, a.id, filed.where(a.profile.in_(profiles)))


def given_away(ledger: Ledger, profiles: Collection[str]) -> Iterator[str]:
    """Acceptance numbers that were drawn for upstream systems, as the audit has them."""
    a = t.audit.c
    drawn = (a.action == "acceptance numbers drawn") & a.object_id.in_(profiles)
    wanted = select(a.id, a.what).where(drawn, a.object_kind == "profile")
    for what in _each(ledger, a.id, wanted):
        yield from what["numbers"]


def passed_over(ledger: Ledger) -> Iterator[tuple[str, int, int]]:
    """Series, first and last of numbers that a restored ledger passed over, as the audit has it."""
    a = t.audit.c
    wanted = select(a.id, a.what).where(
        a.action == "numbers passed over", a.object_kind == "series"
    )
    for what in _each(ledger, a.id, wanted):
        yield what["series"], what["first"], what["last"]


def feed_numbers(ledger: Ledger) -> Iterator[int]:
    """Of what upstream is told."""
    n = t.notice.c
    yield from _each(ledger, n.id, select(n.id, n.number).where(n.number.is_not(None)))


def notice_numbers(ledger: Ledger, profiles: Collection[str]) -> Iterator[str | None]:
    """Of acceptance notices, as their faces have them; None: one that cannot be opened."""
    o = t.production_order.c
    wanted = (
        select(o.id, o.face, o.key_stem, t.data_key.c.wrapped)
        .join(t.data_key, t.data_key.c.id == o.data_key_id)
        .where(o.kind == "acceptance_notice", o.profile.in_(profiles))
        .execution_options(in_binary=True)
    )
    after = 0
    while True:
        with snapshot(ledger) as tx:
            rows = tx.run(wanted.where(o.id > after).order_by(o.id).limit(AT_ONCE)).all()
            faces = [opened_face(tx, row)[0] for row in rows]
        yield from (None if face is None else str(face["number"]) for face in faces)
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].id


def _each(ledger: Ledger, ident: Any, wanted: Select[Any]) -> Iterator[Any]:
    """The second column of a question, some rows a transaction."""
    after = 0
    while True:
        with snapshot(ledger) as tx:
            rows = tx.run(wanted.where(ident > after).order_by(ident).limit(AT_ONCE)).all()
        yield from (row[1] for row in rows)
        if len(rows) < AT_ONCE:
            return
        after = rows[-1][0]
