"""The object store: immutable objects in an S3-compatible store; the port, and boto3 behind it.

Writes are create-only (``If-None-Match: *``), and the store compares each object's SHA-256 on
arrival; reads compare length and SHA-256.  ``bulk_blobs`` is the port's other side.
"""

from __future__ import annotations

import builtins
import hashlib
import secrets
import time
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol, cast

from botocore.exceptions import ClientError

from factory.errors import (
    DigestMismatchError,
    FieldError,
    NotFoundError,
    SettingsError,
    StoreUnavailableError,
)
from storage.own_objects import PROBES
from storage.s3 import PATIENCE, Patience, client_for, code_of, no_bucket, status_of, store_edge

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.literals import BucketLocationConstraintType

DIGEST = "sha256"  #: the user metadata that keeps it
CONFLICT_PAUSES = (0.05, 0.2, None)  #: seconds after each try while another write is under way
HOME_REGION = "us-east-1"  #: the one region that may not be named when a bucket is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """An object to be stored.  sha256: of the data, hex; the store compares it on arrival."""

    key: str
    data: bytes = field(repr=False)
    content_type: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobInfo:
    """What the store says of an object.  sha256: None when it was put by somebody else."""

    size_bytes: int
    content_type: str
    sha256: str | None


class Blobs(Protocol):
    """One bucket, whichever client is behind it; safe to share among threads, not over a fork.

    Every call: StoreUnavailableError: no answer, overload, or a fault of the store's.
    SettingsError: the store refuses the key, lacks the bucket, or cannot do what is asked.
    PermanentError: there can be no such key.
    """

    def put_new(self, blob: Blob) -> bool:
        """Create the object; False when something lies under its key already.

        A put whose answer was lost is sent again and finds its own object: that is False too.
        """
        ...

    def put_all(self, blobs: Sequence[Blob]) -> list[bool]:
        """Create many at once; which of them were created.

        The first failure is raised when nothing is under way any more; what was created by
        then stays, and the next try finds it.
        """
        ...

    def get(self, key: str, *, sha256: str | None = None, max_bytes: int | None = None) -> bytes:
        """The object's bytes.

        NotFoundError: there is none.  DigestMismatchError: they are not what was recorded.
        FieldError: more than max_bytes; nothing was read.
        """
        ...

    def head(self, key: str) -> BlobInfo | None:
        """What the store says of the object; None when there is none."""
        ...


