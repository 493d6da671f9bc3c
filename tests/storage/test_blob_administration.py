"""What only boto3 does: digests are given, buckets made and proved, objects listed and removed."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from factory.errors import SettingsError, StoreUnavailableError
from jobs.settings import Settings
from storage.blobs import BlobStore
from tests.storage.s3_wire import KEY, account, blob_of, gives, wire

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client


@pytest.fixture
def bucket(s3: Settings, fresh_bucket: str) -> BlobStore:
    """An empty bucket of a real store."""
    return BlobStore.connect(**account(s3, fresh_bucket))


def test_data_that_is_not_what_its_digest_says_is_not_kept(bucket: BlobStore) -> None:
    altered = replace(blob_of(b"as meant"), data=b"as sent!")

    with pytest.raises(StoreUnavailableError):
        bucket.put_new(altered)

    assert bucket.head(KEY) is None


def test_only_keys_below_the_prefix_are_listed(bucket: BlobStore) -> None:
    bucket.put_all([blob_of(key=key) for key in ("a/1", "a/2", "ab/1", "b/1")])

    keys = list(bucket.list("a/"))

    assert keys == ["a/1", "a/2"]


def test_a_listing_goes_on_after_the_first_thousand(bucket: BlobStore) -> None:
    many = [blob_of(b"x", key=f"p/{number:04}") for number in range(1003)]
    bucket.put_all(many)

    keys = list(bucket.list("p/"))

    assert keys == [blob.key for blob in many]


def test_a_removed_object_is_gone(bucket: BlobStore) -> None:
    bucket.put_new(blob_of())

    bucket.delete(KEY)

    assert bucket.head(KEY) is None


def test_removing_what_is_not_there_changes_nothing(bucket: BlobStore) -> None:
    bucket.put_new(blob_of())

    bucket.delete(KEY + "x")

    assert list(bucket.list()) == [KEY]


def test_a_bucket_is_made_once(s3: Settings, s3_client: "S3Client") -> None:
    bucket = BlobStore.connect(**account(s3, "made-by-ensure"))

    bucket.ensure_bucket()
    bucket.ensure_bucket()

    bucket.ping()
    s3_client.delete_bucket(Bucket="made-by-ensure")


def test_a_missing_bucket_is_for_whoever_sets_up_the_machine(s3: Settings) -> None:
    bucket = BlobStore.connect(**account(s3, "never-made"))

    with pytest.raises(SettingsError, match="FACTORY_S3_BUCKET"):
        bucket.ping()


def test_conditional_writes_are_proved_without_a_trace(bucket: BlobStore) -> None:
    bucket.require_conditional_writes()

    assert list(bucket.list()) == []


@pytest.mark.parametrize(("region", "said"), [("cn-northwest-1", 1), ("us-east-1", 0)])
def test_a_bucket_is_made_where_the_region_says(region: str, said: int) -> None:
    with wire(gives(404), gives(200)) as stub:
        BlobStore.connect(**stub.account(region)).ensure_bucket()

    assert stub.methods == ["HEAD", "PUT"]
    assert stub.bodies[1].count(f"<LocationConstraint>{region}<".encode()) == said


def test_a_bucket_that_another_of_ours_has_just_made_is_good_enough() -> None:
    with wire(gives(404), gives(409, "BucketAlreadyOwnedByYou")) as stub:
        BlobStore.connect(**stub.account()).ensure_bucket()

    assert stub.methods == ["HEAD", "PUT"]


def test_a_bucket_that_may_not_be_made_is_for_whoever_sets_up_the_machine() -> None:
    with wire(gives(404), gives(403, "AccessDenied")) as stub, pytest.raises(SettingsError):
        BlobStore.connect(**stub.account()).ensure_bucket()

    assert stub.methods == ["HEAD", "PUT"]


def test_a_store_that_ignores_conditions_is_refused() -> None:
    with wire(gives(200)) as stub, pytest.raises(SettingsError, match="If-None-Match"):
        BlobStore.connect(**stub.account()).require_conditional_writes()
