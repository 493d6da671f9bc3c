"""Preparations (签署准备): forms that wait for a party's signature, until a moment.

What is kept is what the prepared form is derived from, not the form itself: the same again
gives the same bytes.  A preparation is completed once.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Row, insert, select, update

from factory.errors import NotFoundError
from factory.model import Party
from storage import tables as t
from storage.ledger import keys
from storage.ledger.base import Tx
from storage.ledger.people import HolderRow, picture_context

CHAIN = "preparation.chain"
TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPreparation:
    """A form that was prepared.

    document:        its row.
    step:            the how manyth signature it will be, from 1.
    base_sha256:     of the file that is signed.
    document_digest: of the prepared form, hex: deriving it again must give the same.
    chain:           the signer's certificate and those above it; none: only a CMS completes it.
    """

    profile: str
    document: int
    party: Party
    step: int
    base_sha256: str
    document_digest: str
    chain: Sequence[x509.Certificate] = field(repr=False)
    prepared_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """A preparation as it is kept; see ``NewPreparation``.

    look:      PNG, what is shown in the field.
    signature: keyed digest of what completed it.
    """

    id: int
    token: str
    profile: str
    document: int
    party: Party
    step: int
    base_sha256: str
    document_digest: str
    look: bytes = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    prepared_at: datetime
    expires_at: datetime
    completed_at: datetime | None
    signature: bytes | None = field(repr=False)


def add(tx: Tx, holder: HolderRow, new: NewPreparation, picture: str) -> str:
    """Keep it, sealed under the holder's key; its token, which nobody can guess.

    picture: keyed digest of what is shown in the field.
    """
    token = secrets.token_hex(TOKEN_BYTES)
    der = b"".join(each.public_bytes(Encoding.PEM) for each in new.chain)
    key = keys.load(tx, holder.data_key)
    tx.run(
        insert(t.preparation).values(
            token=token,
            profile=new.profile,
            document_id=new.document,
            data_key_id=holder.data_key,
            party=new.party.value,
            step=new.step,
            base_sha256=new.base_sha256,
            document_digest=new.document_digest,
            picture=picture,
            chain=key.seal(der, context=chain_context(token)) if der else None,
            prepared_at=new.prepared_at,
            expires_at=new.expires_at,
            correlation_id=tx.correlation,
        )
    )
    return token


def none() -> NotFoundError:
    """That there is no such preparation."""
    return NotFoundError("preparation: there is none of that token")


def get(tx: Tx, token: str) -> Preparation:
    """The preparation of that token.  NotFoundError: there is none."""
    c = t.preparation.c
    row = tx.run(
        select(t.preparation, t.picture.c.content, t.holder.c.data_key_id.label("holder_key"))
        .join(t.document, t.document.c.id == c.document_id)
        .join(t.application, t.application.c.id == t.document.c.application_id)
        .join(t.holder, t.holder.c.id == t.application.c.holder_id)
        .join(
            t.picture,
            (t.picture.c.holder_id == t.application.c.holder_id)
            & (t.picture.c.digest == c.picture),
        )
        .where(c.token == token)
    ).one_or_none()
    if row is None:
        raise none()
    return _opened(tx, row)


def completed_by(tx: Tx, token: str) -> bytes | None:
    """The digest of the signature that completed it, locked until the end; None: it is open."""
    wanted = select(t.preparation.c.signature).where(t.preparation.c.token == token)
    found: bytes | None = tx.run(tx.locked(wanted)).scalar_one()
    return found


def complete(tx: Tx, ident: int, signature: bytes) -> None:
    """It has its signature."""
    tx.run(
        update(t.preparation)
        .where(t.preparation.c.id == ident)
        .values(completed_at=tx.now, signature=signature)
    )


def digest(tx: Tx, signature: bytes) -> bytes:
    """Keyed digest of a signature: tells the same from another one."""
    return tx.vault.lookup("signature", signature.hex())


def chain_context(token: str) -> str:
    """What a chain is sealed for: it does not open for another preparation."""
    return f"{CHAIN}:{token}"


def _opened(tx: Tx, row: Row[Any]) -> Preparation:
    opened = keys.load_all(tx, (row.data_key_id, row.holder_key))
    key, holder = opened[row.data_key_id], opened[row.holder_key]
    pem = key.open(row.chain, context=chain_context(row.token)) if row.chain else b""
    return Preparation(
        id=row.id,
        token=row.token,
        profile=row.profile,
        document=row.document_id,
        party=Party(row.party),
        step=row.step,
        base_sha256=row.base_sha256,
        document_digest=row.document_digest,
        look=holder.open(row.content, context=picture_context(row.picture)),
        chain=tuple(x509.load_pem_x509_certificates(pem)) if pem else (),
        prepared_at=row.prepared_at,
        expires_at=row.expires_at,
        completed_at=row.completed_at,
        signature=row.signature,
    )
