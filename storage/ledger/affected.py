"""Whom a bulk event concerns: registrations in force, each with the newest edition it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql.selectable import Select

from factory import numbering
from storage import tables as t
from storage.ledger.base import Tx
from storage.ledger.items import Affected

AT_ONCE = 500  #: values in one question


def _all() -> Select[Any]:
    newest = (
        select(func.max(t.edition.c.id))
        .where(t.edition.c.registration_id == t.registration.c.id)
        .correlate(t.registration)
        .scalar_subquery()
    )
    return select(
        t.registration.c.id.label("registration_id"),
        t.registration.c.profile,
        newest.label("edition_id"),
    )


def in_force() -> Select[Any]:
    """All registrations in force: (registration_id, profile, edition_id)."""
    return _all().where(t.registration.c.state == "active")


def of_rows(ids: Sequence[int]) -> Select[Any]:
    """These rows, in force or not: whoever asks for them is told of each."""
    return _all().where(t.registration.c.id.in_(ids)).order_by(t.registration.c.id)


def of_enterprise(credit_code: str, profiles: Sequence[str]) -> Select[Any]:
    """Those at an enterprise, in some registers."""
    return (
        in_force()
        .join(t.enterprise, t.enterprise.c.id == t.registration.c.enterprise_id)
        .where(t.enterprise.c.credit_code == credit_code, t.enterprise.c.profile.in_(profiles))
    )


def of_register(profile: str) -> Select[Any]:
    """Those of one register."""
    return in_force().where(t.registration.c.profile == profile)


def slice_of(tx: Tx, affected: Select[Any], *, after: int, limit: int) -> list[Affected]:
    """The next of them by row id."""
    c = t.registration.c
    return read(tx, affected.where(c.id > after).order_by(c.id).limit(limit))


def read(tx: Tx, wanted: Select[Any]) -> list[Affected]:
    """The registrations that a question finds."""
    return [
        Affected(
            registration_id=row.registration_id, profile=row.profile, edition_id=row.edition_id
        )
        for row in tx.run(wanted)
    ]


def rows_of(tx: Tx, profile: str, authority: str, numbers: Sequence[str]) -> dict[str, int]:
    """The rows of a register's registrations by number, in either spelling, also a former one."""
    keys = {number: numbering.number_key(number) for number in numbers}
    known: dict[str, int] = {}
    every = list(dict.fromkeys(keys.values()))
    for start in range(0, len(every), AT_ONCE):
        part = every[start : start + AT_ONCE]
        known |= dict(_former(tx, profile, authority, part))
        known |= dict(_current(tx, profile, authority, part))
    return {number: known[key] for number, key in keys.items() if key in known}


def _current(tx: Tx, profile: str, authority: str, keys: Sequence[str]) -> list[tuple[str, int]]:
    c = t.registration.c
    wanted = select(c.number_key, c.id).where(
        c.authority == authority, c.profile == profile, c.number_key.in_(keys)
    )
    return [(row[0], row[1]) for row in tx.run(wanted)]


def _former(tx: Tx, profile: str, authority: str, keys: Sequence[str]) -> list[tuple[str, int]]:
    c = t.former_number.c
    wanted = (
        select(c.number_key, c.registration_id)
        .join(t.registration, t.registration.c.id == c.registration_id)
        .where(
            c.authority == authority, t.registration.c.profile == profile, c.number_key.in_(keys)
        )
    )
    return [(row[0], row[1]) for row in tx.run(wanted)]
