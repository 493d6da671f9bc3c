"""The exporter adds up several processes, the dead ones included, and asks the ledger."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from factory import specimen
from jobs.drill.killer import BEFORE, Kill
from jobs.embedded import Embedded
from jobs.metrics import STAGES
from storage import tables as t

from .works import Works, at_work, wait_for

RENAMED = 6
PROFILE = specimen.PROFILE


@pytest.fixture(scope="module")
def works(servers: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Works]:
    """A factory that has approved, renamed, and lost a worker on the way."""
    folder = tmp_path_factory.mktemp("works")
    with at_work(servers, folder, BULK_WORKERS="2", TIME_STAMPS="on") as running:
        running.approve(range(RENAMED), enterprise=1)
        running.settle()
        batch = running.prepare_rename(1)
        taken = running.drill("kill", Kill(queue="bulk", stage="store", where=BEFORE))
        running.confirm(batch)
        wait_for(lambda: not taken.exists(), "a worker was killed")
        running.settle()
        wait_for(lambda: _made(running) == _files(running), "what is recorded is counted")
        yield running


def test_documents_are_counted_over_all_processes_dead_or_alive(works: Works) -> None:
    assert (
        _made(works) == _files(works) == 2 * RENAMED + 2
    )  # and the list of the rename, and its report

    works.signal("interactive-0", signal.SIGKILL)
    number = works.approve([100], enterprise=2)[0]
    wait_for(lambda: works.made(number), "the worker started instead made it")
    wait_for(
        lambda: _made(works) == _files(works),
        "the dead one's documents are still counted, and the new one's too",
    )
    assert works.metric("factory_documents_total", kind="certificate", profile=PROFILE) == (
        2 * RENAMED + 1
    )


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_tells_its_seconds(works: Works, stage: str) -> None:
    # 6 approvals and 2 chunks; the killed one went through the first stages twice.
    assert works.metric("factory_stage_seconds_count", stage=stage) >= RENAMED + 2
    assert works.metric("factory_stage_seconds_sum", stage=stage) > 0
    assert works.metric("factory_stage_cpu_seconds_total", stage=stage) > 0


def test_queues_show_what_waits_and_for_how_long(works: Works) -> None:
    works.signal("interactive-0", signal.SIGSTOP)
    try:
        works.approve([200, 201, 202], enterprise=3)
        wait_for(
            lambda: works.metric("factory_queue_depth", queue="interactive") == 3,
            "a scrape looks anew",
        )
        wait_for(
            lambda: works.metric("factory_queue_oldest_seconds", queue="interactive") > 0.5,
            "the oldest grows older",
        )
        assert works.metric("factory_queue_depth", queue="bulk") == 0
        assert works.metric("factory_queue_oldest_seconds", queue="bulk") == 0
    finally:
        works.signal("interactive-0", signal.SIGCONT)
    works.settle()
    wait_for(lambda: works.metric("factory_queue_depth") == 0, "nothing waits any more")


def test_items_of_batches_are_shown_by_state(works: Works) -> None:
    assert works.metric("factory_batch_items", kind="enterprise.renamed", state="done") == RENAMED
    assert works.metric("factory_batch_items", state="ordered") == 0


def test_what_waits_for_a_person_is_shown_by_reason(works: Works) -> None:
    event = specimen.approved(300, 4)
    event["data"]["photo"] = {"content": "bm8gcGljdHVyZQ=="}

    assert works.submit(event).status == "held"

    wait_for(lambda: works.metric("factory_held") == 1, "a scrape looks anew")
    assert works.metric("factory_held", profile=PROFILE, reason="picture") == 1


def test_editions_and_the_ledger_itself_are_shown(works: Works) -> None:
    wait_for(
        lambda: works.metric("factory_editions", state="superseded") == RENAMED,
        "a scrape looks anew",
    )
    assert works.metric("factory_ledger_up") == 1
    assert works.metric("factory_outbox_oldest_seconds") >= 0


def _made(works: Works) -> float:
    return works.metric("factory_documents_total", outcome="made")


def _files(works: Works) -> int:
    with works.plant.ledger.read() as tx:
        return int(tx.run(select(func.count()).select_from(t.file)).scalar_one())
