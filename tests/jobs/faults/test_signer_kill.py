"""The signer process killed while a bulk event runs: nothing lost, nobody sealed twice."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from sqlalchemy import select

from factory.model import BatchState
from jobs.embedded import Embedded
from jobs.signer import journal
from storage import tables as t

from .works import Works, at_work, wait_for

PEOPLE, KILLS = 12, 3


def test_a_signer_that_is_killed_again_and_again_costs_time_alone(
    servers: Embedded, tmp_path: Path
) -> None:
    folder = tmp_path / "works"
    variables = {"SIGNER": f"unix:{folder}/signer/socket", "CHUNK_ITEMS": "2"}
    with at_work(servers, folder, **variables) as works:
        works.approve(range(PEOPLE), enterprise=1)
        works.settle()
        batch = works.prepare_rename(1)
        before = calls(folder)

        works.confirm(batch)
        for _ in range(KILLS):
            wait_for(lambda seen=before: calls(folder) > seen, "it signs")  # type: ignore[misc]
            works.signal("signer", signal.SIGKILL)
            before = calls(folder)
            time.sleep(0.1)

        works.until_state(batch, BatchState.COMPLETED)
        works.settle_and_check()
        [restarts] = [m.restarts for m in works.crew.members if m.name == "signer"]
        assert restarts >= KILLS
        told = journal.read(folder / "signer")
        assert told.broken is None
        assert_sealed_by_what_stands_in_the_journal(works, told)


def calls(folder: Path) -> int:
    """How often it has signed."""
    entries = journal.read(folder / "signer").entries
    return sum(each["outcome"] == "signed" for each in entries)


def assert_sealed_by_what_stands_in_the_journal(works: Works, told: journal.Read) -> None:
    """Each order by one certificate, which signed as the journal says."""
    known = {each["certificate"] for each in told.entries if each["outcome"] == "signed"}
    with works.plant.ledger.read() as tx:
        rows = tx.run(
            select(t.file.c.order_id, t.file.c.signing_cert_sha256).where(
                t.file.c.signing_cert_sha256.is_not(None)
            )
        ).all()
    assert {row.signing_cert_sha256 for row in rows} <= known
    of_order: dict[int, set[str]] = {}
    for row in rows:
        of_order.setdefault(row.order_id, set()).add(row.signing_cert_sha256)
    assert all(len(certificates) == 1 for certificates in of_order.values())