class BlobStore:
    """The port by boto3, and the administration that is only here.  Errors are those of `Blobs`."""

    def __init__(self, client: S3Client, bucket: str, max_connections: int) -> None:
        self.bucket = bucket
        self._client, self._connections = client, max_connections

    @classmethod
    def connect(
        cls,
        *,
        endpoint: str,
        region: str,
        key: str,
        secret: str,
        bucket: str,
        max_connections: int = 8,
        patience: Patience = PATIENCE,
    ) -> BlobStore:
        """A bucket of a store; nothing is opened before the first call."""
        client = client_for(endpoint, region, key, secret, max_connections, patience)
        return cls(client, bucket, max_connections)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._connections, thread_name_prefix="put")

    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there."""
        if self._has_bucket():
            return
        with store_edge():
            try:
                self._make_bucket()
            except ClientError as error:
                if code_of(error) != "BucketAlreadyOwnedByYou":  # another of ours was faster
                    raise

    def _make_bucket(self) -> None:
        region = self._client.meta.region_name
        if region == HOME_REGION:
            self._client.create_bucket(Bucket=self.bucket)
            return
        place = cast("BucketLocationConstraintType", region)
        self._client.create_bucket(
            Bucket=self.bucket, CreateBucketConfiguration={"LocationConstraint": place}
        )

    def ping(self) -> None:
        """Returns when the bucket is there and answers."""
        if not self._has_bucket():
            raise no_bucket()

    def _has_bucket(self) -> bool:
        try:
            with store_edge():
                self._client.head_bucket(Bucket=self.bucket)
        except NotFoundError:
            return False
        return True

    def put_new(self, blob: Blob) -> bool:
        """Create the object; False when something lies under its key already."""
        return past_conflicts(lambda: self._create(blob))

    def _create(self, blob: Blob) -> bool | None:
        """None: another request for this key is under way (409 ConditionalRequestConflict)."""
        with store_edge():
            try:
                self._client.put_object(
                    Bucket=self.bucket,
                    Key=blob.key,
                    Body=blob.data,
                    ContentType=blob.content_type,
                    ChecksumSHA256=b64encode(bytes.fromhex(blob.sha256)).decode(),
                    Metadata={DIGEST: blob.sha256},
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if status_of(error) == HTTPStatus.PRECONDITION_FAILED:
                    return False
                if status_of(error) == HTTPStatus.CONFLICT:
                    return None
                raise
        return True

    def put_all(self, blobs: Sequence[Blob]) -> builtins.list[bool]:
        """Create many at once; which of them were created."""
        return put_each(self._pool, self._connections, self.put_new, blobs)

    def get(self, key: str, *, sha256: str | None = None, max_bytes: int | None = None) -> bytes:
        """The object's bytes, those that were recorded and no more than max_bytes."""
        with store_edge():
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            with closing(answer["Body"]) as body:
                refuse_larger(answer["ContentLength"], max_bytes)
                data: bytes = body.read()  # refuses another length than announced
        return recorded(data, sha256)

    def head(self, key: str) -> BlobInfo | None:
        """What the store says of the object; None when there is none."""
        try:
            with store_edge():
                answer = self._client.head_object(Bucket=self.bucket, Key=key)
        except NotFoundError:
            return None
        return BlobInfo(
            size_bytes=answer["ContentLength"],
            content_type=answer.get("ContentType", ""),
            sha256=answer["Metadata"].get(DIGEST),
        )

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there changes nothing."""
        with store_edge():
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def list(self, prefix: str = "") -> Iterator[str]:
        """The keys below a prefix, in order, fetched a thousand at a time."""
        return (key for key, _ in self.sizes(prefix))

    def sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """The same, each with its size in bytes."""
        with store_edge():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                yield from ((entry["Key"], entry["Size"]) for entry in page.get("Contents", []))

    def require_conditional_writes(self) -> None:
        """SettingsError: the store ignores or refuses create-only writes; nothing replaces them.

        Puts one probe twice and removes it.
        """
        key = f"{PROBES}{secrets.token_hex(8)}"
        first, second = (_probe(key, data) for data in (b"first", b"second"))
        try:
            created = self.put_new(first), self.put_new(second)
            if created != (True, False) or self.get(key) != first.data:
                raise SettingsError(
                    "the object store ignores If-None-Match: choose one with conditional writes"
                )
        finally:
            self.delete(key)


def past_conflicts(create: Callable[[], bool | None]) -> bool:
    """Whether it was created, tried again while another write is under way.

    create: None: another request for this key is under way (409 ConditionalRequestConflict).
    StoreUnavailableError: that does not end.
    """
    for pause in CONFLICT_PAUSES:
        created = create()
        if created is not None:
            return created
        if pause:  # sleeping for no time would still give other threads a turn
            time.sleep(pause)
    raise StoreUnavailableError("object store: another write of the object does not end")


def put_each(
    pool: Executor, lanes: int, put: Callable[[Blob], bool], blobs: Sequence[Blob]
) -> list[bool]:
    """What ``put`` says of each; that many at a time, and none is begun after the first failure.

    Each lane takes the next one itself, which costs less than a task for each.
    """
    if len(blobs) == 1:
        return [put(blobs[0])]
    created, left = [False] * len(blobs), enumerate(tuple(blobs))  # its next step is atomic

    def lane() -> None:
        try:
            for place, blob in left:
                created[place] = put(blob)
        finally:
            deque(left, maxlen=0)  # what a failure leaves is for nobody

    running = [pool.submit(lane) for _ in range(min(lanes, len(blobs)))]
    wait(running)
    for each in running:
        each.result()
    return created


def refuse_larger(size: int, max_bytes: int | None) -> None:
    """FieldError: an object of that many bytes is more than may be read."""
    if max_bytes is not None and size > max_bytes:
        raise FieldError("object", f"at most {max_bytes} bytes", f"has {size}")


def recorded(data: bytes, sha256: str | None) -> bytes:
    """The same bytes.  DigestMismatchError: they are not those that were recorded."""
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise DigestMismatchError("object: its SHA-256 is not the recorded one")
    return data


def _probe(key: str, data: bytes) -> Blob:
    digest = hashlib.sha256(data).hexdigest()
    return Blob(key=key, data=data, content_type="text/plain", sha256=digest)
