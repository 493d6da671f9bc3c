"""Added fonts (补充字体): which there are, in the order in which they were added."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text

from storage import tables as t
from storage.ledger import audit
from storage.ledger.base import Tx

UNPRINTABLE = "unprintable"
CODE_POINT = re.compile(r"\bU\+[0-9A-F]{4,6}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedFont:
    """One face of a font file that lies in the store.

    face_index: number of the face in a collection, else 0.
    """

    name: str
    sha256: str
    face_index: int
    size_bytes: int
    object_key: str
    added_at: datetime
    added_by: str


def object_key(sha256: str) -> str:
    """Where the bytes of a font file lie in the store."""
    return f"fonts/{sha256}.ttf"


def add(tx: Tx, *, name: str, sha256: str, face_index: int, size_bytes: int) -> bool:
    """Put the face behind all others; False when it is there already."""
    _one_at_a_time(tx)
    row = {
        "name": name,
        "sha256": sha256,
        "face_index": face_index,
        "size_bytes": size_bytes,
        "object_key": object_key(sha256),
        "added_at": tx.now,
        "added_by": tx.who,
    }
    put = tx.insert(t.added_font).values(row).on_conflict_do_nothing()
    if tx.run(put.returning(t.added_font.c.id)).one_or_none() is None:
        return False
    what = {"sha256": sha256, "face": face_index, "size_bytes": size_bytes}
    audit.note(tx, "font added", ("font", name), why="added", what=what)
    return True


def _one_at_a_time(tx: Tx) -> None:
    """The order of the ids is the order in which others get to see them."""
    if tx.is_postgresql:
        tx.run(text("LOCK TABLE added_font IN SHARE ROW EXCLUSIVE MODE"))


def added(tx: Tx) -> tuple[AddedFont, ...]:
    """All added faces, first added first."""
    rows = tx.run(select(t.added_font).order_by(t.added_font.c.id))
    return tuple(
        AddedFont(
            name=row.name,
            sha256=row.sha256,
            face_index=row.face_index,
            size_bytes=row.size_bytes,
            object_key=row.object_key,
            added_at=row.added_at,
            added_by=row.added_by,
        )
        for row in rows
    )


def unprintable(tx: Tx) -> Mapping[int, tuple[str, ...]]:
    """The open holds on what no face prints: number -> code points, oldest first."""
    c = t.hold.c
    rows = tx.run(
        select(c.id, c.detail).where(c.closed_at.is_(None), c.reason == UNPRINTABLE).order_by(c.id)
    )
    return {row.id: tuple(CODE_POINT.findall(row.detail)) for row in rows}
