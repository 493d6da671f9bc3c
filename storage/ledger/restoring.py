"""What a ledger out of a backup has to be told: what was given out since, and who is to be passed.

Numbers and editions that were given out after the backup was taken are given to nobody again:
series are raised, and an edition that lies in the store keeps its number, its licence id and its
code as one that is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from factory.lifecycle import Turn, after
from factory.model import OrderState
from storage import tables as t
from storage.ledger import audit
from storage.ledger.base import Tx
from storage.ledger.spelling import among

PASSED_OVER = "numbers passed over"
CAUSE = "restored"
AT_ONCE = 2000
NOT_MADE = (OrderState.READY, OrderState.WAITING, OrderState.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class LostEdition:
    """An edition that lies in the store, made after the backup was taken.

    code, licence_id: as its twin says; None: both, where no twin can be read.
    """

    registration: int
    profile: str
    number: int
    code: str | None
    licence_id: str | None
    valid_until: str


def sizes(tx: Tx, keys: Sequence[str]) -> Mapping[str, int]:
    """Of those files that are recorded, by object key."""
    f = t.file.c
    wanted = select(f.object_key, f.size_bytes).where(
        among(f.object_key, "keys"), f.erased_at.is_(None)
    )
    return {row[0]: row[1] for row in tx.run(wanted, {"keys": list(keys)})}


def count_files(tx: Tx) -> int:
    """How many files should lie in the store."""
    f = t.file.c
    return int(tx.run(select(func.count(f.id)).where(f.erased_at.is_(None))).scalar_one())


def file_keys(tx: Tx, *, beyond: int, most: int) -> list[tuple[int, str]]:
    """Rows and keys of files that should lie in the store, some at a time."""
    f = t.file.c
    wanted = select(f.id, f.object_key).where(f.id > beyond, f.erased_at.is_(None))
    return [(row[0], row[1]) for row in tx.run(wanted.order_by(f.id).limit(most))]


def font_keys(tx: Tx) -> frozenset[str]:
    """Objects of added fonts."""
    return frozenset(tx.run(select(t.added_font.c.object_key)).scalars())


def ordered_stems(tx: Tx, stems: Sequence[str]) -> frozenset[str]:
    """Those that an order of this ledger has: what lies there is made, or will be taken."""
    o = t.production_order.c
    wanted = select(o.key_stem).where(among(o.key_stem, "stems"))
    return frozenset(tx.run(wanted, {"stems": list(stems)}).scalars())


def registrations(tx: Tx, uids: Sequence[str]) -> Mapping[str, tuple[int, str]]:
    """Row and profile of registrations, by what their object keys call them."""
    r = t.registration.c
    wanted = select(r.uid, r.id, r.profile).where(among(r.uid, "uids"))
    return {row.uid: (row.id, row.profile) for row in tx.run(wanted, {"uids": list(uids)})}


def keep_editions(tx: Tx, lost: Sequence[LostEdition], *, why: str) -> int:
    """Each is there, and over: its number, licence id and code are nobody else's; how many."""
    e, kept = t.edition.c, 0
    for each in lost:
        there = select(e.id).where(e.registration_id == each.registration, e.number == each.number)
        if tx.run(there).first() is not None:
            continue
        result = tx.run(
            insert(t.edition).values(
                registration_id=each.registration,
                profile=each.profile,
                number=each.number,
                medium="electronic",
                licence_id=each.licence_id,
                code=each.code,
                state=after(Turn.GIVE_UP).value,
                cause=CAUSE,
                valid_until=each.valid_until,
                ordered_at=tx.now,
            )
        )
        ident = int(result.inserted_primary_key[0])
        audit.note(tx, "edition kept", ("edition", ident), why=why, what={"number": each.number})
        kept += 1
    return kept


def series(tx: Tx) -> Mapping[str, int]:
    """Every series, with the number it gives next."""
    c = t.number_series.c
    return {row[0]: row[1] for row in tx.run(select(c.series, c.next))}


def pass_over(tx: Tx, raised: Mapping[str, tuple[int, int]], *, why: str) -> None:
    """Series go on at another number: (next until now, next from now on) by name."""
    c = t.number_series.c
    rows = [{"series": name, "next": new} for name, (_, new) in raised.items()]
    if not rows:
        return
    put = tx.insert(t.number_series)
    tx.run(
        put.on_conflict_do_update(index_elements=[c.series], set_={"next": put.excluded.next}), rows
    )
    subjects = (
        (("series", name[:64]), {"series": name, "first": old, "last": new - 1})
        for name, (old, new) in raised.items()
    )
    audit.note_all(tx, PASSED_OVER, subjects, why=why)


def registration_numbers(tx: Tx) -> Iterator[tuple[str, str, str]]:
    """Authority, occupation and number of every registration, now and of old."""
    r, n = t.registration.c, t.former_number.c
    now = select(r.authority, r.occupation, r.number)
    before = select(n.authority, r.occupation, n.number).join(
        t.registration, r.id == n.registration_id
    )
    for wanted in (now, before):
        yield from (tuple(row) for row in tx.run(wanted).yield_per(AT_ONCE))


def acceptance_numbers(tx: Tx) -> Iterator[tuple[str, str]]:
    """Profile and number of every application."""
    a = t.application.c
    wanted = select(a.profile, a.acceptance_number)
    yield from (tuple(row) for row in tx.run(wanted).yield_per(AT_ONCE))


def identities(tx: Tx) -> frozenset[str]:
    """Signing identities that what is still to be made is sealed with."""
    o = t.production_order.c
    wanted = select(o.identity).where(o.state.in_(NOT_MADE), o.identity.is_not(None)).distinct()
    return frozenset(tx.run(wanted).scalars())


def a_key_of_each_master(tx: Tx) -> Iterator[bytes]:
    """One data key for every version of the master key, to be tried."""
    c = t.data_key.c
    head = func.substr(c.wrapped, 1, 4)
    first = select(func.min(c.id)).where(c.wrapped.is_not(None)).group_by(head)
    yield from tx.run(select(c.wrapped).where(c.id.in_(first))).scalars()


def begin_anew(tx: Tx) -> None:
    """Leases of services that ended with the former ledger, and writers of another server."""
    tx.run(delete(t.singleton))
    c = t.log_cursor.c
    tx.run(update(t.log_cursor).where(c.settling_to.is_not(None)).values(writers=[]))


def holders_of_facts(tx: Tx, beyond: int, most: int) -> list[tuple[int, int, str, str]]:
    """Facts of persons who are not erased: row, holder, source and event id."""
    f, h = t.fact.c, t.holder.c
    wanted = (
        select(f.id, f.holder_id, f.source, f.event_id)
        .join(t.holder, h.id == f.holder_id)
        .where(f.id > beyond, h.erased_at.is_(None))
        .order_by(f.id)
        .limit(most)
    )
    return [(row[0], row[1], row[2], row[3]) for row in tx.run(wanted)]


def facts_of(tx: Tx, holders: Collection[int]) -> list[tuple[str, str]]:
    """Source and event id of everything that was said of some persons."""
    f = t.fact.c
    wanted: Any = select(f.source, f.event_id).where(f.holder_id.in_(holders)).order_by(f.id)
    return [(row[0], row[1]) for row in tx.run(wanted)]
