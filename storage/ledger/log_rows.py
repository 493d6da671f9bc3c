"""What the log is about: the ledger's rows, each as the text of its leaf."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.sql.base import Executable

from factory.log import leaves
from factory.log.leaves import Kind
from storage import tables as t
from storage.ledger.base import Tx
from storage.ledger.spelling import among
from storage.ledger.unreadable import id_of

EDITION_MADE, PROOF_ADDED, BATCH_LISTED = "edition made", "proof added", "batch listed"

Ref = tuple[Kind, int]


def of_audit(row: Row[Any]) -> bytes:
    """The leaf of an audit row with all its columns."""
    return leaves.audit(row._asdict())


def texts(tx: Tx, kind: Kind, refs: Collection[int]) -> dict[int, bytes]:
    """The leaves of these entries, as their rows are now; none of a row that is not there."""
    return {Kind.AUDIT: _audit, Kind.EDITION: _editions, Kind.FILE: _files, Kind.BATCH: _batches}[
        kind
    ](tx, list(refs))


def follow(tx: Tx, rows: Sequence[Row[Any]]) -> dict[int, list[Ref]]:
    """What else is in the log because of audit rows, by their ids.

    An edition that was made, a file with a further proof of time, a batch's root: each was
    written in the transaction of its audit row.
    """
    found: dict[int, list[Ref]] = {}
    for row in rows:
        if row.action == EDITION_MADE and row.object_kind == "edition":
            found[row.id] = [(Kind.EDITION, id_of(row.object_id))]
        elif row.action == BATCH_LISTED and row.what.get("root"):
            found[row.id] = [(Kind.BATCH, row.id)]
    for ident, ref in _added(tx, rows):
        found[ident] = [(Kind.FILE, ref)]
    return found


def _audit(tx: Tx, refs: list[int]) -> dict[int, bytes]:
    return {row.id: of_audit(row) for row in tx.run(_audit_rows(), {"refs": refs})}


def _batches(tx: Tx, refs: list[int]) -> dict[int, bytes]:
    rows = tx.run(_audit_rows(), {"refs": refs})
    return {row.id: leaves.batch(**said) for row in rows if (said := listed(row)) is not None}


def listed(row: Row[Any]) -> dict[str, Any] | None:
    """Of an audit row the batch, root and size; None: it speaks of no root."""
    root, size = row.what.get("root"), row.what.get("size")
    if row.action != BATCH_LISTED or not root or not row.object_id.isdecimal():
        return None
    return {"ident": id_of(row.object_id), "root": root, "size": size}


def audit_rows(tx: Tx, refs: Collection[int]) -> Sequence[Row[Any]]:
    """Those rows of the audit that there are."""
    found: Sequence[Row[Any]] = tx.run(_audit_rows(), {"refs": list(refs)}).all()
    return found


@cache
def _audit_rows() -> Executable:
    return select(t.audit).where(among(t.audit.c.id, "refs"))


def _editions(tx: Tx, refs: list[int]) -> dict[int, bytes]:
    about: dict[int, Row[Any]] = {}
    files: dict[int, dict[str, str]] = {}
    for row in tx.run(_edition_rows(), {"refs": refs}):
        about[row.id] = row
        files.setdefault(row.id, {})[row.format] = row.sha256
    return {
        ident: leaves.edition(
            ident=ident, profile=row.profile, licence=row.licence_id, files=files[ident]
        )
        for ident, row in about.items()
    }


@cache
def _edition_rows() -> Executable:
    """As they were made: a later proof of time is an entry of its own."""
    e, f = t.edition.c, t.file.c
    return (
        select(e.id, e.profile, e.licence_id, f.format, f.sha256)
        .join(t.file, f.edition_id == e.id)
        .where(among(e.id, "refs"), f.step == 0)
    )


def _files(tx: Tx, refs: list[int]) -> dict[int, bytes]:
    return {
        row.id: leaves.file(
            ident=row.edition_id,
            licence=row.licence_id,
            fmt=row.format,
            step=row.step,
            sha256=row.sha256,
        )
        for row in tx.run(_file_rows(), {"refs": refs})
    }


@cache
def _file_rows() -> Executable:
    e, f = t.edition.c, t.file.c
    return (
        select(f.id, f.edition_id, e.licence_id, f.format, f.step, f.sha256)
        .join(t.edition, e.id == f.edition_id)
        .where(among(f.id, "refs"), f.step > 0)
    )


def _added(tx: Tx, rows: Sequence[Row[Any]]) -> Iterator[tuple[int, int]]:
    """Audit rows of proofs that were added to an edition's files, each with the newer file."""
    steps: Mapping[tuple[int, int], int] = {
        (id_of(row.object_id), int(row.what["step"])): row.id
        for row in rows
        if row.action == PROOF_ADDED and row.object_kind == "file"
    }
    if not steps:
        return
    for row in tx.run(_next_steps(), {"files": [ident for ident, _ in steps]}):
        if (row.before, row.step) in steps:
            yield steps[row.before, row.step], row.id


@cache
def _next_steps() -> Executable:
    newer, before = t.file.c, t.file.alias("before")
    is_next = (
        (newer.order_id == before.c.order_id)
        & (newer.format == before.c.format)
        & (newer.step == before.c.step + 1)
    )
    return (
        select(newer.id, newer.step, before.c.id.label("before"))
        .join(before, is_next)
        .where(among(before.c.id, "files"), newer.edition_id.is_not(None))
    )
