"""Drawing numbers for upstream systems that have no series of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from factory import acceptance
from factory.errors import FieldError, NotFoundError
from factory.model import ApplicationType
from factory.profile import Profile
from factory.versions import installed_are
from storage.ledger import Tx, applications, audit, registers

if TYPE_CHECKING:
    from jobs.wiring import Plant


def acceptance_numbers(
    plant: Plant, profile_id: str, kind: ApplicationType, count: int, *, who: str
) -> tuple[str, ...]:
    """The next acceptance numbers (受理编号) of a register for applications of that type.

    Each is drawn once, whoever asks; a number that an application has already is passed over.
    NotFoundError: no such profile.  ConflictError: upstream gives its numbers.
    FieldError: the register has no such type, or the numbers of the month are used up; then
    none is drawn.
    """
    with plant.ledger.write(who) as tx:
        profile = plant.installed(tx, profile_id)
        if profile is None:
            raise NotFoundError(
                f"profile {profile_id}: is not installed; {installed_are(plant.profiles)}"
            )
        if kind not in profile.application.types:
            raise FieldError("type", f"profile {profile.id}", f"this register has no {kind}")
        drawn = tuple(_draw(plant, tx, profile, kind) for _ in range(count))
        what = {"type": kind.value, "numbers": list(drawn)}
        audit.note(tx, "acceptance numbers drawn", ("profile", profile.id), why="asked", what=what)
    return drawn


def _draw(plant: Plant, tx: Tx, profile: Profile, kind: ApplicationType) -> str:
    rules, day = acceptance.rules_of(profile), plant.today(tx)
    sisters = [
        each.id
        for each in plant.profiles.values()
        if each.authority == profile.authority.credit_code
    ]

    def number(sequence: int) -> str:
        return acceptance.number(rules, kind, day, sequence)

    def free(sequence: int) -> bool:
        return not applications.taken(tx, sisters, acceptance.listed(number(sequence)))

    return number(registers.draw(tx, acceptance.series(profile, rules, day), free))
