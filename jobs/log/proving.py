"""Proving from the log: that an edition's files are under a signed head; that one head follows.

UnreadableRowError, of each: a row that is asked for holds what nothing here has written.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from factory.errors import ConflictError, NotFoundError
from factory.log import tree
from factory.log.leaves import Kind
from storage import tables as t
from storage.ledger import Tx, log, log_rows, status
from storage.ledger.log import SignedHead
from storage.ledger.unreadable import reading

if TYPE_CHECKING:
    from jobs.wiring import Plant

VERSION = 2  #: of the proof's JSON, docs/proofs.md
Said = dict[str, Any]


def edition(plant: Plant, number: str, wanted: int | None = None) -> Said:
    """The proof of a registration's edition; of the newest that is under a head.

    number: of the registration, in either spelling.  wanted: the edition's.
    NotFoundError: there is no such edition.  ConflictError: it is under no signed head yet.
    """
    with plant.ledger.read() as tx, reading("ledger"):
        found = status.by_number(tx, number).editions
        if wanted is not None:
            found = tuple(each for each in found if each.number == wanted)
            if not found:
                raise NotFoundError("edition: the registration has none of that number")
        proofs = (of_edition(tx, each.id) for each in reversed(found))
        proof = next((each for each in proofs if each is not None), None)
    if proof is None:
        raise ConflictError("edition: is under no signed head of the log yet")
    return proof


def row(plant: Plant, ident: int) -> Said:
    """The proof of an audit row, whose text is for those who may read the audit.

    NotFoundError: there is no such row.  ConflictError: it is under no signed head yet.
    """
    with plant.ledger.read() as tx, reading("audit"):
        if not log_rows.audit_rows(tx, [ident]):
            raise NotFoundError("audit: there is no such row")
        proof = _under_head(tx, [(Kind.AUDIT, ident)])
    if proof is None:
        raise ConflictError(f"audit row {ident}: is under no signed head of the log yet")
    return proof


def of_edition(tx: Tx, ident: int) -> Said | None:
    """The proof of an edition as it was made, and of its files with further proofs of time.

    None: it is under no signed head.  ConflictError: the log is not what it was.
    """
    f = t.file.c
    later = tx.run(select(f.id).where(f.edition_id == ident, f.step > 0).order_by(f.id)).scalars()
    return _under_head(tx, [(Kind.EDITION, ident), *((Kind.FILE, each) for each in later)])


def of_file(plant: Plant, sha256: str) -> Said | None:
    """The same of the edition that exactly these bytes were issued as; None: of none."""
    with plant.ledger.read() as tx, reading("ledger"):
        known = status.by_digest(tx, sha256)
        return None if known is None else of_edition(tx, known[1].id)


def consistency(plant: Plant, old: int, new: int | None = None) -> Said:
    """The proof that a head's log begins with that of an older one.

    old, new: sizes of two heads; None: the newest.
    NotFoundError: there is no head of that size.
    """
    with plant.ledger.read() as tx:
        before, after = _head(tx, old), _head(tx, new)
        path = tree.consistency(log.reader(tx), before.size, after.size)
    return {
        "version": VERSION,
        "old": _said_head(before),
        **_said_head(after),
        "path": _hex(path),
    }


def newest(plant: Plant, size: int | None = None) -> SignedHead:
    """A head.  NotFoundError: there is none, or none of that size."""
    with plant.ledger.read() as tx:
        return _head(tx, size)


def moment(proof: Said) -> datetime:
    """When the head of a proof was signed."""
    at: str = proof["head"]["text"].splitlines()[3].removeprefix("time ")
    return datetime.fromisoformat(at)


def _head(tx: Tx, size: int | None) -> SignedHead:
    found = log.newest_head(tx) if size is None else log.head_of(tx, size)
    if found is None:
        raise NotFoundError("log: no such head was signed")
    return found


def _under_head(tx: Tx, refs: Sequence[log_rows.Ref]) -> Said | None:
    """None: the first of them is under no head; others that are not yet are left out."""
    head, (first, *_) = log.newest_head(tx), refs
    places = {ref: log.place_of(tx, *ref) for ref in refs}
    place = places[first]
    if head is None or place is None or place >= head.size:
        return None
    read = log.reader(tx)
    entries = [
        _said_entry(tx, read, ref, at, head.size)
        for ref, at in places.items()
        if at is not None and at < head.size
    ]
    return {"version": VERSION, **_said_head(head), "entries": entries}


def _said_entry(tx: Tx, read: tree.Read, ref: log_rows.Ref, at: int, size: int) -> Said:
    kind, ident = ref
    texts = log_rows.texts(tx, kind, [ident])
    if ident not in texts:
        raise ConflictError("log: a row is missing; see `certfactory audit verify`")
    path = _hex(tree.inclusion(read, at, size))
    return {"leaf": texts[ident].decode(), "index": at, "path": path}


def _said_head(head: SignedHead) -> Said:
    return {
        "size": head.size,
        "root": head.root,
        "head": {
            "text": head.text,
            "signature": b64encode(head.signature).decode("ascii"),
            "certificate": head.certificate,
        },
    }


def _hex(path: Sequence[bytes]) -> list[str]:
    return [each.hex() for each in path]
