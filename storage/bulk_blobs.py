"""The bulk path of the object store: the port by obstore, for a quarter of the CPU.

Kept in here: obstore tells failures in words only, tries again for minutes unless told, looks
for ``AWS_…`` variables, and panics where an address or a key is none.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import cache, cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from factory.errors import FactoryError, NotFoundError, SettingsError, StoreUnavailableError
from storage.blobs import (
    DIGEST,
    Blob,
    BlobInfo,
    past_conflicts,
    put_each,
    recorded,
    refuse_larger,
)
from storage.neighbours import Neighbour, no_answer
from storage.s3 import (
    PATIENCE,
    Patience,
    is_loopback,
    no_address,
    no_bucket,
    no_such_key,
    refusal,
    require_key,
    said,
)

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config, S3Credential

T = TypeVar("T")

TYPE = "Content-Type"
PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)  #: seconds before the retries; the last for all that follow
NO_PROXY = "http://proxy.invalid"  #: that leads to no host: how obstore is told to use none

HOST = re.compile(r"[A-Za-z0-9.-]+|[0-9A-Fa-f:.]+")
REGION = re.compile(r"[A-Za-z0-9-]+")
BUCKET = re.compile(r"[A-Za-z0-9._-]+")
CREDENTIAL = re.compile(r"[!-~]+")

ANSWER = re.compile(r"non-2xx status code: (\d{3})\b(?:.*?<Code>([^<]*)</Code>)?", re.DOTALL)
KIND = re.compile(r"(?<=\bkind: )(Connect|Timeout|Request|Interrupted)\b|\bBareRedirect\b")
THERE = (HTTPStatus.PRECONDITION_FAILED, HTTPStatus.NOT_MODIFIED)


class BulkBlobStore:
    """The port by obstore.  Errors are those of `Blobs`.

    One try lasts no longer than connecting and one reading together.  Nothing is opened before
    the first call.  RuntimeError: this process was forked off one that had called already.
    """

    def __init__(
        self, store: S3Store, bucket: str, max_connections: int, patience: Patience
    ) -> None:
        self.bucket = bucket
        self._store, self._connections, self._patience = store, max_connections, patience

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
    ) -> BulkBlobStore:
        """A bucket of a store; nothing is opened before the first call.

        SettingsError: the address, region, bucket or key is not set or is none.
        """
        require_key(key, secret)
        _require_possible(endpoint, region, key, secret, bucket)
        store = S3Store(
            config=_config(endpoint, region, bucket),
            client_options=_client_options(endpoint, max_connections, patience),
            retry_config={"max_retries": 0},  # it would not send a lost put again; `_patiently`
            credential_provider=_credential(key, secret),
        )
        return cls(store, bucket, max_connections, patience)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._connections, thread_name_prefix="bulk-put")

    def put_new(self, blob: Blob) -> bool:
        """Create the object; False when something lies under its key already.

        What the store compares on arrival is the digest that obstore finds in the bytes.
        """
        return past_conflicts(lambda: self._patiently(lambda: self._create(blob)))

    def _create(self, blob: Blob) -> bool | None:
        """None: another request for this key is under way (409 ConditionalRequestConflict)."""
        try:
            obstore.put(
                self._store,
                _possible(blob.key),
                blob.data,
                attributes={TYPE: blob.content_type, DIGEST: blob.sha256},
                mode="create",
            )
        except AlreadyExistsError as error:
            status, _ = _answer(str(error))
            if status in THERE:
                return False
            if status == HTTPStatus.CONFLICT:
                return None
            raise
        return True

    def put_all(self, blobs: Sequence[Blob]) -> list[bool]:
        """Create many at once; which of them were created."""
        return put_each(self._pool, self._connections, self.put_new, blobs)

    def get(self, key: str, *, sha256: str | None = None, max_bytes: int | None = None) -> bytes:
        """The object's bytes, those that were recorded and no more than max_bytes."""
        return recorded(self._patiently(lambda: self._read(key, max_bytes)), sha256)

    def _read(self, key: str, max_bytes: int | None) -> bytes:
        answer = obstore.get(self._store, _possible(key))
        refuse_larger(answer.meta["size"], max_bytes)
        return answer.bytes().to_bytes()  # refuses another length than announced

    def head(self, key: str) -> BlobInfo | None:
        """What the store says of the object; None when there is none."""
        try:
            return self._patiently(lambda: self._info(key))
        except NotFoundError:
            return None

    def _info(self, key: str) -> BlobInfo:
        answer = obstore.get(self._store, _possible(key), options={"head": True})
        told = answer.attributes
        return BlobInfo(
            size_bytes=answer.meta["size"],
            content_type=told.get(TYPE, ""),
            sha256=told.get(DIGEST),
        )

    def _patiently(self, call: Callable[[], T]) -> T:
        """What the call gives, tried again with growing pauses while its failure may pass."""
        _require_own_process()
        for retry in range(self._patience.retries):
            try:
                with _edge():
                    return call()
            except StoreUnavailableError:
                time.sleep(PAUSES[min(retry, len(PAUSES) - 1)])
        with _edge():
            return call()


