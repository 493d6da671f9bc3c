"""The re-checker where somebody was erased: what is gone has to be, and nothing else may be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from factory.retention import Ground
from jobs.personal import erasing
from jobs.recheck import running
from jobs.recheck.findings import Rule
from jobs.recheck.running import Result
from jobs.recheck.slices import BEING_ERASED
from jobs.recheck.wanted import Order, Share
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.blobs import Blob
from storage.ledger import Tx, personal
from storage.ledger import erasing as steps
from storage.recheck.scope import Scope
from tests.telling import work

from .lives import REASON, WHO, Life, factory, live

pytestmark = pytest.mark.usefixtures("stated_signatures")

EVERY = Share(part=1.0, seed="every")
NONE = Share(part=0.0, seed="none")


@dataclass(frozen=True)
class Two:
    """Two colleagues whose firm was renamed; the first one's registration is cancelled."""

    one: Life
    other: Life

    @property
    def plant(self) -> Plant:
        return self.one.plant


@pytest.fixture
def two(tmp_path: Path, s3: Settings, fresh_bucket: str, sqlite_db_url: str) -> Two:
    return lived(tmp_path, s3, fresh_bucket, sqlite_db_url)


def lived(folder: Path, s3: Settings, bucket: str, db_url: str) -> Two:
    plant = factory(folder, s3, bucket, db_url)
    one = live(plant, 41)
    other = live(plant, 42, beside=one)
    return Two(one.end(), other)


def erase(life: Life) -> None:
    erasing.erase(life.plant, life.holder, who=WHO, ground=Ground.REQUEST, why=REASON)
    work(life.plant)


def looked(plant: Plant) -> Result:
    order = Order(scope=Scope(), files=EVERY, render=NONE)
    return running.run(plant, order, tell=lambda *_: None)


def broken(plant: Plant) -> list[tuple[Rule, str, int | str]]:
    return [(each.rule, each.kind, each.id) for each in looked(plant).findings]


def files(plant: Plant, *, erased: bool) -> list[Any]:
    f = t.file.c
    with plant.ledger.read() as tx:
        gone = f.erased_at.is_not(None) if erased else f.erased_at.is_(None)
        return list(tx.run(select(t.file).where(gone).order_by(f.id)))


def by_hand(plant: Plant, hand: Callable[[Tx], object]) -> None:
    with plant.ledger.write(WHO) as tx:
        hand(tx)


def put_back(plant: Plant, key: str) -> None:
    data = b"%PDF-1.7 as before"
    digest = hashlib.sha256(data).hexdigest()
    plant.store.put_new(Blob(key=key, data=data, content_type="application/pdf", sha256=digest))


@pytest.mark.on_both
def test_after_an_erasure_everything_holds_and_what_is_erased_is_counted(
    tmp_path: Path, s3: Settings, fresh_bucket: str, db_url: str
) -> None:
    """Lists that named the person too; and the numbers of notices whose faces are gone."""
    two = lived(tmp_path, s3, fresh_bucket, db_url)
    before = looked(two.plant)

    erase(two.one)
    after = looked(two.plant)

    assert (before.findings, before.erased) == ([], 0)
    assert after.findings == []
    assert after.erased == len(files(two.plant, erased=True)) > 0
    assert after.looked["erasures"] == 1


def test_numbers_of_notices_that_no_proof_names_are_gaps(two: Two) -> None:
    erase(two.one)

    def hand(tx: Tx) -> None:
        proof = dict(tx.run(select(t.erasure.c.proof)).scalar_one())
        assert proof.pop("notices")
        tx.run(update(t.erasure).values(proof=proof))

    by_hand(two.plant, hand)

    assert Rule.GAP in {rule for rule, _, _ in broken(two.plant)}


def test_an_erased_file_whose_object_is_still_there(two: Two) -> None:
    erase(two.one)
    [first, *_] = files(two.plant, erased=True)

    put_back(two.plant, first.object_key)

    assert broken(two.plant) == [(Rule.ERASED, "file", first.id)]


