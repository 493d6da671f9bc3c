"""Showing an access key: by sending it whole, or by signing each request with it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Generator

import httpx

KEY = re.compile(r"cfk_([0-9a-f]{16})_([0-9a-f]{64})[0-9a-f]{8}")
SIGNING = b"certfactory request signing v1"


def credentials(key: str, *, sign: bool) -> httpx.Auth:
    """How requests show that key.  ValueError: it is not written as access keys are."""
    found = KEY.fullmatch(key.strip())
    if found is None:
        raise ValueError("key: is not written cfk_<16>_<72 digits and letters a-f>")
    return Signed(found[1], bytes.fromhex(found[2])) if sign else Bearer(found[0])


class Bearer(httpx.Auth):
    """Sends the whole key (RFC 6750)."""

    def __init__(self, key: str) -> None:
        self._value = f"Bearer {key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with its header."""
        request.headers["Authorization"] = self._value
        yield request


class Signed(httpx.Auth):
    """Signs each request, and each try of it, anew; the secret never travels."""

    requires_request_body = True

    def __init__(self, key: str, secret: bytes) -> None:
        self._key = key
        self._signing_key = hmac.digest(secret, SIGNING, hashlib.sha256)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with its four headers."""
        ident, moment = uuid.uuid4().hex, str(int(time.time()))
        target = request.url.raw_path.decode("ascii")
        said = f"{ident}.{moment}.{request.method} {target}\n".encode() + request.content
        digest = hmac.digest(self._signing_key, said, hashlib.sha256)
        request.headers["Factory-Key"] = self._key
        request.headers["Factory-Id"] = ident
        request.headers["Factory-Timestamp"] = moment
        request.headers["Factory-Signature"] = f"v1,{base64.b64encode(digest).decode()}"
        yield request
