"""Holders, their pictures, and enterprises: who the register speaks of."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import insert, select, update

from factory.errors import ConflictError
from factory.model import Enterprise, Holder, ProfileId, Sex, same_name
from storage import tables as t
from storage.ledger import keys
from storage.ledger.base import Tx
from storage.sealed import DataKey

PERSON = "holder.person"
PICTURE = "picture.content"
Paper = tuple[str, str]  #: kind and number of an identity paper
UNDESCRIBED = b"{}"  #: only the identity paper is known yet


@dataclass(frozen=True, slots=True, kw_only=True)
class HolderRow:
    """A holder's row and the data key everything about the person is sealed under."""

    id: int
    data_key: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterpriseRow:
    """An enterprise's row, the name in force, and the names it had before."""

    id: int
    name: str
    former_names: frozenset[str]

    def is_called(self, name: str) -> bool:
        """Whether that is its name; the width of brackets does not count."""
        return same_name(self.name, name)

    def has_been_called(self, name: str) -> bool:
        """Whether that was its name."""
        return any(same_name(former, name) for former in self.former_names)


def holder(tx: Tx, profile: ProfileId, id_type: str, id_number: str) -> HolderRow:
    """The row of who has that identity paper, made if new, locked until the transaction ends."""
    lookup = _lookup(tx, profile, id_type, id_number)
    row = _by_lookup(tx, profile, lookup)
    if row is None:
        _add_holder(tx, profile, lookup)
        row = _by_lookup(tx, profile, lookup)
    assert row is not None  # noqa: S101 - added by us, or by somebody a moment before
    return row


def row(tx: Tx, holder_id: int) -> HolderRow:
    """The row of a holder who is known to be there, locked until the transaction ends."""
    c = t.holder.c
    found = tx.run(tx.locked(select(c.id, c.data_key_id).where(c.id == holder_id))).one()
    return HolderRow(id=found.id, data_key=found.data_key_id)


def find(tx: Tx, profile: ProfileId, id_type: str, id_number: str) -> HolderRow | None:
    """Who has, or had, that identity paper; None: nobody."""
    return _by_lookup(tx, profile, _lookup(tx, profile, id_type, id_number), lock=False)


def known(tx: Tx, profile: ProfileId, papers: Iterable[Paper]) -> frozenset[Paper]:
    """Those of the identity papers that somebody has, or had."""
    looked_up = {_lookup(tx, profile, *paper): paper for paper in papers}
    now, before = t.holder.c, t.holder_alias.c
    wanted = select(now.lookup).where(now.profile == profile, now.lookup.in_(looked_up))
    former = select(before.lookup).where(before.profile == profile, before.lookup.in_(looked_up))
    return frozenset(looked_up[found] for found in tx.run(wanted.union_all(former)).scalars())


def add_all(
    tx: Tx, holders: Sequence[tuple[ProfileId, Holder, tuple[int, DataKey]]]
) -> list[HolderRow]:
    """Described holders nobody has heard of: (profile, person, data key); their rows, in order."""
    rows = [
        {
            "profile": profile,
            "lookup": _lookup(tx, profile, person.id_type, person.id_number),
            "data_key_id": key_id,
            "person": key.seal(_person_json(person), context=PERSON),
        }
        for profile, person, (key_id, key) in holders
    ]
    returning = insert(t.holder).returning(t.holder.c.id, sort_by_parameter_order=True)
    ids = tx.run(returning, rows).scalars()
    return [
        HolderRow(id=ident, data_key=key_id)
        for ident, (_, _, (key_id, _)) in zip(ids, holders, strict=True)
    ]


def _lookup(tx: Tx, profile: ProfileId, id_type: str, id_number: str) -> bytes:
    return tx.vault.lookup("holder", profile, id_type, id_number)


def _by_lookup(tx: Tx, profile: ProfileId, lookup: bytes, *, lock: bool = True) -> HolderRow | None:
    c = t.holder.c
    former = select(t.holder_alias.c.holder_id).where(
        t.holder_alias.c.profile == profile, t.holder_alias.c.lookup == lookup
    )
    wanted = select(c.id, c.data_key_id).where(
        c.profile == profile, (c.lookup == lookup) | c.id.in_(former)
    )
    row = tx.run(tx.locked(wanted) if lock else wanted).one_or_none()
    return HolderRow(id=row.id, data_key=row.data_key_id) if row else None


