"""Proving: that one registration's result is among those a sealed report speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from factory import merkle, numbering
from factory.errors import ConflictError, NotFoundError
from factory.model import BatchId, ItemState
from storage.ledger import Tx, batches, items, results
from storage.ledger.batches import Batch

if TYPE_CHECKING:
    from jobs.wiring import Plant


def prove(plant: Plant, number: str, ident: BatchId | None = None) -> dict[str, Any]:
    """The proof (docs/proofs.md) of a registration; of its newest batch that has one.

    number: in either spelling.
    NotFoundError: no such batch, or nothing was made for that registration by one that has ended.
    ConflictError: the batch has not ended; or what it made is no longer what was proved then.
    """
    with plant.ledger.read() as tx:
        batch = _batch(tx, number, ident)
        proof = _proof(tx, batch, number)
    if proof.root.hex() != batch.merkle_root:
        raise ConflictError(
            f"batch {batch.id}: what the ledger says of it leads to another root than its report"
        )
    return proof.document(batch=batch.id, registration=number)


def _batch(tx: Tx, number: str, ident: BatchId | None) -> Batch:
    if ident is None:
        ident = items.last_done(tx, number)
    if ident is None:
        raise NotFoundError("registration: no bulk event that has ended made anything for it")
    batch = batches.get(tx, ident)
    if batch.merkle_root is None:
        raise ConflictError(f"batch {ident}: has not ended, or made nothing; it has no root yet")
    return batch


def _proof(tx: Tx, batch: Batch, number: str) -> merkle.Proof:
    """NotFoundError: the batch made nothing for that registration."""
    wanted, tree, found = numbering.number_key(number), merkle.Tree(), None
    for each in results.results(tx, batch.id, states=(ItemState.DONE,)):
        leaf = merkle.leaf(each.number, each.old, each.new)
        is_it = found is None and numbering.number_key(each.number) == wanted
        found = (tree.size, leaf) if is_it else found
        tree.add(leaf, followed=is_it)
    if found is None:
        raise NotFoundError(f"registration: batch {batch.id} made nothing for it")
    index, leaf = found
    return merkle.Proof(leaf=leaf, index=index, size=tree.size, path=tree.path(), root=tree.root())
