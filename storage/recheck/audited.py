"""What the audit says was done, beside the rows it was done to; and rows that it says nothing of.

The log keeps the audit as it was (`certfactory audit verify`), and the audit keeps the rest: who
alters when something was made, or how it stands, would have to alter both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, String, cast, exists, func, literal, or_, select, union
from sqlalchemy.sql.selectable import Select

from storage import tables as t
from storage.ledger import Tx
from storage.recheck.scope import Scope, Span

IMPORTED = "register imported"
STANDING = "registration "  #: and the standing that it came to
STANDINGS = tuple(f"{STANDING}{each}" for each in ("active", "suspended", "cancelled", "lapsed"))

Values = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One row of the audit about something that was done.

    row:   of the audit; kind, id: what it is about.
    told:  what the audit says of it, by what each value is.
    found: the same as its rows have it; None: there is no such row.
    """

    row: int
    kind: str
    id: int | str
    told: Values
    found: Values | None


def said(tx: Tx, span: Span, scope: Scope) -> list[Said]:
    """What the audit's rows of a span say, where it can be compared."""
    a = t.audit.c
    wanted = select(t.audit).where(span.holds(a.id), a.action.in_(ACTIONS)).order_by(a.id)
    if scope.since is not None:
        wanted = wanted.where(a.at >= scope.since)
    rows: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in tx.run(wanted):
        rows[row.action].append(row)
    return [each for action, same in rows.items() for each in ACTIONS[action](tx, same)]


# --- one kind of work each --------------------------------------------------------------------


