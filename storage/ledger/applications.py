"""Applications (注册申请) as the register has them, to be looked up."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select, true

from factory import register
from factory.errors import ErasedError, NotFoundError
from factory.model import ApplicationState, ApplicationType
from factory.register import Application
from storage import tables as t
from storage.ledger import keys
from storage.ledger.base import Tx
from storage.ledger.people import HolderRow

MOST_OF_A_FORM = "999999"  #: what a form can add to a number
QUERY_CODE = "application.query_code"
NOT_FILED = "filing number and query code: no application has both"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRow:
    """An application and how far it is; no personal data."""

    id: int
    profile: str
    number: str
    kind: ApplicationType
    state: ApplicationState
    revision: int
    view: Mapping[str, Any]
    filing_number: str | None
    changed_at: datetime
    holder_id: int


def put(tx: Tx, profile: str, holder: HolderRow, applications: Iterable[Application]) -> None:
    """The applications of a person as they are now."""
    for each in applications:
        values = {
            "holder_id": holder.id,
            "type": each.kind.value,
            "state": each.state.value,
            "revision": each.revision,
            "view": register.application_json(each),
            "changed_at": tx.now,
        }
        tx.run(
            tx.insert(t.application)
            .values(profile=profile, acceptance_number=each.number, **values)
            .on_conflict_do_update(
                index_elements=[t.application.c.profile, t.application.c.acceptance_number],
                set_=values,
            )
        )


def holder_of(tx: Tx, profile: str, number: str) -> int | None:
    """Whose application has that acceptance number."""
    found: int | None = tx.run(
        select(t.application.c.holder_id).where(
            t.application.c.profile == profile, t.application.c.acceptance_number == number
        )
    ).scalar_one_or_none()
    return found


def by_number(tx: Tx, number: str, *, within: Set[str] | None = None) -> list[ApplicationRow]:
    """The applications of that acceptance number, one a profile.

    within: the registers looked into; None: all.
    """
    c = t.application.c
    here = true() if within is None else c.profile.in_(within)
    wanted = select(t.application).where(here, c.acceptance_number == number).order_by(c.id)
    return [_row(row) for row in tx.run(wanted)]


def of_employer(tx: Tx, profiles: Collection[str], credit_code: str) -> list[ApplicationRow]:
    """The applications of an enterprise's people in these registers, the newest first."""
    c = t.application.c
    wanted = select(t.application).where(
        c.profile.in_(profiles), c.view["employer"].as_string() == credit_code
    )
    return [_row(row) for row in tx.run(wanted.order_by(c.id.desc()))]


def numbers(tx: Tx, ids: Sequence[int]) -> Mapping[int, str]:
    """The acceptance numbers of applications, by row."""
    c = t.application.c
    rows = tx.run(select(c.id, c.acceptance_number).where(c.id.in_(ids)))
    return {row.id: row.acceptance_number for row in rows}


def taken(tx: Tx, profiles: Sequence[str], number: str) -> bool:
    """Whether an application of these profiles has that number, with the form's digits or without.

    Digits sort alike under every collation, so the index of numbers answers.
    """
    c = t.application.c
    wanted = select(c.id).where(
        c.profile.in_(profiles), c.acceptance_number.between(number, f"{number}{MOST_OF_A_FORM}")
    )
    return tx.run(wanted.limit(1)).first() is not None


def are_open(tx: Tx, profile: str, credit_code: str) -> bool:
    """Whether somebody at that enterprise has an application under way (未办结)."""
    c = t.application.c
    wanted = select(c.id).where(
        c.profile == profile,
        c.state.not_in([state.value for state in register.FINAL]),
        c.view["employer"].as_string() == credit_code,
    )
    return tx.run(wanted.limit(1)).first() is not None


def of_holder(tx: Tx, holder_id: int) -> list[ApplicationRow]:
    """The applications of a person, oldest first."""
    rows = tx.run(
        select(t.application)
        .where(t.application.c.holder_id == holder_id)
        .order_by(t.application.c.id)
    )
    return [_row(row) for row in rows]


def named_by_others(tx: Tx, holders: Collection[int]) -> frozenset[str]:
    """Keys of materials in the intake store that applications of people name who are still known.

    Looks through all applications: for erasing one person.
    """
    c = t.application.c
    wanted = select(c.view).join(t.holder, t.holder.c.id == c.holder_id)
    others = c.holder_id.not_in(holders) & t.holder.c.erased_at.is_(None)
    views = tx.run(wanted.where(others)).scalars()
    return frozenset(each["key"] for view in views for each in view["materials"].values())


def file(tx: Tx, row: ApplicationRow, number: str, code: str) -> None:
    """Give the application its filing number and query code (办件申报号, 查询密码)."""
    data_key = _data_key(tx, row.holder_id)
    sealed = keys.load(tx, data_key).seal(code.encode(), context=code_context(row.id))
    tx.run(
        t.application.update()
        .where(t.application.c.id == row.id)
        .values(filing_number=number, query_code=sealed)
    )


def by_filing(tx: Tx, number: str) -> tuple[ApplicationRow, str]:
    """The application of a filing number, and its query code.

    NotFoundError: there is none, or its holder's data has been erased.
    """
    row = tx.run(select(t.application).where(t.application.c.filing_number == number)).one_or_none()
    if row is None:
        raise NotFoundError(NOT_FILED)
    try:
        key = keys.load(tx, _data_key(tx, row.holder_id))
    except ErasedError:
        raise NotFoundError(NOT_FILED) from None
    return _row(row), key.open(row.query_code, context=code_context(row.id)).decode()


def _data_key(tx: Tx, holder_id: int) -> int:
    found: int = tx.run(
        select(t.holder.c.data_key_id).where(t.holder.c.id == holder_id)
    ).scalar_one()
    return found


def code_context(row_id: int) -> str:
    """What a query code is sealed for: it does not open for another application."""
    return f"{QUERY_CODE}:{row_id}"


def _row(row: Row[Any]) -> ApplicationRow:
    return ApplicationRow(
        id=row.id,
        profile=row.profile,
        number=row.acceptance_number,
        kind=ApplicationType(row.type),
        state=ApplicationState(row.state),
        revision=row.revision,
        view=row.view,
        filing_number=row.filing_number,
        changed_at=row.changed_at,
        holder_id=row.holder_id,
    )
