"""Endpoints (接收地址) of upstream systems, and the deliveries (投递) of notices to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, exists, func, insert, or_, select, update

from factory.deliveries import DeliveryState, EndpointState, Fate, Health
from factory.errors import NotFoundError
from factory.notices import Notice
from storage import tables as t
from storage.ledger import keys, notices
from storage.ledger.base import Tx
from storage.sealed import DataKey

SECRET, FORMER = "endpoint.secret", "endpoint.former_secret"
SWITCH = "notices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where notices of a source are sent.

    types:    what it wants; empty: everything.
    answer:   what it said last: a status, or why there was none.
    """

    id: int
    source: str
    url: str
    types: tuple[str, ...]
    state: EndpointState
    failures: int
    failing_since: datetime | None
    due_at: datetime | None
    answer: str | None
    answered_at: datetime | None
    former_until: datetime | None
    created_at: datetime

    @property
    def health(self) -> Health:
        """How it has answered lately."""
        return Health(
            state=self.state, failures=self.failures, since=self.failing_since, due_at=self.due_at
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One notice for one endpoint, claimed.

    fence: grows with every claim; who has an earlier one can record nothing.
    """

    id: int
    fence: int
    tries: int
    notice: Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far an endpoint's deliveries are.

    oldest: when the oldest notice was written that is not delivered.
    """

    pending: int = 0
    failed: int = 0
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What notices to an endpoint are signed with: the present one, and a former for a while."""

    keys: tuple[bytes, ...] = field(repr=False)


def add(tx: Tx, source: str, url: str, types: Sequence[str], secret: bytes) -> int:
    """A new endpoint, which is told whatever is numbered from now on; its row."""
    key = keys.new(tx)
    sealed = keys.load(tx, key).seal(secret, context=SECRET)
    result = tx.run(
        insert(t.endpoint).values(
            source=source,
            url=url,
            types=sorted(types),
            state=EndpointState.ACTIVE.value,
            data_key_id=key,
            secret=sealed,
            created_at=tx.now,
            created_by=tx.who,
        )
    )
    return int(result.inserted_primary_key[0])


def get(tx: Tx, ident: int, source: str | None = None, *, lock: bool = False) -> Endpoint:
    """One endpoint that is not removed, of a source if one is named.  NotFoundError: none."""
    c = t.endpoint.c
    wanted = select(t.endpoint).where(c.id == ident, c.state != EndpointState.OFF)
    if source is not None:
        wanted = wanted.where(c.source == source)
    row = tx.run(tx.locked(wanted) if lock else wanted).one_or_none()
    if row is None:
        raise NotFoundError(f"endpoint {ident}: there is none")
    return _endpoint(row)


def listed(tx: Tx, source: str | None = None) -> list[Endpoint]:
    """The endpoints that are not removed, oldest first; of a source, if one is named."""
    c = t.endpoint.c
    wanted = select(t.endpoint).where(c.state != EndpointState.OFF).order_by(c.id)
    if source is not None:
        wanted = wanted.where(c.source == source)
    return [_endpoint(row) for row in tx.run(wanted)]


def standings(tx: Tx) -> dict[int, Standing]:
    """How far the deliveries of each endpoint are that has any left or failed."""
    d, n = t.delivery.c, t.notice.c
    count, first = func.count().label("count"), func.min(d.number).label("first")
    left = (
        select(d.endpoint_id, d.state, count, first)
        .where(d.state != DeliveryState.DELIVERED)
        .group_by(d.endpoint_id, d.state)
        .subquery()
    )
    rows = tx.run(select(left, n.created_at).outerjoin(t.notice, n.number == left.c.first))
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        said = found.setdefault(row.endpoint_id, {})
        said[row.state] = row.count
        if row.state == DeliveryState.PENDING:
            said["oldest"] = row.created_at
    return {ident: Standing(**said) for ident, said in found.items()}


def backlog(tx: Tx) -> tuple[int, float]:
    """How many deliveries are not done, and the age of the oldest of an endpoint that is active."""
    d, e, n = t.delivery.c, t.endpoint.c, t.notice.c
    pending = d.state == DeliveryState.PENDING
    count = tx.run(select(func.count()).select_from(t.delivery).where(pending)).scalar_one()
    first = (
        select(func.min(d.number))
        .join(t.endpoint, e.id == d.endpoint_id)
        .where(pending, e.state == EndpointState.ACTIVE)
        .scalar_subquery()
    )
    oldest = tx.run(select(n.created_at).where(n.number == first)).scalar_one_or_none()
    return int(count), (tx.now - oldest).total_seconds() if oldest else 0.0


def counts(tx: Tx) -> dict[EndpointState, int]:
    """How many endpoints are in each state; removed ones do not count."""
    c = t.endpoint.c
    rows = tx.run(select(c.state, func.count()).group_by(c.state))
    found = {row[0]: row[1] for row in rows}
    return {state: found.get(state, 0) for state in (EndpointState.ACTIVE, EndpointState.ASIDE)}


def secrets(tx: Tx, ident: int) -> Secrets:
    """What notices to it are signed with now."""
    row = tx.run(select(t.endpoint).where(t.endpoint.c.id == ident)).one()
    key = keys.load(tx, row.data_key_id)
    found = [key.open(row.secret, context=SECRET)]
    if row.former_secret is not None and row.former_until > tx.now:
        found.append(key.open(row.former_secret, context=FORMER))
    return Secrets(keys=tuple(found))


def rotate(tx: Tx, ident: int, secret: bytes, *, former_until: datetime) -> None:
    """Another secret from now on; until then the present one signs beside it."""
    row = tx.run(select(t.endpoint).where(t.endpoint.c.id == ident)).one()
    key: DataKey = keys.load(tx, row.data_key_id)
    former = key.open(row.secret, context=SECRET)
    _set(
        tx,
        ident,
        secret=key.seal(secret, context=SECRET),
        former_secret=key.seal(former, context=FORMER),
        former_until=former_until,
    )


def set_health(tx: Tx, ident: int, health: Health, answer: str | None = None) -> None:
    """How it has answered lately."""
    said = {} if answer is None else {"answer": answer, "answered_at": tx.now}
    _set(
        tx,
        ident,
        state=health.state.value,
        failures=health.failures,
        failing_since=health.since,
        due_at=health.due_at,
        **said,
    )


def remove(tx: Tx, ident: int) -> None:
    """Nothing is sent to it any more, ever; what it was sent stays on record."""
    d = t.delivery.c
    _set(tx, ident, state=EndpointState.OFF.value)
    tx.run(
        update(t.delivery)
        .where(d.endpoint_id == ident, d.state == DeliveryState.PENDING)
        .values(state=DeliveryState.FAILED.value, done_at=tx.now, answer="removed")
    )


def is_active(tx: Tx, ident: int) -> bool:
    """Whether it is neither set aside nor removed."""
    c = t.endpoint.c
    active = select(c.id).where(c.id == ident, c.state == EndpointState.ACTIVE)
    return tx.run(active).first() is not None


def due(tx: Tx) -> list[int]:
    """Endpoints that something can be sent to now, while sending is on."""
    if not is_on(tx):
        return []
    c = t.endpoint.c
    waits = _due_heads(tx).where(t.delivery.c.endpoint_id == c.id).correlate(t.endpoint)
    return list(tx.run(select(c.id).where(_open(tx), waits.exists())).scalars())


def claim(tx: Tx, ident: int, *, lease: timedelta, limit: int) -> list[Delivery]:
    """The first deliveries of as many subjects, nobody else's until the lease ends.

    Of one subject only the oldest that is pending can be had, so the next waits for it.  An
    endpoint that fails is asked with one alone.
    """
    c = t.endpoint.c
    # One at a time has the row, so that what is pending cannot change while heads are chosen.
    row = tx.run(tx.locked(select(c.failures).where(c.id == ident, _open(tx)))).one_or_none()
    if row is None or not is_on(tx):
        return []
    d = t.delivery.c
    heads = _due_heads(tx).where(d.endpoint_id == ident).order_by(d.number)
    ids = tx.run(heads.limit(1 if row.failures else limit)).scalars().all()
    return _leased(tx, ids, lease)


def _leased(tx: Tx, ids: Sequence[int], lease: timedelta) -> list[Delivery]:
    d = t.delivery.c
    tx.run(
        update(t.delivery)
        .where(d.id.in_(ids))
        .values(fence=d.fence + 1, lease_until=tx.now + lease)
    )
    rows = tx.run(
        select(t.notice, d.id.label("delivery"), d.fence, d.tries)
        .join(t.delivery, d.notice_id == t.notice.c.id)
        .where(d.id.in_(ids))
        .order_by(d.number)
    )
    return [
        Delivery(id=row.delivery, fence=row.fence, tries=row.tries, notice=notices.notice(row))
        for row in rows
    ]


def _open(tx: Tx) -> Any:
    c = t.endpoint.c
    return (c.state == EndpointState.ACTIVE) & (c.due_at.is_(None) | (c.due_at <= tx.now))


def _due_heads(tx: Tx) -> Any:
    """The oldest pending delivery of each subject, where it is due and nobody has it."""
    d, earlier = t.delivery.c, t.delivery.alias("earlier").c
    first = ~exists().where(
        earlier.endpoint_id == d.endpoint_id,
        earlier.subject == d.subject,
        earlier.state == DeliveryState.PENDING,
        earlier.number < d.number,
    )
    free = or_(d.lease_until.is_(None), d.lease_until < tx.now)
    return select(d.id).where(d.state == DeliveryState.PENDING, d.due_at <= tx.now, free, first)


def settle(tx: Tx, delivery: Delivery, fate: Fate, answer: str) -> bool:
    """What became of a claimed delivery; False: it is no longer the claimer's."""
    done = None if fate.state is DeliveryState.PENDING else tx.now
    return _mine(
        tx, delivery, state=fate.state.value, tries=fate.tries, due_at=fate.due_at,
        answer=answer, done_at=done,
    )  # fmt: skip


def give_back(tx: Tx, delivery: Delivery) -> None:
    """A claimed delivery was not tried."""
    _mine(tx, delivery)


def _mine(tx: Tx, delivery: Delivery, **values: object) -> bool:
    d = t.delivery.c
    mine = and_(d.id == delivery.id, d.fence == delivery.fence, d.state == DeliveryState.PENDING)
    changed = tx.run(update(t.delivery).where(mine).values(lease_until=None, **values))
    return bool(changed.rowcount)


def replay(tx: Tx, endpoint: Endpoint, first: int) -> int:
    """Everything the endpoint wants is sent again from that number on; how many notices."""
    d = t.delivery.c
    again = tx.run(
        update(t.delivery)
        .where(d.endpoint_id == endpoint.id, d.number >= first)
        .values(
            state=DeliveryState.PENDING.value,
            tries=0,
            fence=d.fence + 1,
            due_at=tx.now,
            lease_until=None,
            done_at=None,
        )
    ).rowcount
    return int(again) + notices.give(tx, endpoint, first)


def is_on(tx: Tx) -> bool:
    """Whether notices are sent at all."""
    s = t.switch.c
    said = tx.run(select(s.is_on).where(s.name == SWITCH)).scalar_one_or_none()
    return said is not False


def turn(tx: Tx, *, on: bool, why: str) -> None:
    """Send notices, or none, on all machines."""
    values = {"is_on": on, "changed_at": tx.now, "changed_by": tx.who, "why": why}
    started = tx.insert(t.switch).values(name=SWITCH, **values)
    tx.run(started.on_conflict_do_update(index_elements=[t.switch.c.name], set_=values))


def _set(tx: Tx, ident: int, **values: object) -> None:
    tx.run(update(t.endpoint).where(t.endpoint.c.id == ident).values(**values))


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(
        id=row.id,
        source=row.source,
        url=row.url,
        types=tuple(row.types),
        state=EndpointState(row.state),
        failures=row.failures,
        failing_since=row.failing_since,
        due_at=row.due_at,
        answer=row.answer,
        answered_at=row.answered_at,
        former_until=row.former_until,
        created_at=row.created_at,
    )
