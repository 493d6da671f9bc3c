"""Holders, their pictures, and enterprises: who the register speaks of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import insert, select, update

from factory.model import Enterprise, Holder, ProfileId, Sex
from storage import tables as t
from storage.ledger import keys
from storage.ledger.base import Tx
from storage.sealed import DataKey

PERSON = "holder.person"
PICTURE = "picture.content"


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


def holder(tx: Tx, profile: ProfileId, person: Holder) -> HolderRow:
    """The holder's row, made if new, locked until the transaction ends."""
    lookup = tx.vault.lookup("holder", profile, person.id_type, person.id_number)
    wanted = tx.locked(
        select(t.holder.c.id, t.holder.c.data_key_id).where(
            t.holder.c.profile == profile, t.holder.c.lookup == lookup
        )
    )
    row = tx.run(wanted).one_or_none()
    if row is None:
        _add_holder(tx, profile, lookup, person)
        row = tx.run(wanted).one()
    return HolderRow(id=row.id, data_key=row.data_key_id)


def _add_holder(tx: Tx, profile: ProfileId, lookup: bytes, person: Holder) -> None:
    data_key = keys.new(tx)
    sealed = keys.load(tx, data_key).seal(_person_json(person), context=PERSON)
    tx.run(
        tx.insert(t.holder)
        .values(profile=profile, lookup=lookup, data_key_id=data_key, person=sealed)
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


def rename(tx: Tx, row: EnterpriseRow, name: str, *, inbox_id: int) -> None:
    """From now on the enterprise has this name; the old one is kept with its end."""
    tx.run(
        insert(t.enterprise_name).values(
            enterprise_id=row.id, name=row.name, until=tx.now, inbox_id=inbox_id
        )
    )
    tx.run(update(t.enterprise).where(t.enterprise.c.id == row.id).values(name=name))


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
