"""Registrations with all their editions, as one instant of the ledger has them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, exists, func, select

from factory.errors import SealedDataError
from storage import tables as t
from storage.ledger import Tx
from storage.recheck.files import Face, opened_face
from storage.recheck.scope import Scope, Span

PERSON = "holder.person"
CONTENT = "fact.content"
IMPORTED = "registration.imported"
OVER = {"superseded", "revoked"}  #: editions that nothing is asked of any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One edition, the order it is made by and the formats that are recorded of it.

    order:   state of the order; None: made elsewhere.
    profiles: of its own row and of its order's.
    stem:    what its order calls its objects; the face opens under no other.
    face:    only of one that is not over.
    """

    id: int
    number: int
    medium: str
    state: str
    cause: str
    licence_id: str | None
    code: str | None
    valid_until: str
    ordered_at: datetime
    made_at: datetime | None
    collected_at: datetime | None
    order: str | None
    profiles: frozenset[str]
    stem: str | None
    formats: tuple[str, ...]
    recorded: tuple[str, ...]
    face: Face | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The edition that a registration was taken over with, and how it stood, as its event says.

    profile: the register that it was taken over into.
    last: the day on which the profession ends that ends last.
    """

    profile: str
    standing: str
    number: int
    medium: str
    licence_id: str | None
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A registration as an item of a bulk event, and how that stands."""

    state: str
    reason: str | None
    batch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What the register says of one registration, its editions oldest first.

    name: the holder's; None: the data key was destroyed, or it does not open.
    lost: why there is none, though nobody has erased the person; None: there is, or somebody has.
    marked: whether the person is marked as erased; erased: whether an erasure is on record.
    uid: what it is called in the keys of its objects.
    begun: whether the event that it began with is on record, of its register.
    imported: what its event says; None: it began here, or the event cannot be opened.
    alone: whether nothing was said of the person but how it began.
    """

    id: int
    profile: str
    number: str
    number_key: str
    state: str
    professions: tuple[tuple[str, str, str], ...]
    credit_code: str
    employer: str
    name: str | None = field(repr=False)
    lost: str | None
    marked: bool
    erased: bool
    uid: str
    begun: bool
    imported: Imported | None
    alone: bool
    editions: tuple[Edition, ...]
    items: tuple[Item, ...]


def registered(tx: Tx, span: Span, scope: Scope) -> list[Registered]:
    """The registrations of a span that are in scope."""
    rows = tx.run(_asking(span, scope)).all()
    ids = [row.id for row in rows]
    editions, items = _editions(tx, ids), _items(tx, ids)
    begun = _imports(tx, [row.id for row in rows if _came(editions.get(row.id, ()))])
    found = [
        _registered(tx, row, editions.get(row.id, ()), items.get(row.id, ()), begun.get(row.id))
        for row in rows
    ]
    return [each for each in found if scope.since is None or _is_new(each, scope.since)]


def _is_new(each: Registered, since: datetime) -> bool:
    times = [moment for one in each.editions for moment in (one.ordered_at, one.made_at) if moment]
    return not times or max(times) >= since


def _asking(span: Span, scope: Scope) -> Any:
    r, e, h = t.registration.c, t.enterprise.c, t.holder.c
    whose = t.erasure.c.holder_id == func.coalesce(h.merged_into, h.id)
    wanted = (
        select(
            r.id, r.uid, r.profile, r.number, r.number_key, r.state, r.view, e.credit_code,
            e.name.label("employer"), h.person, h.erased_at, t.data_key.c.wrapped,
            exists().where(whose).label("is_erased"), _is_alone().label("is_alone"),
            _has_begun().label("has_begun"),
        )
        .join(t.enterprise, e.id == r.enterprise_id)
        .join(t.holder, h.id == r.holder_id)
        .join(t.data_key, t.data_key.c.id == h.data_key_id)
        .where(span.holds(r.id))
        .order_by(r.id)
        .execution_options(in_binary=True)
    )  # fmt: skip
    return wanted if scope.profile is None else wanted.where(r.profile == scope.profile)


def _has_begun() -> ColumnElement[bool]:
    """Of those that an older release began, nothing says by which event."""
    r, f = t.registration.c, t.fact.c
    first = (f.source == r.origin_source) & (f.event_id == r.origin_event)
    return r.origin_source.is_(None) | exists().where(first, f.profile == r.profile)


def _is_alone() -> ColumnElement[bool]:
    """Whether the holder has no fact that counts but the one by which the registration began."""
    r, f = t.registration.c, t.fact.c
    other = (f.source != r.origin_source) | (f.event_id != r.origin_event)
    return ~exists().where(f.holder_id == r.holder_id, f.state == "applied", other)


def _came(editions: Sequence[Edition]) -> bool:
    return any(each.order is None and each.cause == IMPORTED for each in editions)


def _imports(tx: Tx, ids: Sequence[int]) -> Mapping[int, Imported]:
    """What the events say by which these were taken over; of the erased none can be opened."""
    r, f = t.registration.c, t.fact.c
    wanted = (
        select(r.id, f.source, f.event_id, f.content, t.data_key.c.wrapped)
        .join(t.fact, (f.source == r.origin_source) & (f.event_id == r.origin_event))
        .join(t.data_key, t.data_key.c.id == f.data_key_id)
        .where(r.id.in_(ids), f.type == IMPORTED, t.data_key.c.wrapped.is_not(None))
        .execution_options(in_binary=True)
    )
    found = {row.id: _imported(tx, row) for row in tx.run(wanted)} if ids else {}
    return {ident: each for ident, each in found.items() if each is not None}


def _imported(tx: Tx, row: Row[Any]) -> Imported | None:
    try:
        context = f"{CONTENT}:{row.source} {row.event_id}"
        data = tx.vault.open_key(row.wrapped).open_json(row.content, context=context)["data"]
    except SealedDataError:
        return None
    return Imported(
        profile=data["profile"],
        standing=data.get("standing", "active"),
        number=data["edition"].get("number", 0),
        medium=data["edition"]["medium"],
        licence_id=data["edition"].get("licence_id"),
        last=max(each["valid_to"] for each in data["professions"]),
    )


def _editions(tx: Tx, ids: Sequence[int]) -> Mapping[int, Sequence[Edition]]:
    e, o = t.edition.c, t.production_order.c
    wanted = (
        select(
            t.edition, o.state.label("order_state"), o.profile.label("order_profile"), o.formats,
            o.face, o.key_stem, t.data_key.c.wrapped,
        )
        .outerjoin(t.production_order, o.edition_id == e.id)
        .outerjoin(t.data_key, t.data_key.c.id == o.data_key_id)
        .where(e.registration_id.in_(ids))
        .order_by(e.registration_id, e.number, e.id)
        .execution_options(in_binary=True)
    )  # fmt: skip
    rows = tx.run(wanted).all()
    files = _formats(tx, ids)
    found = defaultdict(list)
    for row in rows:
        found[row.registration_id].append(_edition(tx, row, files.get(row.id, ())))
    return found


def _formats(tx: Tx, ids: Sequence[int]) -> Mapping[int, Sequence[str]]:
    """Of each edition the formats it was made in."""
    f = t.file.c
    wanted = (
        select(f.edition_id, f.format)
        .join(t.edition, t.edition.c.id == f.edition_id)
        .where(t.edition.c.registration_id.in_(ids), f.step == 0)
    )
    found = defaultdict(list)
    for ident, fmt in tx.run(wanted):
        found[ident].append(fmt)
    return found


def _edition(tx: Tx, row: Row[Any], files: Sequence[str]) -> Edition:
    is_open = row.state not in OVER and row.order_state is not None
    return Edition(
        id=row.id,
        number=row.number,
        medium=row.medium,
        state=row.state,
        cause=row.cause,
        licence_id=row.licence_id,
        code=row.code,
        valid_until=row.valid_until,
        ordered_at=row.ordered_at,
        made_at=row.made_at,
        collected_at=row.collected_at,
        order=row.order_state,
        profiles=frozenset({row.profile, row.order_profile} - {None}),
        stem=row.key_stem,
        formats=tuple(sorted(row.formats or ())),
        recorded=tuple(sorted(files)),
        face=opened_face(tx, row)[0] if is_open else None,
    )


def _items(tx: Tx, ids: Sequence[int]) -> Mapping[int, Sequence[Item]]:
    c = t.batch_item.c
    wanted = (
        select(c.registration_id, c.state, c.reason, t.batch.c.state.label("batch"))
        .join(t.batch, t.batch.c.id == c.batch_id)
        .where(c.registration_id.in_(ids))
    )
    found = defaultdict(list)
    for row in tx.run(wanted):
        found[row.registration_id].append(Item(state=row.state, reason=row.reason, batch=row.batch))
    return found


def _registered(
    tx: Tx,
    row: Row[Any],
    editions: Sequence[Edition],
    items: Sequence[Item],
    imported: Imported | None,
) -> Registered:
    professions, name = row.view["professions"], _name(tx, row)
    return Registered(
        id=row.id,
        profile=row.profile,
        number=row.number,
        number_key=row.number_key,
        state=row.state,
        professions=tuple((each["name"], each["first"], each["last"]) for each in professions),
        credit_code=row.credit_code,
        employer=row.employer,
        name=name,
        lost=_lost(row, name),
        marked=row.erased_at is not None,
        erased=bool(row.is_erased),
        uid=row.uid,
        begun=bool(row.has_begun),
        imported=imported,
        alone=bool(row.is_alone),
        editions=tuple(editions),
        items=tuple(items),
    )


def _lost(row: Row[Any], name: str | None) -> str | None:
    if name is not None or (row.wrapped is None and row.erased_at is not None):
        return None
    if row.wrapped is None:
        return "its person's data key is destroyed, and nobody has erased them"
    return "what is known of its person does not open under its data key"


def _name(tx: Tx, row: Row[Any]) -> str | None:
    if row.wrapped is None:
        return None
    try:
        opened = tx.vault.open_key(row.wrapped).open(row.person, context=PERSON)
    except SealedDataError:
        return None
    name: str = json.loads(opened)["name"]
    return name
