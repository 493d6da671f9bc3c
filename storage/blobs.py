"""The object store: immutable objects in an S3-compatible store, by boto3.

Writes are create-only (``If-None-Match: *``), reads compare length and SHA-256, and whatever
the wire does becomes one of ours at one edge.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from factory.errors import (
    DigestMismatchError,
    NotFoundError,
    PermanentError,
    SettingsError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}
ABSENT = {"NoSuchKey", "NoSuchBucket", "NotFound", "404"}
DENIED = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "403", "401"}
OURS = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}
DIGEST = "sha256"
PROBE = "probe/create-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """An object to be stored.  sha256: of the data, hex."""

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


class BlobStore:
    """One bucket."""

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
    ) -> BlobStore:
        """A bucket of a store; nothing is opened before the first call."""
        client = client_for(endpoint, region, key, secret, max_connections)
        return cls(client, bucket, max_connections)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._connections, thread_name_prefix="put")

    def ensure_bucket(self) -> None:
        """Make the bucket unless it is there."""
        with store_edge():
            try:
                self._client.create_bucket(Bucket=self.bucket)
            except ClientError as error:
                if _code(error) not in OURS:
                    raise

    def put_new(self, blob: Blob) -> bool:
        """Create the object; False when something lies under its key already."""
        with store_edge():
            try:
                self._client.put_object(
                    Bucket=self.bucket,
                    Key=blob.key,
                    Body=blob.data,
                    ContentType=blob.content_type,
                    Metadata={DIGEST: blob.sha256},
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if _code(error) in TAKEN:
                    return False
                raise
        return True

    def put_all(self, blobs: Sequence[Blob]) -> list[bool]:
        """Create many at once; which of them were created."""
        if len(blobs) == 1:
            return [self.put_new(blobs[0])]
        return list(self._pool.map(self.put_new, blobs))

    def get(self, key: str, *, sha256: str | None = None, max_bytes: int | None = None) -> bytes:
        """The object's bytes.

        NotFoundError: there is none.  DigestMismatchError: they are not what was recorded.
        PermanentError: larger than max_bytes; nothing was read.
        """
        with store_edge():
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
            size = answer["ContentLength"]
            if max_bytes is not None and size > max_bytes:
                raise PermanentError(f"object: {size} bytes are more than {max_bytes}")
            data: bytes = answer["Body"].read()
        if len(data) != size:
            raise StoreUnavailableError("object store: the answer was cut short")
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
            raise DigestMismatchError("object: its SHA-256 is not the recorded one")
        return data

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
            sha256=answer.get("Metadata", {}).get(DIGEST),
        )

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there changes nothing."""
        with store_edge():
            self._client.delete_object(Bucket=self.bucket, Key=key)

    def list(self, prefix: str = "") -> Iterator[str]:
        """The keys below a prefix."""
        with store_edge():
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            ):
                yield from (entry["Key"] for entry in page.get("Contents", []))

    def ping(self) -> None:
        """NotFoundError: no such bucket.  StoreUnavailableError: no answer."""
        with store_edge():
            self._client.head_bucket(Bucket=self.bucket)

    def require_conditional_writes(self) -> None:
        """SettingsError: the store does not honour create-only writes, which nothing replaces."""
        data = secrets.token_bytes(8)
        digest = hashlib.sha256(data).hexdigest()
        blob = Blob(key=PROBE, data=data, content_type="text/plain", sha256=digest)
        self.put_new(blob)
        if self.put_new(blob):
            raise SettingsError(
                "the object store ignores If-None-Match: choose one with conditional writes"
            )


def client_for(
    endpoint: str, region: str, key: str, secret: str, max_connections: int = 8
) -> S3Client:
    """A client with bounded patience; safe to share among threads."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(
            signature_version="s3v4",
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "standard", "max_attempts": 5},
            max_pool_connections=max_connections,
            s3={"addressing_style": "path"},
        ),
    )


@contextmanager
def store_edge() -> Iterator[None]:
    """Turns what boto3 raises into ours; no address, key or secret gets into the message."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in ABSENT:
            raise NotFoundError("object store: there is no such object or bucket") from error
        if code in DENIED:
            raise SettingsError(
                f"object store: refuses these credentials ({code}):"
                " check FACTORY_S3_KEY and FACTORY_S3_SECRET"
            ) from error
        raise StoreUnavailableError(f"object store: {code}") from error
    except (BotoCoreError, HTTPClientError) as error:
        raise StoreUnavailableError(f"object store: {type(error).__name__}") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