def _config(endpoint: str, region: str, bucket: str) -> S3Config:
    """All that AWS_… variables could change otherwise."""
    address = endpoint.rstrip("/")
    return {
        "bucket": bucket,
        "endpoint": address,
        "aws_endpoint_url_s3": address,
        "region": region,
        "virtual_hosted_style_request": False,
        "s3_express": False,
        "request_payer": False,
        "skip_signature": False,
        "unsigned_payload": False,
        "checksum_algorithm": "SHA256",
        "conditional_put": "etag",
    }


def _client_options(endpoint: str, max_connections: int, patience: Patience) -> ClientConfig:
    options: ClientConfig = {
        "allow_http": True,
        "connect_timeout": timedelta(seconds=patience.connect),
        "read_timeout": timedelta(seconds=patience.read),
        "timeout": timedelta(seconds=patience.connect + patience.read),
        "pool_max_idle_per_host": str(max_connections),
    }
    if is_loopback(endpoint):
        options |= {"proxy_url": NO_PROXY, "proxy_excludes": urlsplit(endpoint).hostname or ""}
    return options


def _credential(key: str, secret: str) -> Callable[[], S3Credential]:
    """By a provider, because with a key alone obstore adds the environment's session token."""
    credential: S3Credential = {
        "access_key_id": key,
        "secret_access_key": secret,
        "token": None,
        "expires_at": None,
    }
    return lambda: credential


def _require_possible(endpoint: str, region: str, key: str, secret: str, bucket: str) -> None:
    """SettingsError: one of them is none; obstore would panic at the first call."""
    if not (_is_address(endpoint) and REGION.fullmatch(region)):
        raise no_address()
    if not BUCKET.fullmatch(bucket):
        raise no_bucket()
    if not (CREDENTIAL.fullmatch(key) and CREDENTIAL.fullmatch(secret)):
        raise SettingsError(
            "object store: its key is none: check FACTORY_S3_KEY and FACTORY_S3_SECRET"
        )


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    plain = parts.scheme in {"http", "https"} and not (parts.query or parts.fragment)
    return plain and "@" not in parts.netloc and HOST.fullmatch(host) is not None


def _possible(key: str) -> str:
    """The key.  PermanentError: obstore would make another one of it."""
    if not key or key.startswith("/") or key.endswith("/"):
        raise no_such_key()
    return key


def _require_own_process() -> None:
    """obstore's threads stay behind in a fork, and the next call would end the process."""
    if os.getpid() != _first_to_call():
        raise RuntimeError("object store: called before this process was forked")


@cache
def _first_to_call() -> int:
    return os.getpid()


@contextmanager
def _edge() -> Iterator[None]:
    """Turns what obstore raises into ours.

    Its words hold addresses, keys and what the store answered, so no trace of them may follow
    ours into a log: ``from None``.
    """
    try:
        yield
    except ValueError:
        raise no_such_key() from None
    except (BaseError, OSError) as error:
        raise _failure(str(error)) from None


def _failure(words: str) -> FactoryError:
    """What becomes of the work; obstore has neither status nor code but in its words."""
    status, code = _answer(words)
    if status:
        return refusal(said(code, status), status)
    kind = KIND.search(words)
    return no_answer(Neighbour.STORE, kind[0] if kind else "no HTTP status")


def _answer(words: str) -> tuple[int, str]:
    """The answer's HTTP status, 0 if there was none, and what it has for S3's word."""
    found = ANSWER.search(words)
    return (int(found[1]), found[2] or "") if found else (0, "")
