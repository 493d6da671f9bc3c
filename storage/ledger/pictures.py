"""The pictures of a registration, opened: what the next edition will print."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select

from storage import tables as t
from storage.ledger import keys
from storage.ledger.base import Tx
from storage.ledger.people import picture_context
from storage.ledger.registers import RegistrationRow


def of_registration(tx: Tx, row: RegistrationRow, wanted: Mapping[str, str]) -> dict[str, bytes]:
    """The holder's pictures by role.

    wanted: role -> digest; a picture that the ledger lacks is left out.
    SealedDataError: one does not open.
    """
    found = tx.run(
        select(t.picture.c.digest, t.picture.c.content).where(
            t.picture.c.holder_id == row.holder_id, t.picture.c.digest.in_(wanted.values())
        )
    )
    sealed = {each.digest: each.content for each in found}
    key = keys.load(tx, row.data_key)
    return {
        role: key.open(sealed[digest], context=picture_context(digest))
        for role, digest in wanted.items()
        if digest in sealed
    }
