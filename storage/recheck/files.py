"""Files as they were recorded, with what each was to say: the order's face, opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from factory.errors import SealedDataError
from factory.model import Format, Kind
from storage import tables as t
from storage.ledger import Tx
from storage.recheck import erasures
from storage.recheck.erasures import Proof
from storage.recheck.scope import Scope, Span

FACE = "production_order.face"
Face = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A file's row, and those of its order, edition and registration.

    face:    None: the holder's data key was erased.
    sealed:  that it does not open, though there is a key.
    shredded: that the key is destroyed.
    erased:  what an erasure says of it; None: it is not erased, and has to be in the store.
    numbers: keys of the registration's number and of those it had before.
    stem:    what its order calls its objects; the face opens under no other.
    shown:   role -> keyed digest of each picture that its order names.
    """

    id: int
    order: int
    kind: Kind
    profile: str
    format: Format
    step: int
    object_key: str
    sha256: str
    size_bytes: int
    signing_cert_sha256: str | None
    made_at: datetime
    face: Face | None = field(repr=False)
    sealed: bool = False
    shredded: bool = False
    erased: Proof | None = None
    edition: int | None = None
    number: int | None = None
    licence_id: str | None = None
    code: str | None = None
    numbers: frozenset[str] = frozenset()
    stem: str
    shown: Mapping[str, str] = field(default_factory=dict)


def recorded(
    tx: Tx, span: Span, scope: Scope, chosen: Callable[[int], bool] = lambda _: True
) -> list[Recorded]:
    """The files of a span that are in scope and chosen, by their ids."""
    rows = [row for row in tx.run(_asking(span, scope)) if chosen(row.id)]
    numbers = _numbers(tx, {row.registration_id for row in rows} - {None})
    gone = erasures.proofs(tx, {row.order_id for row in rows if row.erased_at is not None})
    return [_recorded(tx, row, numbers, gone.get(row.order_id, ())) for row in rows]


def is_erased(tx: Tx, ident: int) -> bool:
    """Whether a file is erased by now."""
    f = t.file.c
    return tx.run(select(f.erased_at).where(f.id == ident)).scalar_one_or_none() is not None


def _asking(span: Span, scope: Scope) -> Any:
    f, o, e = t.file.c, t.production_order.c, t.edition.c
    wanted = (
        select(
            t.file, o.kind, o.face, o.key_stem, o.pictures, o.registration_id, o.data_key_id,
            t.data_key.c.wrapped,
            e.number.label("edition_number"), e.licence_id, e.code,
        )
        .join(t.production_order, o.id == f.order_id)
        .join(t.data_key, t.data_key.c.id == o.data_key_id)
        .outerjoin(t.edition, e.id == f.edition_id)
        .where(span.holds(f.id))
        .order_by(f.id)
        .execution_options(in_binary=True)
    )  # fmt: skip
    if scope.since is not None:
        wanted = wanted.where(f.made_at >= scope.since)
    return wanted if scope.profile is None else wanted.where(f.profile == scope.profile)


def _numbers(tx: Tx, registrations: set[int]) -> Mapping[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    r, n = t.registration.c, t.former_number.c
    ids = sorted(registrations)
    for wanted in (
        select(r.id, r.number_key).where(r.id.in_(ids)),
        select(n.registration_id, n.number_key).where(n.registration_id.in_(ids)),
    ):
        for ident, key in tx.run(wanted):
            found.setdefault(ident, set()).add(key)
    return {ident: frozenset(keys) for ident, keys in found.items()}


def _recorded(
    tx: Tx,
    row: Row[Any],
    numbers: Mapping[int, frozenset[str]],
    gone: Sequence[Mapping[str, Any]],
) -> Recorded:
    face, sealed = opened_face(tx, row)
    return Recorded(
        id=row.id,
        order=row.order_id,
        kind=Kind(row.kind),
        profile=row.profile,
        format=Format(row.format),
        step=row.step,
        object_key=row.object_key,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        signing_cert_sha256=row.signing_cert_sha256,
        made_at=row.made_at,
        face=face,
        sealed=sealed,
        shredded=row.wrapped is None,
        erased=None if row.erased_at is None else _proof(row, gone),
        edition=row.edition_id,
        number=row.edition_number,
        licence_id=row.licence_id,
        code=row.code,
        numbers=numbers.get(row.registration_id, frozenset()),
        stem=row.key_stem,
        shown=row.pictures,
    )


def _proof(row: Row[Any], gone: Sequence[Mapping[str, Any]]) -> Proof:
    digest = hashlib.sha256(row.object_key.encode()).hexdigest()
    return erasures.proof_of(gone, row.data_key_id, digest)


def opened_face(tx: Tx, row: Any) -> tuple[Face | None, bool]:
    """The face of an order; None, and whether that is so because it does not open.

    row: with ``wrapped``, ``face`` and ``key_stem``.
    """
    if row.wrapped is None:
        return None, False
    try:
        key = tx.vault.open_key(row.wrapped)
        return key.open_json(row.face, context=f"{FACE}:{row.key_stem}"), False
    except SealedDataError:
        return None, True


def chunks_of(tx: Tx, order: int, most: int) -> list[tuple[int, tuple[int, ...]]]:
    """The chunks that a press may have been compiled from that has made an order: its own, and the
    first of its bulk event; each with its orders, as they were claimed.
    """
    o, c = t.production_order.c, t.chunk.c
    own = tx.run(
        select(c.id, c.batch_id).join(t.production_order, o.chunk_id == c.id).where(o.id == order)
    ).first()
    if own is None or own.batch_id is None:
        return []
    first = select(c.id).where(c.batch_id == own.batch_id, c.canary.is_(False))
    ids = list(tx.run(first.order_by(c.id).limit(most)).scalars())
    return [
        (ident, tuple(tx.run(select(o.id).where(o.chunk_id == ident).order_by(o.id)).scalars()))
        for ident in dict.fromkeys([own.id, *ids])
    ]
