"""An enterprise as the ledger knows it: its names, its people and its renames, however many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, case, exists, func, or_, select
from sqlalchemy.sql.selectable import Select

from factory.lifecycle import Turn, before
from factory.model import BatchId, BatchState, EditionState, ItemState, Standing
from storage import tables as t
from storage.ledger.base import Tx
from storage.ledger.status import EditionView, RegistrationView, edition_rows, edition_view

IN_FORCE = (Standing.ACTIVE.value, Standing.SUSPENDED.value)
COLLECTED, UNCOLLECTED, REPLACED = "collected", "uncollected", "replaced"
ENDED, OPEN = "ended", "open"
ALIVE = before(Turn.REPLACE)  #: an edition that is in force, or is still to be


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerName:
    """A name that an enterprise had (曾用名), and until when."""

    name: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What one register calls an enterprise, and called it before, the oldest first."""

    profile: str
    name: str
    former_names: tuple[FormerName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A rename of an enterprise (企业更名), in the registers of its source."""

    batch: BatchId
    profiles: tuple[str, ...]
    state: BatchState
    old_name: str
    new_name: str
    confirmed_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of a rename's items in one register; made adds up from the four after it.

    collected:   its edition is in its holder's hands, or a later one that says the name too.
    uncollected: its edition waits to be collected.
    replaced:    a later edition has taken its place, or is about to, and waits to be collected.
    ended:       cancelled or expired before anybody collected it.
    """

    open: int
    held: int
    skipped: int
    made: int
    collected: int
    uncollected: int
    replaced: int
    ended: int

    @property
    def due(self) -> int:
        """How many were, or are, to be collected (应领证), by this edition or a later one."""
        return self.collected + self.uncollected + self.replaced


def known(tx: Tx, credit_code: str) -> list[Known]:
    """The enterprise in each register that knows it, by profile."""
    wanted = (
        select(t.enterprise, t.enterprise_name.c.name.label("former"), t.enterprise_name.c.until)
        .outerjoin(t.enterprise_name, t.enterprise_name.c.enterprise_id == t.enterprise.c.id)
        .where(t.enterprise.c.credit_code == credit_code)
        .order_by(t.enterprise.c.profile, t.enterprise_name.c.id)
    )
    rows: dict[str, list[Row[Any]]] = {}
    for row in tx.run(wanted):
        rows.setdefault(row.profile, []).append(row)
    return [_known(profile, found) for profile, found in rows.items()]


def people(tx: Tx, credit_code: str) -> Mapping[str, list[RegistrationView]]:
    """The registrations in force at the enterprise, by profile; two queries however many.

    Each has its newest edition alone, without files: what tells how its holder stands.
    """
    newest = {row.registration_id: edition_view(row) for row in tx.run(_newest(credit_code))}
    found: dict[str, list[RegistrationView]] = {}
    for row in tx.run(_registrations(credit_code)):
        found.setdefault(row.profile, []).append(_view(row, credit_code, newest.get(row.id)))
    return found


def renames(tx: Tx, credit_code: str) -> list[Rename]:
    """Every rename of the enterprise, the oldest first."""
    subject = t.batch.c.subject
    wanted = (
        select(t.batch)
        .where(subject["credit_code"].as_string() == credit_code)
        .order_by(t.batch.c.id)
    )
    return [_rename(row) for row in tx.run(wanted)]


def tallies(tx: Tx, credit_code: str, today: date) -> Mapping[tuple[BatchId, str], Tally]:
    """What became of the items of every rename of the enterprise, by (batch, profile).

    today: the calendar day in China.
    """
    item, order = t.batch_item.c, t.production_order.c
    wanted = (
        select(
            item.batch_id,
            item.profile,
            item.state,
            _fate(today).label("fate"),
            func.count().label("items"),
        )
        .join(t.batch, t.batch.c.id == item.batch_id)
        .outerjoin(t.production_order, order.id == item.order_id)
        .outerjoin(t.edition, t.edition.c.id == order.edition_id)
        .where(t.batch.c.subject["credit_code"].as_string() == credit_code)
        .group_by(item.batch_id, item.profile, item.state, "fate")
    )
    counts: dict[tuple[BatchId, str], dict[tuple[str, str], int]] = {}
    for row in tx.run(wanted):
        of_batch = counts.setdefault((BatchId(row.batch_id), row.profile), {})
        of_batch[row.state, row.fate] = row.items
    return {key: tally(each) for key, each in counts.items()}


def tally(counts: Mapping[tuple[str, str], int]) -> Tally:
    """The sums of items counted by (state, what became of the edition)."""
    states: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    for (state, fate), count in counts.items():
        states[state] += count
        fates[fate] += count if state == ItemState.DONE else 0
    return Tally(
        open=states[ItemState.PENDING] + states[ItemState.ORDERED],
        held=states[ItemState.HELD],
        skipped=states[ItemState.SKIPPED],
        made=states[ItemState.DONE],
        collected=fates[COLLECTED],
        uncollected=fates[UNCOLLECTED],
        replaced=fates[REPLACED],
        ended=fates[ENDED],
    )


def _fate(today: date) -> Any:
    """What became of an edition, for its holder to collect: this one, or one after it."""
    edition, later = t.edition.c, t.edition.alias("later")
    is_later = exists().where(
        later.c.registration_id == edition.registration_id, later.c.number > edition.number
    )
    lasts = today.isoformat()
    waits = and_(edition.state == EditionState.UNCOLLECTED.value, edition.valid_until >= lasts)
    makes_way = and_(edition.state == EditionState.OUTDATED.value, edition.valid_until >= lasts)
    follows = is_later.where(later.c.state.in_(ALIVE), later.c.valid_until >= lasts)
    return case(
        (edition.id.is_(None), OPEN),
        (edition.collected_at.is_not(None), COLLECTED),
        (is_later.where(later.c.collected_at.is_not(None)), COLLECTED),
        (waits, UNCOLLECTED),
        (or_(makes_way, follows), REPLACED),
        else_=ENDED,
    )


def _registrations(credit_code: str) -> Select[Any]:
    wanted = select(t.registration).join(t.enterprise, _employs())
    return wanted.where(*_in_force(credit_code)).order_by(t.registration.c.id)


def _newest(credit_code: str) -> Select[Any]:
    other = t.edition.alias("other")
    newest = (
        select(func.max(other.c.number))
        .where(other.c.registration_id == t.edition.c.registration_id)
        .correlate(t.edition)
        .scalar_subquery()
    )
    return (
        edition_rows()
        .join(t.registration, t.registration.c.id == t.edition.c.registration_id)
        .join(t.enterprise, _employs())
        .where(*_in_force(credit_code), t.edition.c.number == newest)
    )


def _employs() -> Any:
    """By the profile too, which the index of a register's enterprises begins with."""
    return and_(
        t.enterprise.c.id == t.registration.c.enterprise_id,
        t.enterprise.c.profile == t.registration.c.profile,
    )


def _in_force(credit_code: str) -> tuple[Any, ...]:
    return (t.enterprise.c.credit_code == credit_code, t.registration.c.state.in_(IN_FORCE))


def _known(profile: str, rows: list[Row[Any]]) -> Known:
    former = [FormerName(name=row.former, until=row.until) for row in rows if row.former]
    return Known(profile=profile, name=rows[0].name, former_names=tuple(former))


def _view(row: Row[Any], credit_code: str, newest: EditionView | None) -> RegistrationView:
    return RegistrationView(
        id=row.id,
        profile=row.profile,
        number=row.number,
        state=Standing(row.state),
        employer=credit_code,
        holder_id=row.holder_id,
        editions=(newest,) if newest else (),
    )


def _rename(row: Row[Any]) -> Rename:
    return Rename(
        batch=BatchId(row.id),
        profiles=tuple(row.profiles),
        state=BatchState(row.state),
        old_name=row.subject["old_name"],
        new_name=row.subject["new_name"],
        confirmed_at=row.confirmed_at,
        completed_at=row.completed_at,
    )