def _accepted(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[Said]:
    def there(event: Row[Any]) -> Values:
        return {
            "type": event.type,
            "time of intake": event.received_at,
            "submitter": event.submitted_by,
        }

    found = _by_id(tx, t.inbox, rows, there)
    for row in rows:
        told = {"type": row.why, "time of intake": row.at, "submitter": row.who}
        yield _said(row, "event", told, found)


def _made(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[Said]:
    """Whoever had asked for it, or had the one before, has it with that; others collect it later,
    and never at the instant at which it was ordered.
    """
    files = _first_files(tx, t.file.c.edition_id, rows)
    asked = {row.object_id: row.what.get("state") for row in rows}

    def there(edition: Row[Any]) -> Values:
        state, at = asked[str(edition.id)], edition.collected_at
        had = at is not None if state == "collected" else at == edition.ordered_at
        return {
            "time of making": edition.made_at,
            "time at its files": files.get(edition.id, {edition.made_at}),
            "collection": had,
        }

    found = _by_id(tx, t.edition, rows, there)
    for row in rows:
        had = row.what.get("state") == "collected"
        is_told = row.what.get("state") in {"collected", "uncollected"}
        told = {"time of making": row.at, "time at its files": {row.at}}
        yield _said(row, "edition", told | ({"collection": had} if is_told else {}), found)


def _collected(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[Said]:
    def there(edition: Row[Any]) -> Values:
        return {"time of collecting": edition.collected_at}

    found = _by_id(tx, t.edition, rows, there)
    return (_said(row, "edition", {"time of collecting": row.at}, found) for row in rows)


def _document_made(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[Said]:
    files = _first_files(tx, t.production_order.c.document_id, rows)

    def there(document: Row[Any]) -> Values:
        at = document.made_at
        return {"time of making": at, "time at its files": files.get(document.id, {at})}

    found = _by_id(tx, t.document, rows, there)
    for row in rows:
        told = {"time of making": row.at, "time at its files": {row.at}}
        yield _said(row, "document", told, found)


def _proof_added(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[Said]:
    """A file's next step, with a further proof of time."""
    before, newer = t.file.alias("before"), t.file.c
    wanted = (
        select(before.c.id, newer.step, newer.made_at, newer.sha256)
        .join(
            t.file,
            (newer.order_id == before.c.order_id)
            & (newer.format == before.c.format)
            & (newer.step > before.c.step),
        )
        .where(before.c.id.in_([_ident(row) for row in rows]))
    )
    steps = {(f.id, f.step): f for f in tx.run(wanted)}
    return (_step(row, "file", steps.get((_ident(row), row.what.get("step")))) for row in rows)


def _form_signed(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[Said]:
    f, o = t.file.c, t.production_order.c
    wanted = (
        select(o.document_id.label("id"), f.step, f.made_at, f.sha256)
        .join(t.production_order, o.id == f.order_id)
        .where(o.document_id.in_([_ident(row) for row in rows]))
    )
    steps = {(f.id, f.step): f for f in tx.run(wanted)}
    return (_step(row, "document", steps.get((_ident(row), row.what.get("step")))) for row in rows)


def _step(row: Row[Any], kind: str, file: Row[Any] | None) -> Said:
    found = None if file is None else {"time at its files": file.made_at, "digest": file.sha256}
    told = {"time at its files": row.at, "digest": row.what.get("sha256")}
    return Said(row=row.id, kind=kind, id=_ident(row), told=told, found=found)


ACTIONS: Mapping[str, Callable[[Tx, Sequence[Row[Any]]], Iterator[Said]]] = {
    "event accepted": _accepted,
    "edition made": _made,
    "collected": _collected,
    "document made": _document_made,
    "proof added": _proof_added,
    "form signed": _form_signed,
}


def _ident(row: Row[Any]) -> int:
    """0, which no row has: what it names is no number."""
    return int(row.object_id) if row.object_id.isdecimal() else 0


def _said(row: Row[Any], kind: str, told: Values, found: Mapping[str, Values]) -> Said:
    return Said(row=row.id, kind=kind, id=_ident(row), told=told, found=found.get(row.object_id))


def _by_id(
    tx: Tx, table: Any, rows: Sequence[Row[Any]], there: Callable[[Row[Any]], Values]
) -> Mapping[str, Values]:
    """What the rows have that are spoken of, by their ids as the audit spells them."""
    wanted = select(table).where(table.c.id.in_(map(_ident, rows)))
    return {str(found.id): there(found) for found in tx.run(wanted)}


def _first_files(tx: Tx, whose: Any, rows: Sequence[Row[Any]]) -> Mapping[int, set[object]]:
    """When the files of each were recorded as they were made.

    Under a clock that was set back a file is recorded at the time of its order, not before it.
    """
    f, o = t.file.c, t.production_order.c
    told = {_ident(row): row.at for row in rows}
    wanted = (
        select(whose, f.made_at, o.signed_at)
        .join_from(t.file, t.production_order, o.id == f.order_id)
        .where(whose.in_(map(_ident, rows)), f.step == 0)
    )
    found: dict[int, set[object]] = defaultdict(set)
    for ident, at, ordered in tx.run(wanted):
        found[ident].add(told[ident] if at == max(told[ident], ordered) else at)
    return found


# --- all at once ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Something that the audit does not say, or that leads nowhere."""

    kind: str
    id: int
    sentence: str


def gone(tx: Tx, most: int) -> Iterator[Unsaid]:
    """Events that something came of and that are not there; of those the audit names, `said` tells.

    What was imported is not named there one by one, but counted.
    """
    named = union(
        *(
            select(cast(table.c.inbox_id, String).label("id"))
            for table in (t.fact, t.batch, t.production_order, t.enterprise_name)
        )
    ).subquery()
    there = select(cast(t.inbox.c.id, String))
    lost = select(named.c.id).except_(there, _audited("event", "event accepted"))
    for ident in tx.run(lost.limit(most)).scalars():
        yield Unsaid("event", int(ident), "something came of it, and it is not there")
    yield from _imports(tx)


def _imports(tx: Tx) -> Iterator[Unsaid]:
    """Whether as many were taken over at once as the audit says."""
    a, i = t.audit.c, t.inbox.c
    counted = select(i.received_at, i.submitted_by, func.count()).where(
        i.type == "registration.imported", i.received_at.in_(_moments())
    )
    there = {(at, who): n for at, who, n in tx.run(counted.group_by(i.received_at, i.submitted_by))}
    for row in tx.run(select(a.id, a.at, a.who, a.what).where(a.action == IMPORTED).order_by(a.id)):
        told, found = row.what.get("registrations"), there.get((row.at, row.who), 0)
        if told != found:
            sentence = f"says that {told} registrations were taken over, and {found} are there"
            yield Unsaid("audit", row.id, sentence)


def unsaid(tx: Tx, most: int) -> Iterator[Unsaid]:
    """Rows of which the audit says nothing, by sets: as many as the database goes through."""
    for kind, wanted, actions, sentence in _silent():
        rows = tx.run(wanted.except_(_audited(kind, *actions)).limit(most))
        yield from (Unsaid(kind, int(ident), sentence) for ident in rows.scalars())


def _silent() -> Iterator[tuple[str, Select[Any], Sequence[str], str]]:
    """Kind of row, the ids, by which actions the audit names them, and what to say else."""
    i, e, d = t.inbox.c, t.edition.c, t.document.c
    accepted = select(cast(i.id, String)).where(i.received_at.not_in(_moments()))
    yield "event", accepted, ["event accepted"], "was taken, and the audit does not say so"
    made = select(cast(e.id, String)).where(e.made_at.is_not(None))
    yield "edition", made, ["edition made"], "was made, and the audit does not say so"
    taken = select(cast(e.id, String)).where(e.collected_at != e.ordered_at)
    yield "edition", taken, ["collected"], "was collected, and the audit does not say so"
    written = select(cast(d.id, String)).where(d.made_at.is_not(None))
    yield "document", written, ["document made"], "was made, and the audit does not say so"
    why = "does not stand as it began, and the audit does not say so"
    yield "registration", _changed(), STANDINGS, why


def _changed() -> Select[Any]:
    """Registrations that are not in force, and nothing was said by which they could be so.

    How one was taken over, its own event says.
    """
    r, f, other = t.registration.c, t.fact.c, t.registration.alias("other").c
    counts = (f.holder_id == r.holder_id) & (f.state == "applied")
    another = (f.source != func.coalesce(r.origin_source, "")) | (
        f.event_id != func.coalesce(r.origin_event, "")
    )
    why = {
        "suspended": exists().where(counts, f.type == "registration.suspended"),
        "cancelled": exists().where(counts, another),
        "lapsed": exists().where(other.holder_id == r.holder_id, other.id != r.id),
    }
    brought = exists().where(counts, f.type == "registration.imported")
    wanted = or_(*((r.state == state) & ~said for state, said in why.items()))
    return select(cast(r.id, String)).where(wanted, ~brought)


def otherwise(tx: Tx, most: int) -> Iterator[Unsaid]:
    """Registrations that stand otherwise than the newest row of the audit says."""
    a, r = t.audit.c, t.registration.c
    newest = (
        select(func.max(a.id))
        .where(a.object_kind == "registration", a.action.in_(STANDINGS))
        .group_by(a.object_id)
    )
    wanted = (
        select(r.id)
        .join(t.audit, a.object_id == cast(r.id, String))
        .where(a.id.in_(newest), a.action != literal(STANDING) + r.state)
    )
    for ident in tx.run(wanted.order_by(r.id).limit(most)).scalars():
        yield Unsaid("registration", ident, "the audit says that it stands otherwise")


def _audited(kind: str, *actions: str) -> Select[Any]:
    """The ids of everything of a kind with which that was done."""
    a = t.audit.c
    return select(a.object_id).where(a.object_kind == kind, a.action.in_(actions))


def _moments() -> Select[Any]:
    """When registers were taken over, slice by slice."""
    return select(t.audit.c.at).where(t.audit.c.action == IMPORTED)


# --- access keys ------------------------------------------------------------------------------

ISSUED, REVOKED = "access key issued", "access key revoked"


def access_keys(tx: Tx) -> list[Said]:
    """How access keys were issued, and whether they were revoked."""
    a = t.audit.c
    rows = tx.run(select(t.access_key).order_by(t.access_key.c.id)).all()
    wanted = select(a.id, a.object_id, a.action, a.at, a.what).where(
        a.object_kind == "access_key", a.action.in_((ISSUED, REVOKED))
    )
    issued: dict[str, Row[Any]] = {}
    ended: dict[str, Row[Any]] = {}
    for row in tx.run(wanted.order_by(a.id)):
        (issued if row.action == ISSUED else ended)[row.object_id] = row
    return [_access_key(row, issued.get(row.key_id), ended.get(row.key_id)) for row in rows]


def _access_key(row: Row[Any], issued: Row[Any] | None, ended: Row[Any] | None) -> Said:
    said = {} if issued is None else issued.what
    names = ("source", "scopes", "profiles")
    return Said(
        row=0 if issued is None else issued.id,
        kind="access key",
        id=row.key_id,
        told={name: said.get(name) for name in names}
        | {"end": said.get("expires"), "revocation": None if ended is None else ended.at},
        found={name: getattr(row, name) for name in names}
        | {"end": row.expires_at.isoformat(), "revocation": row.revoked_at},
    )
