"""Read models: what stands where, for people and for metrics.  Nothing here writes but collect."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, true, update
from sqlalchemy.sql.selectable import Select

from factory.errors import ConflictError, NotFoundError
from factory.lifecycle import Turn, after, before
from factory.model import ChunkState, EditionState, OrderState, Standing
from factory.notices import Type
from factory.numbering import number_key
from storage import tables as t
from storage.ledger import audit, told
from storage.ledger.base import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file of an edition or a document, as recorded.

    step: of a form, how many parties have signed it; of what is sealed, how many proofs of time
          were added later; 0 as it was made.
    """

    format: str
    object_key: str
    sha256: str
    size_bytes: int
    content_type: str
    step: int = 0
    erased: bool = False  #: deleted with its holder's data


@dataclass(frozen=True, slots=True, kw_only=True)
class EditionView:
    """One edition of a registration, with its files.

    order_state: of the order it is made by; None where it was made elsewhere.
    waits_for:   what its order waits for, e.g. ``collection`` or ``seal``.
    put_back:    why its order was put back for later at its last try.
    hold:        the open hold of its order, with whose turn it is and why.
    """

    id: int
    number: int
    medium: str
    state: EditionState
    cause: str
    licence_id: str | None
    valid_until: str
    ordered_at: datetime
    made_at: datetime | None
    collected_at: datetime | None
    files: tuple[StoredFile, ...]
    order_state: OrderState | None = None
    waits_for: str | None = None
    put_back: str | None = None
    hold: int | None = None
    hold_owner: str | None = None
    hold_reason: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is made only when the holder asks for it (领证)."""
        return self.state is EditionState.ORDERED and self.order_state is OrderState.WAITING

    @property
    def waits_for_seal(self) -> bool:
        """Whether somebody outside was asked to seal it and has not yet."""
        ordered = self.state is EditionState.ORDERED and self.order_state is OrderState.READY
        return ordered and self.waits_for == SEAL


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationView:
    """A registration with its editions, oldest first; no personal data."""

    id: int
    profile: str
    number: str
    state: Standing
    employer: str  #: credit code
    holder_id: int
    editions: tuple[EditionView, ...]
    former_numbers: tuple[str, ...] = ()
    erased: bool = False  #: its holder's data: what was made is gone, that it was made is not

    @property
    def newest(self) -> EditionView | None:
        """The edition drawn last, and not given up; None: it had ended before one was due."""
        given_up = after(Turn.GIVE_UP)
        return next((e for e in reversed(self.editions) if e.state is not given_up), None)

    @property
    def current(self) -> EditionView | None:
        """The edition in force, if one is."""
        return next((e for e in self.editions if e.state in CURRENT), None)


SEAL = "seal"  #: what an order waits for that somebody outside was asked to seal
CURRENT = (EditionState.UNCOLLECTED, EditionState.COLLECTED)


def by_number(tx: Tx, number: str, *, within: Set[str] | None = None) -> RegistrationView:
    """A registration by its number in either spelling.  NotFoundError: there is none.

    within: the registers looked into; None: all.
    """
    c, key = t.registration.c, number_key(number)
    here = true() if within is None else c.profile.in_(within)
    former = select(t.former_number.c.registration_id).where(t.former_number.c.number_key == key)
    # Of two registrations of one person, the later may have had the number of the earlier.
    rows = (
        tx.run(select(t.registration).where(here, c.number_key == key)).all()
        or tx.run(select(t.registration).where(here, c.id.in_(former))).all()
    )
    if not rows:
        raise NotFoundError("registration number: there is no such registration")
    if len(rows) > 1:
        raise ConflictError("registration number: several authorities use it")
    return _registrations(tx, rows)[0]


def by_ids(tx: Tx, ids: Sequence[int]) -> list[RegistrationView]:
    """Registrations by row id, in that order of ids."""
    rows = tx.run(
        select(t.registration).where(t.registration.c.id.in_(ids)).order_by(t.registration.c.id)
    ).all()
    return _registrations(tx, rows)


def of_event(tx: Tx, inbox_id: int) -> list[RegistrationView]:
    """The registrations that an event ordered editions for, or began."""
    ordered = select(t.production_order.c.registration_id).where(
        t.production_order.c.inbox_id == inbox_id
    )
    begun = (
        select(t.registration.c.id)
        .join(
            t.inbox,
            (t.inbox.c.source == t.registration.c.origin_source)
            & (t.inbox.c.event_id == t.registration.c.origin_event),
        )
        .where(t.inbox.c.id == inbox_id)
    )
    ids = tx.run(ordered.union(begun)).scalars().all()
    return by_ids(tx, ids)


def by_digest(tx: Tx, sha256: str) -> tuple[RegistrationView, EditionView] | None:
    """The registration and edition that exactly these bytes were issued as."""
    row = tx.run(
        select(t.edition.c.registration_id, t.edition.c.id)
        .join(t.file, t.file.c.edition_id == t.edition.c.id)
        .where(t.file.c.sha256 == sha256)
    ).first()
    return _at(tx, row) if row else None


def recorded_at(tx: Tx, sha256: str) -> datetime | None:
    """When exactly these bytes were recorded here, as an edition or any document; None: never."""
    made = t.file.c.made_at
    found: datetime | None = tx.run(
        select(func.min(made)).where(t.file.c.sha256 == sha256)
    ).scalar_one()
    return found


def by_licence(tx: Tx, licence_id: str) -> tuple[RegistrationView, EditionView] | None:
    """The registration and edition of a licence id (证照标识)."""
    row = tx.run(
        select(t.edition.c.registration_id, t.edition.c.id).where(
            t.edition.c.licence_id == licence_id
        )
    ).first()
    return _at(tx, row) if row else None


def by_code(tx: Tx, code: str) -> tuple[RegistrationView, EditionView] | None:
    """The registration and edition of a verification code (验证码), as it is stored."""
    row = tx.run(
        select(t.edition.c.registration_id, t.edition.c.id).where(t.edition.c.code == code)
    ).first()
    return _at(tx, row) if row else None


def _at(tx: Tx, row: Row[Any]) -> tuple[RegistrationView, EditionView]:
    registration = by_ids(tx, [row.registration_id])[0]
    return registration, next(e for e in registration.editions if e.id == row.id)


def collect(tx: Tx, edition: EditionView) -> None:
    """The holder took this edition (领证); doing so twice changes nothing."""
    this = (t.edition.c.id == edition.id) & t.edition.c.state.in_(before(Turn.COLLECT))
    told.editions(tx, Type.CERTIFICATE_COLLECTED, this, after(Turn.COLLECT))
    done = tx.run(
        update(t.edition).where(this).values(state=after(Turn.COLLECT).value, collected_at=tx.now)
    )
    if done.rowcount:
        audit.note(tx, "collected", ("edition", edition.id), why="the holder confirmed")


def ask_for(tx: Tx, edition: EditionView) -> None:
    """The holder asks for an edition that was not made yet: it is collected once it is made."""
    tx.run(update(t.edition).where(t.edition.c.id == edition.id).values(collected_at=tx.now))
    audit.note(tx, "collected", ("edition", edition.id), why="the holder confirmed")


def open_work(tx: Tx) -> int:
    """How many chunks and batch steps are not finished, at one instant.

    In one statement: a step that becomes a chunk between two would be in neither.
    """
    chunks = select(func.count(t.chunk.c.id)).where(t.chunk.c.state != ChunkState.CLOSED)
    steps = select(func.count(t.batch.c.id)).where(
        (t.batch.c.state == "preparing")
        | ((t.batch.c.state == "running") & t.batch.c.expanded.is_(False))
        | ((t.batch.c.state == "completed") & t.batch.c.listed.is_(False))
    )
    both = select(chunks.scalar_subquery() + steps.scalar_subquery())
    return int(tx.run(both).scalar_one())


def order_counts(tx: Tx) -> dict[str, int]:
    """Orders by state, over everything."""
    rows = tx.run(
        select(t.production_order.c.state, func.count()).group_by(t.production_order.c.state)
    )
    return {row[0]: row[1] for row in rows}


def edition_counts(tx: Tx) -> dict[tuple[str, str], int]:
    """Editions by (profile, state), over everything."""
    rows = tx.run(
        select(t.edition.c.profile, t.edition.c.state, func.count()).group_by(
            t.edition.c.profile, t.edition.c.state
        )
    )
    return {(row[0], row[1]): row[2] for row in rows}


def queue_state(tx: Tx) -> dict[str, tuple[int, float]]:
    """Open chunks of each queue and the age of the oldest, in seconds."""
    rows = tx.run(
        select(t.chunk.c.queue, func.count(), func.min(t.chunk.c.created_at))
        .where(t.chunk.c.state != ChunkState.CLOSED)
        .group_by(t.chunk.c.queue)
    )
    return {row[0]: (row[1], (tx.now - row[2]).total_seconds()) for row in rows}


def _registrations(tx: Tx, rows: Sequence[Row[Any]]) -> list[RegistrationView]:
    ids = [row.id for row in rows]
    editions, former = _editions(tx, ids), _former_numbers(tx, ids)
    wanted = select(t.enterprise.c.id, t.enterprise.c.credit_code).where(
        t.enterprise.c.id.in_({row.enterprise_id for row in rows})
    )
    employers = {row.id: row.credit_code for row in tx.run(wanted)}
    erased = _erased(tx, {row.holder_id for row in rows})
    return [
        RegistrationView(
            id=row.id,
            profile=row.profile,
            number=row.number,
            state=Standing(row.state),
            employer=employers[row.enterprise_id],
            holder_id=row.holder_id,
            editions=tuple(editions.get(row.id, ())),
            former_numbers=tuple(former.get(row.id, ())),
            erased=row.holder_id in erased,
        )
        for row in rows
    ]


def _erased(tx: Tx, holders: Collection[int]) -> frozenset[int]:
    c = t.holder.c
    gone = select(c.id).where(c.id.in_(holders), c.erased_at.is_not(None))
    return frozenset(tx.run(gone).scalars())


def _former_numbers(tx: Tx, registration_ids: Sequence[int]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for row in tx.run(
        select(t.former_number)
        .where(t.former_number.c.registration_id.in_(registration_ids))
        .order_by(t.former_number.c.until, t.former_number.c.number)
    ):
        found.setdefault(row.registration_id, []).append(row.number)
    return found


def _editions(tx: Tx, registration_ids: Sequence[int]) -> dict[int, list[EditionView]]:
    rows = tx.run(
        edition_rows()
        .where(t.edition.c.registration_id.in_(registration_ids))
        .order_by(t.edition.c.registration_id, t.edition.c.number)
    ).all()
    files = _files(tx, [row.id for row in rows])
    found: dict[int, list[EditionView]] = {}
    for row in rows:
        found.setdefault(row.registration_id, []).append(edition_view(row, files.get(row.id, ())))
    return found


def edition_rows() -> Select[Any]:
    """Editions, each with its order and the open hold of that, as `edition_view` reads them."""
    order = t.production_order
    return (
        select(
            t.edition,
            order.c.state.label("order_state"),
            order.c.waits_for,
            t.chunk.c.waits_for.label("put_back"),
            t.hold.c.id.label("hold_id"),
            t.hold.c.owner.label("hold_owner"),
            t.hold.c.reason.label("hold_reason"),
        )
        .outerjoin(order, order.c.edition_id == t.edition.c.id)
        .outerjoin(
            t.chunk,
            (t.chunk.c.id == order.c.chunk_id)
            & (t.chunk.c.state != ChunkState.CLOSED)
            & (order.c.state == OrderState.READY),
        )
        .outerjoin(
            t.hold,
            (t.hold.c.subject_kind == "order")
            & (t.hold.c.subject_id == order.c.id)
            & t.hold.c.closed_at.is_(None),
        )
    )


def _files(tx: Tx, edition_ids: Sequence[int]) -> dict[int, list[StoredFile]]:
    """Of each format the newest step."""
    c = t.file.c
    rows = tx.run(select(t.file).where(c.edition_id.in_(edition_ids)).order_by(c.step, c.id))
    found: dict[int, dict[str, StoredFile]] = {}
    for row in rows:
        found.setdefault(row.edition_id, {})[row.format] = stored_file(row)
    return {edition: list(files.values()) for edition, files in found.items()}


def stored_file(row: Row[Any]) -> StoredFile:
    """A row of the table of files."""
    return StoredFile(
        format=row.format,
        object_key=row.object_key,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        content_type=row.content_type,
        step=row.step,
        erased=row.erased_at is not None,
    )


def edition_view(row: Row[Any], files: Sequence[StoredFile] = ()) -> EditionView:
    """A row of `edition_rows`, with those of its files that were asked for."""
    return EditionView(
        id=row.id,
        number=row.number,
        medium=row.medium,
        state=EditionState(row.state),
        cause=row.cause,
        licence_id=row.licence_id,
        valid_until=row.valid_until,
        ordered_at=row.ordered_at,
        made_at=row.made_at,
        collected_at=row.collected_at,
        files=tuple(files),
        order_state=OrderState(row.order_state) if row.order_state else None,
        waits_for=row.waits_for,
        put_back=row.put_back,
        hold=row.hold_id,
        hold_owner=row.hold_owner,
        hold_reason=row.hold_reason,
    )
