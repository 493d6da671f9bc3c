"""Registrations as the register has them; numbers are drawn here, once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, union_all, update

from factory import register
from factory.errors import ConflictError
from factory.model import (
    Enterprise,
    Holder,
    Occupation,
    ProfileId,
    Registration,
    RegistrationId,
    Standing,
)
from factory.numbering import number_key
from factory.register import Key, RegistrationState, View
from storage import tables as t
from storage.ledger import keys, people
from storage.ledger.base import Tx
from storage.sealed import DataKey

TAKEN = "another registration has it, now or of old"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationRow:
    """A registration as the ledger keeps it, opened."""

    id: int
    uid: RegistrationId
    profile: ProfileId
    standing: Standing
    data_key: int
    holder_id: int
    value: Registration
    view: View
    origin: Key | None

    @property
    def in_force(self) -> bool:
        """Whether certificates of it may be issued."""
        return self.standing is Standing.ACTIVE

    @property
    def has_ended(self) -> bool:
        """Whether it is over: cancelled, or followed by another one."""
        return self.standing in {Standing.CANCELLED, Standing.LAPSED}


def taken(tx: Tx, authority: str, key: str) -> bool:
    """Whether this authority has ever used that number, in either spelling."""
    now = select(t.registration.c.id).where(
        t.registration.c.authority == authority, t.registration.c.number_key == key
    )
    before = select(t.former_number.c.registration_id).where(
        t.former_number.c.authority == authority, t.former_number.c.number_key == key
    )
    return tx.run(now.union(before)).first() is not None


def taken_among(tx: Tx, authority: str, number_keys: Collection[str]) -> frozenset[str]:
    """Those of the numbers this authority has ever used, in either spelling."""
    wanted = [
        select(table.c.number_key).where(
            table.c.authority == authority, table.c.number_key.in_(number_keys)
        )
        for table in (t.registration, t.former_number)
    ]
    return frozenset(tx.run(union_all(*wanted)).scalars())


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
    uid: str,
    profile: ProfileId,
    authority: str,
    occupation: Occupation,
    number: str,
    holder_id: int,
    enterprise_id: int,
    state: RegistrationState,
) -> int:
    """A new registration; its row.

    uid: see `storage.ledger.lost`.

    ConflictError: another transaction took the number meanwhile.
    """
    new = NewRegistration(
        uid=uid,
        profile=profile,
        authority=authority,
        occupation=occupation,
        number=number,
        holder_id=holder_id,
        enterprise_id=enterprise_id,
        state=state,
    )
    result = tx.run(
        tx.insert(t.registration)
        .values(_new_row(new))
        .on_conflict_do_nothing(
            index_elements=[t.registration.c.authority, t.registration.c.number_key]
        )
        .returning(t.registration.c.id)
    )
    row_id: int | None = result.scalar_one_or_none()
    if row_id is None:
        tx.watch.collided()
        raise ConflictError(f"registration_number: {TAKEN}")
    for former in state.former_numbers:
        add_former_number(tx, row_id, authority, former)
    return row_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRegistration:
    """A registration about to be written."""

    uid: str
    profile: ProfileId
    authority: str
    occupation: Occupation
    number: str
    holder_id: int
    enterprise_id: int
    state: RegistrationState


def add_all(tx: Tx, new: Sequence[NewRegistration]) -> list[int]:
    """Registrations with their former numbers; their rows, in the same order."""
    returning = insert(t.registration).returning(t.registration.c.id, sort_by_parameter_order=True)
    ids = list(tx.run(returning, [_new_row(each) for each in new]).scalars())
    former = [
        _former_row(tx, ident, each.authority, number)
        for ident, each in zip(ids, new, strict=True)
        for number in each.state.former_numbers
    ]
    if former:
        tx.run(tx.insert(t.former_number).on_conflict_do_nothing(), former)
    return ids


def _new_row(new: NewRegistration) -> dict[str, object]:
    source, event_id = new.state.origin
    return {
        "uid": new.uid,
        "profile": new.profile,
        "authority": new.authority,
        "occupation": new.occupation.value,
        "number": new.number,
        "number_key": number_key(new.number),
        "holder_id": new.holder_id,
        "enterprise_id": new.enterprise_id,
        "state": new.state.standing.value,
        "view": register.view_json(new.state.view),
        "unit": new.state.unit,
        "origin_source": source,
        "origin_event": event_id,
    }


def add_former_number(tx: Tx, registration_id: int, authority: str, number: str) -> None:
    """A number or spelling the registration no longer prints; kept, and never drawn again."""
    row = _former_row(tx, registration_id, authority, number)
    tx.run(tx.insert(t.former_number).values(row).on_conflict_do_nothing())


def _former_row(tx: Tx, registration_id: int, authority: str, number: str) -> dict[str, object]:
    return {
        "registration_id": registration_id,
        "authority": authority,
        "number": number,
        "number_key": number_key(number),
        "until": tx.now,
    }


def change(tx: Tx, row_id: int, state: RegistrationState) -> None:
    """What the register says of it from now on."""
    tx.run(
        update(t.registration)
        .where(t.registration.c.id == row_id)
        .values(state=state.standing.value, view=register.view_json(state.view))
    )


def respell(tx: Tx, row_id: int, authority: str, old: str, new: str) -> None:
    """The same number is printed in another spelling from now on."""
    add_former_number(tx, row_id, authority, old)
    tx.run(update(t.registration).where(t.registration.c.id == row_id).values(number=new))


def of_holder(tx: Tx, holder_id: int) -> list[int]:
    """The rows of a holder's registrations, oldest first."""
    wanted = (
        select(t.registration.c.id)
        .where(t.registration.c.holder_id == holder_id)
        .order_by(t.registration.c.id)
    )
    return list(tx.run(wanted).scalars())


