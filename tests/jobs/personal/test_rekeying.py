"""Another data key for one person: everything opens as before, under the new key alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import select, update

from factory.errors import ConflictError, SealedDataError
from factory.retention import Ground
from jobs import desk
from jobs.personal import erasing, rekeying
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.ledger import facts, keys, people, personal

from .lives import REASON, REGISTER, WHO, Life, factory, live, submit

pytestmark = pytest.mark.usefixtures("stated_signatures")


@pytest.fixture
def plant(tmp_path: Path, s3: Settings, fresh_bucket: str, db_url: str) -> Plant:
    return factory(tmp_path, s3, fresh_bucket, db_url)


def held(plant: Plant, holder: int) -> Mapping[str, list[bytes]]:
    """All that is sealed of a person, by place."""
    found: dict[str, list[bytes]] = {place.name: [] for place in personal.PLACES}
    with plant.ledger.read() as tx:
        for each in personal.values(tx, personal.of(tx, holder)):
            found[each.place.name].append(each.content)
    return found


def keys_of(plant: Plant, holder: int) -> tuple[int, ...]:
    with plant.ledger.read() as tx:
        return personal.of(tx, holder).keys


def rekey(life: Life) -> rekeying.Rekeyed:
    return rekeying.rekey(life.plant, life.holder, who=WHO, why=REASON)


@pytest.mark.on_both
def test_everything_opens_as_before_under_the_new_key_alone(plant: Plant) -> None:
    """A person in force: the certificate can be fetched, verified, and issued anew."""
    life, other = live(plant, 41), live(plant, 42)
    before, former = held(plant, life.holder), keys_of(plant, life.holder)
    others, theirs = held(plant, other.holder), keys_of(plant, other.holder)
    assert all(before[name] for name in ("inbox.body", "fact.content", "picture.content"))

    done = rekey(life)

    assert held(plant, life.holder) == before
    assert done.sealed == {name: len(values) for name, values in before.items()}
    assert set(done.destroyed) == set(former)
    assert not set(keys_of(plant, life.holder)) & set(former)
    assert (held(plant, other.holder), keys_of(plant, other.holder)) == (others, theirs)
    with plant.ledger.read() as tx, pytest.raises(SealedDataError):
        keys.load_all(tx, former)
    assert desk.link(plant, life.number, who=WHO).sha256
    life.end()


@pytest.mark.on_both
def test_two_rows_that_are_one_person_get_one_key(plant: Plant) -> None:
    """What came under the other row is theirs: sealed anew, and erased with them."""
    life, stray = live(plant, 43).end(), live(plant, 44)
    with plant.ledger.write(WHO) as tx:
        row, other = people.row(tx, life.holder), people.row(tx, stray.holder)
        tx.run(update(t.registration).where(t.registration.c.holder_id == other.id).values(
            state="cancelled", holder_id=row.id))  # fmt: skip
        tx.run(update(t.application).where(t.application.c.holder_id == other.id).values(
            holder_id=row.id, query_code=None))  # fmt: skip
        people.absorb(tx, REGISTER, row, other)  # type: ignore[arg-type]
        facts.move(tx, other.id, row.id)
    assert len(keys_of(plant, row.id)) == 2
    before = held(plant, row.id)

    assert len(rekey(life).destroyed) == 2

    assert len(keys_of(plant, row.id)) == 1
    assert held(plant, other.id) == held(plant, row.id) == before
    done = erasing.erase(plant, row.id, who=WHO, ground=Ground.REQUEST, why=REASON)
    assert done.left == {}


def test_while_something_is_under_way_it_is_refused(plant: Plant) -> None:
    life = live(plant, 45).end()
    held_ = submit(plant, dict(life.events[-1]) | {"id": "twice"})
    former = keys_of(plant, life.holder)

    with pytest.raises(ConflictError, match="held"):
        rekey(life)
    assert keys_of(plant, life.holder) == former

    desk.dismiss(plant, held_.hold or 0, who=WHO, why=REASON)
    assert rekey(life).destroyed == former


def test_whoever_is_erased_gets_no_new_key(plant: Plant) -> None:
    life = live(plant, 46).end()
    erasing.erase(plant, life.holder, who=WHO, ground=Ground.REQUEST, why=REASON)

    with pytest.raises(ConflictError, match="信息已删除"):
        rekey(life)


def test_where_one_value_does_not_open_nothing_is_changed(plant: Plant) -> None:
    life = live(plant, 47)
    former = keys_of(plant, life.holder)
    with plant.ledger.write(WHO) as tx:
        first = select(t.fact.c.id).where(t.fact.c.holder_id == life.holder).limit(1)
        altered = update(t.fact).where(t.fact.c.id == tx.run(first).scalar_one())
        tx.run(altered.values(content=b"\x01" + bytes(60)))

    with pytest.raises(SealedDataError):
        rekey(life)

    assert keys_of(plant, life.holder) == former
    with plant.ledger.read() as tx:
        assert keys.load_all(tx, former)
