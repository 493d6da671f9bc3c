"""Certificates of bulk events, made again: by the press that was compiled for them, too."""

from __future__ import annotations

from pathlib import Path

from factory import specimen
from factory.model import BatchId
from jobs.bulk import confirming, steps
from jobs.recheck import running
from jobs.recheck.wanted import Order, Share
from jobs.settings import Settings
from storage.recheck.scope import Scope
from tests.plants import WHO, submit
from tests.telling import whole_factory, work

PEOPLE, CHUNK = 14, 6
OURS = {"source": "urn:certfactory:operations"}


def test_a_rename_is_the_same_when_it_is_made_again(
    tmp_path: Path, s3: Settings, fresh_bucket: str, brief: None
) -> None:
    """First certificates by the reference writer, then two chunks by one press."""
    plant = whole_factory(tmp_path, s3, s3_bucket=fresh_bucket, chunk_items=CHUNK)
    for seed in range(1, PEOPLE + 1):
        submit(plant, specimen.approved(seed) | OURS)
    work(plant)
    batch = BatchId(submit(plant, specimen.renamed(1, 1) | OURS).batch or 0)
    for _ in range(6):
        steps.advance(plant, batch)
    confirming.confirm(plant, batch, who=WHO, why="they have asked for it")
    for _ in range(4):
        work(plant)

    every = Share(part=1.0, seed="every")
    order = Order(scope=Scope(), files=every, render=every)
    result = running.run(plant, order, tell=lambda *_: None)

    assert result.findings == []
    assert result.said == {}
    assert result.looked["files"] == 2 * PEOPLE + 2  # and the list and the report
    assert result.looked["batches"] == 1
