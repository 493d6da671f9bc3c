"""Which audit rows the log does not hold yet, in slices, and none of them forgotten.

Rows are written by many transactions at once and ids are given out before they commit: of two
rows the one with the lower id may be seen later.  So rows are read twice.  First as they appear,
by a cursor over ids (``read_to``).  Then, as far as that was read at some instant
(``settling_to``), once every transaction has ended that was writing into the audit at that instant
or before: whatever of those ids is there and has no entry has come late, and is appended.  After
that (``settled_to``) none can come any more.

On PostgreSQL a writer is told by the lock on the table, which it takes before it draws an id and
keeps to its end, when its rows are visible already; CREATE INDEX CONCURRENTLY waits by the same
locks.  No row of the audit is written for it, and a transaction that lasts for hours only leaves
more to be read a second time.  SQLite has one writer at a time, so there nothing comes late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, exists, func, select, text, update

from factory.errors import UnreadableRowError
from factory.log.leaves import Kind
from factory.merkle import leaf_digest
from storage import tables as t
from storage.ledger import log, log_rows
from storage.ledger.base import Tx
from storage.ledger.log import AUDIT, Entry
from storage.ledger.unreadable import reading

AGAIN = 8  #: so many times as many ids are looked through for late rows, as rows are appended

#: transactions that are writing into the audit, this one is not among them
WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = 'audit'::regclass AND mode = 'RowExclusiveLock' AND granted"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far the log is; see above.

    size:    of the log.
    writers: those that had not ended when last looked, of the ones that are waited for.
    """

    size: int = 0
    read_to: int = 0
    settled_to: int = 0
    settling_to: int | None = None
    writers: Sequence[str] = ()


def append_new(tx: Tx, most: int) -> tuple[int, bool]:
    """One slice: how many entries were appended, and whether there is more to do at once.

    Whoever comes while another appends waits for the cursor, and goes on where the other ended.

    UnreadableRowError: the cursor or a row is none that was written here; nothing is appended.
    """
    with reading("audit"):
        before = _locked(tx)
        now, rows = _taken(tx, before, most)
        entries = _entries(tx, rows)
    now = replace(now, size=log.append(tx, before.size, entries))
    if now != before:
        c = t.log_cursor.c
        values = {name: getattr(now, name) for name in Cursor.__slots__}
        values["writers"] = list(now.writers)
        tx.run(update(t.log_cursor).where(c.name == AUDIT).values(**values))
    settles = now.settling_to is not None and not now.writers
    return now.size - before.size, len(rows) >= most or settles


def cursor(tx: Tx) -> Cursor:
    """How far it is.  UnreadableRowError: what it says is no place."""
    with reading("cursor of the log"):
        row = tx.run(select(t.log_cursor).where(t.log_cursor.c.name == AUDIT)).one_or_none()
        return Cursor() if row is None else _cursor(row)


def _locked(tx: Tx) -> Cursor:
    wanted = tx.locked(select(t.log_cursor).where(t.log_cursor.c.name == AUDIT))
    if (row := tx.run(wanted).one_or_none()) is None:
        beginning = {"name": AUDIT, "size": 0, "read_to": 0, "settled_to": 0, "writers": []}
        tx.run(tx.insert(t.log_cursor).values(**beginning).on_conflict_do_nothing())
        row = tx.run(wanted).one()
    return _cursor(row)


def _cursor(row: Row[Any]) -> Cursor:
    said = {name: getattr(row, name) for name in Cursor.__slots__}
    if not all(isinstance(said[name], int) for name in ("size", "read_to", "settled_to")):
        raise UnreadableRowError("log: a cursor that is none")
    return Cursor(**(said | {"writers": tuple(row.writers)}))


def _taken(tx: Tx, now: Cursor, most: int) -> tuple[Cursor, list[Row[Any]]]:
    """The rows of a slice, and how far the log is with them."""
    newest = int(tx.run(select(func.coalesce(func.max(t.audit.c.id), 0))).scalar_one())
    writers = _writers(tx)
    if now.settling_to is None and now.settled_to == now.read_to and not writers:
        # Nobody writes: all ids up to the newest are given out, and what has them is visible.
        rows = _after(tx, now.read_to, most, until=newest)
        end = rows[-1].id if len(rows) == most else max(newest, now.read_to)
        return replace(now, read_to=end, settled_to=end), rows
    now, late = _settled(tx, now, writers, most * AGAIN)
    rows = _after(tx, now.read_to, most)
    if rows:
        now = replace(now, read_to=rows[-1].id)
    if now.settling_to is None and now.settled_to < now.read_to:
        # Only now: who begins to write after this draws ids above the ones that were read.
        now = replace(now, settling_to=now.read_to, writers=tuple(sorted(_writers(tx))))
    return now, [*late, *rows]


def _settled(
    tx: Tx, now: Cursor, writers: frozenset[str], most: int
) -> tuple[Cursor, list[Row[Any]]]:
    if now.settling_to is None:
        return now, []
    if left := writers.intersection(now.writers):
        return replace(now, writers=tuple(sorted(left))), []
    end = min(now.settling_to, now.settled_to + most)
    c, e = t.audit.c, t.log_entry.c
    has_entry = exists().where(e.kind == Kind.AUDIT.value, e.ref == c.id)
    wanted = select(t.audit).where(c.id > now.settled_to, c.id <= end, ~has_entry).order_by(c.id)
    done = end == now.settling_to
    now = replace(now, settled_to=end, settling_to=None if done else now.settling_to, writers=())
    return now, list(tx.run(wanted))


def _after(tx: Tx, last: int, most: int, until: int | None = None) -> list[Row[Any]]:
    c = t.audit.c
    wanted = select(t.audit).where(c.id > last).order_by(c.id).limit(most)
    return list(tx.run(wanted if until is None else wanted.where(c.id <= until)))


def _writers(tx: Tx) -> frozenset[str]:
    """Virtual ids of transactions; they are not given out again while the server runs."""
    return frozenset(tx.run(WRITERS).scalars()) if tx.is_postgresql else frozenset()


def _entries(tx: Tx, rows: Sequence[Row[Any]]) -> list[Entry]:
    """Those of the rows, each followed by those of what was written with it."""
    further = log_rows.follow(tx, rows)
    digests = _digests(tx, {ref for refs in further.values() for ref in refs})
    found = []
    for row in rows:
        digest = leaf_digest(log_rows.of_audit(row))
        found.append(Entry(kind=Kind.AUDIT, ref=row.id, digest=digest))
        for kind, ref in further.get(row.id, ()):
            if (digest := digests.pop((kind, ref), b"")) != b"":
                found.append(Entry(kind=kind, ref=ref, digest=digest))
    return found


def _digests(tx: Tx, refs: set[log_rows.Ref]) -> dict[log_rows.Ref, bytes]:
    """Of those that have no entry yet."""
    found = {}
    for kind in Kind:
        wanted = {ref for of, ref in refs if of is kind}
        wanted -= log.known(tx, kind, wanted) if wanted else set()
        if wanted:
            for ref, said in log_rows.texts(tx, kind, wanted).items():
                found[kind, ref] = leaf_digest(said)
    return found
