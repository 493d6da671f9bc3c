"""The log (核查日志) as it is kept: entries in their order, whole subtrees, signed heads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, bindparam, func, insert, select
from sqlalchemy.sql.base import Executable

from factory.errors import ConflictError, UnreadableRowError
from factory.log import tree
from factory.log.heads import Head
from factory.log.leaves import Kind
from factory.log.tree import RUN, Edge
from storage import tables as t
from storage.ledger.base import Tx
from storage.ledger.spelling import among, given_rows
from storage.ledger.unreadable import LOOK, reading

AUDIT = "audit"  #: the name of the one cursor
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A leaf: of which row, and its digest."""

    kind: Kind
    ref: int
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A head as it was signed.

    root, at, size: as their columns say, which must be what the text says.
    certificate:    SHA-256 of the key's, hex.
    """

    size: int
    root: str
    at: datetime
    text: str
    signature: bytes = field(repr=False)
    certificate: str

    @classmethod
    def of(cls, head: Head, signature: bytes, certificate: str) -> SignedHead:
        """That head, signed."""
        return cls(
            size=head.size,
            root=head.root.hex(),
            at=head.at,
            text=head.text,
            signature=signature,
            certificate=certificate,
        )


def append(tx: Tx, size: int, entries: Sequence[Entry]) -> int:
    """Put entries at the end of a log of that size; its size then."""
    if not entries:
        return size
    edge = Edge.of(reader(tx), size)
    nodes = list(edge.grow(each.digest for each in entries))
    rows = [
        (seq, each.kind.value, each.ref, each.digest.hex())
        for seq, each in enumerate(entries, start=size)
    ]
    tx.run(_adding(), {"entries": rows})
    if nodes:
        kept = [{"level": n.level, "place": n.place, "digest": n.digest.hex()} for n in nodes]
        tx.run(insert(t.log_node), kept)
    return edge.size


@cache
def _adding() -> Executable:
    c = t.log_entry.c
    rows, values = given_rows("entries", [c.seq, c.kind, c.ref, c.digest])
    return insert(t.log_entry).from_select(
        ["seq", "kind", "ref", "digest"], select(*values).select_from(rows)
    )


def size(tx: Tx) -> int:
    """How many entries there are."""
    last = tx.run(select(func.max(t.log_entry.c.seq))).scalar_one()
    return 0 if last is None else int(last) + 1


def reader(tx: Tx) -> tree.Read:
    """What proofs are made of; each run of digests is read once.

    ConflictError: one of them is not there.  UnreadableRowError: or is no digest.
    """

    @cache
    def run(level: int, first: int) -> Sequence[bytes]:
        c = t.log_entry.c if level == 0 else t.log_node.c
        place = c["seq" if level == 0 else "place"]
        wanted = select(place, c.digest).where(place >= first, place < first + RUN).order_by(place)
        rows = tx.run(wanted if level == 0 else wanted.where(c.level == level)).all()
        if [row[0] for row in rows] != list(range(first, first + len(rows))):
            raise ConflictError("log: entries are missing; see `certfactory audit verify`")
        return [_digest(row[1]) for row in rows]

    def read(level: int, first: int, count: int) -> Sequence[bytes]:
        start = first % RUN
        found = run(level, first - start)[start : start + count]
        if len(found) != count:
            raise ConflictError("log: entries are missing; see `certfactory audit verify`")
        return found

    return read


def place_of(tx: Tx, kind: Kind, ref: int) -> int | None:
    """Where an entry stands; None: nowhere."""
    c = t.log_entry.c
    found: int | None = tx.run(
        select(c.seq).where(c.kind == kind.value, c.ref == ref)
    ).scalar_one_or_none()
    return found


def known(tx: Tx, kind: Kind, refs: Iterable[int]) -> frozenset[int]:
    """Those that have an entry."""
    return frozenset(tx.run(_known(), {"kind": kind.value, "refs": list(refs)}).scalars())


@cache
def _known() -> Executable:
    c = t.log_entry.c
    return select(c.ref).where(c.kind == bindparam("kind"), among(c.ref, "refs"))


def entries(tx: Tx, places: Sequence[int]) -> dict[int, Entry]:
    """Entries of places that follow each other.  UnreadableRowError: one is none."""
    c = t.log_entry.c
    wanted = select(t.log_entry).where(c.seq.between(places[0], places[-1])).order_by(c.seq)
    return {row.seq: _entry(row) for row in tx.run(wanted)}


def _entry(row: Row[Any]) -> Entry:
    if row.kind not in set(Kind) or not isinstance(row.ref, int):
        raise UnreadableRowError("log: an entry of no row that there can be")
    return Entry(kind=Kind(row.kind), ref=row.ref, digest=_digest(row.digest))


def nodes(tx: Tx, level: int, places: Sequence[int]) -> dict[int, bytes]:
    """Kept subtrees of a level, of places that follow each other.  UnreadableRowError: as above."""
    c = t.log_node.c
    within = c.place.between(places[0], places[-1])
    wanted = select(c.place, c.digest).where(c.level == level, within)
    return {row.place: _digest(row.digest) for row in tx.run(wanted)}


def _digest(text: object) -> bytes:
    if not isinstance(text, str) or not DIGEST.fullmatch(text):
        raise UnreadableRowError(f"log: a digest that is none; {LOOK}")
    return bytes.fromhex(text)


# --- heads ------------------------------------------------------------------------------------


def add_head(tx: Tx, signed: SignedHead) -> bool:
    """Keep a head; False: there is one of that size, or of a larger one."""
    newest = newest_head(tx)
    if newest is not None and newest.size >= signed.size:
        return False
    row = {name: getattr(signed, name) for name in SignedHead.__slots__}
    done = tx.run(tx.insert(t.log_head).values(**row).on_conflict_do_nothing())
    return bool(done.rowcount)


def newest_head(tx: Tx) -> SignedHead | None:
    """The largest; None: none was signed yet.  UnreadableRowError: it is none."""
    with reading("heads of the log"):
        found = tx.run(select(t.log_head).order_by(t.log_head.c.size.desc()).limit(1)).one_or_none()
        return None if found is None else _head(found)


def head_of(tx: Tx, size: int) -> SignedHead | None:
    """The one of that size; None: none was signed.  UnreadableRowError: it is none."""
    with reading("heads of the log"):
        return heads(tx, [size]).get(size)


def head_sizes(tx: Tx) -> list[int]:
    """Of all of them, the smallest first."""
    return list(tx.run(select(t.log_head.c.size).order_by(t.log_head.c.size)).scalars())


def heads(tx: Tx, sizes: Sequence[int]) -> dict[int, SignedHead]:
    """Those of some sizes, the smallest first."""
    c = t.log_head.c
    wanted = select(t.log_head).where(among(c.size, "sizes")).order_by(c.size)
    return {row.size: _head(row) for row in tx.run(wanted, {"sizes": list(sizes)})}


def _head(row: Row[Any]) -> SignedHead:
    _digest(row.root)
    if not isinstance(row.text, str) or not isinstance(row.signature, bytes):
        raise UnreadableRowError("log: a head that is none")
    return SignedHead(**{name: getattr(row, name) for name in SignedHead.__slots__})
