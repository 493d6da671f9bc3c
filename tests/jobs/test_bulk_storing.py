"""Files of a bulk event go to the store by the bulk client, all others by the other one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from factory import specimen
from factory.model import ChunkId
from jobs import line
from jobs.bulk import steps
from jobs.servers import free_port
from jobs.settings import Settings
from jobs.wiring import Plant
from storage.blobs import BlobStore
from storage.bulk_blobs import BulkBlobStore
from tests.jobs.bulking import at, rename_to, started
from tests.plants import open_chunks, submit
from tests.storage.s3_wire import HASTY, account
from tests.telling import whole_factory


@pytest.fixture
def plant(tmp_path: Path, s3: Settings, fresh_bucket: str) -> Plant:
    """With an empty bucket of its own."""
    return whole_factory(tmp_path, replace(s3, s3_bucket=fresh_bucket))


def away(s3: Settings) -> dict[str, Any]:
    """An account of a store that does not answer."""
    nobody = f"http://127.0.0.1:{free_port()}"
    return account(s3, "any") | {"endpoint": nobody, "patience": HASTY}


def issue(plant: Plant) -> int:
    """A single certificate, as far as the store lets it come; how many files lie there."""
    submit(plant, specimen.approved(1) | {"source": "urn:certfactory:operations"})
    return produce(plant)


def produce(plant: Plant) -> int:
    for chunk in open_chunks(plant):
        line.produce(plant, ChunkId(chunk))
    return len(list(Plant(plant.settings).store.list()))


def test_a_single_certificate_needs_no_bulk_client(plant: Plant, s3: Settings) -> None:
    plant.bulk_store = BulkBlobStore.connect(**away(s3))

    assert issue(plant) == 1


def test_a_single_certificate_waits_for_the_other_client(plant: Plant, s3: Settings) -> None:
    plant.store = BlobStore.connect(**away(s3))

    assert issue(plant) == 0


def test_one_of_a_bulk_event_needs_the_bulk_client_alone(plant: Plant, s3: Settings) -> None:
    issue(plant)
    batch = started(
        plant, rename_to("上海新名建设有限公司") | {"source": "urn:certfactory:operations"}
    )
    plant.store = BlobStore.connect(**away(s3))

    files = produce(plant)
    steps.advance(plant, batch)

    assert (files, at(plant, batch).done) == (2, 1)


def test_one_of_a_bulk_event_waits_for_the_bulk_client(plant: Plant, s3: Settings) -> None:
    issue(plant)
    batch = started(
        plant, rename_to("上海新名建设有限公司") | {"source": "urn:certfactory:operations"}
    )
    plant.bulk_store = BulkBlobStore.connect(**away(s3))

    files = produce(plant)
    steps.advance(plant, batch)

    assert (files, at(plant, batch).done, at(plant, batch).held) == (1, 0, 0)
