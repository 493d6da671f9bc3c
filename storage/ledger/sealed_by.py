"""What a signing certificate has sealed: counted, and file by file, the oldest first.

Asked when a key is compromised or a seal is retired; names nobody.  A file that got its time stamp
later (see proofs) was sealed once: it counts once, on the day of its seal, by its newest digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, ScalarSelect, Select, exists, func, select

from factory.model import OrderState
from storage import tables as t
from storage.ledger.base import Ledger, Tx

AT_ONCE = 1000  #: files of one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many files of a kind a certificate has sealed, by what became of them since."""

    profile: str
    kind: str
    format: str
    state: str
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """One file.

    registration, edition: of a certificate; None: of another document.
    state:                 of the edition or the document, today.
    made_at:               when it was sealed.
    sha256:                of its newest step.
    """

    profile: str
    kind: str
    format: str
    registration: str | None
    edition: int | None
    state: str
    made_at: datetime
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which files: of this certificate (SHA-256 in hex), made in this span.

    since: made then or later; until: made before that; None: no bound.
    """

    certificate: str
    since: datetime | None = None
    until: datetime | None = None


def certificates(tx: Tx, beginning: str, *, most: int) -> list[str]:
    """The certificates whose SHA-256 begins so and that have sealed something."""
    c = t.file.c.signing_cert_sha256
    found = select(c).where(c.startswith(beginning, autoescape=True)).distinct().limit(most)
    return list(tx.run(found.order_by(c)).scalars())


def open_orders(tx: Tx, identity: str) -> int:
    """How many orders are still to be sealed by an identity, held ones too."""
    c = t.production_order.c
    ended = (OrderState.MADE, OrderState.VOID)
    wanted = select(func.count()).where(c.identity == identity, c.state.not_in(ended))
    return int(tx.run(wanted).scalar_one())


def counts(tx: Tx, wanted: Wanted) -> list[Count]:
    """By register, kind, format and state."""
    o, state = t.production_order.c, _state()
    groups = (t.file.c.profile, o.kind, t.file.c.format, state)
    rows = tx.run(_joined(wanted, *groups, func.count()).group_by(*groups).order_by(*groups))
    return [
        Count(profile=profile, kind=kind, format=fmt, state=stands, files=count)
        for profile, kind, fmt, stands, count in rows
    ]


def listed(ledger: Ledger, wanted: Wanted) -> Iterator[SealedFile]:
    """Each of them; a slice of them a transaction."""
    after = 0
    while True:
        with ledger.read() as tx:
            rows = _slice(tx, wanted, after)
        for row in rows:
            yield SealedFile(**{key: value for key, value in row._mapping.items() if key != "id"})
        if len(rows) < AT_ONCE:
            return
        after = rows[-1].id


def _slice(tx: Tx, wanted: Wanted, after: int) -> Sequence[Row[Any]]:
    f = t.file.c
    columns = (
        f.id, f.profile, t.production_order.c.kind, f.format,
        t.registration.c.number.label("registration"), t.edition.c.number.label("edition"),
        _state().label("state"), f.made_at, _newest(wanted).label("sha256"),
    )  # fmt: skip
    found: Sequence[Row[Any]] = tx.run(
        _joined(wanted, *columns).where(f.id > after).order_by(f.id).limit(AT_ONCE)
    ).all()
    return found


def _state() -> Any:
    return func.coalesce(t.edition.c.state, t.document.c.state)


def _newest(wanted: Wanted) -> ScalarSelect[str]:
    """The SHA-256 of the last step that carries this seal."""
    step = t.file.alias("step")
    newest_first = select(step.c.sha256).order_by(step.c.step.desc()).limit(1)
    return newest_first.where(_same_seal(step, wanted)).scalar_subquery()


def _is_first(wanted: Wanted) -> ColumnElement[bool]:
    """Whether no step before carries this seal: the one with which it was put on."""
    step = t.file.alias("step")
    return ~exists().where(_same_seal(step, wanted), step.c.step < t.file.c.step)


def _same_seal(step: FromClause, wanted: Wanted) -> ColumnElement[bool]:
    f = t.file.c
    return (
        (step.c.order_id == f.order_id)
        & (step.c.format == f.format)
        & (step.c.signing_cert_sha256 == wanted.certificate)
    )


def _joined(wanted: Wanted, *columns: Any) -> Select[Any]:
    f, o, e = t.file.c, t.production_order.c, t.edition.c
    within = [f.made_at >= wanted.since] if wanted.since else []
    within += [f.made_at < wanted.until] if wanted.until else []
    return (
        select(*columns)
        .select_from(t.file)
        .join(t.production_order, o.id == f.order_id)
        .outerjoin(t.edition, e.id == f.edition_id)
        .outerjoin(t.registration, t.registration.c.id == e.registration_id)
        .outerjoin(t.document, t.document.c.id == o.document_id)
        .where(f.signing_cert_sha256 == wanted.certificate, _is_first(wanted), *within)
    )
