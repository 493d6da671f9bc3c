"""Erasing (信息删除): what stands in its way, the promise, the keys, and what is left to delete.

Promised first: from then on nobody is found under the person's identity papers, nothing is
ordered for their registrations and no link is given.  Then the keys are destroyed, then the files
are deleted, and the proof is written.  Each step may be done again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, exists, func, insert, or_, select, update

from factory import register
from factory.model import BatchState, Kind, OrderState, Standing
from factory.retention import Ground, Kept, Past
from storage import tables as t
from storage.ledger import audit, keys, lost, personal
from storage.ledger.base import Ledger, Tx
from storage.ledger.orders import face_context
from storage.ledger.personal import Person

PROMISED, SHREDDED, DONE = "promised", "shredded", "done"
WORK = "erasure.work"
LOOKUP_BYTES = 32
NOT_MADE = (OrderState.READY, OrderState.WAITING, OrderState.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An erasure and how far it is.

    intake: keys of objects in the intake store; none once it is done.
    proof:  what is known of it so far.
    """

    id: int
    holder: int
    state: str
    intake: tuple[str, ...] = field(repr=False)
    proof: Mapping[str, Any]


def past(tx: Tx, person: Person) -> Past:
    """The person's time in the register."""
    r, f = t.registration.c, t.fact.c
    rows = tx.run(select(r.state, r.view).where(r.holder_id.in_(person.rows)))
    effective = tx.run(
        select(func.max(f.effective)).where(f.holder_id.in_(person.rows))
    ).scalar_one()
    return Past(
        registrations=tuple(
            Kept(standing=Standing(row.state), last=register.view_from(row.view).valid_until)
            for row in rows
        ),
        said=register.local_day(
            datetime.fromisoformat(effective) if effective else _received(tx, person)
        ),
    )


def _received(tx: Tx, person: Person) -> datetime:
    """When the last event of theirs came, of which none has been understood."""
    found: datetime | None = tx.run(
        select(func.max(t.inbox.c.received_at)).where(t.inbox.c.data_key_id.in_(person.keys))
    ).scalar_one()
    return found or tx.now


def under_way(tx: Tx, person: Person) -> Iterator[str]:
    """What is still being done for the person; none: it is quiet."""
    asked = {
        "something is still to be made for the person": (t.production_order, _open_orders(person)),
        "an application of the person is under way (未办结)": (t.application, _open(person)),
        "an event of the person is held (需处理): resolve or dismiss it": (t.hold, _held(person)),
        "a bulk event concerns the person, and has not ended": (t.batch_item, _in_bulk(person)),
        "a list that names the person is still to be made": (
            t.production_order,
            t.production_order.c.id.in_(select(_lists(person).subquery().c.id))
            & t.production_order.c.state.in_(NOT_MADE),
        ),
    }
    for reason, (table, condition) in asked.items():
        if tx.run(select(table).where(condition).limit(1)).first() is not None:
            yield reason


def _orders(person: Person) -> ColumnElement[bool]:
    return t.production_order.c.data_key_id.in_(person.keys)


def _open_orders(person: Person) -> ColumnElement[bool]:
    return _orders(person) & t.production_order.c.state.in_(NOT_MADE)


def _open(person: Person) -> ColumnElement[bool]:
    c = t.application.c
    final = [state.value for state in register.FINAL]
    return c.holder_id.in_(person.rows) & c.state.not_in(final)


def _held(person: Person) -> ColumnElement[bool]:
    c = t.hold.c
    events = select(t.inbox.c.id).where(t.inbox.c.data_key_id.in_(person.keys))
    return (c.subject_kind == "event") & c.subject_id.in_(events) & c.closed_at.is_(None)


def _registrations(person: Person) -> Any:
    return select(t.registration.c.id).where(t.registration.c.holder_id.in_(person.rows))


def _in_bulk(person: Person) -> ColumnElement[bool]:
    b, c = t.batch.c, t.batch_item.c
    ended = (b.state == BatchState.CANCELLED) | (
        (b.state == BatchState.COMPLETED) & b.listed.is_(True)
    )
    return c.registration_id.in_(_registrations(person)) & c.batch_id.in_(
        select(b.id).where(~ended)
    )


