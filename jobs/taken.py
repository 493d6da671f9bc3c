"""What a fact names that is somebody else's already: a number, a licence id, an identity paper.

Asked before a person's facts are folded: such a fact waits alone, and stops none of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from factory import numbering
from factory.errors import ConflictError, PermanentError
from factory.events import HolderCorrected, RegistrationImported
from factory.profile import Profile
from factory.register import Key
from storage.ledger import Tx, orders, people, registers
from storage.ledger.facts import FactRow, FactState
from storage.ledger.registers import RegistrationRow

PAPER = "corrected.id_number: it is another registered person's"
LICENCE = "edition.licence_id: another edition has it"


def facts(
    tx: Tx,
    profile: Profile,
    holder: people.HolderRow,
    rows: Sequence[FactRow],
    known: Mapping[int, RegistrationRow],
) -> Mapping[Key, PermanentError]:
    """The facts that cannot take effect, whatever else is said of the person, and why."""
    found: dict[Key, PermanentError] = {}
    for row in rows:
        if row.state is FactState.APPLIED:
            continue
        data = row.fact.data
        if isinstance(data, RegistrationImported):
            reason = _number_or_licence(tx, profile, data, known)
        elif isinstance(data, HolderCorrected):
            reason = _paper(tx, profile, holder, data)
        else:
            reason = None
        if reason is not None:
            found[row.fact.key] = ConflictError(reason)
    return found


def _number_or_licence(
    tx: Tx, profile: Profile, data: RegistrationImported, known: Mapping[int, RegistrationRow]
) -> str | None:
    authority = profile.authority.credit_code
    mine = {numbering.number_key(row.value.number) for row in known.values()}
    numbers = [("registration_number", data.registration_number)]
    numbers += [
        (f"former_numbers.{place}", number)
        for place, number in enumerate(data.former_numbers)
        if numbering.number_key(number) not in mine
    ]
    for field, number in numbers:
        if registers.taken(tx, authority, numbering.number_key(number)):
            return f"{field}: {registers.TAKEN}"
    licence_id = data.edition.licence_id
    if licence_id is not None and orders.is_licence_taken(tx, licence_id):
        return LICENCE
    return None


def _paper(tx: Tx, profile: Profile, holder: people.HolderRow, data: HolderCorrected) -> str | None:
    paper = data.corrected
    other = people.find(tx, profile.id, paper.id_type, paper.id_number)
    if other is None or other.id == holder.id or not registers.of_holder(tx, other.id):
        return None
    return PAPER
