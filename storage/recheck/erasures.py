"""What erasures left in the ledger: their rows, and whether one of them names what is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, select, union_all

from storage import tables as t
from storage.ledger import Tx
from storage.recheck.scope import Scope, Span

DONE = "done"
ERASED = "erased"  #: the audit's action


class Proof(StrEnum):
    """What an erasure says of a file."""

    NONE = "none"  #: nothing: no erasure names it
    UNDER_WAY = "under way"  #: promised or begun, its files may be there still
    DONE = "done"  #: named with its object key's digest, and proved


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An erasure's row and what there still is of what it says is gone.

    alive:   data keys it destroyed that are there still.
    live:    files under those keys that are not erased.
    is_found: whether its person can still be found.
    audited: rows of the audit that have its very proof.
    """

    id: int
    state: str
    promised_at: datetime
    asked_at: datetime
    alive: int
    live: int
    is_found: bool
    audited: int


def erasures(tx: Tx, span: Span, scope: Scope) -> list[Erasure]:
    """The erasures of a span that are in scope."""
    c = t.erasure.c
    wanted = select(t.erasure).where(span.holds(c.id)).order_by(c.id)
    if scope.since is not None:
        wanted = wanted.where(c.promised_at >= scope.since)
    if scope.profile is not None:
        wanted = wanted.where(c.profile == scope.profile)
    rows = tx.run(wanted.execution_options(in_binary=True)).all()
    audited = _audited(tx, [row.holder_id for row in rows]) if rows else {}
    return [_erasure(tx, row, audited.get(str(row.holder_id), ())) for row in rows]


def _erasure(tx: Tx, row: Row[Any], audited: Sequence[object]) -> Erasure:
    k, o, f, h = t.data_key.c, t.production_order.c, t.file.c, t.holder.c
    keys = row.proof.get("data_keys", ())
    alive = select(func.count(k.id)).where(k.id.in_(keys), k.wrapped.is_not(None))
    live = (
        select(func.count(f.id))
        .join(t.production_order, o.id == f.order_id)
        .where(o.data_key_id.in_(keys), f.erased_at.is_(None))
    )
    person = (h.id == row.holder_id) | (h.merged_into == row.holder_id)
    alias = select(func.count()).where(t.holder_alias.c.holder_id.in_(select(h.id).where(person)))
    named = select(func.count(h.id)).where(person, h.erased_at.is_(None))
    return Erasure(
        id=row.id,
        state=row.state,
        promised_at=row.promised_at,
        asked_at=tx.now,
        alive=_count(tx, alive),
        live=_count(tx, live),
        is_found=bool(_count(tx, alias) or _count(tx, named)),
        audited=sum(each == row.proof for each in audited),
    )


def _count(tx: Tx, wanted: Any) -> int:
    return int(tx.run(wanted).scalar_one())


def _audited(tx: Tx, holders: Sequence[int]) -> Mapping[str, Sequence[object]]:
    """The proofs as the audit has them, by holder."""
    a = t.audit.c
    wanted = select(a.object_id, a.what).where(
        a.action == ERASED, a.object_kind == "holder", a.object_id.in_(list(map(str, holders)))
    )
    found: dict[str, list[object]] = defaultdict(list)
    for ident, what in tx.run(wanted):
        found[ident].append(what)
    return found


def proofs(tx: Tx, orders: Collection[int]) -> Mapping[int, Sequence[Mapping[str, Any]]]:
    """Of each order the erasures that concern its person, or a person its list named.

    Each as the proof has it, with its ``state``.
    """
    found: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
    if orders:
        for row in tx.run(_concerning(list(orders))):
            found[row.order].append({**row.proof, "state": row.state})
    return found


def _concerning(orders: Sequence[int]) -> Any:
    o, r, d, a, h = (
        t.production_order.c, t.registration.c, t.document.c, t.application.c, t.holder.c,
    )  # fmt: skip
    e, i = t.erasure.c, t.batch_item.c
    own = (
        select(o.id.label("order"), h.id.label("holder"))
        .outerjoin(t.registration, r.id == o.registration_id)
        .outerjoin(t.document, d.id == o.document_id)
        .outerjoin(t.application, a.id == d.application_id)
        .join(t.holder, h.id == func.coalesce(r.holder_id, a.holder_id))
        .where(o.id.in_(orders))
    )
    listed = (
        select(o.id, h.id)
        .join(t.document, d.id == o.document_id)
        .join(t.batch_item, i.batch_id == d.batch_id)
        .join(t.registration, r.id == i.registration_id)
        .join(t.holder, h.id == r.holder_id)
        .where(o.id.in_(orders), h.erased_at.is_not(None), h.profile == d.profile)
    )
    whose = union_all(own, listed).subquery().c
    root = func.coalesce(h.merged_into, h.id)
    return (
        select(whose.order, e.state, e.proof)
        .join(t.holder, h.id == whose.holder)
        .join(t.erasure, e.holder_id == root)
        .execution_options(in_binary=True)
    )


def proof_of(said: Sequence[Mapping[str, Any]], data_key: int, digest: str) -> Proof:
    """What these erasures say of a file.

    data_key: that its order was sealed under.  digest: SHA-256 of its object key, hex.
    """
    naming = [each for each in said if data_key in each.get("data_keys", ())]
    if any(each["state"] != DONE for each in naming):
        return Proof.UNDER_WAY
    is_named = any(digest in each.get("object_keys_sha256", ()) for each in naming)
    return Proof.DONE if is_named else Proof.NONE


def notice_numbers(tx: Tx, profiles: Collection[str]) -> Iterator[str]:
    """Numbers of acceptance notices whose faces were erased, as the proofs have them."""
    e = t.erasure.c
    for proof in tx.run(select(e.proof).where(e.profile.in_(profiles)).order_by(e.id)).scalars():
        yield from proof.get("notices", ())
