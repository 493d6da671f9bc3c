"""The first certificates of a batch, on the real line: held unless anybody finds them valid."""

import shutil
from pathlib import Path

import pytest

from factory import specimen
from factory.model import BatchId, BatchState, ChunkId
from jobs import desk, line
from jobs.bulk import steering, steps
from jobs.settings import Settings
from jobs.wiring import Plant
from tests.jobs.bulking import at, rename_to, started
from tests.plants import WHO, new_plant, open_chunks, submit
from tests.telling import whole_factory

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
