"""Registrations and the facts they are folded from; numbers are drawn here, once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from factory import register
from factory.errors import ConflictError
from factory.model import Enterprise, Occupation, ProfileId, Registration, RegistrationId
from factory.numbering import number_key
from factory.register import Fact, View
from storage import tables as t
from storage.ledger import keys, people
from storage.ledger.base import Tx
from storage.sealed import DataKey

FACTS = "registration_event.facts"
TAKEN = "registration_number: another registration has it"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRow:
    """A registration as the ledger keeps it, opened."""

    id: int
    uid: RegistrationId
    profile: ProfileId
    in_force: bool
    data_key: int
    holder_id: int
    value: Registration
    view: View


def in_force(tx: Tx, profile: ProfileId, holder_id: int, occupation: Occupation) -> str | None:
    """The number of the holder's registration in force, if there is one."""
    found: str | None = tx.run(
        select(t.registration.c.number).where(
            t.registration.c.profile == profile,
            t.registration.c.holder_id == holder_id,
            t.registration.c.occupation == occupation,
            t.registration.c.state == "active",
        )
    ).scalar_one_or_none()
    return found


def taken(tx: Tx, authority: str, key: str) -> bool:
    """Whether this authority has used that number, in either spelling."""
    wanted = select(t.registration.c.id).where(
        t.registration.c.authority == authority, t.registration.c.number_key == key
    )
    return tx.run(wanted).first() is not None


def draw(tx: Tx, series: str, free: Callable[[int], bool]) -> int:
    """The next number of a series that is free; the row stays locked until the end."""
    while True:
        number = _next(tx, series)
        if free(number):
            return number


def _next(tx: Tx, series: str) -> int:
    table = t.number_series
    started = tx.insert(table).values(series=series, next=2)
    drawn = started.on_conflict_do_update(
        index_elements=[table.c.series], set_={"next": table.c.next + 1}
    ).returning(table.c.next)
    return int(tx.run(drawn).scalar_one()) - 1


def add(
    tx: Tx,
    *,
    profile: ProfileId,
    authority: str,
    occupation: Occupation,
    number: str,
    holder: people.HolderRow,
    enterprise: people.EnterpriseRow,
    fact: Fact,
    inbox_id: int,
) -> int:
    """A new registration that begins with this fact; its row.

    ConflictError: another transaction took the number meanwhile.
    """
    result = tx.run(
        tx.insert(t.registration)
        .values(
            uid=secrets.token_hex(16),
            profile=profile,
            authority=authority,
            occupation=occupation.value,
            number=number,
            number_key=number_key(number),
            holder_id=holder.id,
            enterprise_id=enterprise.id,
            state="active",
            view=register.to_json(register.fold([fact])),
        )
        .on_conflict_do_nothing(
            index_elements=[t.registration.c.authority, t.registration.c.number_key]
        )
        .returning(t.registration.c.id)
    )
    row_id: int | None = result.scalar_one_or_none()
    if row_id is None:
        raise ConflictError(TAKEN)
    _add_fact(tx, row_id, holder.data_key, fact, inbox_id)
    return row_id


def _add_fact(tx: Tx, registration_id: int, data_key: int, fact: Fact, inbox_id: int) -> None:
    facts = json.dumps(register.to_json(fact.view), ensure_ascii=False).encode()
    tx.run(
        insert(t.registration_event).values(
            registration_id=registration_id,
            inbox_id=inbox_id,
            effective=fact.effective.isoformat(),
            source=fact.source,
            event_id=fact.event_id,
            type=fact.type,
            facts=keys.load(tx, data_key).seal(
                facts, context=f"{FACTS}:{fact.source} {fact.event_id}"
            ),
        )
    )


def load(tx: Tx, ids: Iterable[int]) -> Mapping[int, RegistrationRow]:
    """Registrations by row id, opened, in two queries however many."""
    wanted = (
        select(
            t.registration,
            t.holder.c.person,
            t.holder.c.data_key_id,
            t.enterprise.c.credit_code,
            t.enterprise.c.name.label("enterprise_name"),
        )
        .join(t.holder, t.holder.c.id == t.registration.c.holder_id)
        .join(t.enterprise, t.enterprise.c.id == t.registration.c.enterprise_id)
        .where(t.registration.c.id.in_(list(ids)))
    )
    rows = tx.run(wanted).all()
    opened = keys.load_all(tx, (row.data_key_id for row in rows))
    return {row.id: _row(row, opened[row.data_key_id]) for row in rows}


def _row(row: Any, key: DataKey) -> RegistrationRow:
    view = register.from_json(row.view)
    return RegistrationRow(
        id=row.id,
        uid=RegistrationId(row.uid),
        profile=ProfileId(row.profile),
        in_force=row.state == "active",
        data_key=row.data_key_id,
        holder_id=row.holder_id,
        view=view,
        value=Registration(
            number=row.number,
            holder=people.open_person(key, row.person),
            enterprise=Enterprise(
                credit_code=row.credit_code,
                name=row.enterprise_name,
            ),
            occupation=Occupation(row.occupation),
            professions=view.professions,
            photo=view.photo,
        ),
    )
