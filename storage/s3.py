"""The neighbour: a boto3 client with bounded patience, and the edge where its failures become ours.

What an answer of the store means is said here for every client: no answer, overload and faults
of the store may pass by themselves; a refused key, a missing bucket or an ability the store
lacks is for whoever sets up the machine.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.handlers import add_expect_header

from factory.errors import (
    FactoryError,
    NotFoundError,
    PermanentError,
    SettingsError,
    StoreUnavailableError,
)
from storage.neighbours import Neighbour, no_answer

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

WHAT_TO_SET = {
    HTTPStatus.UNAUTHORIZED: "check FACTORY_S3_KEY and FACTORY_S3_SECRET",
    HTTPStatus.FORBIDDEN: "check FACTORY_S3_KEY and FACTORY_S3_SECRET",
    HTTPStatus.METHOD_NOT_ALLOWED: "this store cannot do what is needed",
    HTTPStatus.NOT_IMPLEMENTED: "this store cannot do what is needed",
}
NEVER = {"KeyTooLongError", "EntityTooLarge"}  #: of 400, where the rest may pass

_making = Lock()  # boto3's default session cannot make two clients at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one call waits: timeouts in seconds, and retries after the first try."""

    connect: float = 2
    read: float = 10
    retries: int = 5


PATIENCE = Patience()


def client_for(
    endpoint: str,
    region: str,
    key: str,
    secret: str,
    max_connections: int = 8,
    patience: Patience = PATIENCE,
) -> S3Client:
    """A client that threads may share.  SettingsError: its address or key is not set or is none."""
    require_key(key, secret)
    try:
        with _making:
            client = boto3.client(
                "s3",
                endpoint_url=endpoint,
                region_name=region,
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=_config(endpoint, max_connections, patience),
            )
    except (ValueError, BotoCoreError) as error:
        raise no_address() from error
    # An interim answer (100 Continue) that is cut off botocore reads for ever.  For bodies as small
    # as ours, to ask first is only one round trip more.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


def require_key(key: str, secret: str) -> None:
    """SettingsError: one of them is not set."""
    if not (key and secret):
        raise SettingsError("no key of the object store: set FACTORY_S3_KEY and FACTORY_S3_SECRET")


def no_address() -> SettingsError:
    """What is set as the store's address or region cannot be one."""
    return SettingsError(
        "object store: its address or region is none: check FACTORY_S3_ENDPOINT,"
        " FACTORY_S3_PUBLIC_ENDPOINT and FACTORY_S3_REGION"
    )


def _config(endpoint: str, max_connections: int, patience: Patience) -> Config:
    return Config(
        signature_version="s3v4",
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": "standard", "max_attempts": patience.retries},
        max_pool_connections=max_connections,
        s3={"addressing_style": "path"},
        proxies={} if is_loopback(endpoint) else None,
    )


def is_loopback(endpoint: str) -> bool:
    """No proxy leads to this machine itself, whatever HTTP_PROXY says."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def store_edge() -> Iterator[None]:
    """Turns what boto3 raises into ours; no address, key or signature gets into a message."""
    try:
        yield
    except ClientError as error:
        raise refusal(code_of(error), status_of(error)) from error
    except ParamValidationError as error:
        raise no_such_key() from error
    except (BotoCoreError, urllib3.exceptions.HTTPError) as error:
        raise no_answer(Neighbour.STORE, type(error).__name__) from error


def refusal(code: str, status: int) -> FactoryError:
    """What becomes of the work when the store says no.

    code: S3's word for it, as `said` gives it.  status: of HTTP.
    """
    if code == "NoSuchBucket":
        return no_bucket()
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError("object store: there is no such object")
    if code == "RequestTimeTooSkewed":
        return SettingsError("object store: its clock and this one differ too much: run NTP")
    if status in WHAT_TO_SET:
        return SettingsError(f"object store: {code}: {WHAT_TO_SET[HTTPStatus(status)]}")
    if code in NEVER:
        return PermanentError(f"object store: {code}")
    return StoreUnavailableError(f"object store: {code}")


def no_bucket() -> SettingsError:
    """The bucket is missing."""
    return SettingsError("object store: the bucket is missing: make it, or set FACTORY_S3_BUCKET")


def no_such_key() -> PermanentError:
    """No object can lie under such a key."""
    return PermanentError("object store: there can be no such key")


def code_of(error: ClientError) -> str:
    """S3's word for it, or the HTTP status."""
    return said(str(error.response.get("Error", {}).get("Code", "")), status_of(error))


def said(code: str, status: int) -> str:
    """S3's word, or the HTTP status: a proxy on the way may answer with anything."""
    return code if re.fullmatch(r"[A-Za-z]{1,50}", code) else f"HTTP {status}"


def status_of(error: ClientError) -> int:
    """The HTTP status of the answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
