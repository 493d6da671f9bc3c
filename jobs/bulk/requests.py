"""Requests: bulk events that operators ask for, as events of a source of their own.

What is asked for twice on one day is one event, and so one batch.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from factory.codes import credit_code_fault
from factory.errors import ConflictError, NotFoundError, PermanentError
from factory.events.data import MOST_NUMBERS
from factory.events.envelope import understood, written
from factory.model import BatchId
from jobs import intake
from jobs.bulk import scopes
from jobs.bulk.beginning import OPERATIONS
from jobs.intake import Outcome
from storage.ledger import affected, batches, people

if TYPE_CHECKING:
    from jobs.wiring import Plant

MOST_TOLD = 20


def rename(
    plant: Plant,
    credit_code: str,
    new_name: str,
    *,
    who: str,
    effective_on: date | None = None,
    evidence: str | None = None,
) -> Outcome:
    """An enterprise has another name, in all registers that know it.

    effective_on: None: today.
    NotFoundError: no register knows the credit code.  ConflictError: they know several names.
    InvalidEventError: it is no rename.
    """
    with plant.ledger.read() as tx:
        names = people.names_of(tx, credit_code, list(plant.profiles)) - {new_name}
        day = effective_on or plant.today(tx)
    if not names:
        raise _not_to_be_renamed(plant, credit_code, new_name)
    if len(names) > 1:
        raise ConflictError("enterprise: registers know it by several names; submit it as an event")
    [old] = names
    enterprise = {"credit_code": credit_code, "old_name": old, "new_name": new_name}
    data = {"enterprise": enterprise, "effective_on": day.isoformat()}
    return _ask(plant, scopes.RENAMED, data | ({"evidence": evidence} if evidence else {}), who)


def _not_to_be_renamed(plant: Plant, credit_code: str, new_name: str) -> PermanentError:
    """Why no register has the enterprise under another name than the new one."""
    with plant.ledger.read() as tx:
        if new_name in people.names_of(tx, credit_code, list(plant.profiles)):
            return ConflictError("enterprise: has that name already")
    fault = credit_code_fault(credit_code)
    return NotFoundError(
        "enterprise: no register knows this credit code" + (f" ({fault})" if fault else "")
    )


def undo(plant: Plant, ident: BatchId, *, who: str) -> Outcome:
    """A rename back: the certificates get the name that the batch took from them.

    NotFoundError: no such batch.  ConflictError: it is no rename that took effect.
    """
    with plant.ledger.read() as tx:
        batch = batches.get(tx, ident)
    if batch.kind != scopes.RENAMED or batch.confirmed_at is None:
        raise ConflictError(f"batch {ident}: is no rename that took effect; nothing to take back")
    return rename(plant, batch.subject["credit_code"], batch.subject["old_name"], who=who)


def by_version(
    plant: Plant, kind: str, profile: str, version: str, *, reason: str, who: str
) -> Outcome:
    """A register is issued anew by an installed version of its profile.

    kind: one of ``scopes.VERSIONS``.
    """
    return _ask(plant, kind, {"profile": profile, "version": version, "reason": reason}, who)


def reissue(
    plant: Plant, numbers: Mapping[str, str], *, reason: str, who: str, profile: str | None = None
) -> list[Outcome]:
    """Registrations are issued anew, a batch for each register and 20 000 of its numbers.

    numbers: each with where it stands, e.g. ``line 4``; a number itself is never repeated.
    NotFoundError: where there are numbers that no register knows.  ConflictError: several
    registers have one of them.  Nothing is begun then.
    """
    outcomes = []
    for name, own in _by_register(plant, numbers, profile).items():
        for start in range(0, len(own), MOST_NUMBERS):
            part = own[start : start + MOST_NUMBERS]
            data = {"profile": name, "numbers": part, "reason": reason}
            outcomes.append(_ask(plant, scopes.REISSUED, data, who))
    return outcomes


def _by_register(
    plant: Plant, numbers: Mapping[str, str], profile: str | None
) -> Mapping[str, list[str]]:
    wanted = [profile] if profile else sorted(plant.profiles)
    found: dict[str, list[str]] = {}
    with plant.ledger.read() as tx:
        for name in wanted:
            rules = plant.profiles[name]
            known = affected.rows_of(tx, rules.id, rules.authority, list(numbers))
            if own := [number for number in numbers if number in known]:
                found[name] = own
    registers = Counter(number for own in found.values() for number in own)
    if several := sum(count > 1 for count in registers.values()):
        raise ConflictError(
            f"numbers: several registers have {several} of them; say which with --profile"
        )
    unknown = [place for number, place in numbers.items() if number not in registers]
    if unknown:
        told = ", ".join(unknown[:MOST_TOLD]) + (" …" if len(unknown) > MOST_TOLD else "")
        raise NotFoundError(f"numbers: {len(unknown)} are in no register: {told}")
    return found


def _ask(plant: Plant, kind: str, data: Mapping[str, Any], who: str) -> Outcome:
    """The event is taken in like any other; what it says and the day make its id."""
    with plant.ledger.read() as tx:
        today = plant.today(tx)
    text = json.dumps([today.isoformat(), kind, data], ensure_ascii=False, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    event = understood(OPERATIONS, f"{kind}-{digest}", kind, data)
    return intake.submit(plant, written(event), who=who)