def _add_holder(tx: Tx, profile: ProfileId, lookup: bytes) -> None:
    data_key = keys.new(tx)
    sealed = keys.load(tx, data_key).seal(UNDESCRIBED, context=PERSON)
    tx.run(
        tx.insert(t.holder)
        .values(profile=profile, lookup=lookup, data_key_id=data_key, person=sealed)
        .on_conflict_do_nothing()
    )


def identify(
    tx: Tx, profile: ProfileId, holder: HolderRow, id_type: str, id_number: str
) -> HolderRow | None:
    """From now on the holder has that identity paper; the former one still finds them.

    Whoever else is kept under the new one is given back: the same person, or another's number.
    """
    lookup = _lookup(tx, profile, id_type, id_number)
    other = _by_lookup(tx, profile, lookup)
    if other is not None:
        return other if other.id != holder.id else None
    before: bytes = tx.run(select(t.holder.c.lookup).where(t.holder.c.id == holder.id)).scalar_one()
    tx.run(
        tx.insert(t.holder_alias)
        .values(profile=profile, lookup=before, holder_id=holder.id)
        .on_conflict_do_nothing()
    )
    tx.run(update(t.holder).where(t.holder.c.id == holder.id).values(lookup=lookup))
    return None


def absorb(tx: Tx, profile: ProfileId, holder: HolderRow, other: HolderRow) -> None:
    """Two rows are one person: whoever looks for the other finds this one, pictures included."""
    for picture in tx.run(select(t.picture).where(t.picture.c.holder_id == other.id)).all():
        key = keys.load(tx, other.data_key)
        add_picture(tx, holder, key.open(picture.content, context=picture_context(picture.digest)))
    c = t.holder.c
    lookup: bytes = tx.run(select(c.lookup).where(c.id == other.id)).scalar_one()
    retired = tx.vault.lookup("retired holder", profile, str(other.id))
    tx.run(update(t.holder).where(c.merged_into == other.id).values(merged_into=holder.id))
    gone = update(t.holder).where(c.id == other.id)
    tx.run(gone.values(lookup=retired, merged_into=holder.id))
    tx.run(
        update(t.holder_alias)
        .where(t.holder_alias.c.holder_id == other.id)
        .values(holder_id=holder.id)
    )
    tx.run(
        tx.insert(t.holder_alias)
        .values(profile=profile, lookup=lookup, holder_id=holder.id)
        .on_conflict_do_nothing()
    )


def describe(tx: Tx, holder: HolderRow, person: Holder) -> None:
    """From now on the holder is described so; who they are, the identity number, stays."""
    sealed = keys.load(tx, holder.data_key).seal(_person_json(person), context=PERSON)
    tx.run(update(t.holder).where(t.holder.c.id == holder.id).values(person=sealed))


def add_picture(tx: Tx, holder: HolderRow, content: bytes) -> str:
    """Keep a normalised picture, sealed; its keyed digest."""
    digest = tx.vault.picture_digest(content)
    sealed = keys.load(tx, holder.data_key).seal(content, context=picture_context(digest))
    tx.run(
        tx.insert(t.picture)
        .values(holder_id=holder.id, digest=digest, content=sealed)
        .on_conflict_do_nothing()
    )
    return digest


def add_pictures(tx: Tx, of: Iterable[tuple[HolderRow, DataKey, Mapping[str, bytes]]]) -> None:
    """Keep normalised pictures of many holders, by keyed digest, sealed."""
    rows = [
        {
            "holder_id": holder.id,
            "digest": digest,
            "content": key.seal(content, context=picture_context(digest)),
        }
        for holder, key, pictures in of
        for digest, content in pictures.items()
    ]
    if rows:
        tx.run(insert(t.picture), rows)


def picture_context(digest: str) -> str:
    """What a picture is sealed for: nothing else opens under it."""
    return f"{PICTURE}:{digest}"


def enterprise(tx: Tx, profile: ProfileId, value: Enterprise) -> EnterpriseRow:
    """The enterprise's row, made under the given name if new, locked until the end."""
    tx.run(
        tx.insert(t.enterprise)
        .values(profile=profile, credit_code=value.credit_code, name=value.name)
        .on_conflict_do_nothing()
    )
    row = tx.run(
        tx.locked(
            select(t.enterprise).where(
                t.enterprise.c.profile == profile,
                t.enterprise.c.credit_code == value.credit_code,
            )
        )
    ).one()
    former = tx.run(
        select(t.enterprise_name.c.name).where(t.enterprise_name.c.enterprise_id == row.id)
    ).scalars()
    return EnterpriseRow(id=row.id, name=row.name, former_names=frozenset(former))