def _lists(person: Person) -> Any:
    """Orders of lists that print the names of everybody a rename concerned."""
    o, d = t.production_order.c, t.document.c
    batches = select(t.batch_item.c.batch_id).where(
        t.batch_item.c.registration_id.in_(_registrations(person))
    )
    return (
        select(o.id, o.data_key_id, o.key_stem, d.batch_id, d.state)
        .join(t.document, d.id == o.document_id)
        .where(
            o.kind == Kind.RENAME_LIST,
            d.profile == person.profile,
            d.batch_id.in_(batches),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """By which rule, and why, a person's data is erased; names nobody."""

    ground: Ground
    why: str


def find(tx: Tx, person: Person) -> Erasure | None:
    """The erasure of a person, if it was ever begun."""
    row = tx.run(select(t.erasure).where(t.erasure.c.holder_id == person.id)).one_or_none()
    return _erasure(tx, row) if row is not None else None


def unfinished(tx: Tx) -> list[int]:
    """The holders whose erasure has begun and not ended, the oldest first."""
    c = t.erasure.c
    return list(tx.run(select(c.holder_id).where(c.state != DONE).order_by(c.id)).scalars())


def promise(tx: Tx, person: Person, reason: Reason, intake: Sequence[str]) -> None:
    """From now on the person is not found, and nothing is done for them.

    intake: keys of objects in the intake store, which are known from sealed events alone.
    """
    data_key = keys.new(tx)
    work = keys.load(tx, data_key).seal_json(list(intake), context=WORK)
    tx.run(
        insert(t.erasure).values(
            profile=person.profile,
            holder_id=person.id,
            state=PROMISED,
            rule=reason.ground.value,
            why=reason.why,
            who=tx.who,
            data_key_id=data_key,
            work=work,
            promised_at=tx.now,
            proof=_promised(tx, person, reason, intake),
            correlation_id=tx.correlation,
        )
    )
    c = t.holder.c
    for row in person.rows:  # nobody can tell any more whose paper it was, with the key or without
        nobody = secrets.token_bytes(LOOKUP_BYTES)
        tx.run(update(t.holder).where(c.id == row).values(lookup=nobody, erased_at=tx.now))
    tx.run(delete(t.holder_alias).where(t.holder_alias.c.holder_id.in_(person.rows)))
    lost.forget(tx, _registrations(person))
    audit.note(tx, "erasure promised", ("holder", person.id), why=reason.why)


def _promised(tx: Tx, person: Person, reason: Reason, intake: Sequence[str]) -> dict[str, object]:
    r, a = t.registration.c, t.application.c
    numbers = select(r.number).where(r.holder_id.in_(person.rows)).order_by(r.id)
    accepted = select(a.acceptance_number).where(a.holder_id.in_(person.rows)).order_by(a.id)
    return {
        "holder": person.id,
        "profile": person.profile,
        "registrations": list(tx.run(numbers).scalars()),
        "applications": list(tx.run(accepted).scalars()),
        "ground": reason.ground.value,
        "why": reason.why,
        "who": tx.who,
        "promised_at": tx.now.isoformat(),
        "notices": _notices(tx, person),
        "sealed": personal.counts(tx, person),
        "intake_objects": sorted(tx.vault.lookup("object", key).hex() for key in intake),
    }


def _notices(tx: Tx, person: Person) -> list[str]:
    """Numbers of the acceptance notices, which only their faces have: the series has no hole."""
    o = t.production_order.c
    wanted = select(o.face, o.key_stem, o.data_key_id).where(
        _orders(person), o.kind == Kind.ACCEPTANCE_NOTICE
    )
    rows = tx.run(wanted.order_by(o.id)).all()
    opened = keys.load_all(tx, {row.data_key_id for row in rows})
    return [
        str(
            opened[row.data_key_id].open_json(row.face, context=face_context(row.key_stem))[
                "number"
            ]
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A rename whose list printed the person's name, and has to be made anew."""

    batch: int
    profile: str


def shred(tx: Tx, person: Person, erasure: Erasure) -> list[Listed]:
    """The person's keys are destroyed, and those of lists that name them; which are to be anew."""
    lists = tx.run(_lists(person)).all()
    which = _orders(person) | t.production_order.c.id.in_([each.id for each in lists])
    ids = list(tx.run(select(t.production_order.c.id).where(which)).scalars())
    destroyed = keys.destroy(tx, [*person.keys, *(each.data_key_id for each in lists)])
    tx.run(delete(t.picture).where(t.picture.c.holder_id.in_(person.rows)))
    tx.run(
        update(t.file)
        .where(t.file.c.order_id.in_(ids), t.file.c.erased_at.is_(None))
        .values(erased_at=tx.now, awaits=None, proved_until=None)
    )
    known = {
        "data_keys": destroyed,
        "shredded_at": tx.now.isoformat(),
        "lists": sorted({each.batch_id for each in lists}),
    }
    _go_on(tx, erasure, SHREDDED, {**erasure.proof, **known}, shredded_at=tx.now)
    standing = {each.batch_id for each in lists if each.state != "void"}
    return [Listed(batch=each, profile=person.profile) for each in sorted(standing)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """What is to be deleted in the store.

    keys:     that the ledger has recorded.
    prefixes: under which there may be more, that nobody recorded: of a killed worker, or made
              after the backup that this ledger is from.
    """

    keys: tuple[str, ...]
    prefixes: tuple[str, ...]


def objects(tx: Tx, person: Person, proof: Mapping[str, Any]) -> Objects:
    """Everything in the store that was made for the person, and lists that named them.

    proof: of the erasure, as far as it is.
    """
    o = t.production_order.c
    lists = proof.get("lists", ())
    named = (
        (o.kind == Kind.RENAME_LIST)
        & (o.profile == person.profile)
        & o.document_id.in_(select(t.document.c.id).where(t.document.c.batch_id.in_(lists)))
        & exists().where(t.file.c.order_id == o.id, t.file.c.erased_at.is_not(None))
    )
    rows = tx.run(select(o.id, o.key_stem).where(or_(_orders(person), named)).order_by(o.id)).all()
    files = select(t.file.c.object_key).where(t.file.c.order_id.in_([row.id for row in rows]))
    r = t.registration.c
    own = tx.run(select(r.profile, r.uid).where(r.holder_id.in_(person.rows)))
    whole = {f"{row.profile}/{row.uid}/" for row in own}
    parts = {row.key_stem.rpartition("/")[0] + "/" for row in rows}
    inside = tuple(whole)
    return Objects(
        keys=tuple(tx.run(files.order_by(t.file.c.id)).scalars()),
        prefixes=tuple(sorted(whole | {each for each in parts if not each.startswith(inside)})),
    )


def finish(tx: Tx, erasure: Erasure, deleted: Mapping[str, object]) -> Mapping[str, Any]:
    """It is done: the proof is kept, and noted."""
    proof = {**erasure.proof, **deleted, "done_at": tx.now.isoformat()}
    own = select(t.erasure.c.data_key_id).where(t.erasure.c.id == erasure.id)
    keys.destroy(tx, tx.run(own).scalars())
    _go_on(tx, erasure, DONE, proof, done_at=tx.now)
    audit.note(tx, "erased", ("holder", erasure.holder), why=str(proof["why"]), what=proof)
    return proof


def opens(tx: Tx, person: Person) -> dict[str, int]:
    """How many sealed values of a person could still be opened, by place; none after the end."""
    c = t.data_key.c
    alive = set(tx.run(select(c.id).where(c.id.in_(person.keys), c.wrapped.is_not(None))).scalars())
    found = {
        place.name: sum(row.key_id in alive for row in tx.run(place.asked(person)))
        for place in personal.PLACES
    }
    return {name: count for name, count in found.items() if count}


def candidates(tx: Tx, profile: str, before: date, *, after: int, most: int) -> list[int]:
    """Persons of a register of whom nothing has been said since that day; more is asked later."""
    h, f = t.holder.c, t.fact.c
    since = before.isoformat()
    said = exists().where(f.holder_id == h.id, f.effective >= since)
    wanted = select(h.id).where(
        h.profile == profile, h.erased_at.is_(None), h.merged_into.is_(None), h.id > after, ~said
    )
    return list(tx.run(wanted.order_by(h.id).limit(most)).scalars())


def scrub(ledger: Ledger) -> None:
    """What a database keeps of rows that were changed is overwritten, as far as it can be told to.

    Of SQLite the write-ahead log; of PostgreSQL dead rows.  Backups and its archived log are not
    reached: they end when they are due (docs/personal-data.md).
    """
    with ledger.engine.connect() as conn:
        if conn.dialect.name == "sqlite":
            conn.exec_driver_sql("COMMIT")  # a checkpoint waits for no reader, ourselves included
            conn.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
            return
        free = conn.execution_options(isolation_level="AUTOCOMMIT")
        free.exec_driver_sql("VACUUM data_key, picture, holder, holder_alias")


def _go_on(tx: Tx, erasure: Erasure, state: str, proof: Mapping[str, Any], **at: datetime) -> None:
    done = update(t.erasure).where(t.erasure.c.id == erasure.id)
    tx.run(done.values(state=state, proof=dict(proof), **at))


def _erasure(tx: Tx, row: Row[Any]) -> Erasure:
    intake: Sequence[str] = ()
    if row.state != DONE:
        intake = keys.load(tx, row.data_key_id).open_json(row.work, context=WORK)
    return Erasure(
        id=row.id,
        holder=row.holder_id,
        state=row.state,
        intake=tuple(intake),
        proof=row.proof,
    )