def employers_of(tx: Tx, holder_id: int) -> frozenset[str]:
    """Credit codes of where a holder is registered now."""
    wanted = (
        select(t.enterprise.c.credit_code)
        .join(t.registration, t.registration.c.enterprise_id == t.enterprise.c.id)
        .where(
            t.registration.c.holder_id == holder_id,
            t.registration.c.state.in_(("active", "suspended")),
        )
    )
    return frozenset(tx.run(wanted).scalars())


def of_paper(tx: Tx, profile: str, id_type: str, id_number: str) -> list[int]:
    """The rows of who has, or had, that identity paper, oldest first; nothing is locked."""
    found = people.find(tx, ProfileId(profile), id_type, id_number)
    return of_holder(tx, found.id) if found else []


def load(tx: Tx, ids: Iterable[int]) -> Mapping[int, RegistrationRow]:
    """Registrations by row id, opened, in two queries however many.

    Those are left out whose holder's data has been erased.
    """
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
        .where(t.registration.c.id.in_(list(ids)), t.holder.c.erased_at.is_(None))
        .order_by(t.registration.c.id)
    )
    rows = tx.run(wanted).all()
    opened = keys.load_all(tx, (row.data_key_id for row in rows))
    return {row.id: _row(row, opened[row.data_key_id]) for row in rows}


def _row(row: Any, key: DataKey) -> RegistrationRow:
    view = register.view_from(row.view)
    person = people.open_person(key, row.person)
    origin = (row.origin_source, row.origin_event) if row.origin_source is not None else None
    return RegistrationRow(
        id=row.id,
        uid=RegistrationId(row.uid),
        profile=ProfileId(row.profile),
        standing=Standing(row.state),
        data_key=row.data_key_id,
        holder_id=row.holder_id,
        view=view,
        value=_value(row, person, view),
        origin=origin,
    )


def _value(row: Any, person: Holder, view: View) -> Registration:
    return Registration(
        number=row.number,
        holder=person,
        enterprise=Enterprise(credit_code=row.credit_code, name=row.enterprise_name),
        occupation=Occupation(row.occupation),
        professions=view.professions,
        photo=view.photo,
        signature=view.signature,
    )