def enterprise_names(tx: Tx, profile: ProfileId, codes: Iterable[str]) -> Mapping[str, str]:
    """The names in force of those of the enterprises the register knows, by credit code."""
    c = t.enterprise.c
    wanted = select(c.credit_code, c.name).where(c.profile == profile, c.credit_code.in_(codes))
    return {row.credit_code: row.name for row in tx.run(wanted)}


def names_of(tx: Tx, credit_code: str, profiles: Collection[str]) -> frozenset[str]:
    """What the registers call an enterprise."""
    c = t.enterprise.c
    wanted = select(c.name).where(c.credit_code == credit_code, c.profile.in_(profiles))
    return frozenset(tx.run(wanted).scalars())


def enterprises(
    tx: Tx, profile: ProfileId, values: Collection[Enterprise]
) -> Mapping[Enterprise, int]:
    """The rows of enterprises under exactly these names, made if new, locked until the end.

    ConflictError: the register knows one by another name.
    """
    in_order = sorted(values, key=lambda each: each.credit_code)
    rows = [
        {"profile": profile, "credit_code": each.credit_code, "name": each.name}
        for each in in_order
    ]
    tx.run(tx.insert(t.enterprise).on_conflict_do_nothing(), rows)
    c = t.enterprise.c
    wanted = (
        select(c.id, c.credit_code, c.name)
        .where(c.profile == profile, c.credit_code.in_([each.credit_code for each in in_order]))
        .order_by(c.credit_code)
    )
    found = {
        Enterprise(credit_code=row.credit_code, name=row.name): int(row.id)
        for row in tx.run(tx.locked(wanted))
    }
    if not set(values) <= found.keys():
        raise ConflictError("enterprise.name: differs from the register")
    return found


def renamed_enterprises(tx: Tx, credit_code: str, profiles: Sequence[str]) -> list[EnterpriseRow]:
    """The enterprise in each of these registers, locked."""
    c = t.enterprise.c
    wanted = (
        select(t.enterprise)
        .where(c.credit_code == credit_code, c.profile.in_(profiles))
        .order_by(c.id)
    )
    return [
        EnterpriseRow(id=row.id, name=row.name, former_names=frozenset())
        for row in tx.run(tx.locked(wanted))
    ]


def profiles_of(tx: Tx, credit_code: str, profiles: Sequence[ProfileId]) -> list[ProfileId]:
    """Those of the registers that know the enterprise."""
    c = t.enterprise.c
    wanted = select(c.profile).where(c.credit_code == credit_code, c.profile.in_(profiles))
    return [ProfileId(name) for name in tx.run(wanted.order_by(c.profile)).scalars()]


def rename(tx: Tx, row: EnterpriseRow, name: str, *, inbox_id: int) -> None:
    """From now on the enterprise has this name; the old one is kept with its end."""
    remember_name(tx, row, row.name, inbox_id=inbox_id)
    tx.run(update(t.enterprise).where(t.enterprise.c.id == row.id).values(name=name))


def remember_name(tx: Tx, row: EnterpriseRow, name: str, *, inbox_id: int) -> None:
    """The enterprise had that name before; a late event may still carry it."""
    tx.run(
        insert(t.enterprise_name).values(
            enterprise_id=row.id, name=name, until=tx.now, inbox_id=inbox_id
        )
    )


def open_person(key: DataKey, sealed: bytes) -> Holder:
    """A holder from its sealed column."""
    return _person(json.loads(key.open(sealed, context=PERSON)))


def _person_json(person: Holder) -> bytes:
    return json.dumps(
        {
            "name": person.name,
            "sex": person.sex.value,
            "birth_date": person.birth_date.isoformat(),
            "id_type": person.id_type,
            "id_number": person.id_number,
            "mobile": person.mobile,
        },
        ensure_ascii=False,
    ).encode()


def _person(data: Mapping[str, Any]) -> Holder:
    return Holder(
        name=data["name"],
        sex=Sex(data["sex"]),
        birth_date=date.fromisoformat(data["birth_date"]),
        id_type=data["id_type"],
        id_number=data["id_number"],
        mobile=data["mobile"],
    )
