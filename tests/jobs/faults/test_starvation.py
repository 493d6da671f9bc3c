"""A single approval does not wait behind a bulk event: the interactive queue has its own pool."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import select

from factory.model import BatchId, BatchState
from jobs import enquiry
from jobs.bulk import progress
from jobs.drill.killer import Hold
from jobs.embedded import Embedded
from storage import tables as t

from .works import Works, at_work, wait_for

RENAMED = 24


@pytest.fixture(scope="module")
def works(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A factory in which one enterprise employs more than fit into a chunk, or into a slice."""
    with at_work(servers, tmp_path_factory.mktemp("works")) as running:
        running.approve(range(RENAMED), enterprise=1)
        running.settle()
        yield running


def test_an_approval_is_made_while_a_bulk_event_runs(works: Works) -> None:
    batch = works.prepare_rename(1)
    gate = works.drill("gate", Hold(queue="bulk", stage="draw", turn=2))
    works.confirm(batch)
    wait_for(lambda: progress.progress(works.plant, batch).done > 0, "the batch runs")

    number = works.approve([5_000], enterprise=2)[0]
    wait_for(lambda: works.made(number), "the approval is made")

    # Nothing but its own pool can have made it: the others still have work in their hands.
    assert progress.progress(works.plant, batch).state is BatchState.RUNNING
    gate.unlink()
    works.settle_and_check()
    made = enquiry.registration_status(works.plant, number).registration.newest.made_at
    assert made is not None and made < _completed(works, batch)


def test_an_approval_is_made_while_every_bulk_worker_stands_still(works: Works) -> None:
    works.signal("bulk-0", signal.SIGSTOP)
    try:
        number = works.approve([5_001], enterprise=2)[0]
        wait_for(lambda: works.made(number), "the approval is made")
    finally:
        works.signal("bulk-0", signal.SIGCONT)


def _completed(works: Works, batch: BatchId) -> datetime:
    with works.plant.ledger.read() as tx:
        found: datetime = tx.run(
            select(t.batch.c.completed_at).where(t.batch.c.id == batch)
        ).scalar_one()
    return found
