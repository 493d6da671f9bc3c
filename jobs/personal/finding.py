"""Who is meant: by a number of theirs, by the row of the ledger, or by their identity paper.

An identity number is never an argument, and no message says who was found.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from factory.errors import ConflictError, NotFoundError
from factory.model import ProfileId
from jobs import asker
from storage.ledger import Tx, applications, people, personal, status

if TYPE_CHECKING:
    from jobs.wiring import Plant

ROW = re.compile(r"holder-([1-9][0-9]{0,17})")
NOBODY = "person: no registration, application or holder has that number"


def by_number(plant: Plant, text: str, *, profile: str | None = None) -> int:
    """The row of who has a registration number, an acceptance number, or the row ``holder-17``.

    profile: of which register, where several have the number.
    NotFoundError: nobody has it.  ConflictError: several registers do.
    """
    within = None if profile is None else frozenset({profile})
    with plant.ledger.read() as tx:
        if row := ROW.fullmatch(text):
            return personal.of(tx, int(row[1])).id
        try:
            return personal.of(tx, status.by_number(tx, text, within=within).holder_id).id
        except NotFoundError:
            return personal.of(tx, _applicant(tx, text, within)).id


def _applicant(tx: Tx, number: str, within: frozenset[str] | None) -> int:
    found = {row.holder_id for row in applications.by_number(tx, number, within=within)}
    if not found:
        raise NotFoundError(NOBODY)
    if len(found) > 1:
        raise ConflictError("acceptance number: several registers use it; say which, --profile")
    return found.pop()


def by_paper(plant: Plant, profile: str, id_type: str, id_number: str) -> int:
    """The row of who has that identity paper in a register, or had it.

    FieldError: it is no number of an identity paper.  NotFoundError: nobody has it.
    """
    paper = asker.holder(id_type, id_number).paper
    assert paper is not None  # noqa: S101 - of such an asker it is all there is
    with plant.ledger.read() as tx:
        found = people.find(tx, ProfileId(profile), *paper)
        if found is None:
            raise NotFoundError(NOBODY)
        return personal.of(tx, found.id).id
