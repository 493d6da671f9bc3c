"""A new installation on servers of one's own gets keyring, schema and buckets, and keeps them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from factory.errors import SettingsError
from jobs import opening
from jobs.settings import Settings
from jobs.wiring import Plant

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.fixture
def bare(tmp_path: Path, s3: Settings, s3_client: S3Client, db_url: str) -> Iterator[Settings]:
    """Servers that are there, and nothing in them."""
    name = f"t{uuid.uuid4().hex[:12]}"
    files, intake = f"{name}-files", f"{name}-intake"
    yield replace(
        s3,
        db_url=db_url,
        keyring_dir=tmp_path / "keys" / "keyring",
        s3_bucket=files,
        s3_intake_bucket=intake,
    )
    for bucket in (files, intake):
        with suppress(s3_client.exceptions.NoSuchBucket):
            s3_client.delete_bucket(Bucket=bucket)


def test_a_new_installation_gets_what_it_needs(bare: Settings) -> None:
    opening.prepare(Plant(bare), test_keys=False)

    plant = Plant(bare)
    opening.check_schema(plant)
    plant.store.ping()
    plant.intake_store.ping()
    assert plant.keyring.identities() == []


def test_preparing_again_changes_nothing(bare: Settings) -> None:
    opening.prepare(Plant(bare), test_keys=False)
    before = (bare.keyring_dir / "master.json").read_bytes()

    opening.prepare(Plant(bare), test_keys=False)

    assert (bare.keyring_dir / "master.json").read_bytes() == before


def test_for_a_trial_every_register_gets_a_test_seal(bare: Settings) -> None:
    opening.prepare(Plant(bare), test_keys=True)

    plant = Plant(bare)
    found = plant.keyring.identities()
    assert found
    assert all(each.test for each in found)
    assert plant.profiles.keys() <= {each.name for each in found}


def test_no_test_seal_comes_into_a_keyring_of_ones_own(bare: Settings) -> None:
    opening.prepare(Plant(bare), test_keys=False)

    opening.prepare(Plant(bare), test_keys=True)

    assert Plant(bare).keyring.identities() == []


def test_a_keyring_that_lacks_its_master_keys_is_said_and_not_mended(bare: Settings) -> None:
    bare.keyring_dir.mkdir(parents=True)

    with pytest.raises(SettingsError, match=r"master\.json"):
        opening.prepare(Plant(bare), test_keys=False)

    assert list(bare.keyring_dir.iterdir()) == []
