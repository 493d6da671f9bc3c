"""What the log and the roots of bulk events were made of, read anew by statements of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, cast, exists, func, select, union_all

from storage import tables as t
from storage.ledger import Tx

AT_ONCE = 500
EDITION, FILE = "edition", "file"

Digests = Mapping[str, str]  #: SHA-256 of files, hex, by format


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a bulk event came to for one registration: the files made, and those replaced."""

    number: str
    old: Digests
    new: Digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of the log, and what it is about; none: it is not there, or of another kind."""

    seq: int
    kind: str
    ref: int
    digest: str
    about: Mapping[str, Any] | None


def root_of(tx: Tx, batch: int) -> tuple[str, int] | None:
    """A bulk event's root, hex, and size; None: it has none."""
    c = t.batch.c
    row = tx.run(select(c.merkle_root, c.merkle_size).where(c.id == batch)).one()
    return None if row.merkle_root is None else (row.merkle_root, row.merkle_size)


def results(tx: Tx, batch: int) -> Iterator[Result]:
    """What it has done, in the order of the registrations' ids."""
    i, o = t.batch_item.c, t.production_order.c
    wanted = (
        select(
            i.registration_id,
            func.coalesce(i.number, t.registration.c.number).label("number"),
            i.replaced_edition_id,
            o.edition_id,
        )
        .join(t.registration, t.registration.c.id == i.registration_id)
        .outerjoin(t.production_order, o.id == i.order_id)
        .where(i.batch_id == batch, i.state == "done")
        .order_by(i.registration_id)
        .limit(AT_ONCE)
    )
    after = 0
    while rows := tx.run(wanted.where(i.registration_id > after)).all():
        files = _files(tx, {row.edition_id for row in rows} | {row[2] for row in rows})
        for row in rows:
            old, new = files.get(row.replaced_edition_id, {}), files.get(row.edition_id, {})
            yield Result(number=row.number, old=old, new=new)
        after = rows[-1].registration_id


def heads(tx: Tx) -> list[tuple[int, str]]:
    """Size and root, hex, of every head, the smallest first."""
    c = t.log_head.c
    return [(row.size, row.root) for row in tx.run(select(c.size, c.root).order_by(c.size))]


def entries(tx: Tx, first: int) -> list[Entry]:
    """Some entries from that place on."""
    c = t.log_entry.c
    rows = tx.run(select(t.log_entry).where(c.seq >= first).order_by(c.seq).limit(AT_ONCE)).all()
    about = {
        EDITION: _editions(tx, [row.ref for row in rows if row.kind == EDITION]),
        FILE: _later(tx, [row.ref for row in rows if row.kind == FILE]),
    }
    return [
        Entry(
            seq=row.seq,
            kind=row.kind,
            ref=row.ref,
            digest=row.digest,
            about=about.get(row.kind, {}).get(row.ref),
        )
        for row in rows
    ]


def editions_without(tx: Tx, most: int) -> list[int]:
    """Editions that were made and have no entry, though the sequencer has passed them."""
    c, a, e, f = t.log_cursor.c, t.audit.c, t.edition.c, t.file.c
    settled = tx.run(select(c.settled_to)).scalar_one_or_none() or 0
    has_entry = exists().where(t.log_entry.c.kind == EDITION, t.log_entry.c.ref == e.id)
    is_made = exists().where(f.edition_id == e.id, f.step == 0)
    waits = exists().where(
        a.id > settled, a.action == "edition made", a.object_id == cast(e.id, String)
    )
    wanted = select(e.id).where(is_made, ~has_entry, ~waits).order_by(e.id).limit(most)
    return list(tx.run(wanted).scalars()) if settled else []


def unnamed(tx: Tx, keys: Sequence[str]) -> list[str]:
    """Those of these object keys that no row names."""
    named = union_all(
        *(
            select(table.c.object_key).where(table.c.object_key.in_(keys))
            for table in (t.file, t.added_font)
        )
    )
    return sorted(set(keys) - set(tx.run(named).scalars()))


def _editions(tx: Tx, refs: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
    e, files = t.edition.c, _files(tx, refs)
    rows = tx.run(select(e.id, e.profile, e.licence_id).where(e.id.in_(refs)))
    return {
        row.id: {
            "edition": row.id,
            "profile": row.profile,
            "licence": row.licence_id,
            "files": dict(files.get(row.id, {})),
        }
        for row in rows
    }


def _later(tx: Tx, refs: Sequence[int]) -> Mapping[int, Mapping[str, Any]]:
    e, f = t.edition.c, t.file.c
    wanted = select(f.id, f.edition_id, e.licence_id, f.format, f.step, f.sha256).join(
        t.edition, e.id == f.edition_id
    )
    return {
        row.id: {
            "edition": row.edition_id,
            "licence": row.licence_id,
            "step": row.step,
            "files": {row.format: row.sha256},
        }
        for row in tx.run(wanted.where(f.id.in_(refs)))
    }


def _files(tx: Tx, editions: Collection[int | None]) -> Mapping[int, Mapping[str, str]]:
    """Of each edition the digests it was made with."""
    f = t.file.c
    found: dict[int, dict[str, str]] = defaultdict(dict)
    as_made = f.edition_id.in_([each for each in editions if each is not None]) & (f.step == 0)
    for row in tx.run(select(f.edition_id, f.format, f.sha256).where(as_made)):
        found[row.edition_id][row.format] = row.sha256
    return found