def test_a_living_file_whose_object_is_gone_is_missing_still(two: Two) -> None:
    erase(two.one)
    [first, *_] = files(two.plant, erased=False)

    two.plant.store.delete(first.object_key)

    assert broken(two.plant) == [(Rule.FILE, "file", first.id)]


def test_a_file_that_is_called_erased_and_that_nobody_erased(two: Two) -> None:
    """Whoever has ledger and store cannot take a file away by calling it erased."""
    erase(two.one)
    [first, *_] = files(two.plant, erased=False)

    two.plant.store.delete(first.object_key)
    now = {"erased_at": first.made_at}
    by_hand(two.plant, lambda tx: tx.run(update(t.file).where(t.file.c.id == first.id).values(now)))

    found = looked(two.plant).findings
    assert {(each.rule, each.kind, each.id) for each in found} == {(Rule.ERASED, "file", first.id)}
    assert len(found) == 2  # its key is there still, and no proof names it


def test_a_key_that_was_put_back(two: Two) -> None:
    with two.plant.ledger.read() as tx:
        person = personal.of(tx, two.one.holder)
        c = t.data_key.c
        wrapped = dict(
            map(tuple, tx.run(select(c.id, c.wrapped).where(c.id.in_(person.keys))).all())
        )
    erase(two.one)

    ident, key = next(iter(wrapped.items()))
    by_hand(
        two.plant, lambda tx: tx.run(update(t.data_key).where(c.id == ident).values(wrapped=key))
    )

    found = broken(two.plant)
    assert (Rule.ERASED, "erasure", 1) in found
    assert {rule for rule, _, _ in found} == {Rule.ERASED}


def test_a_key_that_is_destroyed_and_that_nobody_erased(two: Two) -> None:
    with two.plant.ledger.read() as tx:
        keys = personal.of(tx, two.other.holder).keys

    gone = update(t.data_key).where(t.data_key.c.id.in_(keys)).values(wrapped=None)
    by_hand(two.plant, lambda tx: tx.run(gone))

    found = broken(two.plant)
    assert {rule for rule, kind, _ in found if kind == "file"} == {Rule.ERASED}
    assert (Rule.ERASED, "registration", 2) in found


def test_a_proof_that_the_audit_has_not(two: Two) -> None:
    erase(two.one)

    def hand(tx: Tx) -> None:
        proof = tx.run(select(t.erasure.c.proof)).scalar_one()
        tx.run(update(t.erasure).values(proof={**proof, "why": "another reason"}))

    by_hand(two.plant, hand)

    assert broken(two.plant) == [(Rule.ERASED, "erasure", 1)]


def test_an_erasure_that_was_begun_is_said_and_one_that_is_left_is_found(two: Two) -> None:
    """As a killed command leaves it: the keys are gone, and the files are there."""
    plant = two.plant
    with plant.ledger.write(WHO) as tx:
        person = personal.locked(tx, two.one.holder)
        steps.promise(tx, person, steps.Reason(ground=Ground.REQUEST, why=REASON), [])
        begun = steps.find(tx, person)
        assert begun is not None
        steps.shred(tx, person, begun)

    said = looked(plant)
    c = t.erasure.c
    longer = lambda tx: tx.run(  # noqa: E731
        update(t.erasure).values(promised_at=tx.now - timedelta(days=1, seconds=1))
    )
    by_hand(plant, longer)

    assert said.findings == []
    assert said.said == {BEING_ERASED: len(files(plant, erased=True))}
    assert broken(plant) == [(Rule.ERASED, "erasure", 1)]
    erase(two.one)
    with plant.ledger.read() as tx:
        assert tx.run(select(c.state)).scalar_one() == steps.DONE
    assert broken(plant) == []


def test_the_root_of_a_bulk_event_is_that_of_its_results(two: Two) -> None:
    """Before and after one of its people is erased, and not where a result was altered."""
    assert broken(two.plant) == []
    erase(two.one)
    assert broken(two.plant) == []

    [batch] = two.one.batches
    root = update(t.batch).where(t.batch.c.id == batch).values(merkle_root="0" * 64)
    by_hand(two.plant, lambda tx: tx.run(root))

    assert broken(two.plant) == [(Rule.ROOT, "batch", batch)]
