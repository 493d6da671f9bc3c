"""The first certificates of a batch, on the real line: held unless anybody finds them valid."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from factory import specimen
from factory.model import BatchId, BatchState, ChunkId
from jobs import desk, line
from jobs.bulk import steering, steps
from jobs.settings import Settings
from jobs.wiring import Plant
from storage import tables as t
from storage.new_keyring import create_test_keyring
from tests.jobs.bulking import at, rename_to, started
from tests.plants import PROFILE, WHO, new_plant, open_chunks, submit
from tests.telling import whole_factory

AUTHORITY = "上海市住房和城乡建设管理委员会"
NEW = "上海示例建设集团股份有限公司"


@pytest.fixture(params=["sqlite", "postgresql"])
def plant(request: pytest.FixtureRequest, tmp_path: Path, s3: Settings) -> Plant:
    """Two colleagues whose certificates are made."""
    found = whole_factory(tmp_path, s3, db_url=request.getfixturevalue(f"{request.param}_db_url"))
    for seed in (1, 2):
        submit(found, specimen.approved(seed) | {"source": "urn:certfactory:operations"})
    produce(found)
    return found


def produce(plant: Plant) -> None:
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))


def renamed(plant: Plant) -> BatchId:
    """A rename whose first certificate is ordered."""
    return started(plant, rename_to(NEW) | {"source": "urn:certfactory:operations"})


@pytest.fixture
def strange_roots(plant: Plant, tmp_path: Path) -> Plant:
    """The same plant, trusting roots to which none of its seals leads; as read anew."""
    roots = plant.settings.keyring_dir / "roots"
    other = new_plant(tmp_path / "other", f"sqlite:///{tmp_path}/other/ledger.sqlite3")
    roots.rename(roots.with_name("roots-kept"))
    shutil.copytree(other.settings.keyring_dir / "roots", roots)
    return Plant(plant.settings)


def test_a_first_certificate_that_is_valid_is_made(plant: Plant) -> None:
    batch = renamed(plant)

    produce(plant)
    steps.advance(plant, batch)

    assert (at(plant, batch).done, at(plant, batch).canary) == (1, "passed")


def test_one_whose_seal_leads_to_no_root_is_held_and_stops_the_batch(
    strange_roots: Plant,
) -> None:
    batch = renamed(strange_roots)

    produce(strange_roots)

    [held] = desk.open_holds(strange_roots)
    found = at(strange_roots, batch)
    assert held.reason == "self_check"
    assert "first certificate, pdf: " in held.detail
    assert (found.state, found.held, found.pending) == (BatchState.STOPPED, 1, 1)


def test_once_it_is_mended_the_batch_runs_to_its_end(strange_roots: Plant) -> None:
    batch = renamed(strange_roots)
    produce(strange_roots)
    mended = Plant(strange_roots.settings)
    give_roots_back(mended)

    steering.retry_failed(mended, batch, who=WHO, why="the root was put back")
    for _ in range(5):
        steps.advance(mended, batch)
        produce(mended)

    assert (at(mended, batch).state, at(mended, batch).done) == (BatchState.COMPLETED, 2)


def give_roots_back(plant: Plant) -> None:
    roots = plant.settings.keyring_dir / "roots"
    shutil.rmtree(roots)
    shutil.copytree(roots.with_name("roots-kept"), roots)


def reseal(plant: Plant) -> Plant:
    """The same plant with another seal under the same name; as read anew."""
    home = plant.settings.keyring_dir / "identities" / PROFILE
    now = datetime.now(UTC)
    other = plant.settings.data_dir / "other-keys"
    create_test_keyring(
        other, identities={PROFILE: AUTHORITY}, now=now, draw_seal=lambda _: seal_picture(home)
    )
    home.rename(home.with_name("kept"))
    shutil.copytree(other / "identities" / PROFILE, home)
    for root in (other / "roots").glob("*.pem"):
        shutil.copy(root, plant.settings.keyring_dir / "roots" / f"new-{root.name}")
    return Plant(plant.settings)


def seal_picture(home: Path) -> bytes:
    return (home / "seal.png").read_bytes()


def sealed_with(plant: Plant, batch: BatchId) -> set[str]:
    """The certificates that sealed what a batch has made."""
    o, f = t.production_order.c, t.file.c
    with plant.ledger.read() as tx:
        wanted = select(f.signing_cert_sha256).join(t.production_order, o.id == f.order_id)
        return set(tx.run(wanted.where(o.batch_id == batch)).scalars())


def test_a_batch_does_not_go_on_under_another_seal_than_it_began_with(plant: Plant) -> None:
    batch = renamed(plant)
    produce(plant)
    steps.advance(plant, batch)
    other = reseal(plant)

    produce(other)

    found = at(other, batch)
    [held] = desk.open_holds(other)
    assert (held.reason, found.state, found.done) == ("seal_changed", BatchState.STOPPED, 1)
    assert "cancel what is left" in held.detail
    assert len(sealed_with(other, batch)) == 1


def test_it_goes_on_once_the_former_seal_is_back(plant: Plant) -> None:
    batch = renamed(plant)
    produce(plant)
    steps.advance(plant, batch)
    produce(reseal(plant))
    home = plant.settings.keyring_dir / "identities" / PROFILE
    shutil.rmtree(home)
    home.with_name("kept").rename(home)
    back = Plant(plant.settings)

    steering.retry_failed(back, batch, who=WHO, why="the seal was put back")
    for _ in range(5):
        steps.advance(back, batch)
        produce(back)

    assert (at(back, batch).state, at(back, batch).done) == (BatchState.COMPLETED, 2)
    assert len(sealed_with(back, batch)) == 1


def test_the_next_batch_begins_with_the_new_seal(plant: Plant) -> None:
    before = renamed(plant)
    produce(plant)
    steps.advance(plant, before)
    produce(plant)
    other = reseal(plant)

    batch = started(
        other, rename_to("上海示例第三建设有限公司", NEW) | {"source": "urn:certfactory:operations"}
    )
    for _ in range(5):
        produce(other)
        steps.advance(other, batch)

    assert at(other, batch).done == 2
    assert sealed_with(other, batch).isdisjoint(sealed_with(other, before))
