"""Confirming (确认): who may let a batch take effect, and the instant in which it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from factory.access import Viewer
from factory.errors import ConflictError, ForbiddenError
from factory.model import BatchId, BatchState
from factory.profile import Profile
from jobs.asker import COUNTER, Asker
from jobs.bulk import scopes
from storage.ledger import Tx, applications, audit, batches, items
from storage.ledger.batches import Batch

if TYPE_CHECKING:
    from jobs.wiring import Plant

log = structlog.get_logger()

AUTOMATIC = "this register confirms by itself"
ENTERPRISE, OPERATIONS = "enterprise", "operations"


def confirm(
    plant: Plant,
    ident: BatchId,
    *,
    who: str,
    why: str,
    operator: str | None = None,
    asker: Asker = COUNTER,
) -> Batch:
    """The batch takes effect; or the first of the two operators it needs has agreed.

    operator: who has shown a token; None: nobody.
    asker:    operations at the counter, or through upstream the enterprise that is renamed.
    NotFoundError: no such batch.  ConflictError: it does not wait for this, the same operator has
    agreed already, or the register has changed.  ForbiddenError: it is not for them to confirm.
    """
    with plant.ledger.read() as tx:
        correlation = asker.batch(tx, ident).correlation
    with plant.ledger.write(_acts(who, operator, asker), correlation) as tx:
        batch = batches.get(tx, ident, lock=True)
        _check(plant, tx, batch, asker)
        if _needs_two(plant, tx, batch) and not _is_second(tx, batch, operator, why):
            return batches.get(tx, ident)
        take_effect(plant, tx, batch, why=why)
        if asker.source is not None:
            what = {"source": asker.source, "through": who}
            audit.note(tx, "confirmation brought", ("batch", ident), why=why, what=what)
        return batches.get(tx, ident)


def _acts(who: str, operator: str | None, asker: Asker) -> str:
    """Who is kept as having confirmed: who showed a token, the enterprise, or the account."""
    if operator is not None:
        return f"operator:{operator}"
    return f"enterprise:{asker.credit_code}" if asker.viewer is Viewer.ENTERPRISE else who


def _check(plant: Plant, tx: Tx, batch: Batch, asker: Asker) -> None:
    if batch.state is not BatchState.AWAITING:
        raise ConflictError(
            f"batch {batch.id}: is not waiting for confirmation; it is {batch.state}"
        )
    if asker.viewer is Viewer.COUNTER:
        return
    if not (
        asker.viewer is Viewer.ENTERPRISE and batch.subject.get("credit_code") == asker.credit_code
    ):
        raise ForbiddenError(f"batch {batch.id}: its enterprise confirms it, or operations")
    if who_confirms(plant, tx, batch) != ENTERPRISE:
        raise ForbiddenError(
            f"batch {batch.id}: operations confirm it (policy.rename_confirmation of"
            f" {_left_to_operations(plant, tx, batch)})"
        )


def _left_to_operations(plant: Plant, tx: Tx, batch: Batch) -> str:
    """The registers that do not leave a rename to the enterprise."""
    found = concerned(plant, tx, batch)
    said = [each.id for each in found if each.policy.rename_confirmation == OPERATIONS]
    return ", ".join(said or [each.id for each in found])


def _needs_two(plant: Plant, tx: Tx, batch: Batch) -> bool:
    return sum(items.by_profile(tx, batch.id).values()) > _cap(plant, tx, batch)


def _cap(plant: Plant, tx: Tx, batch: Batch) -> int:
    return min(rules.bulk.second_operator_above for rules in rules_of(plant, tx, batch))


def _is_second(tx: Tx, batch: Batch, operator: str | None, why: str) -> bool:
    """Whether two operators have agreed now; the first is remembered."""
    if operator is None:
        raise ForbiddenError(
            f"batch {batch.id}: is so large that two operators must confirm it, each with a token"
            " (--token-file; see `certfactory keys operators`)"
        )
    if batch.approved_by is None:
        batches.approve(tx, batch.id, by=operator, why=why)
        return False
    if batch.approved_by == operator:
        raise ConflictError(f"batch {batch.id}: this operator has agreed; another one must too")
    return True


def confirm_by_itself(plant: Plant, tx: Tx, batch: Batch) -> None:
    """What all its registers leave to the factory takes effect; the others wait."""
    if _is_automatic(plant, tx, batch) and not _needs_two(plant, tx, batch):
        try:
            with tx.conn.begin_nested():
                take_effect(plant, tx, batch, why=AUTOMATIC)
        except ConflictError as error:
            log.info("batch waits", batch=batch.id, reason=error.reason)


def _is_automatic(plant: Plant, tx: Tx, batch: Batch) -> bool:
    sizes = items.by_profile(tx, batch.id)
    renames = batch.kind == scopes.RENAMED
    return all(
        (renames and rules.policy.rename_confirmation == "automatic")
        or sizes.get(rules.id, 0) < rules.bulk.automatic_below
        for rules in concerned(plant, tx, batch)
    )


def take_effect(plant: Plant, tx: Tx, batch: Batch, *, why: str) -> None:
    """One transaction: what changes in the register, what is outdated, and the batch runs.

    Whoever came into its reach since it was prepared becomes an item too.
    ConflictError: it can no longer be so.
    """
    check_applications(plant, tx, batch)
    batches.start(tx, batch.id, why=why)
    scopes.scope_of(batch).take_effect(plant, tx, batches.get(tx, batch.id))
    log.info("batch confirmed", batch=batch.id, correlation=tx.correlation)


def check_applications(plant: Plant, tx: Tx, batch: Batch) -> None:
    """ConflictError: a register wants nothing under way at an enterprise that is renamed."""
    if batch.kind != scopes.RENAMED:
        return
    code = batch.subject["credit_code"]
    for rules in rules_of(plant, tx, batch):
        if rules.bulk.open_applications == "refuse" and applications.are_open(tx, rules.id, code):
            raise ConflictError(
                f"enterprise: has applications under way in {rules.id} (企业有未办结的注册事项);"
                " finish or withdraw them first"
            )


def rules_of(plant: Plant, tx: Tx, batch: Batch) -> list[Profile]:
    """Today's versions of the batch's profiles that this machine was told of."""
    found = (plant.installed(tx, name) for name in batch.profiles)
    return [rules for rules in found if rules is not None]


def concerned(plant: Plant, tx: Tx, batch: Batch) -> list[Profile]:
    """Of those the ones in which somebody is affected; they have a say.  All, where nobody is."""
    sizes, found = items.by_profile(tx, batch.id), rules_of(plant, tx, batch)
    return [rules for rules in found if sizes.get(rules.id)] or found


def who_confirms(plant: Plant, tx: Tx, batch: Batch) -> str:
    """Whose turn it is: the enterprise's, where all concerned leave a rename to it."""
    if batch.kind != scopes.RENAMED:
        return OPERATIONS
    said = {rules.policy.rename_confirmation for rules in concerned(plant, tx, batch)}
    return ENTERPRISE if ENTERPRISE in said and OPERATIONS not in said else OPERATIONS
