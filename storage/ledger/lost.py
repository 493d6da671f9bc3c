"""Lost editions: what lies in the store of registrations that a restored ledger does not know.

A registration is called, in the keys of its objects, by a uid of 32 hex digits: sixteen by lot, and
sixteen of a keyed digest of the event that it began with.  After a restore nothing but its events
can bring it back; the event that began it comes with the same digest, and so finds the uid, the
registration number and the editions that were given out already.  Without the look-up key a uid
says nothing, and nothing here is in clear that is not in clear of every registration.

What was found is given to nobody whose name and day of birth are both others.
"""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import delete, insert, select

from factory.kinds.certificate import SEX_PRINTED
from factory.model import Holder
from factory.numbering import number_key
from storage import tables as t
from storage.ledger import registers
from storage.ledger.base import Tx
from storage.ledger.spelling import among

BY_LOT_BYTES, ORIGIN_BYTES = 8, 8
ORIGIN_DIGITS = 2 * ORIGIN_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An edition that lies in the store, as its files say.

    uid:        what its registration is called in the keys of its objects.
    number:     of the edition; registration: that of the registration, as it is printed.
    name, sex, born: of whom it is about, as they are printed.
    twin:       machine-readable; None: its files cannot be taken for what is made from now on.
    """

    profile: str
    uid: str
    registration: str
    number: int
    licence_id: str
    code: str
    valid_until: str
    name: str = field(repr=False)
    sex: str = field(repr=False)
    born: str = field(repr=False)
    twin: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The same, as the ledger keeps it until it comes back."""

    id: int
    uid: str
    number: int
    licence_id: str
    code: str
    valid_until: str
    twin: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """How a registration begins.

    event:   the keyed digest of the event that began it, as the inbox has it.
    unit:    the profession it is about, where a certificate is about one.
    persons: its holder, as the event says and as it is known today.
    brought: the number that came with it; None: one is drawn.
    """

    profile: str
    authority: str
    event: str
    unit: str
    persons: tuple[Holder, ...] = field(repr=False)
    brought: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What it is called in the store, and the number that it had before, if it had one."""

    uid: str
    number: str | None = None


# --- at a restore ---------------------------------------------------------------------------------


def put(tx: Tx, found: Iterable[Found]) -> None:
    """Keep them until their registrations come back."""
    rows = [
        {
            "profile": each.profile,
            "uid": each.uid,
            "origin": each.uid[-ORIGIN_DIGITS:],
            "registration_number": each.registration,
            "number": each.number,
            "licence_id": each.licence_id,
            "code": each.code,
            "valid_until": each.valid_until,
            "named": _named(tx, each.uid, each.name),
            "born": _born(tx, each.uid, each.sex, each.born),
            "twin": None if each.twin is None else _digest(tx, each.uid, each.twin),
        }
        for each in found
    ]
    if rows:
        tx.run(insert(t.lost_edition), rows)


def _named(tx: Tx, uid: str, name: str) -> str:
    return tx.vault.lookup("lost edition's name", uid, name).hex()


def _born(tx: Tx, uid: str, sex: str, day: str) -> str:
    return tx.vault.lookup("lost edition's birth", uid, sex, day).hex()


def _digest(tx: Tx, uid: str, twin: bytes) -> str:
    return tx.vault.lookup("lost edition's twin", uid, twin.decode()).hex()


# --- registrations that begin ---------------------------------------------------------------------


def begin(tx: Tx, origin: Origin) -> Begun:
    """What a registration is called that begins, and its number if it began before."""
    [begun] = begin_all(tx, [origin])
    return begun


def begin_all(tx: Tx, origins: Sequence[Origin]) -> list[Begun]:
    """The same of many, in their order."""
    tags = [_tag(tx, each) for each in origins]
    found = _found(tx, tags)
    return [
        _again(tx, origin, found.get(tag, ()))
        or Begun(uid=f"{secrets.token_hex(BY_LOT_BYTES)}{tag}")
        for origin, tag in zip(origins, tags, strict=True)
    ]


def _tag(tx: Tx, origin: Origin) -> str:
    whole = tx.vault.lookup("registration's origin", origin.profile, origin.event, origin.unit)
    return whole[:ORIGIN_BYTES].hex()


def _found(tx: Tx, tags: Sequence[str]) -> Mapping[str, list[Any]]:
    """Of each tag the first edition of every uid that has it."""
    c = t.lost_edition.c
    wanted = select(t.lost_edition).where(among(c.origin, "tags")).order_by(c.uid, c.number)
    found = defaultdict(list)
    for _, rows in groupby(tx.run(wanted, {"tags": list(tags)}).all(), key=lambda row: row.uid):
        first = next(rows)
        found[first.origin].append(first)
    return found


def _again(tx: Tx, origin: Origin, firsts: Sequence[Any]) -> Begun | None:
    for row in firsts:
        if row.profile == origin.profile and _is_of(tx, origin, row) and _is_free(tx, origin, row):
            return Begun(uid=row.uid, number=row.registration_number)
    return None


def _is_of(tx: Tx, origin: Origin, row: Any) -> bool:
    """A correction changes one of the two, so that either will do."""
    return any(
        row.named == _named(tx, row.uid, each.name)
        or row.born == _born(tx, row.uid, SEX_PRINTED[each.sex], each.birth_date.isoformat())
        for each in origin.persons
    )


def _is_free(tx: Tx, origin: Origin, row: Any) -> bool:
    key = number_key(row.registration_number)
    if origin.brought is not None:
        return number_key(origin.brought) == key
    return not registers.taken(tx, origin.authority, key)


# --- editions that are ordered --------------------------------------------------------------------


def editions(tx: Tx, uids: Sequence[str]) -> Mapping[str, Mapping[int, Lost]]:
    """Those of some registrations that have not come back, by uid and number."""
    c = t.lost_edition.c
    found: defaultdict[str, dict[int, Lost]] = defaultdict(dict)
    for row in tx.run(select(t.lost_edition).where(among(c.uid, "uids")), {"uids": list(uids)}):
        found[row.uid][row.number] = Lost(
            id=row.id,
            uid=row.uid,
            number=row.number,
            licence_id=row.licence_id,
            code=row.code,
            valid_until=row.valid_until,
            twin=row.twin,
        )
    return found


def says(tx: Tx, lost: Lost, twin: bytes) -> bool:
    """Whether it says exactly that, so that its files can be taken for it."""
    return lost.twin is not None and lost.twin == _digest(tx, lost.uid, twin)


def take(tx: Tx, lost: Lost) -> None:
    """Another row speaks of it from now on."""
    tx.run(delete(t.lost_edition).where(t.lost_edition.c.id == lost.id))


def number_of(tx: Tx, code: str) -> str | None:
    """The registration number of the one with that verification code; None: there is none."""
    c = t.lost_edition.c
    found: str | None = tx.run(
        select(c.registration_number).where(c.code == code).limit(1)
    ).scalar_one_or_none()
    return found


def forget(tx: Tx, registrations: Any) -> None:
    """Those of some registrations, a query of rows: their holder's data is erased."""
    uids = select(t.registration.c.uid).where(t.registration.c.id.in_(registrations))
    tx.run(delete(t.lost_edition).where(t.lost_edition.c.uid.in_(uids)))
